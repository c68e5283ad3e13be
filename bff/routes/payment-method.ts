// Owns `/v1/billing/payment-methods` and `/v1/billing/portal`: how a workspace pays.

import { PaymentMethodServiceService } from '../../gen/wheelhouse/payment/v1/payment_method_service.ts';
import { defineBody } from '../body.ts';
import {
  fromProtoPageUrl,
  fromProtoPaymentMethod,
  fromProtoSetup,
  PAYMENT_METHOD,
  SETUP,
} from '../convert-subscription.ts';
import { list, object, url } from '../shape.ts';
import { ID, RETURN_PATH, YES_OR_NO } from './field.ts';
import { defineWorkspaceRoute, type Route } from './route.ts';

const PATH = '/v1/billing/payment-methods';

const startSetup = defineWorkspaceRoute({
  method: 'POST',
  path: `${PATH}/setup`,
  workspace: 'required',
  name: 'setUpPaymentMethod',
  summary: 'Begin to store a card',
  needs: 'tenant_admin',
  body: defineBody<{ hosted_page?: boolean; consent_to_charge?: boolean; return_path?: string }>({
    type: 'object',
    properties: {
      hosted_page: { ...YES_OR_NO, nullable: true },
      consent_to_charge: { ...YES_OR_NO, nullable: true },
      return_path: { ...RETURN_PATH, nullable: true },
    },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: SETUP },
  reasons: ['STRIPE_OFF', 'STRIPE_REFUSED', 'STRIPE_UNAVAILABLE', 'TRIAL_NOT_ACTIVE'],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = {
      ...{ requestId: idempotencyKey, tenantId },
      hostedPage: body.hosted_page ?? false,
      consentToCharge: body.consent_to_charge ?? false,
      returnPath: body.return_path ?? '',
    };
    return fromProtoSetup(await kernel.call(PaymentMethodServiceService.startSetup, request, context));
  },
});

const listPaymentMethods = defineWorkspaceRoute({
  method: 'GET',
  path: PATH,
  workspace: 'required',
  name: 'listPaymentMethods',
  summary: 'List the stored payment methods',
  description: 'The default one first; at most the 1,000 newest, in one answer.',
  needs: 'tenant_admin',
  responses: { 200: object({ payment_methods: list(PAYMENT_METHOD) }) },
  reasons: ['STRIPE_OFF', 'STRIPE_REFUSED', 'STRIPE_UNAVAILABLE'],
  async answer(_input, { kernel, context, tenantId }) {
    const answer = await kernel.call(PaymentMethodServiceService.listPaymentMethods, { tenantId }, context);
    return { payment_methods: answer.paymentMethods.map(fromProtoPaymentMethod) };
  },
});

const setDefaultPaymentMethod = defineWorkspaceRoute({
  method: 'PUT',
  path: `${PATH}/default`,
  workspace: 'required',
  name: 'setDefaultPaymentMethod',
  summary: 'Choose what is charged',
  needs: 'tenant_admin',
  body: defineBody<{ payment_method_id: string }>({
    type: 'object',
    properties: { payment_method_id: ID },
    required: ['payment_method_id'],
    additionalProperties: false,
  }),
  responses: { 200: PAYMENT_METHOD },
  reasons: ['PAYMENT_METHOD_NOT_FOUND', 'STRIPE_OFF', 'STRIPE_REFUSED', 'STRIPE_UNAVAILABLE'],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, stripePaymentMethodId: body.payment_method_id };
    const answer = await kernel.call(PaymentMethodServiceService.setDefaultPaymentMethod, request, context);
    return fromProtoPaymentMethod(answer.paymentMethod);
  },
});

const openPortal = defineWorkspaceRoute({
  method: 'POST',
  path: '/v1/billing/portal',
  workspace: 'required',
  name: 'openPortal',
  summary: 'Open Stripe’s page of invoices and payment methods',
  repeat: 'by_nature',
  needs: 'tenant_admin',
  body: defineBody<{ return_path?: string }>({
    type: 'object',
    properties: { return_path: { ...RETURN_PATH, nullable: true } },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: object({ url: url() }) },
  reasons: ['STRIPE_OFF', 'STRIPE_REFUSED', 'STRIPE_UNAVAILABLE'],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, returnPath: body.return_path ?? '' };
    const { url } = await kernel.call(PaymentMethodServiceService.openPortal, request, context);
    return { url: fromProtoPageUrl(url, 'url') };
  },
});

export const paymentMethodRoutes: readonly Route[] = [
  startSetup,
  listPaymentMethods,
  setDefaultPaymentMethod,
  openPortal,
];
