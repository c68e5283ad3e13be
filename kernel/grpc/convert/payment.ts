// Owns the translation between the contract of the history of payments and what the use case knows.

import {
  PaymentKind as PaymentKindMessage,
  type Payment as PaymentMessage,
  PaymentStatus as PaymentStatusMessage,
} from '../../../gen/wheelhouse/payment/v1/payment.ts';
import type { ListPaymentsRequest } from '../../../gen/wheelhouse/payment/v1/payment_history_service.ts';
import type { Payment, PaymentFilter, PaymentKind, PaymentStatus } from '../../app/payment/ports.ts';
import { present } from '../../domain/optional.ts';
import { checkTenantPage, FieldCheck, type TenantPage } from './field-check.ts';
import { checkListed } from './listed.ts';
import { toProtoMoney } from './money.ts';

const KINDS: Readonly<Record<PaymentKind, PaymentKindMessage>> = {
  top_up: PaymentKindMessage.TOP_UP,
  subscription: PaymentKindMessage.SUBSCRIPTION,
  other: PaymentKindMessage.OTHER,
  refund: PaymentKindMessage.REFUND,
  dispute: PaymentKindMessage.DISPUTE,
};

const STATUSES: Readonly<Record<PaymentStatus, PaymentStatusMessage>> = {
  pending: PaymentStatusMessage.PENDING,
  succeeded: PaymentStatusMessage.SUCCEEDED,
  failed: PaymentStatusMessage.FAILED,
  canceled: PaymentStatusMessage.CANCELED,
};

/** Checks a request for payments. Throws DomainError INVALID_FIELD. */
export function fromProtoListPayments(request: ListPaymentsRequest): TenantPage & { readonly filter: PaymentFilter } {
  const check = new FieldCheck();
  const query = {
    ...checkTenantPage(check, request),
    filter: present({
      kind: checkListed(check, 'kind', request.kind, KINDS),
      status: checkListed(check, 'status', request.status, STATUSES),
      ...check.range(request),
    }),
  };
  check.assertValid();
  return query;
}

export function toProtoPayment(payment: Payment): PaymentMessage {
  return {
    paymentId: payment.paymentId,
    kind: KINDS[payment.kind],
    status: STATUSES[payment.status],
    amount: toProtoMoney(payment),
    microcredits: payment.microcredits ?? 0n,
    description: payment.description,
    topUpId: payment.topUpId ?? '',
    paidPaymentId: payment.paidPaymentId ?? '',
    invoiceUrl: payment.invoiceUrl ?? '',
    receiptUrl: payment.receiptUrl ?? '',
    createTime: new Date(payment.createdAt),
  };
}
