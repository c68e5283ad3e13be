// Owns ending the rule by which a workspace buys credits, where money of such a purchase went back, or a bank holds money of any top-up
// for a dispute: whoever gave the money back, or wants it back, has not agreed to be charged once more. Does not own what becomes of
// the credits (payment-return.ts), or what else ends a rule (auto-top-up-desk.ts).
// Invariant: a rule that was ended so buys nothing until it is set again, whatever becomes of its card.

import { DomainError } from '../../domain/error.ts';
import type { AutoTopUpNotice } from './auto-top-up-notice.ts';
import type { AutoTopUpStore, StripeReturnPart, TopUp } from './ports.ts';

/** How often a rule is ended while purchases or commits move it. */
const ATTEMPTS_MAX = 30;

/** What it takes to end a rule. */
export interface AutoTopUpBrakeParts {
  readonly rules: Pick<AutoTopUpStore, 'loadRule' | 'replaceRule'>;
  readonly notice: Pick<AutoTopUpNotice, 'noteReturned'>;
}

/** A payment of which something went back; of a top-up, where one is named. */
type ReturnedPayment = Pick<TopUp, 'tenantId'> & Partial<Pick<TopUp, 'topUpId' | 'cause'>>;

/** Ends rules whose money went back. */
export class AutoTopUpBrake {
  readonly #parts: AutoTopUpBrakeParts;

  constructor(parts: AutoTopUpBrakeParts) {
    this.#parts = parts;
  }

  /**
   * Ends the rule of a workspace for what went back of a payment, where it is something to end it for: a top-up's `cause` says whether the
   * rule has bought it. A purchase that is under way goes on.
   * Throws DomainError QUEUE_FULL where too much changes the rule at once, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE: do it again.
   */
  async stop({ tenantId, topUpId, cause }: ReturnedPayment, { kind, id }: StripeReturnPart): Promise<void> {
    const { rules, notice } = this.#parts;
    if (cause !== 'auto' && kind !== 'dispute') return;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const rule = await rules.loadRule(tenantId);
      if (rule === undefined || !rule.isEnabled || rule.stop === 'returned') return;
      // Told before it is kept, so that a crash in between tells of it again, under the same id.
      await notice.noteReturned(rule, id, topUpId);
      const { failureCode: _code, ...rest } = rule;
      if ((await rules.replaceRule(rule, { ...rest, stop: 'returned' })) !== undefined) return;
    }
    const message = 'too much changes the rule of this workspace at once: look at what went back again';
    throw new DomainError('QUEUE_FULL', message, { metadata: { limit: String(ATTEMPTS_MAX) } });
  }
}
