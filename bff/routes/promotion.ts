// Owns `/v1/billing/codes` and `/v1/billing/discounts`: the codes that people bring.

import { PromotionServiceService } from '../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import { defineBody } from '../body.ts';
import { APPLIED_CODE, CODE_FORECAST, fromProtoAppliedCode, fromProtoCodeForecast } from '../convert-promotion.ts';
import { chooseIdempotencyKey } from '../request-field.ts';
import { CODE_REASONS, IDEMPOTENCY_KEY, PLAN_CODE, PROMOTION_CODE } from './field.ts';
import { defineWorkspaceRoute, Reply, type Route } from './route.ts';

const applyCode = defineWorkspaceRoute({
  method: 'POST',
  path: '/v1/billing/codes/apply',
  workspace: 'required',
  name: 'applyCode',
  summary: 'Apply a code',
  needs: 'tenant_admin',
  description: 'A code gives credits at once, or a discount on what follows. 202 says that it is still under way.',
  body: defineBody<{ code: string; idempotency_key?: string }>({
    type: 'object',
    properties: { code: PROMOTION_CODE, idempotency_key: { ...IDEMPOTENCY_KEY, nullable: true } },
    required: ['code'],
    additionalProperties: false,
  }),
  responses: { 200: APPLIED_CODE, 202: APPLIED_CODE },
  reasons: [
    'BALANCE_OUT_OF_RANGE',
    'GRANT_LIMIT_REACHED',
    ...CODE_REASONS,
    'STRIPE_OFF',
    'STRIPE_REFUSED',
    'STRIPE_UNAVAILABLE',
    'SUBSCRIPTION_BUSY',
  ],
  async answer({ body, ...input }, { kernel, context, tenantId }) {
    const requestId = chooseIdempotencyKey(body.idempotency_key, input);
    const request = { requestId, tenantId, code: body.code };
    const applied = await kernel.call(PromotionServiceService.applyCode, request, context);
    const json = fromProtoAppliedCode(applied);
    return json.outcome === 'pending' ? Reply.accepted(json, applied.replayed) : Reply.done(json, applied.replayed);
  },
});

const validateDiscount = defineWorkspaceRoute({
  method: 'POST',
  path: '/v1/billing/discounts/validate',
  workspace: 'required',
  name: 'validateDiscount',
  summary: 'See what a code would do',
  repeat: 'by_nature',
  needs: 'tenant_admin',
  description: 'Changes nothing.',
  body: defineBody<{ code: string; plan_code?: string }>({
    type: 'object',
    properties: { code: PROMOTION_CODE, plan_code: { ...PLAN_CODE, nullable: true } },
    required: ['code'],
    additionalProperties: false,
  }),
  responses: { 200: CODE_FORECAST },
  reasons: ['CONTACT_SALES', 'PLAN_NOT_FOUND', ...CODE_REASONS, 'STRIPE_OFF', 'STRIPE_REFUSED', 'STRIPE_UNAVAILABLE'],
  async answer({ body }, { kernel, context, tenantId }) {
    const request = { tenantId, code: body.code, planCode: body.plan_code ?? '' };
    return fromProtoCodeForecast(await kernel.call(PromotionServiceService.validateDiscount, request, context));
  },
});

export const promotionRoutes: readonly Route[] = [applyCode, validateDiscount];
