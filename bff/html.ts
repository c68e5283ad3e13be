// Owns texts that can't be mistaken for markup. Does not own what any page says.

/** Is markup, as opposed to a text that someone gave us. */
export interface Markup {
  readonly markup: string;
}

/** Makes markup of a template; what is put in is a text, unless it is markup itself, or a list of such. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Markup | readonly Markup[])[]
): Markup {
  const texts = values.map((value, index) => toMarkup(value) + (parts[index + 1] ?? ''));
  return { markup: (parts[0] ?? '') + texts.join('') };
}

function toMarkup(value: string | number | Markup | readonly Markup[]): string {
  if (typeof value === 'string' || typeof value === 'number') return escapeText(String(value));
  return 'markup' in value ? value.markup : value.map(({ markup }) => markup).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
