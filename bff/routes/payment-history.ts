// Owns `GET /v1/billing/payment-history`: what the workspace has paid and what went back, newest first, a page at a time.

import { PaymentHistoryServiceService } from '../../gen/wheelhouse/payment/v1/payment_history_service.ts';
import { fromProtoPayment } from '../convert-payment.ts';
import { definePageQuery, fromProtoPageToken, toProtoPage } from './page.ts';
import { defineWorkspaceRoute } from './route.ts';

const PAGE = { sizeDefault: 50, sizeMax: 1_000 } as const;

export const paymentHistoryRoute = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/billing/payment-history',
  workspace: 'required',
  query: definePageQuery(PAGE),
  async answer({ query }, { kernel, context, tenantId }) {
    const request = { tenantId, ...toProtoPage(query, PAGE) };
    const answer = await kernel.call(PaymentHistoryServiceService.listPayments, request, context);
    return {
      payments: answer.payments.map(fromProtoPayment),
      next_page_token: fromProtoPageToken(answer.nextPageToken),
    };
  },
});
