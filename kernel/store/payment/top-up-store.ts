// Owns how top-ups are kept in MongoDB. Does not own when they are worked on (app/payment/top-up-runner.ts).
// Invariants: a workspace has one top-up for each key; what has ended is not changed, but for what of it went back; only who took one
// last notes what it sends; every write can be done again.

import type { Connection, mongo } from 'mongoose';
import type { SeenTopUp, TopUp, TopUpStore } from '../../app/payment/ports.ts';
import { DomainError } from '../../domain/error.ts';
import type { TopUpId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, guardWrite } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import { toInt64 } from '../ledger/int64.ts';
import { insertOrLoad } from '../subscription/insert-or-load.ts';
import { toTimeFilter } from '../time-filter.ts';
import { fromDocumentTopUp, type TopUpDocument, toDocumentTopUp } from './top-up-document.ts';

/** How long the database may take for one command, in milliseconds. */
const TIMEOUT_MS = 5_000;
const OPEN = { ended_at: { $exists: false } } as const;

const NEWEST_FIRST = { created_at: -1, _id: -1 } as const;

const INDEXES: readonly WantedIndex[] = [
  { name: 'tenant_key', key: { tenant_id: 1, key: 1 }, unique: true },
  { name: 'tenant_created', key: { tenant_id: 1, ...NEWEST_FIRST } },
  { name: 'tenant_status_created', key: { tenant_id: 1, status: 1, ...NEWEST_FIRST } },
  {
    name: 'stripe_invoice_id',
    key: { stripe_invoice_id: 1 },
    unique: true,
    partialFilterExpression: { stripe_invoice_id: { $exists: true } },
  },
  {
    name: 'stripe_payment_intent_id',
    key: { stripe_payment_intent_id: 1 },
    partialFilterExpression: { stripe_payment_intent_id: { $exists: true } },
  },
  { name: 'due', key: { due_at: 1 }, partialFilterExpression: { due_at: { $exists: true } } },
];

