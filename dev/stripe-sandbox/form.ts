/**
 * Owns: Stripe's form encoding, in which `a[b][0]=c` says a nested field: from a text to nested values.
 * Does not own: what the fields mean and which may occur (`parameter.ts`).
 * Invariant: a name of a field is only ever a key of a Map, so that none can reach a prototype.
 */
import { invalidRequest } from './stripe-error.ts';

/** Is a value as it was sent: a text, or fields by name; the elements of a list are fields named by their index. */
export type FormValue = string | FormFields;

/** Are the fields of a form, or of an object inside it. */
export type FormFields = ReadonlyMap<string, FormValue>;

type OpenFields = Map<string, string | OpenFields>;

const DEPTH_MAX = 16;

/** Reads a query or a body. Throws StripeError where a name can't be read or says two things at once. */
export function parseForm(text: string): FormFields {
  const root: OpenFields = new Map();
  for (const [name, value] of new URLSearchParams(text)) put(root, toPath(name), value);
  return root;
}

function toPath(name: string): readonly string[] {
  const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name);
  const [, first, rest = ''] = match ?? [];
  if (first === undefined) throw invalidRequest(`Invalid parameter name: ${name}.`, { param: name });
  const path = [first, ...[...rest.matchAll(/\[([^[\]]*)\]/g)].map(([, segment = '']) => segment)];
  if (path.length > DEPTH_MAX) throw invalidRequest(`The parameter is nested too deeply: ${name}.`, { param: name });
  return path;
}

function put(root: OpenFields, path: readonly string[], value: string): void {
  let fields = root;
  for (const [index, segment] of path.slice(0, -1).entries()) {
    const key = segment === '' ? toOpenElement(fields, path[index + 1]) : segment;
    const inner = fields.get(key) ?? new Map();
    if (typeof inner === 'string') throw contradiction(path);
    fields.set(key, inner);
    fields = inner;
  }
  const last = path.at(-1) ?? '';
  const key = last === '' ? String(fields.size) : last;
  if (typeof fields.get(key) === 'object') throw contradiction(path);
  fields.set(key, value);
}

/** Returns which element `a[][b]` belongs to: the last one, unless that already has a `b`. */
function toOpenElement(list: OpenFields, nextSegment: string | undefined): string {
  const last = list.get(String(list.size - 1));
  const isOpen = typeof last === 'object' && nextSegment !== undefined && !last.has(nextSegment);
  return String(isOpen ? list.size - 1 : list.size);
}

function contradiction([first = '', ...rest]: readonly string[]) {
  const name = [first, ...rest.map((segment) => `[${segment}]`)].join('');
  return invalidRequest(`The parameter is both a value and an object: ${name}.`, { param: name });
}
