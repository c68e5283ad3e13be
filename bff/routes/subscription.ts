// Owns `/v1/billing/subscription`: what a workspace pays for by the period, and its changes.

import type { SubscriptionChange } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import { SubscriptionServiceService } from '../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { defineBody } from '../body.ts';
import { ConversionError } from '../convert.ts';
import {
  fromProtoPlanChangePreview,
  fromProtoSubscriptionChange,
  fromProtoSubscriptionState,
  PLAN_CHANGE_PREVIEW,
  SUBSCRIPTION_CHANGE,
  SUBSCRIPTION_STATE,
  type SubscriptionChangeJson,
} from '../convert-subscription.ts';
import { CODE_REASONS, PLAN_CODE, PROMOTION_CODE, RETURN_PATH, YES_OR_NO } from './field.ts';
import { defineWorkspaceRoute, Reply, type Route } from './route.ts';

const PATH = '/v1/billing/subscription';
const CHANGE =
  '`action_required` names a page where a person has to pay. 202 says that it is still under way: read the subscription later.';

const PLAN_BODY = defineBody<{ plan_code: string }>({
  type: 'object',
  properties: { plan_code: PLAN_CODE },
  required: ['plan_code'],
  additionalProperties: false,
});

const getSubscription = defineWorkspaceRoute({
  method: 'GET',
  path: PATH,
  workspace: 'required',
  name: 'getSubscription',
  summary: 'Read the plan and the subscription',
  needs: 'project_contributor',
  responses: { 200: SUBSCRIPTION_STATE },
  reasons: [],
  async answer(_input, { kernel, context, tenantId }) {
    return fromProtoSubscriptionState(
      await kernel.call(SubscriptionServiceService.getSubscription, { tenantId }, context),
    );
  },
});

const activate = defineWorkspaceRoute({
  method: 'POST',
  path: PATH,
  workspace: 'required',
  name: 'activateSubscription',
  summary: 'Buy a paid plan',
  needs: 'tenant_admin',
  description: CHANGE,
  body: defineBody<{ plan_code: string; hosted_page?: boolean; promotion_code?: string; return_path?: string }>({
    type: 'object',
    properties: {
      plan_code: PLAN_CODE,
      hosted_page: { ...YES_OR_NO, nullable: true },
      promotion_code: { ...PROMOTION_CODE, nullable: true },
      return_path: { ...RETURN_PATH, nullable: true },
    },
    required: ['plan_code'],
    additionalProperties: false,
  }),
  responses: { 200: SUBSCRIPTION_CHANGE, 202: SUBSCRIPTION_CHANGE },
  reasons: [
    'CONTACT_SALES',
    'PAYMENT_DECLINED',
    'PAYMENT_METHOD_REQUIRED',
    'PLAN_NOT_FOUND',
    ...CODE_REASONS,
    'STRIPE_OFF',
    'STRIPE_REFUSED',
    'STRIPE_UNAVAILABLE',
    'SUBSCRIPTION_BUSY',
    'SUBSCRIPTION_EXISTS',
    'SUBSCRIPTION_UNPAID',
  ],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = {
      ...{ requestId: idempotencyKey, tenantId, planCode: body.plan_code },
      hostedPage: body.hosted_page ?? false,
      promotionCode: body.promotion_code ?? '',
      returnPath: body.return_path ?? '',
    };
    const { change } = await kernel.call(SubscriptionServiceService.activateSubscription, request, context);
    return toReply(change);
  },
});

const preview = defineWorkspaceRoute({
  method: 'POST',
  path: `${PATH}/preview`,
  workspace: 'required',
  name: 'previewPlanChange',
  summary: 'See what a change of plan would do',
  repeat: 'by_nature',
  needs: 'tenant_admin',
  description: 'Changes nothing.',
  body: PLAN_BODY,
  responses: { 200: PLAN_CHANGE_PREVIEW },
  reasons: [
    'CONTACT_SALES',
    'PLAN_NOT_FOUND',
    'PLAN_UNCHANGED',
    'STRIPE_OFF',
    'STRIPE_REFUSED',
    'STRIPE_UNAVAILABLE',
    'SUBSCRIPTION_UNPAID',
  ],
  async answer({ body }, { kernel, context, tenantId }) {
    const request = { tenantId, planCode: body.plan_code };
    const answer = await kernel.call(SubscriptionServiceService.previewPlanChange, request, context);
    return fromProtoPlanChangePreview(answer.preview);
  },
});

const changePlan = defineWorkspaceRoute({
  method: 'POST',
  path: `${PATH}/change-plan`,
  workspace: 'required',
  name: 'changePlan',
  summary: 'Change the plan',
  needs: 'tenant_admin',
  description: `An upgrade happens at once, anything else at the end of the period. ${CHANGE}`,
  body: PLAN_BODY,
  responses: { 200: SUBSCRIPTION_CHANGE, 202: SUBSCRIPTION_CHANGE },
  reasons: [
    'CONTACT_SALES',
    'PAYMENT_DECLINED',
    'PAYMENT_METHOD_REQUIRED',
    'PLAN_NOT_FOUND',
    'PLAN_UNCHANGED',
    'STRIPE_OFF',
    'STRIPE_REFUSED',
    'STRIPE_UNAVAILABLE',
    'SUBSCRIPTION_BUSY',
    'SUBSCRIPTION_NOT_FOUND',
    'SUBSCRIPTION_UNPAID',
  ],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, planCode: body.plan_code };
    const { change } = await kernel.call(SubscriptionServiceService.changePlan, request, context);
    return toReply(change);
  },
});

