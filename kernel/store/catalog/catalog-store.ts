// Owns how products and plans are read out of MongoDB. Does not own how they are written: the seed does, and later the
// Stripe sync; or prices (price-store.ts).

import type { Connection } from 'mongoose';
import type { CatalogStore } from '../../app/catalog/ports.ts';
import { guardDatabase } from '../database-failure.ts';
import { fromDocumentPlan, fromDocumentProduct } from './catalog-document.ts';
import { type CatalogModels, catalogModels, ensurePlanIndexes } from './catalog-model.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

/**
 * Opens the collections of products and plans and proves their indexes.
 * Throws Error with one sentence for people where an index can't be proven.
 */
export async function openCatalogStore(connection: Connection): Promise<CatalogStore> {
  const models = catalogModels(connection);
  await ensurePlanIndexes(models);
  return new MongoCatalogStore(models);
}

class MongoCatalogStore implements CatalogStore {
  readonly #models: CatalogModels;

  constructor(models: CatalogModels) {
    this.#models = models;
  }

  loadProduct: CatalogStore['loadProduct'] = (productCode) =>
    guardDatabase(async () => {
      const document = await this.#models.products
        .findOne({ product_code: productCode })
        .maxTimeMS(READ_TIMEOUT_MS)
        .lean();
      return document === null ? undefined : fromDocumentProduct(document);
    });

  loadPlans: CatalogStore['loadPlans'] = (productCode) =>
    guardDatabase(async () => {
      const { plans, policies } = this.#models;
      const filter = productCode === undefined ? {} : { product_code: productCode };
      const [planDocuments, policyDocuments] = await Promise.all([
        plans.find(filter).maxTimeMS(READ_TIMEOUT_MS).lean(),
        policies.find(filter).maxTimeMS(READ_TIMEOUT_MS).lean(),
      ]);
      const policyByKey = new Map(policyDocuments.map((document) => [keyOf(document), document]));
      return planDocuments.map((document) => fromDocumentPlan(document, policyByKey.get(keyOf(document))));
    });
}

function keyOf({ product_code, plan_code }: { readonly product_code: string; readonly plan_code: string }): string {
  return JSON.stringify([product_code, plan_code]);
}
