// Owns how billing events are kept in MongoDB: collection `billing_events`. Does not own what they tell of.
// Invariants: an id has one event and a number has one event, by unique indexes; the newest event is never removed.

import type { Connection, mongo } from 'mongoose';
import type { BillingEventStore, EventFilter } from '../../app/alert/ports.ts';
import type { BillingEvent, BillingEventType } from '../../domain/billing-event.ts';
import type { ProductCode, TenantId } from '../../domain/id.ts';
import { guardDatabase, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

const INDEXES = [
  { name: 'number', key: { number: 1 }, unique: true },
  { name: 'tenant_number', key: { tenant_id: 1, number: 1 } },
  { name: 'product_number', key: { product_code: 1, number: 1 } },
  { name: 'created', key: { created_at: 1 } },
] as const;

interface BillingEventDocument {
  /** The event's id: what makes an event that is noted twice one event. */
  readonly _id: string;
  readonly number: bigint;
  readonly tenant_id: string;
  readonly product_code: string;
  readonly type: BillingEventType;
  readonly data: Readonly<Record<string, string>>;
  readonly created_at: Date;
}

/**
 * Opens the collection of billing events and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openBillingEventStore(connection: Connection): Promise<BillingEventStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the billing events need an open database connection');
  const events = database.collection<BillingEventDocument>('billing_events', LEDGER_COLLECTION_OPTIONS);
  const found = await ensureIndexes(events, INDEXES);
  if (found === undefined) return new MongoBillingEventStore(events);
  const message =
    `The index ${JSON.stringify(found.key)} of collection billing_events ${found.problem}: ` +
    'drop an index of the same name or key that differs, and look for duplicate rows.';
  throw new Error(message, { cause: found.cause });
}

class MongoBillingEventStore implements BillingEventStore {
  readonly #events: mongo.Collection<BillingEventDocument>;

  constructor(events: mongo.Collection<BillingEventDocument>) {
    this.#events = events;
  }

  insertEvent: BillingEventStore['insertEvent'] = (event) =>
    guardDatabase(async () => {
      try {
        await this.#events.insertOne(toDocument(event));
        return 'inserted';
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        return (await this.hasEvent(event.eventId)) ? 'known' : 'number_taken';
      }
    });

  hasEvent: BillingEventStore['hasEvent'] = (eventId) =>
    guardDatabase(async () => (await this.#events.findOne({ _id: eventId }, { maxTimeMS: READ_TIMEOUT_MS })) !== null);

  loadRange: BillingEventStore['loadRange'] = () =>
    guardDatabase(async () => {
      const newest = await this.#findEnd(-1);
      if (newest === undefined) return undefined;
      return { oldest: (await this.#findEnd(1)) ?? newest, newest };
    });

  loadEventsAfter: BillingEventStore['loadEventsAfter'] = (number, filter, limit) =>
    this.#load({ ...toFilter(filter), number: { $gt: BigInt(number) } }, 1, limit);

  loadEventsBefore: BillingEventStore['loadEventsBefore'] = (number, filter, limit) =>
    this.#load({ ...toFilter(filter), number: { $lt: BigInt(number) } }, -1, limit);

  removeEventsBefore: BillingEventStore['removeEventsBefore'] = (at) =>
    guardDatabase(async () => {
      const newest = await this.#findEnd(-1);
      if (newest === undefined) return;
      await this.#events.deleteMany({ created_at: { $lt: new Date(at) }, number: { $lt: BigInt(newest) } });
    });

  async #findEnd(direction: 1 | -1): Promise<number | undefined> {
    const [end] = await this.#events
      .find({}, { projection: { number: 1 }, maxTimeMS: READ_TIMEOUT_MS })
      .sort({ number: direction })
      .limit(1)
      .toArray();
    return end === undefined ? undefined : Number(end.number);
  }

  #load(filter: mongo.Filter<BillingEventDocument>, direction: 1 | -1, limit: number): Promise<BillingEvent[]> {
    return guardDatabase(async () => {
      const documents = await this.#events
        .find(filter, { maxTimeMS: READ_TIMEOUT_MS })
        .sort({ number: direction })
        .limit(limit)
        .toArray();
      return documents.map(fromDocument);
    });
  }
}

function toFilter({ tenantId, productCode, type }: EventFilter): mongo.Filter<BillingEventDocument> {
  return {
    ...(tenantId === undefined ? {} : { tenant_id: tenantId }),
    ...(productCode === undefined ? {} : { product_code: productCode }),
    ...(type === undefined ? {} : { type }),
  };
}

function toDocument({ eventId, number, tenantId, productCode, type, data, createdAt }: BillingEvent) {
  return {
    _id: eventId,
    number: BigInt(number),
    tenant_id: tenantId,
    product_code: productCode,
    type,
    data,
    created_at: new Date(createdAt),
  };
}

function fromDocument(document: BillingEventDocument): BillingEvent {
  return {
    eventId: document._id,
    number: Number(document.number),
    tenantId: document.tenant_id as TenantId,
    productCode: document.product_code as ProductCode,
    type: document.type,
    data: document.data,
    createdAt: document.created_at.getTime(),
  };
}
