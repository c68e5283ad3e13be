// Owns the operators' command `migrate stamp-product`: rows that were written before there were products get one, with
// progress, a dry run and a report. Does not own how a row is stamped (store/product-stamp.ts).
// Invariants: it never moves anything from one product to another; it may be stopped, started again, and run while kernels do.

import type { Writable } from 'node:stream';
import type { ProductCode, TenantId } from '../domain/id.ts';
import { catalogModels, ensurePlanIndexes } from '../store/catalog/catalog-model.ts';
import { openCatalogStore } from '../store/catalog/catalog-store.ts';
import { openLedgerStore } from '../store/ledger/ledger-store.ts';
import {
  countRows,
  type SkippedRow,
  STAMPED_COLLECTIONS,
  type StampedCollection,
  type StampFigures,
  stampRows,
} from '../store/product-stamp.ts';
import { runOnDatabase } from './database-command.ts';
import type { CommandStreams, OutputOptions } from './operator-command.ts';
import { ProgressLine } from './progress-line.ts';
import { printRows, type Row } from './table.ts';

/** How many rows that could not be stamped are told one by one. */
const SKIPPED_TOLD_MAX = 1_000;
const FIXED = 'Products are fixed at workspace creation: open a new workspace of the other product instead';

/** What the command was given. */
export interface StampProductOptions extends OutputOptions {
  readonly product: string;
  readonly tenant?: string;
  readonly dryRun?: boolean;
}

type CollectionFigures = readonly [StampedCollection, StampFigures];
type Work = Parameters<typeof runOnDatabase>[1];
type Connection = Parameters<Work>[0];

/**
 * Stamps the database that the environment names; answers how many rows were left without a product.
 * Throws ConfigError where the environment is wrong, Error with a sentence for people where the product is not registered, the
 * tenant is not there or has another product, or the database can't be reached: what was stamped stays.
 */
export async function runStampProduct(options: StampProductOptions, streams: CommandStreams): Promise<number> {
  let skipped = 0;
  await runOnDatabase(
    (database) =>
      print(
        options.json === true ? streams.error : streams.out,
        `Stamping rows without a product with ${options.product} in ${database}`,
      ),
    async (connection) => {
      skipped = await new StampRun(connection, options, streams).run();
    },
  );
  return skipped;
}

class StampRun {
  readonly #connection: Connection;
  readonly #options: StampProductOptions;
  readonly #streams: CommandStreams;
  readonly #progress: ProgressLine;
  #seen = 0;
  #total = 0;
  #skipped = 0;

  constructor(connection: Connection, options: StampProductOptions, streams: CommandStreams) {
    this.#connection = connection;
    this.#options = options;
    this.#streams = streams;
    this.#progress = new ProgressLine(streams.error);
  }

  async run(): Promise<number> {
    await this.#requireProduct();
    // Without them two rows of one plan could both get the product.
    await ensurePlanIndexes(catalogModels(this.#connection));
    const { tenant } = this.#options;
    const collections = tenant === undefined ? STAMPED_COLLECTIONS : (['tenants'] as const);
    if (tenant !== undefined) await this.#requireMovable(tenant);
    for (const collection of collections) this.#total += await countRows(this.#connection, collection);
    const figures: CollectionFigures[] = [];
    for (const collection of collections) figures.push([collection, await this.#stamp(collection)]);
    this.#progress.clear();
    if (this.#options.json === true) this.#reportJson(figures);
    else this.#report(figures);
    return this.#skipped;
  }

  async #requireProduct(): Promise<void> {
    const { product } = this.#options;
    const catalog = await openCatalogStore(this.#connection);
    if ((await catalog.loadProduct(product as ProductCode)) !== undefined) return;
    throw new Error(`No product ${product} is registered: check --product, or register it first. Nothing was changed.`);
  }

  /** One tenant that is named must be there, and not be of another product. */
  async #requireMovable(tenantId: string): Promise<void> {
    const { product } = this.#options;
    const found = await this.#connection.db?.collection('tenants').findOne({ tenant_id: tenantId });
    if (found === null || found === undefined) {
      throw new Error(`There is no tenant ${tenantId}: check --tenant. Nothing was changed.`);
    }
    const current: unknown = found['product_code'];
    if (typeof current === 'string' && current !== product) {
      throw new Error(`The tenant ${tenantId} belongs to ${current}, not ${product}. ${FIXED}. Nothing was changed.`);
    }
  }

  async #stamp(collection: StampedCollection): Promise<StampFigures> {
    const { product, tenant, dryRun = false } = this.#options;
    const ledger = collection === 'tenants' ? await openLedgerStore(this.#connection) : undefined;
    return stampRows(this.#connection, {
      collection,
      productCode: product as ProductCode,
      isDryRun: dryRun,
      ...(tenant === undefined ? {} : { only: tenant }),
      findObstacle: async (name) => {
        // What the account was opened with is part of its history, which nobody changes.
        const [opening] = (await ledger?.loadCommits(name as TenantId, 1, 1)) ?? [];
        const entry = opening?.entries[0];
        if (entry?.type !== 'account_opened' || entry.productCode === product) return undefined;
        return `its account was opened for ${entry.productCode}. ${FIXED}`;
      },
      onRows: (count) => this.#showProgress(count, collection),
      onSkipped: (skipped) => this.#tellSkipped(skipped),
    });
  }

  #showProgress(count: number, collection: StampedCollection): void {
    this.#seen += count;
    // The total is rough, and rows may come while it works.
    const share = this.#total === 0 ? 1 : Math.min(1, this.#seen / this.#total);
    const figures = `${this.#seen} of ${Math.max(this.#seen, this.#total)} rows`;
    this.#progress.show(share, `${figures}, ${collection}`, `  ${figures} looked at (${collection})`);
  }

  #tellSkipped({ collection, row, why }: SkippedRow): void {
    this.#skipped += 1;
    if (this.#skipped > SKIPPED_TOLD_MAX) return;
    this.#progress.clear();
    const { out } = this.#streams;
    if (this.#options.json === true) printRows(out, [{ left: row, collection, why }], [], true);
    else print(out, `  left  ${collection} ${row} as it is: ${why}`);
  }

  #report(all: readonly CollectionFigures[]): void {
    const { product, dryRun } = this.#options;
    const verb = dryRun === true ? 'to stamp' : 'stamped';
    for (const [collection, { stamped, unchanged, otherProduct }] of all) {
      const figures = `${stamped} ${verb}, ${unchanged} had ${product} before, ${otherProduct} of other products`;
      print(this.#streams.out, `  ${collection.padEnd(13)} ${figures}`);
    }
    this.#conclude();
  }

  #reportJson(all: readonly CollectionFigures[]): void {
    const { dryRun: dry_run = false } = this.#options;
    const rows = all.map(([collection, { stamped, unchanged, otherProduct: other_product }]): Row => {
      return { collection, stamped, unchanged, other_product, dry_run };
    });
    printRows(this.#streams.out, rows, [], true);
  }

  #conclude(): void {
    const { dryRun } = this.#options;
    const outcome = dryRun === true ? 'This was a dry run: nothing was changed.' : 'Rows that had a product kept it.';
    const left = `${this.#skipped} rows have no product still, see above: kernels do not see them.`;
    print(this.#streams.out, this.#skipped === 0 ? outcome : `${outcome} ${left}`);
  }
}

function print(stream: Writable, line: string): void {
  stream.write(`${line}\n`);
}
