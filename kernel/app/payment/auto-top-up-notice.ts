// Owns telling that a workspace's rule buys no credits any more: an event, and a mail to its administrators. Does not own when that is
// so (auto-top-up-desk.ts), what the mail says (mail/mail-text.ts), or sending it.
// Invariant: there is one event, and one mail to each administrator with a verified address, for each time that a rule stops.

import type { AutoTopUpStop } from '../../domain/auto-top-up.ts';
import type { TopUpId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { BillingEventLog } from '../alert/billing-event-log.ts';
import type { MailOutbox } from '../mail/mail-outbox.ts';
import { type AdminFinderParts, findAdmins } from '../people/admin-finder.ts';
import type { Clock } from '../ports.ts';
import { toFailedEvent } from './payment-event.ts';
import type { AutoTopUp, TopUp } from './ports.ts';

/** How long such a mail is of use, in milliseconds. */
const LIFETIME_MS = 7 * 86_400_000;

/** What notices work with. */
export interface AutoTopUpNoticeParts extends AdminFinderParts {
  readonly events: Pick<BillingEventLog, 'note'>;
  readonly outbox: Pick<MailOutbox, 'enqueue'>;
  readonly clock: Pick<Clock, 'estimate'>;
}

/** Tells that rules stopped. */
export class AutoTopUpNotice {
  readonly #parts: AutoTopUpNoticeParts;

  constructor(parts: AutoTopUpNoticeParts) {
    this.#parts = parts;
  }

  /** Tells that a purchase by a rule failed. Idempotent. Throws as {@link noteStopped} does. */
  noteFailed(topUp: TopUp): Promise<void> {
    return this.#parts.events.note(toFailedEvent(topUp));
  }

  /**
   * Tells that a rule stops, and which purchase failed, if one was begun. Idempotent.
   * Throws DomainError OUTCOME_UNKNOWN, QUEUE_FULL, DATABASE_UNAVAILABLE: note it again.
   */
  async noteStopped(rule: AutoTopUp, because: AutoTopUpStop, topUp?: TopUp): Promise<void> {
    if (topUp !== undefined) await this.noteFailed(topUp);
    const data = { reason: because, ...present({ topup_id: topUp?.topUpId, failure_code: topUp?.failureCode }) };
    await this.#tell(rule, because, { occasion: String(rule.round), data });
  }

  /** Tells that a rule stops since money went back by a refund or a dispute. Idempotent. Throws as {@link noteStopped} does. */
  async noteReturned(rule: AutoTopUp, returnId: string, topUpId?: TopUpId): Promise<void> {
    const data = { reason: 'returned', ...present({ topup_id: topUpId }) };
    await this.#tell(rule, 'returned', { occasion: returnId, data });
  }

  /** Two occasions of one workspace are two events. */
  async #tell(
    { tenantId, productCode }: AutoTopUp,
    because: AutoTopUpStop,
    { occasion, data }: { readonly occasion: string; readonly data: Readonly<Record<string, string>> },
  ): Promise<void> {
    const { events, outbox, clock } = this.#parts;
    const key = `auto-topup-stopped:${tenantId}:${occasion}`;
    await events.note({ eventId: key, tenantId, productCode, type: 'auto_topup.stopped', data });
    const found = await findAdmins(this.#parts, tenantId);
    const expiresAt = clock.estimate() + LIFETIME_MS;
    for (const { userId, email } of found?.admins ?? []) {
      const workspaceName = found?.workspaceName ?? '';
      const content = { template: 'auto_top_up_stopped', workspaceName, because, expiresAt } as const;
      await outbox.enqueue({ mailId: `${key}:${userId}`, productCode, to: email, content });
    }
  }
}
