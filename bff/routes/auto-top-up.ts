// Owns `/v1/billing/topups/auto`: the rule by which a workspace buys credits without a person.

import { TopUpServiceService } from '../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { defineBody } from '../body.ts';
import { AUTO_TOP_UP, fromProtoAutoTopUp } from '../convert-auto-top-up.ts';
import { AMOUNT, CURRENCY, YES_OR_NO } from './field.ts';
import { defineWorkspaceRoute, type Route } from './route.ts';

const PATH = '/v1/billing/topups/auto';
const COOLDOWN_SECONDS = { min: 60, max: 2_678_400 } as const;

interface NewRule {
  enabled: boolean;
  consent?: boolean;
  threshold_microcredits: number;
  amount_cents: number;
  currency: string;
  microcredits: number;
  monthly_limit_cents: number;
  cooldown_seconds?: number;
}

const getRule = defineWorkspaceRoute({
  method: 'GET',
  path: PATH,
  workspace: 'required',
  name: 'getAutoTopUp',
  summary: 'Read the rule of automatic top-ups',
  needs: 'tenant_admin',
  responses: { 200: AUTO_TOP_UP },
  reasons: [],
  async answer(_input, { kernel, context, tenantId }) {
    return fromProtoAutoTopUp((await kernel.call(TopUpServiceService.getAutoTopUp, { tenantId }, context)).autoTopUp);
  },
});

const setRule = defineWorkspaceRoute({
  method: 'PUT',
  path: PATH,
  workspace: 'required',
  name: 'setAutoTopUp',
  summary: 'Set the rule of automatic top-ups',
  needs: 'tenant_admin',
  description: '`consent` must be true where the rule is enabled: from then on it charges without a person.',
  body: defineBody<NewRule>({
    type: 'object',
    properties: {
      enabled: YES_OR_NO,
      consent: { ...YES_OR_NO, nullable: true },
      threshold_microcredits: AMOUNT,
      amount_cents: AMOUNT,
      currency: CURRENCY,
      microcredits: AMOUNT,
      monthly_limit_cents: AMOUNT,
      cooldown_seconds: {
        type: 'integer',
        minimum: COOLDOWN_SECONDS.min,
        maximum: COOLDOWN_SECONDS.max,
        nullable: true,
        description: `a whole number of seconds from ${COOLDOWN_SECONDS.min} to ${COOLDOWN_SECONDS.max}`,
      },
    },
    required: ['enabled', 'threshold_microcredits', 'amount_cents', 'currency', 'microcredits', 'monthly_limit_cents'],
    additionalProperties: false,
  }),
  responses: { 200: AUTO_TOP_UP },
  reasons: ['STRIPE_OFF', 'TOPUP_AMOUNT_MISMATCH', 'TOPUP_AMOUNT_OUT_OF_RANGE', 'TOPUP_NOT_OFFERED'],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = {
      requestId: idempotencyKey,
      tenantId,
      ...{ enabled: body.enabled, consent: body.consent ?? false },
      thresholdMicrocredits: BigInt(body.threshold_microcredits),
      price: { minorUnits: BigInt(body.amount_cents), currencyCode: body.currency },
      microcredits: BigInt(body.microcredits),
      monthlyLimitMinorUnits: BigInt(body.monthly_limit_cents),
      cooldownSeconds: body.cooldown_seconds ?? 0,
    };
    return fromProtoAutoTopUp((await kernel.call(TopUpServiceService.setAutoTopUp, request, context)).autoTopUp);
  },
});

export const autoTopUpRoutes: readonly Route[] = [getRule, setRule];
