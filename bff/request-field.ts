// Owns how ids in the path and in header fields of a request are read.

import type { IncomingMessage } from 'node:http';
import { invalidField } from './problem.ts';
import { quote } from './schema.ts';

/** Names the parameters of a path such as `/v1/tokens/:access_token_id`. */
export type ParameterNames<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParameterNames<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

const ID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;
const ID_EXPECTED = 'an id, 1 to 128 letters, digits, hyphens and underscores';
const IDEMPOTENCY_KEY = 'Idempotency-Key';
/** Is the form of idempotency keys, and how it is told. */
export const IDEMPOTENCY_KEY_PATTERN = /^[A-Za-z0-9._:-]{1,128}$/;
export const IDEMPOTENCY_KEY_EXPECTED = '1 to 128 letters, digits, dots, underscores, colons and hyphens';

/** Checks that the parameters of a path are ids. Throws INVALID_FIELD, which names every one that is none. */
export function readIds(parameters: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const entries = Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]);
  const errors = entries
    .filter(([, value]) => !ID_PATTERN.test(value))
    .map(([field, value]) => ({ field, message: `It must be ${ID_EXPECTED}, not ${quote(value)}.` }));
  if (errors.length > 0) throw invalidField(...errors);
  return Object.fromEntries(entries);
}

/** Reads which workspace the header X-Workspace-Id names. Throws INVALID_FIELD when that is no id, or several. */
export function readNamedWorkspace(request: IncomingMessage): string | undefined {
  return readHeader(request, 'X-Workspace-Id', ID_PATTERN, ID_EXPECTED);
}

/** Reads the header Idempotency-Key; undefined where there is none. Throws INVALID_FIELD when it is no key, or several. */
export function readIdempotencyKey(request: IncomingMessage): string | undefined {
  return readHeader(request, IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_PATTERN, IDEMPOTENCY_KEY_EXPECTED);
}

/**
 * Chooses the idempotency key of a request whose body may name one, too: the body's, else the request's. Throws INVALID_FIELD
 * where body and header name two.
 */
export function chooseIdempotencyKey(
  inBody: string | undefined,
  { idempotencyKey, namesKey }: { readonly idempotencyKey: string; readonly namesKey: boolean },
): string {
  if (inBody === undefined) return idempotencyKey;
  if (namesKey && inBody !== idempotencyKey) {
    const message = `It must be the key of the header ${IDEMPOTENCY_KEY}, ${quote(idempotencyKey)}; or leave one of them out.`;
    throw invalidField({ field: 'idempotency_key', message });
  }
  return inBody;
}

function readHeader(request: IncomingMessage, name: string, pattern: RegExp, expected: string): string | undefined {
  const [value, ...others] = request.headersDistinct[name.toLowerCase()] ?? [];
  if (value === undefined) return undefined;
  if (others.length > 0) {
    throw invalidField({ field: name, message: 'The header was sent more than once; send it once.' });
  }
  if (!pattern.test(value)) {
    throw invalidField({ field: name, message: `It must be ${expected}, not ${quote(value)}.` });
  }
  return value;
}
