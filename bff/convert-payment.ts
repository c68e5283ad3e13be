// Owns the JSON of the history of payments, and the translation of the contract's messages into it.

import { type Payment, PaymentKind, PaymentStatus } from '../gen/wheelhouse/payment/v1/payment.ts';
import { ConversionError, fromProtoInteger, fromProtoTime, unknownValue } from './convert.ts';
import { fromProtoMoney, fromProtoOptionalUrl, type MoneyJson } from './convert-subscription.ts';

/** Money that came, or went back. */
export interface PaymentJson extends MoneyJson {
  /** Is Stripe's id of the invoice, the refund or the dispute. */
  payment_id: string;
  /** Is `other` for an invoice that was made by hand. */
  kind: 'topup' | 'subscription' | 'other' | 'refund' | 'dispute';
  /** Is `canceled` for a dispute that was won, `succeeded` for one that was lost. */
  status: 'pending' | 'succeeded' | 'failed' | 'canceled';
  /** Is what it gives; null but for top-ups. */
  microcredits: number | null;
  description: string;
  topup_id: string | null;
  /** Is the invoice that the money came by, of what went back. */
  paid_payment_id: string | null;
  invoice_url: string | null;
  receipt_url: string | null;
  create_time: string;
}

/** Translates a payment. Throws ConversionError when a part of it can't be shown. */
export function fromProtoPayment(payment: Payment): PaymentJson {
  return {
    payment_id: payment.paymentId,
    kind: fromProtoKind(payment.kind),
    status: fromProtoStatus(payment.status),
    ...fromProtoMoney(payment.amount, 'amount'),
    microcredits: payment.topUpId === '' ? null : fromProtoInteger(payment.microcredits, 'microcredits'),
    description: payment.description,
    topup_id: payment.topUpId || null,
    paid_payment_id: payment.paidPaymentId || null,
    invoice_url: fromProtoOptionalUrl(payment.invoiceUrl, 'invoice_url'),
    receipt_url: fromProtoOptionalUrl(payment.receiptUrl, 'receipt_url'),
    create_time: fromProtoTime(payment.createTime, 'create_time'),
  };
}

function fromProtoKind(kind: PaymentKind): PaymentJson['kind'] {
  switch (kind) {
    case PaymentKind.TOP_UP:
      return 'topup';
    case PaymentKind.SUBSCRIPTION:
      return 'subscription';
    case PaymentKind.OTHER:
      return 'other';
    case PaymentKind.REFUND:
      return 'refund';
    case PaymentKind.DISPUTE:
      return 'dispute';
    case PaymentKind.UNSPECIFIED:
      throw new ConversionError('kind', 'the kernel answered without the kind of a payment');
    default:
      throw unknownValue('kind', kind);
  }
}

function fromProtoStatus(status: PaymentStatus): PaymentJson['status'] {
  switch (status) {
    case PaymentStatus.PENDING:
      return 'pending';
    case PaymentStatus.SUCCEEDED:
      return 'succeeded';
    case PaymentStatus.FAILED:
      return 'failed';
    case PaymentStatus.CANCELED:
      return 'canceled';
    case PaymentStatus.UNSPECIFIED:
      throw new ConversionError('status', 'the kernel answered without the status of a payment');
    default:
      throw unknownValue('status', status);
  }
}
