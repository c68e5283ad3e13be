// What a person does on the pages of the Stripe sandbox, as a browser sends it.

/** A card that is charged without a question. */
export const GOOD_CARD = '4242 4242 4242 4242';
/** A card that can be stored, and is declined whenever it is charged. */
export const UNCHARGEABLE_CARD = '4000 0000 0000 0341';

/** How a page answered. */
export interface PageAnswer {
  readonly status: number;
  readonly text: string;
  /** Is where it leads, null where it stays. */
  readonly location: string | null;
}

/** Sends the form of a page. */
export async function sendForm(url: string, fields: Readonly<Record<string, string>>): Promise<PageAnswer> {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  return { status: response.status, text: await response.text(), location: response.headers.get('location') };
}

/** Types a card into the form of a page, and sends it. */
export function sendCard(
  url: string,
  card = GOOD_CARD,
  more: Readonly<Record<string, string>> = {},
): Promise<PageAnswer> {
  return sendForm(url, { card, expiry: '12 / 40', cvc: '123', name: 'Ada', email: 'ada@example.com', ...more });
}
