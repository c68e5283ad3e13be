// Owns the form of top-ups in MongoDB: collection `top_ups`, one document for each. Does not own what becomes of them (app/payment).

import type { TopUp } from '../../app/payment/ports.ts';
import type { Fingerprint, IdempotencyKey, ProductCode, TenantId, TopUpId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { TopUpCause, TopUpStatus } from '../../domain/top-up.ts';
import { toInt64 } from '../ledger/int64.ts';
import { toOptionalDate } from '../optional-date.ts';

export interface TopUpDocument {
  readonly _id: string;
  readonly tenant_id: string;
  readonly product_code: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly cause: TopUpCause;
  /** Int64. */
  readonly minor_units: bigint;
  readonly currency: string;
  /** Int64. */
  readonly microcredits: bigint;
  readonly uses_stored_card: boolean;
  readonly status: TopUpStatus;
  readonly attempt: number;
  readonly sent_at?: Date;
  readonly stored_failures: number;
  readonly tries: number;
  readonly is_charged: boolean;
  readonly is_closing: boolean;
  readonly stripe_invoice_id?: string;
  readonly stripe_payment_intent_id?: string;
  readonly page_url?: string;
  readonly failure_code?: string;
  /** Int64. */
  readonly returned_minor_units: bigint;
  /** Which settlement said how much went back. */
  readonly returned_number: number;
  readonly created_at: Date;
  readonly page_expires_at: Date;
  readonly ended_at?: Date;
  readonly due_at?: Date;
  readonly failure?: string;
}

export function toDocumentTopUp(topUp: TopUp): TopUpDocument {
  return {
    _id: topUp.topUpId,
    tenant_id: topUp.tenantId,
    product_code: topUp.productCode,
    key: topUp.key,
    fingerprint: topUp.fingerprint,
    cause: topUp.cause,
    minor_units: toInt64(topUp.minorUnits),
    currency: topUp.currency,
    microcredits: toInt64(topUp.microcredits),
    uses_stored_card: topUp.usesStoredCard,
    status: topUp.status,
    attempt: topUp.attempt,
    stored_failures: topUp.storedFailures,
    tries: topUp.tries,
    is_charged: topUp.isCharged,
    is_closing: topUp.isClosing,
    returned_minor_units: toInt64(topUp.returnedMinorUnits),
    returned_number: 0,
    created_at: new Date(topUp.createdAt),
    page_expires_at: new Date(topUp.pageExpiresAt),
    ...present({
      sent_at: toOptionalDate(topUp.sentAt),
      stripe_invoice_id: topUp.stripeInvoiceId,
      stripe_payment_intent_id: topUp.stripePaymentIntentId,
      page_url: topUp.pageUrl,
      failure_code: topUp.failureCode,
      ended_at: toOptionalDate(topUp.endedAt),
      due_at: toOptionalDate(topUp.dueAt),
      failure: topUp.failure,
    }),
  };
}

export function fromDocumentTopUp(document: TopUpDocument): TopUp {
  return {
    // What was stored was of these types.
    topUpId: document._id as TopUpId,
    tenantId: document.tenant_id as TenantId,
    productCode: document.product_code as ProductCode,
    key: document.key as IdempotencyKey,
    fingerprint: document.fingerprint as Fingerprint,
    cause: document.cause,
    minorUnits: document.minor_units,
    currency: document.currency,
    microcredits: document.microcredits,
    usesStoredCard: document.uses_stored_card,
    status: document.status,
    attempt: document.attempt,
    storedFailures: document.stored_failures,
    tries: document.tries,
    isCharged: document.is_charged,
    isClosing: document.is_closing,
    returnedMinorUnits: document.returned_minor_units,
    createdAt: document.created_at.getTime(),
    pageExpiresAt: document.page_expires_at.getTime(),
    ...present({
      sentAt: document.sent_at?.getTime(),
      stripeInvoiceId: document.stripe_invoice_id,
      stripePaymentIntentId: document.stripe_payment_intent_id,
      pageUrl: document.page_url,
      failureCode: document.failure_code,
      endedAt: document.ended_at?.getTime(),
      dueAt: document.due_at?.getTime(),
      failure: document.failure,
    }),
  };
}
