// Owns how alert deliveries are kept in MongoDB: collections `alert_deliveries` and `alert_fan_out`. Does not own what becomes of them.
// Invariants: a delivery is one document, by its id, however often it is put in; only the attempt that is counted in the document
// changes what becomes of it; the database itself removes what is old.

import type { Connection, mongo } from 'mongoose';
import type { AlertDelivery, AlertDeliveryStore, AttemptOutcome, DeliveryPlace } from '../../app/alert/ports.ts';
import type { ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, isDuplicateKeyAlone } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import { toOptionalDate } from '../optional-date.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;
/** How long a delivery is kept after its event. */
const RETENTION_MS = 30 * 86_400_000;
const COLLECTION_OPTIONS = { ...LEDGER_COLLECTION_OPTIONS, useBigInt64: false } as const;

const INDEXES: readonly WantedIndex[] = [
  { name: 'state_due', key: { state: 1, due_at: 1 } },
  { name: 'tenant_created', key: { tenant_id: 1, created_at: -1, _id: -1 } },
  { name: 'expiry', key: { remove_at: 1 }, expireAfterSeconds: 0 },
];

interface DeliveryDocument {
  /** The delivery's id. */
  readonly _id: string;
  readonly tenant_id: string;
  readonly product_code: string;
  readonly endpoint_id: string;
  readonly event_id: string;
  readonly type: AlertDelivery['event']['type'];
  readonly data: Readonly<Record<string, string>>;
  readonly event_at: Date;
  readonly state: AlertDelivery['state'];
  readonly created_at: Date;
  readonly attempts: number;
  readonly due_at?: Date;
  readonly failure?: string;
  readonly status?: number;
  readonly delivered_at?: Date;
  /** The key of the last request to send it again. */
  readonly resend_key?: string;
  readonly remove_at: Date;
}

interface FanOutDocument {
  readonly _id: string;
  readonly number: number;
}

const FAN_OUT_ID = 'billing_events';

