/**
 * Owns: idempotency keys as Stripe's API v1 treats them: the first answer of a key is given again for a day, failures too.
 * Does not own: carrying out requests.
 * Invariants: what was refused before its operation began keeps no key. Answers are kept in the transaction of what they
 * tell of.
 */
import { createHash } from 'node:crypto';
import { defineTable, type Transaction } from './store.ts';
import { invalidRequest, StripeError } from './stripe-error.ts';

const KEY_LENGTH_MAX = 255;

/** Is how long an answer is given again, in seconds. */
export const KEY_RETENTION_SECONDS = 24 * 60 * 60;

/** Is an answer that is given again. */
export interface KeptAnswer {
  readonly fingerprint: string;
  readonly requestId: string;
  readonly status: number;
  readonly body: string;
  readonly at: number;
}

/** Are the kept answers by key. */
export const KEPT_ANSWERS = defineTable<KeptAnswer>('idempotency');

/** Returns the fingerprint of what is asked for: the same for the same method, path and parameters. */
export function toFingerprint(method: string, path: string, body: string): string {
  const sorted = [...new URLSearchParams(body)].map(([name, value]) => `${name}=${value}`).sort();
  return createHash('sha256')
    .update(JSON.stringify([method, path, sorted]))
    .digest('base64url');
}

/** Throws StripeError for a key that is none. */
export function assertKey(key: string): void {
  if (key === '' || key.length > KEY_LENGTH_MAX) {
    throw invalidRequest(`Idempotency keys must have 1 to ${KEY_LENGTH_MAX} characters; this one has ${key.length}.`);
  }
}

/** Returns the answer to give again, or undefined for a key that is new or a day old. Throws StripeError for a key of another request. */
export function findKeptAnswer(tx: Transaction, key: string, fingerprint: string, now: number): KeptAnswer | undefined {
  const kept = tx.find(KEPT_ANSWERS, key);
  if (kept === undefined || kept.at + KEY_RETENTION_SECONDS <= now) return undefined;
  if (kept.fingerprint === fingerprint) return kept;
  const message =
    'Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a ' +
    `key other than '${key}' if you meant to execute a different request.`;
  throw new StripeError(400, 'idempotency_error', message);
}

/** Makes the failure of a request whose key is of one that is not done yet. */
export function keyInUse(key: string): StripeError {
  const message =
    'There is currently another in-progress request using this Idempotent Key (that probably means you submitted ' +
    `twice, and the other request is still going through): ${key}. If you would like to continue, try again.`;
  return new StripeError(409, 'idempotency_error', message, { code: 'idempotency_key_in_use' });
}
