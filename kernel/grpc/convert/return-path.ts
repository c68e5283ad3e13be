// Owns which paths of the Console a page of Stripe may lead back to. Invariant: with the Console's address before it, a path is
// always a page of the Console's own host.

import { type FieldCheck, quote } from './field-check.ts';

const LENGTH_MAX = 1_024;
/** Visible ASCII without a backslash, which browsers take for a slash. */
const PATH = /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/;

/** Checks the path that a page leads back to; `/` where none is named. */
export function checkReturnPath(check: FieldCheck, value: string): string {
  if (value === '') return '/';
  if (value.length > LENGTH_MAX || !PATH.test(value)) {
    const rule = `must be a path of the Console such as /billing, at most ${LENGTH_MAX} characters, without a second / at its`;
    check.refuse('return_path', `${rule} beginning, got ${quote(value)}`);
  }
  return value;
}