/**
 * Opens the collections of deliveries and proves their indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openAlertDeliveryStore(connection: Connection): Promise<AlertDeliveryStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the alert deliveries need an open database connection');
  const deliveries = database.collection<DeliveryDocument>('alert_deliveries', COLLECTION_OPTIONS);
  const marks = database.collection<FanOutDocument>('alert_fan_out', COLLECTION_OPTIONS);
  const found = await ensureIndexes(deliveries, INDEXES);
  if (found === undefined) return new MongoAlertDeliveryStore(deliveries, marks);
  const message =
    `The index ${JSON.stringify(found.key)} of collection alert_deliveries ${found.problem}: ` +
    'drop an index of the same name or key that differs.';
  throw new Error(message, { cause: found.cause });
}

class MongoAlertDeliveryStore implements AlertDeliveryStore {
  readonly #deliveries: mongo.Collection<DeliveryDocument>;
  readonly #marks: mongo.Collection<FanOutDocument>;

  constructor(deliveries: mongo.Collection<DeliveryDocument>, marks: mongo.Collection<FanOutDocument>) {
    this.#deliveries = deliveries;
    this.#marks = marks;
  }

  insertDeliveries: AlertDeliveryStore['insertDeliveries'] = (deliveries) =>
    guardDatabase(async () => {
      try {
        await this.#deliveries.insertMany(deliveries.map(toDocument), { ordered: false });
      } catch (error) {
        if (!isDuplicateKeyAlone(error)) throw error;
      }
    });

  loadDelivery: AlertDeliveryStore['loadDelivery'] = (tenantId, deliveryId) =>
    guardDatabase(async () => {
      const filter = { _id: deliveryId, tenant_id: tenantId };
      const document = await this.#deliveries.findOne(filter, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocument(document);
    });

  loadDeliveries: AlertDeliveryStore['loadDeliveries'] = (tenantId, { endpointId, state, after }, limit) =>
    guardDatabase(async () => {
      const filter: mongo.Filter<DeliveryDocument> = {
        tenant_id: tenantId,
        ...present({ endpoint_id: endpointId, state }),
        ...(after === undefined ? {} : isAfter(after)),
      };
      const documents = await this.#deliveries
        .find(filter, { maxTimeMS: READ_TIMEOUT_MS })
        .sort({ tenant_id: 1, created_at: -1, _id: -1 })
        .limit(limit)
        .toArray();
      return documents.map(fromDocument);
    });

  countTests: AlertDeliveryStore['countTests'] = (tenantId, since, limit) =>
    guardDatabase(() => {
      const filter = { tenant_id: tenantId, created_at: { $gt: new Date(since) }, type: 'alert.test' as const };
      return this.#deliveries.countDocuments(filter, { limit, maxTimeMS: READ_TIMEOUT_MS });
    });

  claimDue: AlertDeliveryStore['claimDue'] = (now, dueAt, { endpointIds, tenantIds }) =>
    guardDatabase(async () => {
      const notBusy = {
        ...(endpointIds.length === 0 ? {} : { endpoint_id: { $nin: [...endpointIds] } }),
        ...(tenantIds.length === 0 ? {} : { tenant_id: { $nin: [...tenantIds] } }),
      };
      const document = await this.#deliveries.findOneAndUpdate(
        { state: 'pending', due_at: { $lte: new Date(now) }, ...notBusy },
        { $set: { due_at: new Date(dueAt) }, $inc: { attempts: 1 } },
        { sort: { due_at: 1 }, returnDocument: 'after', maxTimeMS: READ_TIMEOUT_MS },
      );
      return document === null ? undefined : fromDocument(document);
    });

  saveDelivered: AlertDeliveryStore['saveDelivered'] = ({ deliveryId, attempts }, outcome, at) =>
    guardDatabase(async () => {
      // Whichever attempt ended well: the event is out, unless somebody sends it again since.
      await this.#deliveries.updateOne(
        { _id: deliveryId, attempts: { $gte: attempts }, state: { $ne: 'delivered' } },
        {
          $set: { state: 'delivered', delivered_at: new Date(at), ...toFields(outcome) },
          $unset: { due_at: '', failure: '' },
        },
      );
    });

  saveFailed: AlertDeliveryStore['saveFailed'] = ({ deliveryId, attempts }, outcome, dueAt) =>
    guardDatabase(async () => {
      const filter = { _id: deliveryId, state: 'pending' as const, attempts };
      const gone = outcome.status === undefined ? { status: '' as const } : {};
      if (dueAt === undefined) {
        const $unset = { due_at: '' as const, ...gone };
        await this.#deliveries.updateOne(filter, { $set: { state: 'failed', ...toFields(outcome) }, $unset });
      } else {
        const $set = { due_at: new Date(dueAt), ...toFields(outcome) };
        await this.#deliveries.updateOne(filter, { $set, ...(outcome.status === undefined ? { $unset: gone } : {}) });
      }
    });

  resend: AlertDeliveryStore['resend'] = (tenantId, deliveryId, key, dueAt) =>
    guardDatabase(async () => {
      const filter = { _id: deliveryId, tenant_id: tenantId };
      const $set = { state: 'pending', due_at: new Date(dueAt), attempts: 0, resend_key: key } as const;
      const $unset = { failure: '', status: '', delivered_at: '' } as const;
      const { matchedCount } = await this.#deliveries.updateOne(
        { ...filter, resend_key: { $ne: key } },
        { $set, $unset },
      );
      return matchedCount === 1 || (await this.#deliveries.countDocuments(filter, { limit: 1 })) === 1;
    });

  loadFanOutMark: AlertDeliveryStore['loadFanOutMark'] = () =>
    guardDatabase(async () => {
      return (await this.#marks.findOne({ _id: FAN_OUT_ID }, { maxTimeMS: READ_TIMEOUT_MS }))?.number ?? 0;
    });

  saveFanOutMark: AlertDeliveryStore['saveFanOutMark'] = (number) =>
    guardDatabase(async () => {
      await this.#marks.updateOne({ _id: FAN_OUT_ID }, { $max: { number } }, { upsert: true });
    });
}

function isAfter({ createdAt, id }: DeliveryPlace): mongo.Filter<DeliveryDocument> {
  const at = new Date(createdAt);
  return { $or: [{ created_at: { $lt: at } }, { created_at: at, _id: { $lt: id } }] };
}

function toFields({ failure, status }: AttemptOutcome) {
  return present({ failure, status });
}

function toDocument({ event, ...delivery }: AlertDelivery): DeliveryDocument {
  return {
    _id: delivery.deliveryId,
    tenant_id: event.tenantId,
    product_code: event.productCode,
    endpoint_id: delivery.endpointId,
    event_id: event.eventId,
    type: event.type,
    data: event.data,
    event_at: new Date(event.createdAt),
    state: delivery.state,
    created_at: new Date(delivery.createdAt),
    attempts: delivery.attempts,
    ...present({ due_at: toOptionalDate(delivery.dueAt) }),
    remove_at: new Date(delivery.createdAt + RETENTION_MS),
  };
}

function fromDocument(document: DeliveryDocument): AlertDelivery {
  return {
    deliveryId: document._id,
    endpointId: document.endpoint_id,
    event: {
      eventId: document.event_id,
      tenantId: document.tenant_id as TenantId,
      productCode: document.product_code as ProductCode,
      type: document.type,
      data: document.data,
      createdAt: document.event_at.getTime(),
    },
    state: document.state,
    createdAt: document.created_at.getTime(),
    attempts: document.attempts,
    ...present({
      dueAt: document.due_at?.getTime(),
      failure: document.failure,
      status: document.status,
      deliveredAt: document.delivered_at?.getTime(),
    }),
  };
}
