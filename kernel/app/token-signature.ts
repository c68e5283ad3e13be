// Owns tying a token to what it was given for: a list with its tenant and filters, or a watch. It keeps mistakes out, not
// forgers: whoever makes a token up sees nothing that the call would not show without one.

import { hash } from 'node:crypto';

/** How many characters a signature has, of A-Z a-z 0-9 _ and -. */
const SIGNATURE_LENGTH = 16;

/** Computes the signature of what a token belongs to; what is absent counts as null. */
export function computeTokenSignature(parts: readonly unknown[]): string {
  return hash('sha256', JSON.stringify(parts.map((part) => part ?? null)), 'base64url').slice(0, SIGNATURE_LENGTH);
}
