/**
 * Owns: what an account at Stripe sets in its dashboard about failed payments of subscriptions: when they are tried again,
 * and what becomes of the subscription after the last attempt.
 * Does not own: trying (`resource/invoice-life.ts`), and what becomes of it (`resource/subscription-reaction.ts`).
 */
import { defineTable, type Transaction } from './store.ts';

/** Is the setting. */
export interface BillingSetting {
  /** Are the days from each failed attempt to the next one. */
  readonly retryDays: readonly number[];
  /** Is what becomes of the subscription when the last one has failed, too. */
  readonly afterRetries: 'cancel' | 'unpaid' | 'past_due';
}

/**
 * Stripe's own default, Smart Retries, picks its times by what it has learnt; here it is a custom schedule of three
 * retries, and then cancellation (https://docs.stripe.com/billing/revenue-recovery/smart-retries).
 */
const DEFAULT: BillingSetting = { retryDays: [3, 5, 7], afterRetries: 'cancel' };

const SETTINGS = defineTable<BillingSetting>('sandbox.billing');
const ONLY_ROW = 'setting';

/** Returns what is set. */
export function findBillingSetting(tx: Transaction): BillingSetting {
  return tx.find(SETTINGS, ONLY_ROW) ?? DEFAULT;
}

/** Sets it. */
export function setBillingSetting(tx: Transaction, setting: BillingSetting): void {
  tx.put(SETTINGS, ONLY_ROW, setting);
}
