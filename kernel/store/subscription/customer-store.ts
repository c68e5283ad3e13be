// Owns how it is kept in MongoDB which customer at Stripe is whose. Does not own how customers come to be.
// Invariants: a workspace has one document, and it names one customer, another one only where that was deleted at Stripe; no two name
// the same one; every write can be done again.

import type { Connection, mongo } from 'mongoose';
import { CHOICES_MAX, type CustomerRow, type CustomerStore } from '../../app/subscription/ports.ts';
import { DomainError } from '../../domain/error.ts';
import { guardDatabase, guardWrite, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import {
  type CustomerDocument,
  fromDocumentCustomer,
  toDocumentAnswer,
  toDocumentChoice,
  toDocumentCustomer,
  toDocumentSetAside,
} from './customer-document.ts';
import { insertOrLoad } from './insert-or-load.ts';

/** How long the database may take for one command, in milliseconds. */
const TIMEOUT_MS = 5_000;
/** How many customers of a workspace are remembered that were deleted at Stripe. */
const FORMER_MAX = 20;
/** Attempts are counted as plain numbers. */
const COLLECTION_OPTIONS = { ...LEDGER_COLLECTION_OPTIONS, useBigInt64: false } as const;

const INDEXES: readonly WantedIndex[] = [
  {
    name: 'stripe_customer_id',
    key: { stripe_customer_id: 1 },
    unique: true,
    partialFilterExpression: { stripe_customer_id: { $exists: true } },
  },
  {
    name: 'former_stripe_customer_ids',
    key: { former_stripe_customer_ids: 1 },
    partialFilterExpression: { former_stripe_customer_ids: { $exists: true } },
  },
  { name: 'sync_due', key: { sync_due_at: 1 } },
];

/**
 * Opens the collection of customers and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openCustomerStore(connection: Connection): Promise<CustomerStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the customers need an open database connection');
  const customers = database.collection<CustomerDocument>('stripe_customers', COLLECTION_OPTIONS);
  const found = await ensureIndexes(customers, INDEXES);
  if (found === undefined) return new MongoCustomerStore(customers);
  const message =
    `The index ${JSON.stringify(found.key)} of collection stripe_customers ${found.problem}: ` +
    'drop an index of the same name or key that differs, and look for duplicate rows.';
  throw new Error(message, { cause: found.cause });
}

class MongoCustomerStore implements CustomerStore {
  readonly #customers: mongo.Collection<CustomerDocument>;

  constructor(customers: mongo.Collection<CustomerDocument>) {
    this.#customers = customers;
  }

  loadCustomer: CustomerStore['loadCustomer'] = (tenantId) => this.#findOne({ _id: tenantId });

  findByStripeId: CustomerStore['findByStripeId'] = async (stripeCustomerId) =>
    (await this.#findOne({ stripe_customer_id: stripeCustomerId })) ??
    (await this.#findOne({ former_stripe_customer_ids: stripeCustomerId }));

  insertCustomer: CustomerStore['insertCustomer'] = (row) =>
    guardWrite(async () => {
      const { _id, ...fields } = toDocumentCustomer(row);
      return fromDocumentCustomer(await insertOrLoad(this.#customers, { _id }, fields));
    });

  saveAttempt: CustomerStore['saveAttempt'] = (row, attempt, sentAt) =>
    this.#update(row, { ...asUnmade(row), attempt: row.attempt }, { $set: { attempt, sent_at: new Date(sentAt) } });

  saveStripeId: CustomerStore['saveStripeId'] = (row, stripeCustomerId) =>
    this.#update(row, asUnmade(row), { $set: { stripe_customer_id: stripeCustomerId } });

  saveDeleted: CustomerStore['saveDeleted'] = (row, intentId, sentAt) => {
    const { stripeCustomerId: deleted } = row;
    if (deleted === undefined) return this.#loadThere(row);
    return this.#update(
      row,
      { stripe_customer_id: deleted },
      {
        $set: { intent_id: intentId, attempt: 1, sent_at: new Date(sentAt) },
        $unset: { stripe_customer_id: '' },
        $push: { former_stripe_customer_ids: { $each: [deleted], $slice: -FORMER_MAX } },
      },
    );
  };

  savePageOpened: CustomerStore['savePageOpened'] = (tenantId, openedAt) =>
    guardWrite(async () => {
      await this.#customers.updateOne({ _id: tenantId }, { $max: { page_opened_at: new Date(openedAt) } });
    });

  saveDrop: CustomerStore['saveDrop'] = (tenantId, stripeSubscriptionId, triedSince) =>
    guardWrite(async () => {
      const change = {
        $addToSet: { dropped_subscription_ids: stripeSubscriptionId },
        $min: { [dropTimeOf(stripeSubscriptionId)]: new Date(triedSince) },
      };
      await this.#customers.updateOne({ _id: tenantId }, change);
    });

  saveDropAgain: CustomerStore['saveDropAgain'] = (tenantId, stripeSubscriptionId, askedAt) =>
    guardWrite(async () => {
      const filter = { _id: tenantId, dropped_subscription_ids: stripeSubscriptionId };
      const since = new Date(askedAt);
      const change = {
        $set: { [dropTimeOf(stripeSubscriptionId)]: since, [askedTimeOf(stripeSubscriptionId)]: since },
      };
      await this.#customers.updateOne(filter, change);
    });

  saveDropDone: CustomerStore['saveDropDone'] = (tenantId, stripeSubscriptionId) =>
    guardWrite(async () => {
      const change = {
        $pull: { dropped_subscription_ids: stripeSubscriptionId },
        $unset: { [dropTimeOf(stripeSubscriptionId)]: '' as const, [askedTimeOf(stripeSubscriptionId)]: '' as const },
      };
      await this.#customers.updateOne({ _id: tenantId }, change);
    });

  saveSetAside: CustomerStore['saveSetAside'] = (tenantId, change) =>
    guardWrite(async () => {
      await this.#customers.updateOne({ _id: tenantId }, { $set: { set_aside: toDocumentSetAside(change) } });
    });

  removeSetAside: CustomerStore['removeSetAside'] = (tenantId, intentId) =>
    guardWrite(async () => {
      const filter = intentId === undefined ? {} : { 'set_aside.intent_id': intentId };
      await this.#customers.updateOne({ ...filter, _id: tenantId }, { $unset: { set_aside: '' } });
    });

  beginChoice: CustomerStore['beginChoice'] = (tenantId, choice) =>
    this.#update(
      { tenantId },
      { 'card_choices.mark': { $ne: choice.mark } },
      { $push: { card_choices: { $each: [toDocumentChoice(choice)], $slice: -CHOICES_MAX } } },
    );

  saveChoiceAnswer: CustomerStore['saveChoiceAnswer'] = (tenantId, mark, answer) =>
    this.#update({ tenantId }, {}, { $set: { 'card_choices.$[choice].answer': toDocumentAnswer(answer) } }, [
      { 'choice.mark': mark, 'choice.answer': { $exists: false } },
    ]);

  removeChoice: CustomerStore['removeChoice'] = (tenantId, mark) =>
    guardWrite(async () => {
      const change = { $pull: { card_choices: { mark, answer: { $exists: false } } } };
      await this.#customers.updateOne({ _id: tenantId }, change);
    });

  requestSync: CustomerStore['requestSync'] = (tenantId, dueAt) =>
    guardWrite(async () => {
      await this.#customers.updateOne({ _id: tenantId }, { $min: { sync_due_at: new Date(dueAt) } });
    });

  claimSyncDue: CustomerStore['claimSyncDue'] = (now, nextDueAt) =>
    guardWrite(async () => {
      const document = await this.#customers.findOneAndUpdate(
        { sync_due_at: { $lte: new Date(now) } },
        { $set: { sync_due_at: new Date(nextDueAt) } },
        { sort: { sync_due_at: 1 }, returnDocument: 'after', maxTimeMS: TIMEOUT_MS },
      );
      return document === null ? undefined : fromDocumentCustomer(document);
    });

  saveSyncDue: CustomerStore['saveSyncDue'] = (tenantId, claimedDueAt, dueAt) =>
    guardWrite(async () => {
      const filter = { _id: tenantId, sync_due_at: new Date(claimedDueAt) };
      await this.#customers.updateOne(filter, { $set: { sync_due_at: new Date(dueAt) } });
    });

  /** Changes the document where it is as said; answers the one that is there then. */
  async #update(
    row: Pick<CustomerRow, 'tenantId'>,
    condition: mongo.Filter<CustomerDocument>,
    change: mongo.UpdateFilter<CustomerDocument>,
    arrayFilters: readonly mongo.Document[] = [],
  ): Promise<CustomerRow> {
    const filter = { ...condition, _id: row.tenantId };
    const updated = await guardWrite(() => this.#updateOne(filter, change, arrayFilters));
    return updated === null ? this.#loadThere(row) : fromDocumentCustomer(updated);
  }

  async #loadThere({ tenantId }: Pick<CustomerRow, 'tenantId'>): Promise<CustomerRow> {
    const row = await this.loadCustomer(tenantId);
    if (row !== undefined) return row;
    throw new DomainError('INTERNAL', `the workspace ${tenantId} has no row in stripe_customers: insert it first`);
  }

  async #updateOne(
    filter: mongo.Filter<CustomerDocument>,
    change: mongo.UpdateFilter<CustomerDocument>,
    arrayFilters: readonly mongo.Document[],
  ) {
    try {
      const chosen = arrayFilters.length === 0 ? {} : { arrayFilters: [...arrayFilters] };
      const options = { ...chosen, returnDocument: 'after', maxTimeMS: TIMEOUT_MS } as const;
      return await this.#customers.findOneAndUpdate(filter, change, options);
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const message = `${change.$set?.stripe_customer_id} is the customer of another workspace already: look for the two in stripe_customers`;
      throw new DomainError('INTERNAL', message, { cause: error });
    }
  }

  #findOne(filter: mongo.Filter<CustomerDocument>): Promise<CustomerRow | undefined> {
    return guardDatabase(async () => {
      const document = await this.#customers.findOne(filter, { maxTimeMS: TIMEOUT_MS });
      return document === null ? undefined : fromDocumentCustomer(document);
    });
  }
}

/** Stripe's ids have neither dots nor dollars. */
function dropTimeOf(stripeSubscriptionId: string): `drop_times.${string}` {
  return `drop_times.${stripeSubscriptionId}`;
}

function askedTimeOf(stripeSubscriptionId: string): `drop_asked_times.${string}` {
  return `drop_asked_times.${stripeSubscriptionId}`;
}

/** Matches a row only as long as its customer is still to be made. */
function asUnmade({ intentId }: CustomerRow): mongo.Filter<CustomerDocument> {
  return { intent_id: intentId, stripe_customer_id: { $exists: false } };
}
