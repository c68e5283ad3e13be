// Owns how payments are kept in MongoDB: collection `payments`, one document for each invoice, refund and dispute. Does not own reading
// them at Stripe.
// Invariants: what was read earlier never takes the place of what was read later; every write can be done again.

import type { Connection, mongo } from 'mongoose';
import type { Payment, PaymentKind, PaymentStatus, PaymentStore } from '../../app/payment/ports.ts';
import type { TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, guardWrite, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import { toInt64 } from '../ledger/int64.ts';
import { toTimeFilter } from '../time-filter.ts';

/** How long the database may take for one command, in milliseconds. */
const TIMEOUT_MS = 5_000;

const NEWEST_FIRST = { created_at: -1, _id: -1 } as const;

const INDEXES: readonly WantedIndex[] = [
  { name: 'tenant_created', key: { tenant_id: 1, ...NEWEST_FIRST } },
  { name: 'tenant_kind_created', key: { tenant_id: 1, kind: 1, ...NEWEST_FIRST } },
  { name: 'tenant_status_created', key: { tenant_id: 1, status: 1, ...NEWEST_FIRST } },
];

interface PaymentDocument {
  /** Stripe's id. */
  readonly _id: string;
  readonly tenant_id: string;
  readonly kind: PaymentKind;
  readonly status: PaymentStatus;
  /** Int64. */
  readonly minor_units: bigint;
  readonly currency: string;
  readonly description: string;
  readonly paid_payment_id?: string;
  readonly invoice_url?: string;
  readonly receipt_url?: string;
  readonly top_up_id?: string;
  /** Int64. */
  readonly microcredits?: bigint;
  readonly created_at: Date;
  readonly read_at: Date;
}

/**
 * Opens the collection of payments and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openPaymentStore(connection: Connection): Promise<PaymentStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the payments need an open database connection');
  const payments = database.collection<PaymentDocument>('payments', LEDGER_COLLECTION_OPTIONS);
  const found = await ensureIndexes(payments, INDEXES);
  if (found === undefined) return new MongoPaymentStore(payments);
  const message =
    `The index ${JSON.stringify(found.key)} of collection payments ${found.problem}: ` +
    'drop an index of the same name or key that differs.';
  throw new Error(message, { cause: found.cause });
}

class MongoPaymentStore implements PaymentStore {
  readonly #payments: mongo.Collection<PaymentDocument>;

  constructor(payments: mongo.Collection<PaymentDocument>) {
    this.#payments = payments;
  }

  savePayments: PaymentStore['savePayments'] = (payments, readAt) =>
    guardWrite(async () => {
      for (const payment of payments) await this.#save(toDocument(payment, readAt));
    });

  loadPage: PaymentStore['loadPage'] = ({ tenantId, filter: { kind, status, ...range }, after, limit }) =>
    guardDatabase(async () => {
      const filter = { tenant_id: tenantId, ...present({ kind, status }), ...toTimeFilter({ range, after }) };
      const options = { sort: NEWEST_FIRST, limit, maxTimeMS: TIMEOUT_MS } as const;
      return (await this.#payments.find(filter, options).toArray()).map(fromDocument);
    });

  async #save({ _id, ...fields }: PaymentDocument): Promise<void> {
    try {
      const filter = { _id, read_at: { $lte: fields.read_at } };
      await this.#payments.updateOne(filter, { $set: fields }, { upsert: true });
    } catch (error) {
      // It is there, and was read later.
      if (!isDuplicateKey(error)) throw error;
    }
  }
}

function toDocument(payment: Payment, readAt: number): PaymentDocument {
  const { paymentId, tenantId, kind, status, minorUnits, currency, description, microcredits } = payment;
  return {
    ...{ _id: paymentId, tenant_id: tenantId, kind, status, minor_units: toInt64(minorUnits), currency, description },
    created_at: new Date(payment.createdAt),
    read_at: new Date(readAt),
    ...present({
      paid_payment_id: payment.paidPaymentId,
      invoice_url: payment.invoiceUrl,
      receipt_url: payment.receiptUrl,
      top_up_id: payment.topUpId,
      microcredits: microcredits === undefined ? undefined : toInt64(microcredits),
    }),
  };
}

function fromDocument(document: PaymentDocument): Payment {
  return {
    paymentId: document._id,
    // What was stored was of this type.
    tenantId: document.tenant_id as TenantId,
    kind: document.kind,
    status: document.status,
    minorUnits: document.minor_units,
    currency: document.currency,
    description: document.description,
    createdAt: document.created_at.getTime(),
    ...present({
      paidPaymentId: document.paid_payment_id,
      invoiceUrl: document.invoice_url,
      receiptUrl: document.receipt_url,
      topUpId: document.top_up_id,
      microcredits: document.microcredits,
    }),
  };
}
