// Owns the JSON of the history of payments, and the translation of the contract's messages into it.

import { type Payment, PaymentKind, PaymentStatus } from '../gen/wheelhouse/payment/v1/payment.ts';
import { ConversionError, fromProtoInteger, fromProtoTime, unknownValue } from './convert.ts';
import { fromProtoMoney, MONEY_FIELDS } from './convert-money.ts';
import { fromProtoOptionalUrl } from './convert-subscription.ts';
import { named, oneOf, orNull, text, time, url, type ValueOf, whole } from './shape.ts';

/** What a payment can be for. */
export const PAYMENT_KINDS = ['topup', 'subscription', 'other', 'refund', 'dispute'] as const;

/** Where a payment can stand. */
export const PAYMENT_STATUSES = ['pending', 'succeeded', 'failed', 'canceled'] as const;

/** Money that came, or went back. */
export const PAYMENT = named(
  'Payment',
  {
    ...MONEY_FIELDS,
    payment_id: text('Is Stripe’s id of the invoice, the refund or the dispute.'),
    kind: oneOf(PAYMENT_KINDS, 'Is `other` for an invoice that was made by hand.'),
    status: oneOf(PAYMENT_STATUSES, 'Is `canceled` for a dispute that was won, `succeeded` for one that was lost.'),
    microcredits: orNull(whole(), 'Is what it gives; null but for top-ups.'),
    description: text(),
    topup_id: orNull(text()),
    paid_payment_id: orNull(text(), 'Is the invoice that the money came by, of what went back.'),
    invoice_url: orNull(url()),
    receipt_url: orNull(url()),
    create_time: time(),
  },
  'Money that came, or went back.',
);
export type PaymentJson = ValueOf<typeof PAYMENT>;

/** Says which payments a list is of; what is not named limits nothing. */
export interface PaymentFilterJson {
  kind?: PaymentJson['kind'];
  status?: PaymentJson['status'];
}

const KIND_NUMBERS: Readonly<Record<PaymentJson['kind'], PaymentKind>> = {
  topup: PaymentKind.TOP_UP,
  subscription: PaymentKind.SUBSCRIPTION,
  other: PaymentKind.OTHER,
  refund: PaymentKind.REFUND,
  dispute: PaymentKind.DISPUTE,
};

const STATUS_NUMBERS: Readonly<Record<PaymentJson['status'], PaymentStatus>> = {
  pending: PaymentStatus.PENDING,
  succeeded: PaymentStatus.SUCCEEDED,
  failed: PaymentStatus.FAILED,
  canceled: PaymentStatus.CANCELED,
};

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

/** Translates which payments a list is of. */
export function toProtoPaymentFilter({ kind, status }: PaymentFilterJson) {
  return {
    kind: kind === undefined ? PaymentKind.UNSPECIFIED : KIND_NUMBERS[kind],
    status: status === undefined ? PaymentStatus.UNSPECIFIED : STATUS_NUMBERS[status],
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