const cancel = defineWorkspaceRoute({
  method: 'POST',
  path: `${PATH}/cancel`,
  workspace: 'required',
  name: 'cancelSubscription',
  summary: 'Cancel the subscription',
  needs: 'tenant_admin',
  description: `At the end of the period, or \`at_once\` where the plan allows it. ${CHANGE}`,
  body: defineBody<{ at_once?: boolean }>({
    type: 'object',
    properties: { at_once: { ...YES_OR_NO, nullable: true } },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: SUBSCRIPTION_CHANGE, 202: SUBSCRIPTION_CHANGE },
  reasons: ['STRIPE_OFF', 'STRIPE_REFUSED', 'STRIPE_UNAVAILABLE', 'SUBSCRIPTION_BUSY', 'SUBSCRIPTION_NOT_FOUND'],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, atOnce: body.at_once ?? false, actor: '', reason: '' };
    const { change } = await kernel.call(SubscriptionServiceService.cancelSubscription, request, context);
    return toReply(change);
  },
});

const resume = defineWorkspaceRoute({
  method: 'POST',
  path: `${PATH}/resume`,
  workspace: 'required',
  name: 'resumeSubscription',
  summary: 'Take back a cancellation or a change that waits',
  needs: 'tenant_admin',
  description: CHANGE,
  responses: { 200: SUBSCRIPTION_CHANGE, 202: SUBSCRIPTION_CHANGE },
  reasons: [
    'PLAN_UNCHANGED',
    'STRIPE_OFF',
    'STRIPE_REFUSED',
    'STRIPE_UNAVAILABLE',
    'SUBSCRIPTION_BUSY',
    'SUBSCRIPTION_NOT_FOUND',
  ],
  async answer({ idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId };
    const { change } = await kernel.call(SubscriptionServiceService.resumeSubscription, request, context);
    return toReply(change);
  },
});

const convertTrialNow = defineWorkspaceRoute({
  method: 'POST',
  path: `${PATH}/convert-trial-now`,
  workspace: 'required',
  name: 'convertTrialNow',
  summary: 'Make the trial the paid plan now',
  needs: 'tenant_admin',
  description: CHANGE,
  body: defineBody<{ hosted_page?: boolean; return_path?: string }>({
    type: 'object',
    properties: { hosted_page: { ...YES_OR_NO, nullable: true }, return_path: { ...RETURN_PATH, nullable: true } },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: SUBSCRIPTION_CHANGE, 202: SUBSCRIPTION_CHANGE },
  reasons: [
    'CONTACT_SALES',
    'PAYMENT_DECLINED',
    'PAYMENT_METHOD_REQUIRED',
    'PLAN_NOT_FOUND',
    'STRIPE_OFF',
    'STRIPE_REFUSED',
    'STRIPE_UNAVAILABLE',
    'SUBSCRIPTION_BUSY',
    'SUBSCRIPTION_EXISTS',
    'SUBSCRIPTION_UNPAID',
    'TRIAL_NOT_ACTIVE',
  ],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = {
      ...{ requestId: idempotencyKey, tenantId },
      hostedPage: body.hosted_page ?? false,
      returnPath: body.return_path ?? '',
    };
    const { change } = await kernel.call(SubscriptionServiceService.convertTrialNow, request, context);
    return toReply(change);
  },
});

const refresh = defineWorkspaceRoute({
  method: 'POST',
  path: `${PATH}/refresh`,
  workspace: 'required',
  name: 'refreshSubscription',
  summary: 'Ask Stripe how the subscription stands',
  repeat: 'by_nature',
  needs: 'tenant_admin',
  responses: { 200: SUBSCRIPTION_STATE },
  reasons: ['STRIPE_OFF', 'STRIPE_REFUSED', 'STRIPE_UNAVAILABLE'],
  async answer(_input, { kernel, context, tenantId }) {
    return fromProtoSubscriptionState(
      await kernel.call(SubscriptionServiceService.refreshSubscription, { tenantId }, context),
    );
  },
});

/** A change that is still under way has been accepted, and no more. */
function toReply(change: SubscriptionChange | undefined): Reply<SubscriptionChangeJson> {
  if (!change) {
    throw new ConversionError('change', 'the kernel answered without what became of the change');
  }
  const json = fromProtoSubscriptionChange(change);
  return json.outcome === 'pending' ? Reply.accepted(json, change.replayed) : Reply.done(json, change.replayed);
}

export const subscriptionRoutes: readonly Route[] = [
  getSubscription,
  activate,
  preview,
  changePlan,
  cancel,
  resume,
  convertTrialNow,
  refresh,
];
