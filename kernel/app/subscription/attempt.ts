// Owns how long an attempt at Stripe is the same call however often it is sent, and which failures of it Stripe may have stored.

import { DomainError } from '../../domain/error.ts';

/**
 * How long after it was first sent an attempt may be sent again, in milliseconds: Stripe forgets its key after a day, and would do
 * it once more.
 */
export const RESEND_MS_MAX = 20 * 3_600_000;

/** By which Stripe says that it has met the key with other parameters. */
const KEY_REUSED_STATUS = '400';
/** Stripe failed inside of itself, or has met the key before. */
const STORED_STATUSES: ReadonlySet<string | undefined> = new Set(['500', KEY_REUSED_STATUS]);

/**
 * Says whether nobody knows what an attempt came to, and Stripe would go on to answer so: it repeats what it has stored for as long
 * as it remembers the key.
 */
export function isStoredFailure(error: unknown): boolean {
  if (!(error instanceof DomainError)) return false;
  return error.reason === 'STRIPE_UNAVAILABLE' && STORED_STATUSES.has(error.metadata['stripe_status']);
}

/** Says whether Stripe has met the key of an attempt with other parameters, and did nothing now. */
export function isKeyReused(error: unknown): boolean {
  if (!(error instanceof DomainError)) return false;
  return error.reason === 'STRIPE_UNAVAILABLE' && error.metadata['stripe_status'] === KEY_REUSED_STATUS;
}
