// Owns how action prices are read and written in MongoDB. Does not own which of them holds (domain/action-price.ts).
// Invariant: `superseded_at` only spares reads. A row without the mark is read in vain and changes nothing; a row with it
// is passed over only from a time on for which its successor was stored before the mark.

import { type Connection, mongo, type QueryFilter, trusted } from 'mongoose';
import type { PriceFilter, PriceStore } from '../../app/catalog/ports.ts';
import { createPriceBook, type PriceRow } from '../../domain/action-price.ts';
import { DomainError, invalidField } from '../../domain/error.ts';
import type { Instant, PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { AccountPolicy } from '../../domain/rulebook.ts';
import { guardDatabase, isDatabaseFailure, isDuplicateKey } from '../database-failure.ts';
import {
  fromDocumentPriceRecord,
  fromDocumentPriceRow,
  toDocumentPrice,
  toDocumentTarget,
} from './catalog-document.ts';
import {
  type ActionPriceDocument,
  type CatalogModels,
  catalogModels,
  ensurePriceIndexes,
  type PlanDocument,
  type PlanPolicyDocument,
} from './catalog-model.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;
/** How many changes are looked at to find out whose prices changed; beyond, it counts as everybody's. */
const CHANGES_MAX = 100;

/** The time and the id of a row. */
const PLACE = /^(\d{1,15})\.([0-9a-f]{24})$/;

type Fields = QueryFilter<ActionPriceDocument>;

/**
 * Opens the collection of action prices and proves its indexes.
 * Throws Error with one sentence for people where an index can't be proven.
 */
export async function openPriceStore(connection: Connection): Promise<PriceStore> {
  const models = catalogModels(connection);
  await ensurePriceIndexes(models);
  return new MongoPriceStore(models);
}

class MongoPriceStore implements PriceStore {
  readonly #models: CatalogModels;

  constructor(models: CatalogModels) {
    this.#models = models;
  }

  loadProductRules: PriceStore['loadProductRules'] = (productCode, since, afterRevision) =>
    guardDatabase(async () => {
      const rules: Fields = {
        product_code: productCode,
        rule: trusted({ $in: ['default' as const, 'plan' as const] }),
      };
      const [policies, product, rows, changes, anyTenant] = await Promise.all([
        this.#loadPolicies(productCode),
        this.#models.products
          .findOne({ product_code: productCode })
          .select({ _id: 0, fallback_plan_code: 1 })
          .maxTimeMS(READ_TIMEOUT_MS)
          .lean(),
        this.#loadRows({ ...rules, superseded_at: notBefore(since) }),
        this.#loadChanges(productCode, afterRevision),
        this.#models.prices
          .findOne({ product_code: productCode, rule: 'tenant' })
          .select({ _id: 1 })
          .maxTimeMS(READ_TIMEOUT_MS)
          .lean(),
      ]);
      const { revision, changedTenants } = changes;
      return {
        rulebook: {
          ...{ productCode, policies, prices: createPriceBook(rows) },
          // What was put there was of this type.
          ...present({ fallbackPlanCode: product?.fallback_plan_code as PlanCode | undefined }),
        },
        revision,
        // The reads are not of one moment: a price that only one of them saw counts.
        hasTenantPrices: anyTenant !== null || changedTenants === undefined || changedTenants.size > 0,
        changedTenants,
      };
    });

  loadTenantPrices: PriceStore['loadTenantPrices'] = (productCode, tenantId, since) =>
    guardDatabase(() => this.#loadRows({ ...tenantRows(productCode, tenantId), superseded_at: notBefore(since) }));

  loadPricesAt: PriceStore['loadPricesAt'] = (productCode, { tenantId, planCode, at }) =>
    guardDatabase(async () => {
      const decisive = { effective_at: trusted({ $lte: new Date(at) }), superseded_at: notBefore(at) };
      const byRule: readonly Fields[] = [
        { product_code: productCode, rule: 'default', plan_code: null, tenant_id: null },
        { product_code: productCode, rule: 'plan', plan_code: planCode, tenant_id: null },
        tenantRows(productCode, tenantId),
      ];
      const rows = await Promise.all(byRule.map((rule) => this.#loadRows({ ...rule, ...decisive })));
      return createPriceBook(rows.flat());
    });

  loadTargetPrices: PriceStore['loadTargetPrices'] = (productCode, target, since) =>
    guardDatabase(() => this.#loadRows({ ...toDocumentTarget(productCode, target), superseded_at: notBefore(since) }));

  loadUnit: PriceStore['loadUnit'] = (productCode, action) =>
    guardDatabase(async () => {
      const document = await this.#models.prices
        .findOne({ product_code: productCode, action, unit: trusted({ $exists: true }) })
        // In the order of the alphabet, the default comes first.
        .sort({ rule: 1 })
        .maxTimeMS(READ_TIMEOUT_MS)
        .lean();
      return document?.unit;
    });

  loadPriceRevision: PriceStore['loadPriceRevision'] = (productCode) =>
    guardDatabase(async () => (await this.#loadChanges(productCode, undefined)).revision);

  loadPriceByRequestKey: PriceStore['loadPriceByRequestKey'] = (key) =>
    guardDatabase(async () => {
      const document = await this.#models.prices.findOne({ request_key: key }).maxTimeMS(READ_TIMEOUT_MS).lean();
      return document === null ? undefined : fromDocumentPriceRecord(document);
    });

  loadPriceList: PriceStore['loadPriceList'] = (filter, limit, after) =>
    guardDatabase(async () => {
      const documents = await this.#models.prices
        .find({ ...toListFields(filter), ...(after === undefined ? {} : fromPlace(after)) })
        .sort({ effective_at: -1, _id: -1 })
        .limit(limit + 1)
        .maxTimeMS(READ_TIMEOUT_MS)
        .lean();
      const page = documents.slice(0, limit);
      const last = page.at(-1);
      const hasMore = documents.length > page.length && last !== undefined;
      return {
        records: page.map(fromDocumentPriceRecord),
        ...(hasMore ? { nextPlace: `${last.effective_at.getTime()}.${last._id}` } : {}),
      };
    });

  insertPrice: PriceStore['insertPrice'] = async (record) => {
    try {
      await this.#models.prices.create([toDocumentPrice(record)]);
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      if (!isDatabaseFailure(error)) throw error;
      const message = 'the database did not tell whether the price was set: repeat the call with the same request_id';
      throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 1_000, cause: error });
    }
  };

  markSuperseded: PriceStore['markSuperseded'] = (productCode, by) =>
    guardDatabase(async () => {
      const at = new Date(by.effectiveAt);
      const earlier = { ...toDocumentTarget(productCode, by), effective_at: trusted({ $lt: at }) };
      await this.#models.prices.updateMany(
        { ...earlier, superseded_at: trusted({ $not: { $lte: at } }) },
        { $min: { superseded_at: at } },
      );
    });

  async #loadRows(filter: Fields): Promise<readonly PriceRow[]> {
    const documents = await this.#models.prices.find(filter).maxTimeMS(READ_TIMEOUT_MS).lean();
    return documents.map(fromDocumentPriceRow);
  }

  async #loadPolicies(productCode: ProductCode): Promise<ReadonlyMap<PlanCode, AccountPolicy>> {
    const { policies, plans } = this.#models;
    const [documents, current] = await Promise.all([
      policies.find({ product_code: productCode }).maxTimeMS(READ_TIMEOUT_MS).lean(),
      plans
        .find({ product_code: productCode, archived: false })
        .select({ _id: 0, plan_code: 1, stripe_price_id: 1, interval: 1, interval_count: 1 })
        .maxTimeMS(READ_TIMEOUT_MS)
        .lean(),
    ]);
    const currentCodes = new Set(current.map(({ plan_code }) => plan_code));
    const sold = current.filter(({ stripe_price_id }) => typeof stripe_price_id === 'string');
    const cycles = new Map(sold.map((plan) => [plan.plan_code, cycleOf(plan)]));
    return new Map(
      documents.map((document) => [
        document.plan_code as PlanCode,
        {
          overdraftLimit: document.overdraft_limit_microcredits,
          creditGates: document.credit_gates,
          paygAllowed: document.payg_allowed,
          rank: document.rank,
          isOnSale: document.self_serve && cycles.has(document.plan_code),
          isSoldBySales: document.contact_sales,
          isArchived: !currentCodes.has(document.plan_code),
          includedPerCycle: document.included_microcredits_per_cycle,
          trialGranted: currentCodes.has(document.plan_code) ? trialGrantOf(document) : 0n,
          ...present({ cycle: cycles.get(document.plan_code) }),
        },
      ]),
    );
  }

  /** Finds the newest revision, and whose prices changed after another one; nobody's where none is named. */
  async #loadChanges(
    productCode: ProductCode,
    afterRevision: number | undefined,
  ): Promise<{ readonly revision: number; readonly changedTenants: ReadonlySet<TenantId> | undefined }> {
    const newest = await this.#models.prices
      .find({ product_code: productCode, revision: trusted({ $gt: afterRevision ?? 0 }) })
      .sort({ revision: -1 })
      .limit(afterRevision === undefined ? 1 : CHANGES_MAX + 1)
      .select({ _id: 0, revision: 1, tenant_id: 1 })
      .maxTimeMS(READ_TIMEOUT_MS)
      .lean();
    const revision = newest[0]?.revision ?? afterRevision ?? 0;
    if (afterRevision === undefined) return { revision, changedTenants: new Set() };
    if (newest.length > CHANGES_MAX) return { revision, changedTenants: undefined };
    const tenantIds = newest.flatMap(({ tenant_id }) => (tenant_id === null ? [] : [tenant_id as TenantId]));
    return { revision, changedTenants: new Set(tenantIds) };
  }
}

function trialGrantOf({
  trial_enabled: isOffered,
  trial_days: days,
  trial_microcredits_granted: granted,
}: PlanPolicyDocument) {
  return isOffered && days > 0 ? granted : 0n;
}

function toListFields({ productCode, action, planCode, tenantId }: PriceFilter): Fields {
  return {
    product_code: productCode,
    ...(action === undefined ? {} : { action }),
    ...(planCode === undefined ? {} : { plan_code: planCode }),
    ...(tenantId === undefined ? {} : { tenant_id: tenantId }),
  };
}

/** Matches what comes after a place of the list. Throws DomainError INVALID_FIELD `page_token` where it is none. */
function fromPlace(place: string): QueryFilter<ActionPriceDocument> {
  const [, time, id] = PLACE.exec(place) ?? [];
  if (time === undefined || id === undefined) {
    throw invalidField({ field: 'page_token', description: 'is not a token of this list: repeat the call without it' });
  }
  const at = new Date(Number(time));
  const earlier = { effective_at: trusted({ $lt: at }) };
  return { $or: [earlier, { effective_at: at, _id: trusted({ $lt: new mongo.ObjectId(id) }) }] };
}

function tenantRows(productCode: ProductCode, tenantId: TenantId): Fields {
  return { product_code: productCode, rule: 'tenant', plan_code: null, tenant_id: tenantId };
}

/** Matches rows that nothing has superseded by then, marked or not. */
function notBefore(since: Instant): { $not: { $lte: Date } } {
  return trusted({ $not: { $lte: new Date(since) } });
}

function cycleOf({
  interval,
  interval_count: intervalCount,
}: Pick<PlanDocument, 'interval' | 'interval_count'>): AccountPolicy['cycle'] {
  return interval === null ? undefined : { interval, intervalCount };
}
