// Owns how the catalog is read out of MongoDB. Does not own how it is written: the seed does, and later the Stripe sync.

import type { Connection } from 'mongoose';
import type { CatalogStore } from '../../app/catalog/ports.ts';
import type { ActionPrice } from '../../domain/action-price.ts';
import type { PlanCode } from '../../domain/id.ts';
import type { AccountPolicy } from '../../domain/rulebook.ts';
import { guardDatabase } from '../database-failure.ts';
import { fromDocumentPlan, fromDocumentPrice, fromDocumentProduct } from './catalog-document.ts';
import { type CatalogModels, catalogModels, ensureCatalogIndexes } from './catalog-model.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

/**
 * Opens the catalog's collections and proves their indexes.
 * Throws Error with one sentence for people where an index can't be proven.
 */
export async function openCatalogStore(connection: Connection): Promise<CatalogStore> {
  const models = catalogModels(connection);
  await ensureCatalogIndexes(models);
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

  loadRulebook: CatalogStore['loadRulebook'] = (productCode) =>
    guardDatabase(async () => {
      const { policies, prices } = this.#models;
      const filter = { product_code: productCode };
      const [policyDocuments, priceDocuments] = await Promise.all([
        policies.find(filter).maxTimeMS(READ_TIMEOUT_MS).lean(),
        prices.find(filter).maxTimeMS(READ_TIMEOUT_MS).lean(),
      ]);
      const policyByPlan = new Map<PlanCode, AccountPolicy>();
      for (const document of policyDocuments) {
        policyByPlan.set(document.plan_code as PlanCode, { overdraftLimit: document.overdraft_limit_microcredits });
      }
      return { productCode, policies: policyByPlan, prices: groupByAction(priceDocuments.map(fromDocumentPrice)) };
    });
}

function keyOf({ product_code, plan_code }: { readonly product_code: string; readonly plan_code: string }): string {
  return JSON.stringify([product_code, plan_code]);
}

function groupByAction(prices: readonly ActionPrice[]): ReadonlyMap<string, readonly ActionPrice[]> {
  return Map.groupBy(prices, (price) => price.action);
}
