// Owns `GET /v1/billing/payment-history`: what the workspace has paid and what went back, newest first, a page at a time.

import { PaymentHistoryServiceService } from '../../gen/wheelhouse/payment/v1/payment_history_service.ts';
import { fromProtoPayment, PAYMENT } from '../convert-payment.ts';
import { pageOf } from '../shape.ts';
import { definePageQuery, fromProtoPageToken, toProtoPage } from './page.ts';
import { defineWorkspaceRoute } from './route.ts';

const PAGE = { sizeDefault: 50, sizeMax: 1_000 } as const;

export const paymentHistoryRoute = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/billing/payment-history',
  workspace: 'required',
  name: 'listPayments',
  summary: 'Read the history of payments',
  needs: 'tenant_admin',
  description: 'Newest first, a page at a time.',
  query: definePageQuery(PAGE),
  responses: { 200: pageOf('payments', PAYMENT) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const request = { tenantId, ...toProtoPage(query, PAGE) };
    const answer = await kernel.call(PaymentHistoryServiceService.listPayments, request, context);
    return {
      payments: answer.payments.map(fromProtoPayment),
      next_page_token: fromProtoPageToken(answer.nextPageToken),
    };
  },
});
