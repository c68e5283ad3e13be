// Owns the form of intents in MongoDB: collection `stripe_intents` for the open ones, one document for each workspace at most, and
// `stripe_intent_results` for those that ended. Does not own what is asked of Stripe (app/subscription/ports.ts).

import type { EndedIntent, IntentRequest, IntentResult, OpenIntent } from '../../app/subscription/ports.ts';
import type { PlanCode, ProductCode, PromotionId, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { toInt64 } from '../ledger/int64.ts';
import { toOptionalDate } from '../optional-date.ts';

type RequestDocument =
  | {
      readonly kind: 'activate';
      readonly plan_code: string;
      readonly stripe_price_id: string;
      readonly is_hosted: boolean;
      readonly promotion_code?: string;
      readonly promotion_id?: string;
      readonly return_url: string;
    }
  | {
      readonly kind: 'upgrade';
      readonly plan_code: string;
      readonly stripe_price_id: string;
      readonly stripe_subscription_id: string;
      readonly from_stripe_price_id: string;
      readonly prorate_at: Date;
    }
  | {
      readonly kind: 'change_at_period_end';
      readonly plan_code: string;
      readonly stripe_price_id: string;
      readonly stripe_subscription_id: string;
      readonly from_stripe_price_id?: string;
    }
  | {
      readonly kind: 'cancel';
      readonly stripe_subscription_id: string;
      readonly at_once: boolean;
      readonly only_unpaid?: true;
    }
  | { readonly kind: 'resume' | 'drop_duplicate'; readonly stripe_subscription_id: string }
  | { readonly kind: 'apply_discount'; readonly stripe_subscription_id: string; readonly promotion_code: string }
  | {
      readonly kind: 'provision';
      readonly plan_code: string;
      readonly product_name: string;
      /** Int64. */
      readonly minor_units: bigint;
      readonly currency: string;
      /** Int64, in microcredits. */
      readonly included_per_cycle: bigint;
      readonly interval_months: number;
      readonly days_until_due: number;
      readonly billing_email?: string;
    };

/** What an open intent and an ended one have in common. */
interface AskedDocument {
  readonly intent_id: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly request: RequestDocument;
}

export interface OpenIntentDocument extends AskedDocument {
  /** The tenant: it has at most one that is open. */
  readonly _id: string;
  readonly product_code: string;
  readonly attempt: number;
  readonly sent_at?: Date;
  readonly stored_failures: number;
  readonly tries: number;
  readonly created_at: Date;
  readonly due_at: Date;
  readonly failure?: string;
}

export interface EndedIntentDocument extends AskedDocument {
  readonly tenant_id: string;
  readonly result: IntentResult;
  readonly ended_at: Date;
}

export function toDocumentOpen(intent: OpenIntent): OpenIntentDocument {
  const { intentId, tenantId, productCode, key, fingerprint, request, attempt, sentAt, storedFailures, tries } = intent;
  return {
    _id: tenantId,
    intent_id: intentId,
    product_code: productCode,
    key,
    fingerprint,
    request: toDocumentRequest(request),
    attempt,
    stored_failures: storedFailures,
    tries,
    created_at: new Date(intent.createdAt),
    due_at: new Date(intent.dueAt),
    ...present({ sent_at: toOptionalDate(sentAt), failure: intent.failure }),
  };
}

export function fromDocumentOpen(document: OpenIntentDocument): OpenIntent {
  return {
    intentId: document.intent_id,
    // What was stored was of these types.
    tenantId: document._id as TenantId,
    productCode: document.product_code as ProductCode,
    key: document.key,
    fingerprint: document.fingerprint,
    request: fromDocumentRequest(document.request),
    attempt: document.attempt,
    storedFailures: document.stored_failures,
    tries: document.tries,
    createdAt: document.created_at.getTime(),
    dueAt: document.due_at.getTime(),
    ...present({ sentAt: document.sent_at?.getTime(), failure: document.failure }),
  };
}

export function toDocumentEnded(intent: OpenIntent, result: IntentResult, endedAt: number): EndedIntentDocument {
  const { tenantId, key, intentId, fingerprint, request } = intent;
  return {
    tenant_id: tenantId,
    key,
    intent_id: intentId,
    fingerprint,
    request: toDocumentRequest(request),
    result,
    ended_at: new Date(endedAt),
  };
}

export function fromDocumentEnded(document: EndedIntentDocument): EndedIntent {
  return {
    intentId: document.intent_id,
    // What was stored was of this type.
    tenantId: document.tenant_id as TenantId,
    key: document.key,
    fingerprint: document.fingerprint,
    request: fromDocumentRequest(document.request),
    result: document.result,
    endedAt: document.ended_at.getTime(),
  };
}

function toDocumentRequest(request: IntentRequest): RequestDocument {
  switch (request.kind) {
    case 'activate':
      return {
        kind: request.kind,
        plan_code: request.planCode,
        stripe_price_id: request.stripePriceId,
        is_hosted: request.isHosted,
        ...present({ promotion_code: request.promotionCode, promotion_id: request.promotionId }),
        return_url: request.returnUrl,
      };
    case 'upgrade':
      return { ...toChange(request), kind: request.kind, ...fromAndWhenOf(request) };
    case 'change_at_period_end':
      return {
        ...toChange(request),
        kind: request.kind,
        ...present({ from_stripe_price_id: request.fromStripePriceId }),
      };
    case 'cancel':
      return {
        kind: request.kind,
        stripe_subscription_id: request.stripeSubscriptionId,
        at_once: request.atOnce,
        ...present({ only_unpaid: request.onlyUnpaid }),
      };
    case 'resume':
    case 'drop_duplicate':
      return { kind: request.kind, stripe_subscription_id: request.stripeSubscriptionId };
    case 'apply_discount':
      return {
        kind: request.kind,
        stripe_subscription_id: request.stripeSubscriptionId,
        promotion_code: request.promotionCode,
      };
    case 'provision':
      return {
        kind: request.kind,
        plan_code: request.planCode,
        product_name: request.productName,
        minor_units: toInt64(request.minorUnits),
        currency: request.currency,
        included_per_cycle: toInt64(request.includedPerCycle),
        interval_months: request.intervalMonths,
        days_until_due: request.daysUntilDue,
        ...present({ billing_email: request.billingEmail }),
      };
  }
}

function fromAndWhenOf({
  fromStripePriceId,
  prorateAt,
}: {
  readonly fromStripePriceId: string;
  readonly prorateAt: number;
}) {
  return { from_stripe_price_id: fromStripePriceId, prorate_at: new Date(prorateAt) };
}

function toChange(change: {
  readonly planCode: string;
  readonly stripePriceId: string;
  readonly stripeSubscriptionId: string;
}) {
  return {
    plan_code: change.planCode,
    stripe_price_id: change.stripePriceId,
    stripe_subscription_id: change.stripeSubscriptionId,
  };
}

function fromDocumentRequest(document: RequestDocument): IntentRequest {
  switch (document.kind) {
    case 'activate':
      return {
        kind: document.kind,
        planCode: document.plan_code as PlanCode,
        stripePriceId: document.stripe_price_id,
        isHosted: document.is_hosted,
        ...present({
          promotionCode: document.promotion_code,
          promotionId: document.promotion_id as PromotionId | undefined,
        }),
        returnUrl: document.return_url,
      };
    case 'upgrade':
      return {
        ...fromChange(document),
        kind: document.kind,
        fromStripePriceId: document.from_stripe_price_id,
        prorateAt: document.prorate_at.getTime(),
      };
    case 'change_at_period_end':
      return {
        ...fromChange(document),
        kind: document.kind,
        ...present({ fromStripePriceId: document.from_stripe_price_id }),
      };
    case 'cancel':
      return {
        kind: document.kind,
        stripeSubscriptionId: document.stripe_subscription_id,
        atOnce: document.at_once,
        ...present({ onlyUnpaid: document.only_unpaid }),
      };
    case 'resume':
    case 'drop_duplicate':
      return { kind: document.kind, stripeSubscriptionId: document.stripe_subscription_id };
    case 'apply_discount':
      return {
        kind: document.kind,
        stripeSubscriptionId: document.stripe_subscription_id,
        promotionCode: document.promotion_code,
      };
    case 'provision':
      return {
        kind: document.kind,
        planCode: document.plan_code as PlanCode,
        productName: document.product_name,
        minorUnits: document.minor_units,
        currency: document.currency,
        includedPerCycle: document.included_per_cycle,
        intervalMonths: document.interval_months,
        daysUntilDue: document.days_until_due,
        ...present({ billingEmail: document.billing_email }),
      };
  }
}

function fromChange(document: {
  readonly plan_code: string;
  readonly stripe_price_id: string;
  readonly stripe_subscription_id: string;
}) {
  return {
    planCode: document.plan_code as PlanCode,
    stripePriceId: document.stripe_price_id,
    stripeSubscriptionId: document.stripe_subscription_id,
  };
}
