// The endpoints of codes, to the letter.

import { DiscountDuration } from '../../../gen/wheelhouse/promotion/v1/promotion.ts';
import {
  ApplyCodeResponse,
  RedemptionOutcome,
  ValidateDiscountResponse,
} from '../../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import { type Case, KEY, TIME, TIME_TEXT } from './endpoint-case.ts';
import { TENANT_ID } from './issuer-peer.ts';

const usd = (minorUnits: bigint) => ({ minorUnits, currencyCode: 'usd' });
const CODE = { code: 'spring-30' };
const ASKED = { requestId: KEY, tenantId: TENANT_ID, code: 'spring-30' };
export const CREDIT = { microcredits: 5_000_000n, expireTime: TIME };
export const APPLIED = { promotionId: 'prm_1', code: 'SPRING-30', outcome: RedemptionOutcome.DONE, credit: CREDIT };
export const APPLIED_JSON = {
  promotion_id: 'prm_1',
  code: 'SPRING-30',
  outcome: 'done',
  credit: { microcredits: 5000000, expire_time: TIME_TEXT },
  discount: null,
};

export const PROMOTION_CASES: readonly Case[] = [
  {
    request: ['POST', '/v1/billing/codes/apply', CODE],
    rpc: 'applyCode',
    asked: ASKED,
    answered: ApplyCodeResponse.fromPartial(APPLIED),
    status: 200,
    json: APPLIED_JSON,
  },
  {
    request: ['POST', '/v1/billing/codes/apply', CODE],
    rpc: 'applyCode',
    asked: ASKED,
    answered: ApplyCodeResponse.fromPartial({
      ...{ promotionId: 'prm_1', code: 'SPRING-30', outcome: RedemptionOutcome.PENDING },
      discount: { amountOff: usd(500n), duration: DiscountDuration.REPEATING, durationMonths: 3 },
    }),
    status: 202,
    json: {
      ...{ promotion_id: 'prm_1', code: 'SPRING-30', outcome: 'pending', credit: null },
      discount: {
        ...{ percent_off: null, amount_off: { amount: 500, currency: 'usd' } },
        ...{ duration: 'repeating', duration_months: 3 },
      },
    },
  },
  {
    request: ['POST', '/v1/billing/discounts/validate', { ...CODE, plan_code: 'pro' }],
    rpc: 'validateDiscount',
    asked: { tenantId: TENANT_ID, code: 'spring-30', planCode: 'pro' },
    answered: ValidateDiscountResponse.fromPartial({
      ...{ code: 'SPRING-30', discount: { percentOff: '12.5', duration: DiscountDuration.FOREVER } },
      ...{ price: { planCode: 'pro', before: usd(4_900n), after: usd(4_287n) }, purchasePromotionCode: 'SPRING' },
    }),
    status: 200,
    json: {
      ...{ code: 'SPRING-30', credit: null },
      discount: { percent_off: '12.5', amount_off: null, duration: 'forever', duration_months: null },
      price: {
        plan_code: 'pro',
        before: { amount: 4900, currency: 'usd' },
        after: { amount: 4287, currency: 'usd' },
      },
      purchase_promotion_code: 'SPRING',
    },
  },
  {
    request: ['POST', '/v1/billing/discounts/validate', CODE],
    rpc: 'validateDiscount',
    asked: { tenantId: TENANT_ID, code: 'spring-30', planCode: '' },
    answered: ValidateDiscountResponse.fromPartial({ code: 'SPRING-30', credit: { microcredits: 1n } }),
    status: 200,
    json: {
      ...{ code: 'SPRING-30', credit: { microcredits: 1, expire_time: null }, discount: null },
      ...{ price: null, purchase_promotion_code: null },
    },
  },
];
