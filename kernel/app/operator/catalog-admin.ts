// Owns what operators do to the catalog: register products, name their plans, keep plans that Stripe does not sell, set
// policies; and what they see of it. Does not own how a change is recorded and made (change-book.ts), or prices as they are
// set (app/catalog/price-setter.ts).
// Invariants: a policy that is stored holds together; a field that an operator sets is pinned; what Stripe sells is changed
// at Stripe; the plan that a product's workspaces fall back to is on sale, whoever changes product and plan at the same time.

import { DomainError, invalidField } from '../../domain/error.ts';
import type { PlanCode, ProductCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import {
  computeDefaultPolicy,
  contractNameOf,
  findPolicyDifferences,
  findPolicyViolations,
  formatPolicyValue,
  ONBOARDING_PLAN_DEFAULT,
  type PlanPolicy,
  POLICY_FIELDS,
  type PolicyChange,
  type PolicyField,
} from '../../domain/plan-policy.ts';
import { planNotFound, productNotFound } from '../catalog/catalog-error.ts';
import { computePlanPage, type PlanFilter } from '../catalog/plan-list.ts';
import type {
  CatalogStore,
  Plan,
  PolicyRecord,
  PriceFilter,
  PriceListPage,
  PriceStore,
  Product,
} from '../catalog/ports.ts';
import type { ChangeBook, ChangeDraft, OperatorRequest } from './change-book.ts';
import type { FieldChange, ProductChange } from './ports.ts';

/** What the catalog is kept with. */
export interface CatalogAdminParts {
  readonly store: CatalogStore;
  readonly prices: Pick<PriceStore, 'loadPriceList'>;
  readonly book: Pick<ChangeBook, 'change'>;
}

/** Asks for a new product. */
export type RegisterProductInput = Pick<Product, 'productCode' | 'displayName' | 'fallbackPlanCode' | 'currency'>;

/** Asks to change a product; what is absent stays. */
export interface UpdateProductInput {
  readonly productCode: ProductCode;
  readonly displayName?: string;
  readonly fallbackPlanCode?: PlanCode;
  /** Null: new workspaces start on the fallback plan. */
  readonly onboardingPlanCode?: PlanCode | null;
  /** A sync may name the onboarding plan again. */
  readonly unpinOnboarding?: true;
}

/** Asks for a plan that Stripe does not sell. */
export interface UpsertPlanInput {
  readonly productCode: ProductCode;
  readonly planCode: PlanCode;
  readonly productName: string;
  /** In the minor unit of the product's currency; absent for plans sold by contract. */
  readonly priceMinorUnits?: bigint;
  readonly archived: boolean;
}

/** Asks to change a policy. */
export interface UpsertPolicyInput {
  readonly productCode: ProductCode;
  readonly planCode: PlanCode;
  readonly change: PolicyChange;
  readonly unpinFields: ReadonlySet<PolicyField>;
}

/** A plan's policy with what an operator has pinned. */
export interface PolicyReading {
  readonly plan: Plan;
  readonly pinnedFields: readonly PolicyField[];
}

export interface PolicyPage {
  readonly readings: readonly PolicyReading[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

const NO_CHANGES: ReadonlySet<PolicyField> = new Set();

/** Keeps the catalog for operators. Every write throws what {@link ChangeBook.change} does, beside what it says. */
export class CatalogAdmin {
  readonly #parts: CatalogAdminParts;

  constructor(parts: CatalogAdminParts) {
    this.#parts = parts;
  }

  /** Throws DomainError PRODUCT_ALREADY_REGISTERED. */
  async registerProduct(
    request: OperatorRequest,
    input: RegisterProductInput,
  ): Promise<{ readonly product: Product; readonly replayed: boolean }> {
    const { productCode, displayName, fallbackPlanCode, currency } = input;
    const fields = { ...input, onboardingPlanCode: ONBOARDING_PLAN_DEFAULT, onboardingPinned: false };
    const kind = {
      operation: 'register_product' as const,
      method: 'CatalogAdminService/RegisterProduct',
      meaning: [productCode, displayName, fallbackPlanCode, currency],
    };
    const replayed = await this.#parts.book.change(request, kind, { kind: 'product', productCode }, async () => {
      if ((await this.#parts.store.loadProduct(productCode)) !== undefined) throw alreadyRegistered(productCode);
      const changes = Object.entries(productFigures(fields)).map(([field, after]) => ({ field, before: '', after }));
      return { effect: { kind: 'product', fields }, changes };
    });
    return { product: await this.getProduct(productCode), replayed };
  }

  /** Throws DomainError PRODUCT_NOT_FOUND, PLAN_NOT_FOUND where a plan is named that is not on sale. */
  async updateProduct(
    request: OperatorRequest,
    input: UpdateProductInput,
  ): Promise<{ readonly product: Product; readonly replayed: boolean }> {
    const { productCode, displayName, fallbackPlanCode, onboardingPlanCode, unpinOnboarding } = input;
    const kind = {
      operation: 'update_product' as const,
      method: 'CatalogAdminService/UpdateProduct',
      meaning: [
        ...[productCode, displayName, fallbackPlanCode],
        ...(onboardingPlanCode === null ? ['none'] : ['plan', onboardingPlanCode]),
        unpinOnboarding,
      ],
    };
    const replayed = await this.#parts.book.change(request, kind, { kind: 'product', productCode }, () =>
      this.#draftProduct(input),
    );
    return { product: await this.getProduct(productCode), replayed };
  }

  /** Throws DomainError PRODUCT_NOT_FOUND, DATABASE_UNAVAILABLE. */
  async getProduct(productCode: ProductCode): Promise<Product> {
    const product = await this.#parts.store.loadProduct(productCode);
    if (product === undefined) throw productNotFound(productCode);
    return product;
  }

  /** Lists products after a code, ordered by code, at most `limit`. Throws DomainError DATABASE_UNAVAILABLE. */
  listProducts(limit: number, after: ProductCode | undefined): Promise<readonly Product[]> {
    return this.#parts.store.loadProducts(limit, after);
  }

  /**
   * Throws DomainError PRODUCT_NOT_FOUND, PLAN_SOLD_BY_STRIPE, INVALID_FIELD where it archives the fallback plan or the
   * onboarding plan, or asks for money that nobody could pay.
   */
  async upsertPlan(
    request: OperatorRequest,
    input: UpsertPlanInput,
  ): Promise<{ readonly plan: Plan; readonly replayed: boolean }> {
    const { productCode, planCode, productName, priceMinorUnits, archived } = input;
    const kind = {
      operation: 'upsert_plan' as const,
      method: 'CatalogAdminService/UpsertPlan',
      meaning: [productCode, planCode, productName, priceMinorUnits, archived],
    };
    const target = { kind: 'plan' as const, productCode, planCode };
    const replayed = await this.#parts.book.change(request, kind, target, () => this.#draftPlan(input));
    // Repeated with every replay: a crash may have come between the two. A policy that is there stays.
    await this.#parts.store.insertPolicy(productCode, planCode, computeDefaultPolicy(planCode));
    return { plan: await this.#findPlan(productCode, planCode), replayed };
  }

  /** Throws DomainError PLAN_NOT_FOUND, INVALID_FIELD where the policy would not hold together. */
  async upsertPolicy(
    request: OperatorRequest,
    input: UpsertPolicyInput,
  ): Promise<{ readonly reading: PolicyReading; readonly replayed: boolean }> {
    const { productCode, planCode, change, unpinFields } = input;
    const wanted = { ...computeDefaultPolicy(planCode), ...change };
    const kind = {
      operation: 'upsert_plan_policy' as const,
      method: 'CatalogAdminService/UpsertPlanPolicy',
      meaning: [
        ...[productCode, planCode],
        ...fieldsOf(change).flatMap((field) => [field, formatPolicyValue(wanted, field)]),
        ...['unpin', ...POLICY_FIELDS.filter((field) => unpinFields.has(field))],
      ],
    };
    const target = { kind: 'policy' as const, productCode, planCode };
    const replayed = await this.#parts.book.change(request, kind, target, () => this.#draftPolicy(input));
    return { reading: await this.getPolicy(productCode, planCode), replayed };
  }

  /** Throws DomainError PLAN_NOT_FOUND, DATABASE_UNAVAILABLE. */
  async getPolicy(productCode: ProductCode, planCode: PlanCode): Promise<PolicyReading> {
    const plan = await this.#findPlan(productCode, planCode);
    return toReading(plan, await this.#parts.store.loadPolicy(productCode, planCode));
  }

  /** Lists policies in the order of plans. Throws DomainError INVALID_FIELD `page_token`, DATABASE_UNAVAILABLE. */
  async listPolicies(filter: PlanFilter, pageSize: number, pageToken: string): Promise<PolicyPage> {
    const { store } = this.#parts;
    const [plans, records] = await Promise.all([
      store.loadPlans(filter.productCode),
      store.loadPolicies(filter.productCode),
    ]);
    const page = computePlanPage(plans, filter, pageSize, pageToken);
    const recordOf = (plan: Plan): PolicyRecord | undefined =>
      records.find((record) => record.productCode === plan.productCode && record.planCode === plan.planCode);
    return { readings: page.plans.map((plan) => toReading(plan, recordOf(plan))), nextPageToken: page.nextPageToken };
  }

  /** Lists prices as they were set, the newest first. Throws DomainError PRODUCT_NOT_FOUND, DATABASE_UNAVAILABLE. */
  async listPrices(filter: PriceFilter, limit: number, after: string | undefined): Promise<PriceListPage> {
    await this.getProduct(filter.productCode);
    return this.#parts.prices.loadPriceList(filter, limit, after);
  }

  async #draftProduct(input: UpdateProductInput): Promise<ChangeDraft> {
    const { productCode, displayName, fallbackPlanCode, onboardingPlanCode, unpinOnboarding } = input;
    const product = await this.getProduct(productCode);
    const kept = fallbackPlanCode === undefined ? undefined : await this.#findOnSale(productCode, fallbackPlanCode);
    if (typeof onboardingPlanCode === 'string') await this.#findOnSale(productCode, onboardingPlanCode);
    const isNamed = onboardingPlanCode !== undefined;
    const fields: ProductChange = {
      ...present({ displayName, fallbackPlanCode }),
      ...(isNamed ? { onboardingPlanCode, onboardingPinned: true } : {}),
      ...(unpinOnboarding === true ? { onboardingPinned: false } : {}),
    };
    const before = productFigures(product);
    const after = productFigures({ ...product, ...fields });
    const keptPlan = kept === undefined ? undefined : { planCode: kept.planCode, planRevision: kept.revision + 1 };
    return { effect: { kind: 'product', fields, ...present({ keptPlan }) }, changes: differencesOf(before, after) };
  }

  async #draftPlan(input: UpsertPlanInput): Promise<ChangeDraft> {
    const { productCode, planCode, productName, priceMinorUnits, archived } = input;
    const product = await this.getProduct(productCode);
    const plan = (await this.#parts.store.loadPlans(productCode)).find((other) => other.planCode === planCode);
    if (plan !== undefined && isSoldByStripe(plan, product)) throw soldByStripe(productCode, planCode);
    if (archived) assertNotNeeded(product, planCode);
    assertPayable(planCode, priceMinorUnits ?? 0n, plan?.policy ?? computeDefaultPolicy(planCode));
    const { currency } = product;
    const price = priceMinorUnits === undefined ? undefined : { minorUnits: priceMinorUnits, currency };
    const fields = { productName, archived, ...present({ price }) };
    const before = plan === undefined ? {} : planFigures(plan);
    const planRevision = (plan?.revision ?? 0) + 1;
    return { effect: { kind: 'plan', fields, planRevision }, changes: differencesOf(before, planFigures(fields)) };
  }

  async #draftPolicy({ productCode, planCode, change, unpinFields }: UpsertPolicyInput): Promise<ChangeDraft> {
    await this.#findPlan(productCode, planCode);
    const record = await this.#parts.store.loadPolicy(productCode, planCode);
    const base = record?.policy ?? computeDefaultPolicy(planCode);
    const policy: PlanPolicy = { ...base, ...change };
    const violations = findPolicyViolations(policy);
    if (violations.length > 0) {
      throw invalidField(...violations.map(({ field, description }) => ({ field: `policy.${field}`, description })));
    }
    const before = record?.pinnedFields ?? NO_CHANGES;
    const pinned = POLICY_FIELDS.filter((field) => (before.has(field) || field in change) && !unpinFields.has(field));
    const pinnedFields = new Set(pinned);
    const changes = findPolicyDifferences(base, policy).map((difference) => ({
      ...difference,
      field: contractNameOf(difference.field),
    }));
    const pins = differencesOf({ pinned_fields: namesOf(before) }, { pinned_fields: namesOf(pinnedFields) });
    return { effect: { kind: 'policy', change, pinnedFields, base }, changes: [...changes, ...pins] };
  }

  async #findPlan(productCode: ProductCode, planCode: PlanCode): Promise<Plan> {
    const plan = (await this.#parts.store.loadPlans(productCode)).find((other) => other.planCode === planCode);
    if (plan === undefined) throw planNotFound(productCode, planCode);
    return plan;
  }

  async #findOnSale(productCode: ProductCode, planCode: PlanCode): Promise<Plan> {
    const plan = await this.#findPlan(productCode, planCode);
    if (plan.archived) throw planNotFound(productCode, planCode);
    return plan;
  }
}

/** Throws DomainError INVALID_FIELD for a plan that customers would be shown at a price, and could not buy. */
function assertPayable(planCode: PlanCode, priceMinorUnits: bigint, { contactSales }: PlanPolicy): void {
  if (priceMinorUnits <= 0n || contactSales) return;
  const description = `${planCode} has no Price at Stripe, so nobody could pay ${priceMinorUnits}: leave it out or set 0, make a Price at Stripe and sync, or set contact_sales of its policy first`;
  throw invalidField({ field: 'price_minor_units', description });
}

/** The fallback plan brings Stripe nothing, and is never archived by a sync: an operator may take it back at any time. */
function isSoldByStripe({ source, archived, planCode }: Plan, { fallbackPlanCode }: Product): boolean {
  return source === 'stripe' && !archived && planCode !== fallbackPlanCode;
}

/** Throws DomainError INVALID_FIELD for a plan that the product names, and that is to be archived. */
function assertNotNeeded({ productCode, fallbackPlanCode, onboardingPlanCode }: Product, planCode: PlanCode): void {
  const role = fallbackPlanCode === planCode ? 'fallback' : 'onboarding';
  if (role === 'onboarding' && onboardingPlanCode !== planCode) return;
  const description = `${planCode} is the ${role} plan of ${productCode}: name another one by UpdateProduct first`;
  throw invalidField({ field: 'archived', description });
}

function toReading(plan: Plan, record: PolicyRecord | undefined): PolicyReading {
  return { plan, pinnedFields: POLICY_FIELDS.filter((field) => record?.pinnedFields.has(field) === true) };
}

function fieldsOf(change: PolicyChange): readonly PolicyField[] {
  return POLICY_FIELDS.filter((field) => field in change);
}

function namesOf(fields: ReadonlySet<PolicyField>): string {
  return POLICY_FIELDS.filter((field) => fields.has(field))
    .map(contractNameOf)
    .join(' ');
}

type Figures = Readonly<Record<string, string>>;

function productFigures(
  product: Pick<Product, 'displayName' | 'fallbackPlanCode' | 'onboardingPinned' | 'currency'> &
    Pick<ProductChange, 'onboardingPlanCode'>,
): Figures {
  return {
    display_name: product.displayName,
    fallback_plan_code: product.fallbackPlanCode,
    onboarding_plan_code: product.onboardingPlanCode ?? '',
    onboarding_pinned: String(product.onboardingPinned),
    currency_code: product.currency,
  };
}

function planFigures({ productName, price, archived }: Pick<Plan, 'productName' | 'price' | 'archived'>): Figures {
  const amount = price === undefined ? '' : `${price.minorUnits}`;
  return { product_name: productName, price_minor_units: amount, archived: String(archived) };
}

function differencesOf(before: Figures, after: Figures): readonly FieldChange[] {
  return Object.entries(after)
    .map(([field, value]) => ({ field, before: before[field] ?? '', after: value }))
    .filter((change) => change.before !== change.after);
}

function alreadyRegistered(productCode: ProductCode): DomainError {
  const message = `product_code: ${productCode} is registered already: change it by UpdateProduct`;
  return new DomainError('PRODUCT_ALREADY_REGISTERED', message, { metadata: { product_code: productCode } });
}

function soldByStripe(productCode: ProductCode, planCode: PlanCode): DomainError {
  const message = `plan_code: ${productCode}/${planCode} has a price at Stripe: change its name and price there, or archive the Price, and sync`;
  return new DomainError('PLAN_SOLD_BY_STRIPE', message, { metadata: { plan_code: planCode } });
}
