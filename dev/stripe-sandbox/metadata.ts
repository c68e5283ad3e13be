/** Owns: metadata as Stripe keeps it: what is sent is merged in, an empty text takes a key out, or all of them. */
import { isFields, type JsonFields } from './json.ts';
import { invalidRequest } from './stripe-error.ts';

const KEYS_MAX = 50;
const KEY_LENGTH_MAX = 40;
const VALUE_LENGTH_MAX = 500;

/** Are texts by key. */
export type Metadata = { readonly [key: string]: string };

/** Returns the metadata after what a request sent. Throws StripeError where it is too much. */
export function mergeMetadata(before: Metadata, parameters: JsonFields): Metadata {
  const sent = parameters['metadata'];
  if (sent === undefined) return before;
  if (!isFields(sent)) return {};
  const merged = new Map(Object.entries(before));
  for (const [key, value] of Object.entries(sent)) {
    const text = String(value);
    if (text === '') merged.delete(key);
    else merged.set(key, text);
    assertFits(key, text);
  }
  if (merged.size > KEYS_MAX) {
    throw invalidRequest(`Metadata can have up to ${KEYS_MAX} keys, but you passed in ${merged.size}.`, {
      param: 'metadata',
    });
  }
  return Object.fromEntries(merged);
}

function assertFits(key: string, value: string): void {
  if (key.length > KEY_LENGTH_MAX) {
    const message = `Metadata keys can have up to ${KEY_LENGTH_MAX} characters, but you passed in a key that is ${key.length} characters. Invalid key: ${key}`;
    throw invalidRequest(message, { param: 'metadata' });
  }
  if (value.length > VALUE_LENGTH_MAX) {
    const message = `Metadata values can have up to ${VALUE_LENGTH_MAX} characters, but you passed in a value that is ${value.length} characters. Invalid value: ${value}`;
    throw invalidRequest(message, { param: 'metadata' });
  }
}
