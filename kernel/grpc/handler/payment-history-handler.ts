// Owns PaymentHistoryService on the wire. Does not own what is in the history.

import type { PaymentHistoryServiceService } from '../../../gen/wheelhouse/payment/v1/payment_history_service.ts';
import type { PaymentHistory } from '../../app/payment/payment-history.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import { fromProtoListPayments, toProtoPayment } from '../convert/payment.ts';
import type { HandlerMap } from './handler-map.ts';

/** What PaymentHistoryService answers with. */
export interface PaymentHistoryHandlerParts {
  readonly payments: Pick<PaymentHistory, 'list'>;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of PaymentHistoryService. */
export function createPaymentHistoryHandlers({
  payments,
  directory,
}: PaymentHistoryHandlerParts): HandlerMap<typeof PaymentHistoryServiceService> {
  return {
    listPayments: async (request, { caller }) => {
      const { tenantId, ...query } = fromProtoListPayments(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      const page = await payments.list(tenant, query);
      return { ...page, payments: page.payments.map(toProtoPayment) };
    },
  };
}
