// Owns the translation between the contract of the codes that people bring and what the use cases know.

import type { Money } from '../../../gen/wheelhouse/common/v1/money.ts';
import {
  DiscountDuration,
  type Discount as DiscountMessage,
  type GivenCredit as GivenCreditMessage,
} from '../../../gen/wheelhouse/promotion/v1/promotion.ts';
import {
  type ApplyCodeRequest,
  type ApplyCodeResponse,
  RedemptionOutcome,
  type ValidateDiscountRequest,
  type ValidateDiscountResponse,
} from '../../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import type { AppliedCode, CodeForecast, GivenCredit, PromotionGift } from '../../app/promotion/promotion-service.ts';
import type { Discount } from '../../domain/discount.ts';
import type { PlanCode, TenantId } from '../../domain/id.ts';
import { PROMOTION_CODE_RULE, parsePromotionCode } from '../../domain/promotion.ts';
import { formatQuantity } from '../../domain/quantity.ts';
import { FieldCheck, quote } from './field-check.ts';
import type { TenantWrite } from './operator.ts';

const OUTCOMES: Readonly<Record<AppliedCode['outcome'], RedemptionOutcome>> = {
  done: RedemptionOutcome.DONE,
  pending: RedemptionOutcome.PENDING,
};

const DURATIONS: Readonly<Record<Discount['duration'], DiscountDuration>> = {
  once: DiscountDuration.ONCE,
  repeating: DiscountDuration.REPEATING,
  forever: DiscountDuration.FOREVER,
};

/** Checks a request to redeem a code; answers that in upper case. Throws DomainError INVALID_FIELD. */
export function fromProtoApplyCode(request: ApplyCodeRequest): TenantWrite<string> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: checkCode(check, request.code),
  };
  check.assertValid();
  return write;
}

/** Checks a question of what a code would do; answers that in upper case. Throws DomainError INVALID_FIELD. */
export function fromProtoValidateDiscount(request: ValidateDiscountRequest): {
  readonly tenantId: TenantId;
  readonly code: string;
  readonly planCode: PlanCode | undefined;
} {
  const check = new FieldCheck();
  const question = {
    tenantId: check.tenantId(request.tenantId),
    code: checkCode(check, request.code),
    planCode: check.optionalId('plan_code', request.planCode) as PlanCode | undefined,
  };
  check.assertValid();
  return question;
}

/** Checks a code as it was typed; answers it in upper case. */
export function checkCode(check: FieldCheck, typed: string, field = 'code'): string {
  const code = parsePromotionCode(typed);
  if (typed === '') check.refuse(field, 'is required');
  else if (code === undefined) check.refuse(field, `${PROMOTION_CODE_RULE}, got ${quote(typed)}`);
  return code ?? '';
}

export function toProtoAppliedCode({ promotion, outcome, gift, replayed }: AppliedCode): ApplyCodeResponse {
  const { promotionId, code } = promotion;
  return { promotionId, code, outcome: OUTCOMES[outcome], ...toProtoGift(gift), replayed };
}

export function toProtoCodeForecast({
  code,
  gift,
  price,
  purchasePromotionCode,
}: CodeForecast): ValidateDiscountResponse {
  return {
    code,
    ...toProtoGift(gift),
    price: price && {
      planCode: price.planCode,
      before: toProtoMoney(price.before, price.currency),
      after: toProtoMoney(price.after, price.currency),
    },
    purchasePromotionCode: purchasePromotionCode ?? '',
  };
}

function toProtoGift(gift: PromotionGift): Pick<ApplyCodeResponse, 'credit' | 'discount'> {
  return gift.kind === 'credit'
    ? { credit: toProtoCredit(gift.credit), discount: undefined }
    : { credit: undefined, discount: toProtoDiscount(gift.discount) };
}

function toProtoCredit({ amount, expiresAt }: GivenCredit): GivenCreditMessage {
  return { microcredits: amount, expireTime: expiresAt === undefined ? undefined : new Date(expiresAt) };
}

export function toProtoDiscount({ reduction, duration, durationMonths }: Discount): DiscountMessage {
  const isPercent = reduction.kind === 'percent';
  return {
    percentOff: isPercent ? formatQuantity(reduction.percent) : '',
    amountOff: isPercent ? undefined : toProtoMoney(reduction.minorUnits, reduction.currency),
    duration: DURATIONS[duration],
    durationMonths: durationMonths ?? 0,
  };
}

function toProtoMoney(minorUnits: bigint, currencyCode: string): Money {
  return { minorUnits, currencyCode };
}