/**
 * Opens the collection of top-ups and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openTopUpStore(connection: Connection): Promise<TopUpStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the top-ups need an open database connection');
  const topUps = database.collection<TopUpDocument>('top_ups', LEDGER_COLLECTION_OPTIONS);
  const found = await ensureIndexes(topUps, INDEXES);
  if (found === undefined) return new MongoTopUpStore(topUps);
  const message =
    `The index ${JSON.stringify(found.key)} of collection top_ups ${found.problem}: ` +
    'drop an index of the same name or key that differs, and look for duplicate rows.';
  throw new Error(message, { cause: found.cause });
}

class MongoTopUpStore implements TopUpStore {
  readonly #topUps: mongo.Collection<TopUpDocument>;

  constructor(topUps: mongo.Collection<TopUpDocument>) {
    this.#topUps = topUps;
  }

  insertTopUp: TopUpStore['insertTopUp'] = (topUp) =>
    guardWrite(async () => {
      const { tenant_id, key, ...fields } = toDocumentTopUp(topUp);
      return fromDocumentTopUp(await insertOrLoad(this.#topUps, { tenant_id, key }, fields));
    });

  loadTopUp: TopUpStore['loadTopUp'] = (topUpId) => this.#findOne({ _id: topUpId });

  findByKey: TopUpStore['findByKey'] = (tenantId, key) => this.#findOne({ tenant_id: tenantId, key });

  findByInvoice: TopUpStore['findByInvoice'] = (stripeInvoiceId) =>
    this.#findOne({ stripe_invoice_id: stripeInvoiceId });

  findByPaymentIntent: TopUpStore['findByPaymentIntent'] = (stripePaymentIntentId) =>
    this.#findOne({ stripe_payment_intent_id: stripePaymentIntentId });

  hasSucceeded: TopUpStore['hasSucceeded'] = async (tenantId) => {
    return (await this.#findOne({ tenant_id: tenantId, status: 'succeeded' })) !== undefined;
  };

  loadPage: TopUpStore['loadPage'] = ({ tenantId, filter: { status, ...range }, after, limit }) =>
    guardDatabase(async () => {
      const filter = { tenant_id: tenantId, ...present({ status }), ...toTimeFilter({ range, after }) };
      const options = { sort: NEWEST_FIRST, limit, maxTimeMS: TIMEOUT_MS } as const;
      return (await this.#topUps.find(filter, options).toArray()).map(fromDocumentTopUp);
    });

  claim: TopUpStore['claim'] = (now, claimedUntil, topUpId) =>
    guardWrite(async () => {
      const document = await this.#topUps.findOneAndUpdate(
        { ...(topUpId === undefined ? {} : { _id: topUpId }), due_at: { $lte: new Date(now) } },
        { $set: { due_at: new Date(claimedUntil) }, $inc: { tries: 1 } },
        { sort: { due_at: 1 }, returnDocument: 'after', maxTimeMS: TIMEOUT_MS },
      );
      return document === null ? undefined : fromDocumentTopUp(document);
    });

  saveSent: TopUpStore['saveSent'] = (topUp, attempt, sentAt) =>
    guardWrite(async () => {
      const fields = { attempt, sent_at: new Date(sentAt), stored_failures: 0 };
      return (await this.#topUps.updateOne(asClaimed(topUp), { $set: fields })).matchedCount > 0;
    });

  saveInvoice: TopUpStore['saveInvoice'] = (topUpId, stripeInvoiceId) =>
    this.#update(topUpId, { stripe_invoice_id: { $exists: false } }, { $set: { stripe_invoice_id: stripeInvoiceId } });

  saveCharged: TopUpStore['saveCharged'] = (topUpId) => this.#update(topUpId, OPEN, { $set: { is_charged: true } });

  saveSeen: TopUpStore['saveSeen'] = (topUpId, seen) => {
    const { set, unset } = toChanges(seen);
    return this.#update(topUpId, OPEN, { $set: set, ...(Object.keys(unset).length === 0 ? {} : { $unset: unset }) });
  };

  endTopUp: TopUpStore['endTopUp'] = (topUpId, seen, endedAt, failure) => {
    const { set, unset } = toChanges(seen);
    return this.#update(topUpId, OPEN, {
      $set: { ...set, ended_at: new Date(endedAt), ...present({ failure }) },
      $unset: { ...unset, due_at: true, ...(failure === undefined ? { failure: true } : {}) },
    });
  };

  requestClose: TopUpStore['requestClose'] = (topUpId, now) =>
    this.#update(topUpId, OPEN, { $set: { is_closing: true }, $min: { due_at: new Date(now) } });

  saveDue: TopUpStore['saveDue'] = (topUp, dueAt) =>
    guardWrite(async () => {
      const update = { $set: { due_at: new Date(dueAt), tries: 0 }, $unset: { failure: true } } as const;
      await this.#topUps.updateOne(asClaimed(topUp), update);
    });

  saveRetry: TopUpStore['saveRetry'] = (topUp, failure, dueAt) =>
    guardWrite(async () => {
      const fields = { failure, due_at: new Date(dueAt), stored_failures: topUp.storedFailures };
      await this.#topUps.updateOne(asClaimed(topUp), { $set: fields });
    });

  saveReturned: TopUpStore['saveReturned'] = (topUpId, returnedMinorUnits, number) =>
    guardWrite(async () => {
      const fields = { returned_minor_units: toInt64(returnedMinorUnits), returned_number: number };
      await this.#topUps.updateOne({ _id: topUpId, returned_number: { $lte: number } }, { $set: fields });
    });

  loadOldestDue: TopUpStore['loadOldestDue'] = () =>
    guardDatabase(async () => {
      const options = { projection: { due_at: 1 }, sort: { due_at: 1 }, maxTimeMS: TIMEOUT_MS } as const;
      return (await this.#topUps.findOne({ due_at: { $exists: true } }, options))?.due_at?.getTime();
    });

  /** Changes a document where it is as said; answers the one that is there then. */
  async #update(
    topUpId: TopUpId,
    condition: mongo.Filter<TopUpDocument>,
    update: mongo.UpdateFilter<TopUpDocument>,
  ): Promise<TopUp> {
    const options = { returnDocument: 'after', maxTimeMS: TIMEOUT_MS } as const;
    const updated = await guardWrite(() =>
      this.#topUps.findOneAndUpdate({ ...condition, _id: topUpId }, update, options),
    );
    const topUp = updated === null ? await this.loadTopUp(topUpId) : fromDocumentTopUp(updated);
    if (topUp !== undefined) return topUp;
    throw new DomainError('INTERNAL', `the top-up ${topUpId} has no row in top_ups any more: somebody has removed it`);
  }

  #findOne(filter: mongo.Filter<TopUpDocument>): Promise<TopUp | undefined> {
    return guardDatabase(async () => {
      const document = await this.#topUps.findOne(filter, { maxTimeMS: TIMEOUT_MS });
      return document === null ? undefined : fromDocumentTopUp(document);
    });
  }
}

/** Matches a top-up only as long as nobody else took it, and it was not given back. */
function asClaimed({ topUpId, dueAt }: TopUp): mongo.Filter<TopUpDocument> {
  return { _id: topUpId, due_at: new Date(dueAt ?? 0) };
}

/** What was seen is set, and what was not is removed. */
function toChanges({ status, stripePaymentIntentId, pageUrl, failureCode }: SeenTopUp) {
  const seen = { page_url: pageUrl, failure_code: failureCode };
  const set = { status, ...present({ stripe_payment_intent_id: stripePaymentIntentId, ...seen }) };
  const unset: { page_url?: true; failure_code?: true } = {};
  if (pageUrl === undefined) unset.page_url = true;
  if (failureCode === undefined) unset.failure_code = true;
  return { set, unset };
}
