// Owns how demo products are put into the catalog. Invariants: it holds nothing of what Stripe owns; a row that is there is
// left as it is, whoever wrote it, so that a seed can run at any time and never undoes what an operator or a sync has set.

import type { Connection, Model } from 'mongoose';
import {
  type ActionPriceDocument,
  catalogModels,
  ensurePlanIndexes,
  ensurePriceIndexes,
  type PlanDocument,
  type PlanPolicyDocument,
  type ProductDocument,
} from './catalog-model.ts';

type Draft<Document> = Omit<Document, 'created_at'>;

/** A plan that Stripe does not sell. */
type OperatorPlanDocument = PlanDocument & { readonly source: 'operator'; readonly stripe_price_id: null };

/** The rows of one product that are an operator's. */
export interface CatalogSeed {
  readonly product: Draft<ProductDocument>;
  readonly plans: readonly Draft<OperatorPlanDocument>[];
  readonly policies: readonly Draft<PlanPolicyDocument>[];
  readonly prices: readonly Draft<ActionPriceDocument>[];
}

/** What became of one row. */
export interface SeedResult {
  readonly collection: string;
  /** Names the row for people, such as `agentruntime/pro`. */
  readonly row: string;
  readonly outcome: 'added' | 'kept';
  /** The fields in which a kept row differs from the seed. */
  readonly differing: readonly string[];
}

/**
 * Adds the rows of a product that are missing, and leaves the others alone.
 * Throws Error where an index can't be proven or the database refuses a row.
 */
export async function seedCatalog(connection: Connection, seed: CatalogSeed): Promise<readonly SeedResult[]> {
  const models = catalogModels(connection);
  await ensurePlanIndexes(models);
  await ensurePriceIndexes(models);
  const results: SeedResult[] = [];
  const addAll = async <Document extends { readonly product_code: string; readonly created_at: Date }>(
    model: Model<Document>,
    rows: readonly Draft<Document>[],
    keyFields: readonly (keyof Draft<Document> & string)[],
  ): Promise<void> => {
    for (const row of rows) results.push(await addRow(model, row, keyFields));
  };
  await addAll(models.products, [seed.product], ['product_code']);
  await addAll(models.plans, seed.plans, ['product_code', 'plan_code']);
  await addAll(models.policies, seed.policies, ['product_code', 'plan_code']);
  await addAll(models.prices, seed.prices, [
    'product_code',
    'rule',
    'plan_code',
    'tenant_id',
    'action',
    'effective_at',
  ]);
  return results;
}

async function addRow<Document>(
  model: Model<Document>,
  row: Draft<Document>,
  keyFields: readonly (keyof Draft<Document> & string)[],
): Promise<SeedResult> {
  const fields = Object.entries(row);
  const isKey = (name: string) => keyFields.some((field) => field === name);
  const filter = Object.fromEntries(fields.filter(([name]) => isKey(name)));
  const rest = Object.fromEntries(fields.filter(([name]) => !isKey(name)));
  // The model's validation does not run on updates of this kind by itself, and must also see the key.
  await new model({ ...row, created_at: new Date() }).validate();
  const before: unknown = await model
    .findOneAndUpdate(
      filter,
      { $setOnInsert: { ...rest, created_at: new Date() } },
      { upsert: true, returnDocument: 'before' },
    )
    .lean();
  const label = keyFields.map((name) => row[name]).filter((value) => value !== null && !(value instanceof Date));
  const result = { collection: model.collection.collectionName, row: label.join('/') };
  if (before === null) return { ...result, outcome: 'added', differing: [] };
  return { ...result, outcome: 'kept', differing: differingFields(before, rest) };
}

function differingFields(stored: unknown, wanted: Readonly<Record<string, unknown>>): readonly string[] {
  const values = new Map(typeof stored === 'object' && stored !== null ? Object.entries(stored) : []);
  return Object.entries(wanted)
    .filter(([name, value]) => textOf(values.get(name) ?? null) !== textOf(value))
    .map(([name]) => name);
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
}
