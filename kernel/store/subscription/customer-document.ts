// Owns the form of a workspace's customer in MongoDB: collection `stripe_customers`, one document for each workspace.

import type { CustomerRow } from '../../app/subscription/ports.ts';
import type { ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { toOptionalDate } from '../optional-date.ts';

export interface CustomerDocument {
  /** The tenant: a workspace has one customer. */
  readonly _id: string;
  readonly product_code: string;
  readonly intent_id: string;
  readonly attempt: number;
  readonly sent_at: Date;
  /** Set once for each intent. */
  readonly stripe_customer_id?: string;
  readonly former_stripe_customer_ids?: readonly string[];
  readonly page_opened_at?: Date;
  /** A set. */
  readonly dropped_subscription_ids?: readonly string[];
  readonly sync_due_at?: Date;
}

export function toDocumentCustomer(row: CustomerRow): CustomerDocument {
  const {
    tenantId,
    productCode,
    intentId,
    attempt,
    sentAt,
    stripeCustomerId,
    formerStripeIds,
    pageOpenedAt,
    droppedIds,
    syncDueAt,
  } = row;
  return {
    _id: tenantId,
    product_code: productCode,
    intent_id: intentId,
    attempt,
    sent_at: new Date(sentAt),
    ...present({
      stripe_customer_id: stripeCustomerId,
      former_stripe_customer_ids: formerStripeIds,
      page_opened_at: toOptionalDate(pageOpenedAt),
      dropped_subscription_ids: droppedIds,
      sync_due_at: toOptionalDate(syncDueAt),
    }),
  };
}

export function fromDocumentCustomer(document: CustomerDocument): CustomerRow {
  return {
    // What was stored was of these types.
    tenantId: document._id as TenantId,
    productCode: document.product_code as ProductCode,
    intentId: document.intent_id,
    attempt: document.attempt,
    sentAt: document.sent_at.getTime(),
    ...present({
      stripeCustomerId: document.stripe_customer_id,
      formerStripeIds: document.former_stripe_customer_ids,
      pageOpenedAt: document.page_opened_at?.getTime(),
      droppedIds: document.dropped_subscription_ids,
      syncDueAt: document.sync_due_at?.getTime(),
    }),
  };
}
