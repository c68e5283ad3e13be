// Owns how a sync writes the rows of plans in MongoDB, and whose turn it is to sync: collection `catalog_syncs`. Does not own
// what is written, or policies (catalog-store.ts).
// Invariants: a row never goes back behind what a later turn or an operator wrote; each write is of one document and may be
// repeated, so a crash between two leaves nothing that a sync can't finish.

import { type Connection, type mongo, trusted } from 'mongoose';
import type { CatalogSyncStore, SyncTurn } from '../../app/catalog-sync/ports.ts';
import type { PlanTerms } from '../../domain/plan-metadata.ts';
import { guardDatabase, isDuplicateKey } from '../database-failure.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import { hasProduct } from '../product-stamp.ts';
import { fromDocumentPlan, fromDocumentPolicyRecord, fromDocumentProduct } from './catalog-document.ts';
import { type CatalogModels, catalogModels } from './catalog-model.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 10_000;
/** One document says whose turn it is. */
const TURN_ID = 'stripe';

interface TurnDocument {
  readonly _id: string;
  /** The number of the newest turn. */
  readonly turn: number;
  /** Until when it lasts unless it is prolonged. */
  readonly until: Date;
}

/** Opens what syncs work on; its indexes are those of the catalog. */
export function openCatalogSyncStore(connection: Connection): CatalogSyncStore {
  const database = connection.db;
  if (database === undefined) throw new Error('the store of syncs needs an open database connection');
  const options = { ...LEDGER_COLLECTION_OPTIONS, useBigInt64: false };
  return new MongoCatalogSyncStore(catalogModels(connection), database.collection('catalog_syncs', options));
}

class MongoCatalogSyncStore implements CatalogSyncStore {
  readonly #models: CatalogModels;
  readonly #turns: mongo.Collection<TurnDocument>;

  constructor(models: CatalogModels, turns: mongo.Collection<TurnDocument>) {
    this.#models = models;
    this.#turns = turns;
  }

  beginTurn: CatalogSyncStore['beginTurn'] = (now, until) =>
    guardDatabase(async () => {
      try {
        const begun = await this.#turns.findOneAndUpdate(
          { _id: TURN_ID, until: { $lte: new Date(now) } },
          { $inc: { turn: 1 }, $set: { until: new Date(until) } },
          { upsert: true, returnDocument: 'after' },
        );
        return begun === null ? undefined : { number: begun.turn };
      } catch (error) {
        // The document is there, and its turn lasts.
        if (isDuplicateKey(error)) return undefined;
        throw error;
      }
    });

  prolongTurn: CatalogSyncStore['prolongTurn'] = ({ number }, until) =>
    guardDatabase(async () => {
      const filter = { _id: TURN_ID, turn: number };
      return (await this.#turns.updateOne(filter, { $max: { until: new Date(until) } })).matchedCount === 1;
    });

  endTurn: CatalogSyncStore['endTurn'] = ({ number }) =>
    guardDatabase(async () => {
      await this.#turns.updateOne({ _id: TURN_ID, turn: number }, { $set: { until: new Date(0) } });
    });

  loadCatalog: CatalogSyncStore['loadCatalog'] = () =>
    guardDatabase(async () => {
      const { products, plans, policies } = this.#models;
      const [planRows, policyRows] = await Promise.all([
        plans.find().maxTimeMS(READ_TIMEOUT_MS).lean(),
        policies.find().maxTimeMS(READ_TIMEOUT_MS).lean(),
      ]);
      // After the plans: a product that names a plan is written before that plan's row gets a new number (audit-store.ts), so
      // what is said of a row by its number here knows of the product that names it.
      const productRows = await products.find().maxTimeMS(READ_TIMEOUT_MS).lean();
      return {
        products: productRows.map(fromDocumentProduct),
        plans: planRows
          .filter(hasProduct)
          .map((document) => fromDocumentPlan(document, { product: undefined, policy: undefined })),
        policies: policyRows.filter(hasProduct).map(fromDocumentPolicyRecord),
      };
    });

  savePlan: CatalogSyncStore['savePlan'] = (turn, { productCode, planCode, kind, stripePriceId, plan }) =>
    guardDatabase(async () => {
      const { terms, archived, revision } = plan;
      const fields = {
        ...(terms === undefined ? {} : toDocumentTerms(stripePriceId, terms)),
        archived,
        sync_turn: turn.number,
      };
      try {
        const { matchedCount, upsertedCount } = await this.#models.plans.updateOne(
          { product_code: productCode, plan_code: planCode, revision: revisionOf(revision), ...notLaterThan(turn) },
          { $set: fields, $setOnInsert: { created_at: new Date() } },
          { upsert: kind === 'added', runValidators: true },
        );
        return matchedCount + upsertedCount === 1;
      } catch (error) {
        // The row is there, of a later turn or of an operator.
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });
}

function toDocumentTerms(stripePriceId: string, terms: PlanTerms) {
  return {
    source: 'stripe',
    product_name: terms.productName,
    stripe_price_id: stripePriceId,
    amount: terms.minorUnits,
    currency: terms.currency,
    interval: terms.interval,
    interval_count: terms.intervalCount,
  } as const;
}

/** Matches a row that has so many changes of operators, and no more. */
function revisionOf(revision: number): number | { readonly $in: readonly (number | null)[] } {
  return revision === 0 ? trusted({ $in: [0, null] }) : revision;
}

/** Matches what no later turn has written. */
function notLaterThan({ number }: SyncTurn): { readonly sync_turn: { $not: { $gt: number } } } {
  return { sync_turn: trusted({ $not: { $gt: number } }) };
}
