// Owns telling what becomes of a workspace's plan, that a trial ends soon or a payment failed: its administrators by mail, and
// whoever listens to billing events.
// Does not own when that is so (account-follow-up.ts, subscription-sync.ts), what a mail says (mail/mail-text.ts), or sending it.
// Invariants: each administrator with a verified address gets one mail for each trial, and one for each time that a payment
// failed until it is made up for, and there is one billing event for each, however often and from how many kernels it is noted; a mail that could not be sent in time is not noted again later.

import { LRUCache } from 'lru-cache';
import type { BillingEventDraft } from '../../domain/billing-event.ts';
import type { Instant, PlanCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { Subscription } from '../../domain/subscription.ts';
import type { Trial } from '../../domain/trial.ts';
import type { BillingEventLog } from '../alert/billing-event-log.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { MailOutbox, PlanNotice } from '../mail/mail-outbox.ts';
import { type AdminFinderParts, findAdmins } from '../people/admin-finder.ts';
import type { Clock } from '../ports.ts';

const OCCASIONS_REMEMBERED_MAX = 100_000;
/** How long after the time of grace the mail of a failed payment is of use still, in milliseconds. */
const PAYMENT_NOTICE_LIFETIME_MS = 7 * 86_400_000;

/** What notices work with. */
export interface BillingNoticeParts extends AdminFinderParts {
  readonly catalog: Pick<CatalogStore, 'loadPlans'>;
  readonly outbox: Pick<MailOutbox, 'enqueue'>;
  readonly events: Pick<BillingEventLog, 'note'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Says whether the trial of a workspace becomes the paid plan at its end, as far as is known now. */
  readonly becomesPaid: (tenant: TenantRef) => Promise<boolean>;
}

/** What differs between the mails of two occasions. */
type Fields<Content> = Content extends PlanNotice ? Omit<Content, 'workspaceName' | 'planName'> : never;

/** Something to tell. */
interface Occasion {
  readonly planCode: PlanCode;
  readonly content: () => Promise<Fields<PlanNotice>>;
  /** Tells the occasion from every other: the id of its event, with which that of a person's mail begins. */
  readonly key: string;
}

/** Puts mails about plan and payment into the outbox, and notes the events. */
export class BillingNotice {
  readonly #parts: BillingNoticeParts;
  /** What this kernel has noted to its end, so that the many times at which it is noted again cost nothing. */
  readonly #told = new LRUCache<string, true>({ max: OCCASIONS_REMEMBERED_MAX });

  constructor(parts: BillingNoticeParts) {
    this.#parts = parts;
  }

  /**
   * Tells when a trial ends and what follows, once for ever; nothing once it has ended. Idempotent.
   * Throws DomainError CLOCK_UNCERTAIN, OUTCOME_UNKNOWN, QUEUE_FULL, DATABASE_UNAVAILABLE, and what `becomesPaid` throws: note it again.
   */
  async noteTrialEnding(tenant: TenantRef, trial: Trial): Promise<void> {
    const { planCode, endsAt: expiresAt } = trial;
    if (this.#isOver(expiresAt)) return;
    await this.#tellOnce(tenant, {
      planCode,
      content: async () => {
        const becomesPaid = await this.#parts.becomesPaid(tenant);
        return { template: 'trial_ending', becomesPaid, expiresAt };
      },
      key: `trial-ending:${tenant.tenantId}`,
    });
  }

  /**
   * Tells that a payment of a subscription failed, and until when everything stays, once for each time of grace, which stays the same
   * until what failed is made up for: another payment that fails in the same period is told, too; nothing where no time of grace is known, or it was over a week ago. Idempotent.
   * Throws DomainError CLOCK_UNCERTAIN, OUTCOME_UNKNOWN, QUEUE_FULL, DATABASE_UNAVAILABLE: note it again.
   */
  async notePaymentFailed(tenant: TenantRef, subscription: Subscription, paymentUrl?: string): Promise<void> {
    const { planCode, stripeSubscriptionId, periodStart, graceEndsAt } = subscription;
    if (graceEndsAt === undefined) return;
    const expiresAt = graceEndsAt + PAYMENT_NOTICE_LIFETIME_MS;
    if (this.#isOver(expiresAt)) return;
    const grace = this.#isOver(graceEndsAt) ? {} : { graceEndsAt };
    await this.#tellOnce(tenant, {
      planCode,
      content: async () => ({ template: 'payment_failed', ...grace, ...present({ paymentUrl }), expiresAt }),
      key: `payment-failed:${stripeSubscriptionId}:${periodStart}:${graceEndsAt}`,
    });
  }

  /**
   * Tells that the plan of a trial that has ended could not be charged as agreed, and where that can be made up for, if anywhere; once
   * for ever, and nothing from a week after. Idempotent.
   * Throws DomainError CLOCK_UNCERTAIN, OUTCOME_UNKNOWN, QUEUE_FULL, DATABASE_UNAVAILABLE: note it again.
   */
  async noteConversionFailed(tenant: TenantRef, { planCode, endsAt }: Trial, paymentUrl?: string): Promise<void> {
    const expiresAt = endsAt + PAYMENT_NOTICE_LIFETIME_MS;
    if (this.#isOver(expiresAt)) return;
    await this.#tellOnce(tenant, {
      planCode,
      content: async () => ({ template: 'payment_failed', ...present({ paymentUrl }), expiresAt }),
      key: `conversion-failed:${tenant.tenantId}`,
    });
  }

  #isOver(at: Instant): boolean {
    return at <= this.#parts.clock.now();
  }

  async #tellOnce(tenant: TenantRef, occasion: Occasion): Promise<void> {
    if (this.#told.has(occasion.key)) return;
    await this.#tell(tenant, occasion);
    this.#told.set(occasion.key, true);
  }

  async #tell({ tenantId, productCode }: TenantRef, { planCode, content, key }: Occasion): Promise<void> {
    const { catalog, outbox, events } = this.#parts;
    const [found, plans] = await Promise.all([findAdmins(this.#parts, tenantId), catalog.loadPlans(productCode)]);
    if (found === undefined) return;
    const { workspaceName, admins } = found;
    const fields = await content();
    await events.note({ eventId: key, tenantId, productCode, ...eventOf(planCode, fields) });
    const planName = plans.find((plan) => plan.planCode === planCode)?.productName ?? planCode;
    for (const { userId, email } of admins) {
      await outbox.enqueue({
        ...{ mailId: `${key}:${userId}`, productCode, to: email },
        content: { ...fields, workspaceName, planName },
      });
    }
  }
}

/** What an occasion is as an event. */
function eventOf(planCode: PlanCode, fields: Fields<PlanNotice>): Pick<BillingEventDraft, 'type' | 'data'> {
  if (fields.template === 'trial_ending') {
    const { becomesPaid, expiresAt } = fields;
    const data = { plan_code: planCode, end_time: toTime(expiresAt), becomes_paid: String(becomesPaid) };
    return { type: 'trial.ending', data };
  }
  const { graceEndsAt, paymentUrl } = fields;
  const graceEnd = graceEndsAt === undefined ? undefined : toTime(graceEndsAt);
  return {
    type: 'payment.failed',
    data: { plan_code: planCode, ...present({ grace_end_time: graceEnd, payment_url: paymentUrl }) },
  };
}

function toTime(at: Instant): string {
  return new Date(at).toISOString();
}
