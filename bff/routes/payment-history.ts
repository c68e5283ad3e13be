// Owns `GET /v1/billing/payment-history`: what the workspace has paid and what went back, newest first, a page at a time.

import { PaymentHistoryServiceService } from '../../gen/wheelhouse/payment/v1/payment_history_service.ts';
import {
  fromProtoPayment,
  PAYMENT,
  PAYMENT_KINDS,
  PAYMENT_STATUSES,
  type PaymentFilterJson,
  toProtoPaymentFilter,
} from '../convert-payment.ts';
import { defineQuery } from '../query.ts';
import { pageOf } from '../shape.ts';
import { fromProtoPageToken, type PageQuery, pageProperties, toProtoPage } from './page.ts';
import { defineWorkspaceRoute } from './route.ts';
import { TIME_RANGE, type TimeRangeQuery, toProtoTimes } from './time-range.ts';

const PAGE = { sizeDefault: 50, sizeMax: 1_000 } as const;

interface PaymentQuery extends PageQuery, TimeRangeQuery, PaymentFilterJson {}

export const paymentHistoryRoute = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/billing/payment-history',
  workspace: 'required',
  name: 'listPayments',
  summary: 'Read the history of payments',
  needs: 'tenant_admin',
  description: 'Newest first, by when they were made, a page at a time.',
  query: defineQuery<PaymentQuery>({
    type: 'object',
    properties: {
      kind: {
        type: 'string',
        nullable: true,
        enum: PAYMENT_KINDS,
        description: `one of ${PAYMENT_KINDS.join(', ')}`,
      },
      status: {
        type: 'string',
        nullable: true,
        enum: PAYMENT_STATUSES,
        description: `one of ${PAYMENT_STATUSES.join(', ')}`,
      },
      ...TIME_RANGE,
      ...pageProperties(PAGE.sizeMax),
    },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: pageOf('payments', PAYMENT) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const request = {
      ...{ tenantId, ...toProtoPaymentFilter(query), ...toProtoTimes(query) },
      ...toProtoPage(query, PAGE),
    };
    const answer = await kernel.call(PaymentHistoryServiceService.listPayments, request, context);
    return {
      payments: answer.payments.map(fromProtoPayment),
      next_page_token: fromProtoPageToken(answer.nextPageToken),
    };
  },
});
