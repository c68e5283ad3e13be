// Owns the translation between the catalog's contract and what the use cases know.

import { type ActionPrice as ActionPriceMessage, PriceRule } from '../../../gen/wheelhouse/catalog/v1/action_price.ts';
import type { GetActionPricingRequest, ListPlansRequest } from '../../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { BillingInterval, type Plan as PlanMessage, PlanSource } from '../../../gen/wheelhouse/catalog/v1/plan.ts';
import type { Plan } from '../../app/catalog/ports.ts';
import type { ActionPrice } from '../../domain/action-price.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import { FieldCheck, ID_LENGTH_MAX } from './field-check.ts';

const PAGE_SIZE_DEFAULT = 100;

const RULES: Readonly<Record<ActionPrice['rule'], PriceRule>> = {
  default: PriceRule.DEFAULT,
  plan: PriceRule.PLAN,
  tenant: PriceRule.TENANT,
};

const SOURCES = { stripe: PlanSource.STRIPE, operator: PlanSource.OPERATOR } as const;
const INTERVALS = { month: BillingInterval.MONTH, year: BillingInterval.YEAR } as const;

/** A checked request for plans; the product is as it was asked for, and not yet judged. */
export interface ListPlansQuery {
  readonly productCode: string;
  readonly offeredOnly: boolean;
  readonly includeArchived: boolean;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Checks a request for plans. Throws DomainError INVALID_FIELD. */
export function fromProtoListPlans(request: ListPlansRequest): ListPlansQuery {
  const check = new FieldCheck();
  const query = {
    productCode: check.text('product_code', request.productCode, { required: false, lengthMax: ID_LENGTH_MAX }),
    offeredOnly: request.offeredOnly,
    includeArchived: request.includeArchived,
    pageSize: check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT),
    pageToken: check.pageToken(request.pageToken),
  };
  check.assertValid();
  return query;
}

/** Checks a request for prices. Throws DomainError INVALID_FIELD. */
export function fromProtoActionPricing(request: GetActionPricingRequest): {
  readonly tenantId: TenantId;
  readonly at: Instant | undefined;
} {
  const check = new FieldCheck();
  const query = { tenantId: check.tenantId(request.tenantId), at: check.instant('at_time', request.atTime) };
  check.assertValid();
  return query;
}

export function toProtoPlan(plan: Plan): PlanMessage {
  const { policy, price } = plan;
  return {
    productCode: plan.productCode,
    planCode: plan.planCode,
    productName: plan.productName,
    stripePriceId: plan.stripePriceId,
    price: price === undefined ? undefined : { minorUnits: price.minorUnits, currencyCode: price.currency },
    interval: plan.interval === undefined ? BillingInterval.UNSPECIFIED : INTERVALS[plan.interval],
    intervalCount: plan.intervalCount,
    trialEnabled: policy.trialEnabled,
    trialDays: policy.trialDays,
    trialMicrocreditsGranted: policy.trialMicrocreditsGranted,
    trialRequiresCard: policy.trialRequiresCard,
    onboardingDefault: plan.onboardingDefault,
    includedMicrocreditsPerCycle: policy.includedMicrocreditsPerCycle,
    selfServe: policy.selfServe,
    rank: policy.rank,
    memberLimit: policy.memberLimit ?? undefined,
    overdraftLimitMicrocredits: policy.overdraftLimitMicrocredits,
    archived: plan.archived,
    source: SOURCES[plan.source],
  };
}

/** Translates the price of an action, as it was resolved or applied. */
export function toProtoActionPrice(
  action: string,
  price: Pick<ActionPrice, 'microcreditsPerUnit' | 'unit' | 'rule' | 'effectiveAt'>,
): ActionPriceMessage {
  return {
    action,
    microcreditsPerUnit: price.microcreditsPerUnit,
    unit: price.unit,
    rule: RULES[price.rule],
    effectiveTime: new Date(price.effectiveAt),
  };
}
