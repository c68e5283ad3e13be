// Owns the translation between the operators' contract of promotions and what the use cases know.

import type {
  PromotionCredit,
  PromotionDiscount,
  Promotion as PromotionMessage,
} from '../../../gen/wheelhouse/promotion/v1/promotion.ts';
import type {
  CreatePromotionRequest,
  RevokePromotionRequest,
} from '../../../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import type { PromotionInput, PromotionName } from '../../app/promotion/promotion-admin.ts';
import type { PlanCode, ProductCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import {
  CREDIT_DAYS_MAX,
  PROMOTION_PLANS_MAX,
  type Promotion,
  type PromotionTerms,
  REDEMPTIONS_MAX,
} from '../../domain/promotion.ts';
import type { CatalogWrite } from './catalog-admin.ts';
import { FieldCheck } from './field-check.ts';
import { checkOperator } from './operator.ts';
import { checkCode } from './promotion.ts';

/** Checks a request to make a promotion. Throws DomainError INVALID_FIELD. */
export function fromProtoCreatePromotion(request: CreatePromotionRequest): CatalogWrite<PromotionInput> {
  const check = new FieldCheck();
  const name = checkName(check, request);
  const { maxRedemptions, newCustomersOnly, startTime, endTime } = request;
  if (maxRedemptions < 0 || maxRedemptions > REDEMPTIONS_MAX) {
    check.refuse('max_redemptions', `must be 1 to ${REDEMPTIONS_MAX}, or left out, got ${maxRedemptions}`);
  }
  const write = {
    requestId: check.requestId(request.requestId),
    input: {
      ...name,
      ...{ terms: checkTerms(check, request, name.code), planCodes: checkPlanCodes(check, request.planCodes) },
      ...present({
        startsAt: check.instant('start_time', startTime),
        endsAt: check.instant('end_time', endTime),
      }),
      ...{ maxRedemptions: maxRedemptions === 0 ? REDEMPTIONS_MAX : maxRedemptions, newCustomersOnly },
    },
    ...checkOperator(check, request),
  };
  check.assertValid();
  return write;
}

function checkTerms(
  check: FieldCheck,
  { credit, discount }: Pick<CreatePromotionRequest, 'credit' | 'discount'>,
  code: string,
): PromotionTerms {
  if (credit !== undefined && discount !== undefined) check.refuse('discount', 'must be left out where credit is set');
  if (credit !== undefined) return checkCredit(check, credit);
  if (discount !== undefined) return checkDiscount(check, discount, code);
  check.refuse('credit', 'is required, or discount is: say what the promotion gives');
  return { kind: 'discount', stripePromotionCode: '' };
}

function checkCredit(check: FieldCheck, { microcredits, expiresAfterDays }: PromotionCredit): PromotionTerms {
  if (expiresAfterDays < 0 || expiresAfterDays > CREDIT_DAYS_MAX) {
    const rule = `must be 1 to ${CREDIT_DAYS_MAX}, or left out for credits that never expire`;
    check.refuse('credit.expires_after_days', `${rule}, got ${expiresAfterDays}`);
  }
  const amount = check.amount('credit.microcredits', microcredits);
  return { kind: 'credit', amount, ...(expiresAfterDays === 0 ? {} : { expiresAfterDays }) };
}

function checkDiscount(check: FieldCheck, { stripePromotionCode }: PromotionDiscount, code: string): PromotionTerms {
  const typed = check.id('discount.stripe_promotion_code', stripePromotionCode, false);
  return { kind: 'discount', stripePromotionCode: typed === '' ? code : typed };
}

function checkPlanCodes(check: FieldCheck, planCodes: readonly string[]): readonly PlanCode[] {
  if (planCodes.length > PROMOTION_PLANS_MAX) {
    check.refuse('plan_codes', `must be at most ${PROMOTION_PLANS_MAX}, are ${planCodes.length}`);
  }
  return planCodes.map((planCode, index) => check.id(`plan_codes[${index}]`, planCode, true) as PlanCode);
}

/** Checks a request to end a promotion. Throws DomainError INVALID_FIELD. */
export function fromProtoRevokePromotion(request: RevokePromotionRequest): CatalogWrite<PromotionName> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    input: checkName(check, request),
    ...checkOperator(check, request),
  };
  check.assertValid();
  return write;
}

/** Checks the name of a promotion. Throws DomainError INVALID_FIELD. */
export function fromProtoPromotionName(request: {
  readonly productCode: string;
  readonly code: string;
}): PromotionName {
  const check = new FieldCheck();
  const name = checkName(check, request);
  check.assertValid();
  return name;
}

function checkName(
  check: FieldCheck,
  { productCode, code }: { readonly productCode: string; readonly code: string },
): PromotionName {
  return { productCode: check.id('product_code', productCode, true) as ProductCode, code: checkCode(check, code) };
}

export function toProtoPromotion(promotion: Promotion): PromotionMessage {
  const { terms, startsAt, endsAt, createdAt, revokedAt } = promotion;
  return {
    promotionId: promotion.promotionId,
    productCode: promotion.productCode,
    code: promotion.code,
    credit: terms.kind === 'credit' ? toProtoCreditTerms(terms) : undefined,
    discount: terms.kind === 'discount' ? { stripePromotionCode: terms.stripePromotionCode } : undefined,
    startTime: new Date(startsAt),
    endTime: endsAt === undefined ? undefined : new Date(endsAt),
    maxRedemptions: promotion.maxRedemptions,
    newCustomersOnly: promotion.newCustomersOnly,
    planCodes: [...promotion.planCodes],
    createTime: new Date(createdAt),
    revokeTime: revokedAt === undefined ? undefined : new Date(revokedAt),
  };
}

function toProtoCreditTerms(terms: Extract<PromotionTerms, { readonly kind: 'credit' }>): PromotionCredit {
  return { microcredits: terms.amount, expiresAfterDays: terms.expiresAfterDays ?? 0 };
}
