// Calls that operators and administrators make about promotions.

import {
  PromotionAdminServiceService as Admin,
  CreatePromotionRequest,
  type CreatePromotionResponse,
  type GetPromotionResponse,
  ListPromotionsRequest,
  type ListPromotionsResponse,
  RevokePromotionRequest,
  type RevokePromotionResponse,
} from '../../../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import {
  ApplyCodeRequest,
  type ApplyCodeResponse,
  PromotionServiceService as Codes,
  ValidateDiscountRequest,
  type ValidateDiscountResponse,
} from '../../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import { type Callers, CREDIT, OPERATOR } from './account.ts';
import { newRequestId } from './kernel-fixture.ts';
import { trialCallsOf } from './trial.ts';

const PRODUCT = 'agentruntime';

/** Calls about promotions. */
export interface PromotionCalls {
  /** Makes a promotion that gives ten credits unless told otherwise; answers its code. */
  create(fields?: Partial<CreatePromotionRequest>): Promise<string>;
  ask(fields?: Partial<CreatePromotionRequest>): Promise<CreatePromotionResponse>;
  revoke(code: string, fields?: Partial<RevokePromotionRequest>): Promise<RevokePromotionResponse>;
  get(code: string, productCode?: string): Promise<GetPromotionResponse>;
  list(fields?: Partial<ListPromotionsRequest>): Promise<ListPromotionsResponse>;
  /** Redeems a code as the workspace's administrator. */
  apply(tenantId: string, code: string, fields?: Partial<ApplyCodeRequest>): Promise<ApplyCodeResponse>;
  validate(tenantId: string, code: string, planCode?: string): Promise<ValidateDiscountResponse>;
}

let made = 0;

/** A code that no other test has. */
export function newCode(): string {
  made += 1;
  return `CODE-${made}-${newRequestId()
    .slice(5, 11)
    .replaceAll(/[^A-Za-z0-9]/g, 'X')
    .toUpperCase()}`;
}

/** Builds the calls of one kernel's callers. */
export function promotionCallsOf(callers: Callers): PromotionCalls {
  const { sysadmin, bff } = callers;
  const trials = trialCallsOf(callers);
  const ask: PromotionCalls['ask'] = (fields = {}) => {
    const credit = fields.discount === undefined ? { microcredits: 10n * CREDIT } : undefined;
    const promotion = { productCode: PRODUCT, code: newCode(), credit, ...fields };
    const request = { requestId: newRequestId(), ...promotion, ...OPERATOR };
    return sysadmin.call(Admin.createPromotion, CreatePromotionRequest.fromPartial(request));
  };
  return {
    ask,
    create: async (fields) => (await ask(fields)).promotion?.code ?? '',
    revoke: (code, fields = {}) => {
      const request = { requestId: newRequestId(), productCode: PRODUCT, code, ...OPERATOR, ...fields };
      return sysadmin.call(Admin.revokePromotion, RevokePromotionRequest.fromPartial(request));
    },
    get: (code, productCode = PRODUCT) => sysadmin.call(Admin.getPromotion, { productCode, code }),
    list: (fields = {}) =>
      sysadmin.call(Admin.listPromotions, ListPromotionsRequest.fromPartial({ productCode: PRODUCT, ...fields })),
    apply: async (tenantId, code, fields = {}) => {
      const request = ApplyCodeRequest.fromPartial({ requestId: newRequestId(), tenantId, code, ...fields });
      return bff.call(Codes.applyCode, request, await trials.settingsOf(tenantId));
    },
    validate: async (tenantId, code, planCode = '') => {
      const request = ValidateDiscountRequest.fromPartial({ tenantId, code, planCode });
      return bff.call(Codes.validateDiscount, request, await trials.settingsOf(tenantId));
    },
  };
}
