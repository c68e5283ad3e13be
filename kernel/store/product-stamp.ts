// Owns giving a product to rows that were written before there were products, and that such rows belong to none until then.
// Does not own which product they get, or how a command tells of it (cli/stamp-product.ts).
// Invariants: only a row without a product gets one, and nothing else of it changes, so it may run twice, at once with itself
// and while kernels run; a row that has a product keeps it, whatever is asked.

import type { Connection, mongo } from 'mongoose';
import type { ProductCode } from '../domain/id.ts';
import { isDuplicateKey } from './database-failure.ts';

/** The collections whose rows name their product. Everything else belongs to a tenant and has its product from there. */
export const STAMPED_COLLECTIONS = ['plans', 'plan_policies', 'tenants', 'signups'] as const;
export type StampedCollection = (typeof STAMPED_COLLECTIONS)[number];

/** How many rows one read takes. */
const ROWS_PER_READ = 500;
/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 10_000;

/** What names a row for people. */
const NAME_FIELDS: Readonly<Record<StampedCollection, string>> = {
  plans: 'plan_code',
  plan_policies: 'plan_code',
  tenants: 'tenant_id',
  signups: 'signup_id',
};

type StampedRow = mongo.Document & { readonly product_code?: unknown };

/** Says whether a row has its product: one without belongs to none, and so is nobody's. */
export function hasProduct({ product_code: code }: { readonly product_code?: unknown }): boolean {
  return typeof code === 'string' && code !== '';
}

/** A row that could not be stamped. */
export interface SkippedRow {
  readonly collection: StampedCollection;
  readonly row: string;
  readonly why: string;
}

/** What became of the rows of a collection. */
export interface StampFigures {
  stamped: number;
  /** Rows that had the product before. */
  unchanged: number;
  /** Rows that have another product, and keep it. */
  otherProduct: number;
}

/** How a collection is stamped. */
export interface StampOrder {
  readonly collection: StampedCollection;
  readonly productCode: ProductCode;
  /** Says that nothing is written. */
  readonly isDryRun: boolean;
  /** Limits it to the row with this name. */
  readonly only?: string;
  /** Finds why a row, by its name, may not get the product; undefined where it may. */
  readonly findObstacle: (name: string) => Promise<string | undefined>;
  /** Told after each read. */
  readonly onRows: (count: number) => void;
  readonly onSkipped: (skipped: SkippedRow) => void;
}

/** Counts the rows of a collection, roughly. Throws what the driver throws. */
export function countRows(connection: Connection, collection: StampedCollection): Promise<number> {
  return rowsOf(connection, collection).estimatedDocumentCount();
}

/** Stamps the rows of a collection that have no product. Throws what the driver throws; what was stamped stays. */
export async function stampRows(connection: Connection, order: StampOrder): Promise<StampFigures> {
  const figures: StampFigures = { stamped: 0, unchanged: 0, otherProduct: 0 };
  const rows = rowsOf(connection, order.collection);
  const nameField = NAME_FIELDS[order.collection];
  const own = order.only === undefined ? {} : { [nameField]: order.only };
  let from: unknown;
  for (;;) {
    const filter = from === undefined ? own : { ...own, _id: { $gte: from as mongo.ObjectId } };
    const page = await rows
      .find(filter, { maxTimeMS: READ_TIMEOUT_MS })
      .project<StampedRow>({ product_code: 1, plan_code: 1, [nameField]: 1 })
      .sort({ _id: 1 })
      // One more, which begins the next range.
      .limit(ROWS_PER_READ + 1)
      .toArray();
    const batch = page.slice(0, ROWS_PER_READ);
    await stampBatch(rows, batch, order, figures);
    order.onRows(batch.length);
    const next = page[ROWS_PER_READ];
    if (next === undefined) return figures;
    from = next['_id'];
  }
}

/** Stamps the rows of one read: all at once, or one by one where the database refuses one of them or nothing is written. */
async function stampBatch(
  rows: mongo.Collection,
  batch: readonly StampedRow[],
  order: StampOrder,
  figures: StampFigures,
): Promise<void> {
  const open: StampedRow[] = [];
  for (const row of batch) {
    if (row.product_code === order.productCode) figures.unchanged += 1;
    else if (hasProduct(row)) figures.otherProduct += 1;
    else {
      const obstacle = await order.findObstacle(nameOf(row, order));
      if (obstacle === undefined) open.push(row);
      else skip(row, order, obstacle);
    }
  }
  if (!order.isDryRun && (await writeStamps(rows, open, order))) figures.stamped += open.length;
  else for (const row of open) await stampRow(rows, row, order, figures);
}

async function stampRow(
  rows: mongo.Collection,
  row: StampedRow,
  order: StampOrder,
  figures: StampFigures,
): Promise<void> {
  const { productCode, collection } = order;
  const taken = `${productCode} has a row of ${collection} with the same key already: remove one of the two`;
  const isTaken = order.isDryRun
    ? await hasRival(rows, row, order.productCode)
    : !(await writeStamps(rows, [row], order));
  if (isTaken) skip(row, order, taken);
  else figures.stamped += 1;
}

function skip(row: StampedRow, order: StampOrder, why: string): void {
  order.onSkipped({ collection: order.collection, row: nameOf(row, order), why });
}

function nameOf(row: StampedRow, { collection }: StampOrder): string {
  return String(row[NAME_FIELDS[collection]] ?? row['_id']);
}

/** Writes the product of rows; answers false where one of them has a key that the product has already. */
async function writeStamps(
  rows: mongo.Collection,
  batch: readonly StampedRow[],
  { productCode }: StampOrder,
): Promise<boolean> {
  if (batch.length === 0) return true;
  // Null also matches rows that have no such field. Who stamped it meanwhile has done the same, or it keeps what it got.
  const writes = batch.map((row) => ({
    updateOne: {
      filter: { _id: row['_id'] as mongo.ObjectId, product_code: { $in: [null, ''] } },
      update: { $set: { product_code: productCode } },
    },
  }));
  try {
    await rows.bulkWrite(writes, { ordered: false });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/** Says whether the product has a plan, or a policy, of this code. */
async function hasRival(rows: mongo.Collection, row: StampedRow, productCode: ProductCode): Promise<boolean> {
  const planCode: unknown = row['plan_code'];
  if (rows.collectionName === 'tenants' || typeof planCode !== 'string') return false;
  const filter = { product_code: productCode, plan_code: planCode };
  return (await rows.findOne(filter, { maxTimeMS: READ_TIMEOUT_MS })) !== null;
}

function rowsOf(connection: Connection, collection: StampedCollection): mongo.Collection {
  const database = connection.db;
  if (database === undefined) throw new Error('stamping products needs an open database connection');
  return database.collection(collection);
}
