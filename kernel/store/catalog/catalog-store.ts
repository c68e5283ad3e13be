// Owns how products, plans and policies are read and written in MongoDB. Does not own prices (price-store.ts) or the demo
// (catalog-seed.ts).

import { type Connection, trusted } from 'mongoose';
import type { CatalogStore } from '../../app/catalog/ports.ts';
import type { ProductCode } from '../../domain/id.ts';
import { guardDatabase, isDuplicateKey } from '../database-failure.ts';
import { hasProduct } from '../product-stamp.ts';
import {
  fromDocumentPlan,
  fromDocumentPolicyRecord,
  fromDocumentProduct,
  toDocumentPolicy,
  toDocumentPolicyChange,
} from './catalog-document.ts';
import { type CatalogModels, catalogModels, ensurePlanIndexes, type PlanPolicyDocument } from './catalog-model.ts';

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

  loadProducts: CatalogStore['loadProducts'] = (limit, after) =>
    guardDatabase(async () => {
      const documents = await this.#models.products
        .find(after === undefined ? {} : { product_code: trusted({ $gt: after }) })
        .sort({ product_code: 1 })
        .limit(limit)
        .maxTimeMS(READ_TIMEOUT_MS)
        .lean();
      return documents.map(fromDocumentProduct);
    });

  loadPlans: CatalogStore['loadPlans'] = (productCode) =>
    guardDatabase(async () => {
      const { products, plans } = this.#models;
      const filter = filterOf(productCode);
      const [productDocuments, planDocuments, policyDocuments] = await Promise.all([
        products.find(filter).maxTimeMS(READ_TIMEOUT_MS).lean(),
        plans.find(filter).maxTimeMS(READ_TIMEOUT_MS).lean(),
        this.#findPolicies(productCode),
      ]);
      const productByCode = new Map(productDocuments.map((document) => [document.product_code, document]));
      const policyByKey = new Map(policyDocuments.map((document) => [keyOf(document), document]));
      return planDocuments.filter(hasProduct).map((document) =>
        fromDocumentPlan(document, {
          product: productByCode.get(document.product_code),
          policy: policyByKey.get(keyOf(document)),
        }),
      );
    });

  loadPolicy: CatalogStore['loadPolicy'] = (productCode, planCode) =>
    guardDatabase(async () => {
      const document = await this.#models.policies
        .findOne({ product_code: productCode, plan_code: planCode })
        .maxTimeMS(READ_TIMEOUT_MS)
        .lean();
      return document === null ? undefined : fromDocumentPolicyRecord(document);
    });

  loadPolicies: CatalogStore['loadPolicies'] = (productCode) =>
    guardDatabase(async () => (await this.#findPolicies(productCode)).filter(hasProduct).map(fromDocumentPolicyRecord));

  insertPolicy: CatalogStore['insertPolicy'] = (productCode, planCode, policy) =>
    guardDatabase(async () => {
      const key = { product_code: productCode, plan_code: planCode };
      const rest = { pinned_fields: [], revision: 0, created_at: new Date() };
      try {
        await this.#models.policies.create([{ ...key, ...toDocumentPolicy(policy), ...rest }]);
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });

  saveSyncedPolicy: CatalogStore['saveSyncedPolicy'] = ({ productCode, planCode, policy, revision }, change) =>
    guardDatabase(async () => {
      // Whoever pins a field raises the revision: a policy of this one has the pins that were read.
      const { matchedCount } = await this.#models.policies.updateOne(
        {
          product_code: productCode,
          plan_code: planCode,
          revision: revision === 0 ? trusted({ $in: [0, null] }) : revision,
        },
        { $set: toDocumentPolicyChange(policy, change) },
        { runValidators: true },
      );
      return matchedCount === 1;
    });

  saveSyncedOnboardingPlan: CatalogStore['saveSyncedOnboardingPlan'] = (productCode, planCode) =>
    guardDatabase(async () => {
      const { matchedCount } = await this.#models.products.updateOne(
        { product_code: productCode, onboarding_pinned: trusted({ $ne: true }) },
        { $set: { onboarding_plan_code: planCode ?? null } },
      );
      return matchedCount === 1;
    });

  #findPolicies(productCode: ProductCode | undefined): Promise<readonly PlanPolicyDocument[]> {
    return this.#models.policies.find(filterOf(productCode)).maxTimeMS(READ_TIMEOUT_MS).lean();
  }
}

function filterOf(productCode: ProductCode | undefined): { readonly product_code?: string } {
  return productCode === undefined ? {} : { product_code: productCode };
}

function keyOf({ product_code, plan_code }: { readonly product_code: string; readonly plan_code: string }): string {
  return JSON.stringify([product_code, plan_code]);
}
