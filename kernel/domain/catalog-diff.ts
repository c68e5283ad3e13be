// Owns what a sync makes of the catalog: pure, from what Stripe holds and what is stored to the rows that change. Does not
// own how a Price is read (plan-metadata.ts) or how a change is written.
// Invariants: the diff of what was written is empty; a row is archived and never removed, and only one that Stripe sold; what an
// operator has on sale is the operator's, whatever a Price says; the plan that workspaces fall back to is never archived, and
// costs nothing; a bad row changes nothing, neither the plan that it may be meant for nor any other, but for a claim to new
// workspaces that several make, which alone counts for nothing.

import { present } from './optional.ts';
import {
  type BadRowReason,
  isUnreadable,
  type PlanDraft,
  type PlanKey,
  type PlanTerms,
  type ProductTerms,
  type RowProblem,
  readPlan,
  type UnreadablePrice,
} from './plan-metadata.ts';
import {
  computeDefaultPolicy,
  computeSyncedPolicy,
  contractNameOf,
  findPolicyViolations,
  type PlanPolicy,
  type PolicyChange,
  type PolicyDifference,
  type PolicyField,
  type SyncedPolicy,
} from './plan-policy.ts';
import type { StripePrice } from './stripe-price.ts';

/** A product as it is registered. */
export interface KnownProduct extends ProductTerms {
  readonly fallbackPlanCode: string;
  readonly onboardingPlanCode?: string;
  /** Says that an operator has set the onboarding plan. */
  readonly onboardingPinned: boolean;
}

/** A row of the catalog as it is stored. */
export interface KnownPlan extends PlanKey {
  readonly source: 'stripe' | 'operator';
  readonly productName: string;
  readonly stripePriceId?: string;
  readonly price?: { readonly minorUnits: bigint; readonly currency: string };
  readonly interval?: 'month' | 'year';
  readonly intervalCount: number;
  readonly archived: boolean;
  /** How many changes of operators are in the row. */
  readonly revision: number;
}

/** A policy as it is stored. */
export interface KnownPolicy extends PlanKey {
  readonly policy: PlanPolicy;
  readonly pinnedFields: ReadonlySet<PolicyField>;
}

/** What is stored. */
export interface KnownCatalog<Policy extends KnownPolicy = KnownPolicy> {
  readonly products: readonly KnownProduct[];
  readonly plans: readonly KnownPlan[];
  readonly policies: readonly Policy[];
}

/** A row that is not taken over, or that is missed. */
export interface BadRow extends RowProblem {
  /** Stripe's id of the Price. */
  readonly stripeId: string;
}

/** One field as people read it; empty where it has no value. */
export interface FieldDifference {
  /** The name in contracts and in the database. */
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

/** A field that stays as an operator set it, although Stripe says otherwise. */
export interface PinnedDifference extends PlanKey {
  readonly stripeId: string;
  readonly field: string;
  readonly stored: string;
  readonly stripe: string;
}

export type RowChangeKind = 'added' | 'updated' | 'archived' | 'restored';

/** What is to be written of a policy. */
export interface PolicyWrite<Policy extends KnownPolicy = KnownPolicy> {
  /** The fields that the metadata carries. */
  readonly synced: PolicyChange;
  /** Absent where the plan has no policy yet. */
  readonly read?: Policy;
}

/** One plan that changes. */
export interface RowChange<Policy extends KnownPolicy = KnownPolicy> extends PlanKey {
  readonly kind: RowChangeKind;
  readonly stripePriceId: string;
  readonly differences: readonly FieldDifference[];
  /** What the row becomes; absent where only the policy changes. */
  readonly plan?: {
    readonly terms: PlanTerms | undefined;
    readonly archived: boolean;
    /** How many changes of operators are in the row that was compared; 0 where there was none. */
    readonly revision: number;
  };
  /** Absent where the policy stays. */
  readonly policy?: PolicyWrite<Policy>;
}

/** A product whose new workspaces start elsewhere. */
export interface OnboardingChange {
  readonly productCode: ProductTerms['productCode'];
  readonly before: string | undefined;
  readonly planCode: PlanKey['planCode'] | undefined;
}

/** Everything that a sync finds. */
export interface CatalogDiff<Policy extends KnownPolicy = KnownPolicy> {
  readonly changes: readonly RowChange<Policy>[];
  readonly onboarding: readonly OnboardingChange[];
  readonly badRows: readonly BadRow[];
  readonly pinned: readonly PinnedDifference[];
  /** How many plans are as Stripe has them. */
  readonly unchanged: number;
  /** How many archived Prices are no plans, or older ones of a plan. */
  readonly ignored: number;
}

/** Computes what a sync changes. The order of what it is given makes no difference. */
export function computeCatalogDiff<Policy extends KnownPolicy>(
  prices: readonly StripePrice[],
  known: KnownCatalog<Policy>,
): CatalogDiff<Policy> {
  return new Differ(prices, known).run();
}

class Differ<Policy extends KnownPolicy> {
  readonly #known: KnownCatalog<Policy>;
  readonly #plans: ReadonlyMap<string, KnownPlan>;
  readonly #policies: ReadonlyMap<string, Policy>;
  readonly #drafts: readonly PlanDraft[];
  readonly #unreadable: readonly UnreadablePrice[];
  readonly #badRows: BadRow[] = [];
  readonly #pinned: PinnedDifference[] = [];
  readonly #changes: RowChange<Policy>[] = [];
  /** Plans that a bad row may be meant for: they stay as they are. */
  readonly #held = new Set<string>();
  #onboarding: readonly OnboardingChange[] = [];
  #unchanged = 0;
  #ignored = 0;

  constructor(prices: readonly StripePrice[], known: KnownCatalog<Policy>) {
    const products = new Map(known.products.map((product) => [product.productCode as string, product]));
    const rows = prices.map((price) => readPlan(price, products)).sort((a, b) => compareText(a.priceId, b.priceId));
    this.#known = known;
    this.#plans = new Map(known.plans.map((plan) => [keyText(plan), plan]));
    this.#policies = new Map(known.policies.map((policy) => [keyText(policy), policy]));
    this.#drafts = rows.filter((row): row is PlanDraft => !isUnreadable(row));
    this.#unreadable = rows.filter(isUnreadable);
  }

  run(): CatalogDiff<Policy> {
    this.#holdUnreadable();
    this.#holdAmbiguous();
    // Before anything is decided by the rows: one that makes no plan can't claim new workspaces either.
    for (const draft of this.#drafts) this.#holdForbidden(draft);
    for (const draft of this.#drafts) this.#holdContradictory(draft);
    this.#onboarding = this.#known.products.flatMap((product) => this.#decideOnboarding(product));
    const wanted = this.#chooseDrafts();
    for (const draft of wanted.values()) this.#compare(draft);
    for (const plan of this.#known.plans) this.#archiveIfGone(plan, wanted.get(keyText(plan)));
    return {
      changes: this.#changes.sort((a, b) => compareText(keyText(a), keyText(b))),
      onboarding: this.#onboarding,
      badRows: this.#badRows.toSorted((a, b) => compareText(a.stripeId, b.stripeId)),
      pinned: this.#pinned,
      unchanged: this.#unchanged,
      ignored: this.#ignored,
    };
  }

  #refuse(stripeId: string, reason: BadRowReason, message: string): void {
    this.#badRows.push({ stripeId, reason, message });
  }

  /** An archived Price that can't be read was hardly ever a plan here, and can't be sold: it is no news. */
  #holdUnreadable(): void {
    const byPriceId = new Map(this.#known.plans.map((plan) => [plan.stripePriceId, plan]));
    for (const { priceId, isActive, key, problems } of this.#unreadable) {
      if (!isActive) {
        this.#ignored += 1;
        continue;
      }
      for (const { reason, message } of problems) this.#refuse(priceId, reason, message);
      if (key !== undefined) this.#held.add(keyText(key));
      const sold = byPriceId.get(priceId);
      if (sold !== undefined) this.#held.add(keyText(sold));
    }
  }

  #holdAmbiguous(): void {
    const readable = this.#unreadable.flatMap(({ key, ...row }) => (key === undefined ? [] : [{ ...row, ...key }]));
    const active = [...this.#drafts, ...readable].filter(({ isActive }) => isActive);
    for (const [text, rows] of groupBy(active, keyText)) {
      if (rows.length < 2) continue;
      const ids = rows.map(({ priceId }) => priceId).sort(compareText);
      for (const priceId of ids) {
        const others = ids.filter((id) => id !== priceId).join(', ');
        const message = `is the plan ${text}, as ${others}: archive all active Prices of a plan but one`;
        this.#refuse(priceId, 'price_ambiguous', message);
      }
      this.#held.add(text);
    }
  }

  /** A slip at Stripe must not take over what it could not give back: neither an operator's plan, nor the one for nothing. */
  #holdForbidden(draft: PlanDraft): void {
    const text = keyText(draft);
    if (!draft.isActive || this.#held.has(text)) return;
    const { productCode, planCode, priceId, terms } = draft;
    const plan = this.#plans.get(text);
    if (plan?.source === 'operator' && !plan.archived) {
      const message = `is the plan ${text}, which an operator has on sale: correct plan_code, or archive that plan first, so that Stripe may sell it`;
      this.#refuse(priceId, 'plan_of_operator', message);
    } else if (terms.minorUnits > 0n && this.#productOf(draft)?.fallbackPlanCode === planCode) {
      const message = `costs ${terms.minorUnits} ${terms.currency}, but workspaces of ${productCode} fall back to ${planCode}, which must cost nothing: correct plan_code, or name another fallback plan`;
      this.#refuse(priceId, 'fallback_plan_priced', message);
    } else return;
    this.#held.add(text);
  }

  #holdContradictory(draft: PlanDraft): void {
    const text = keyText(draft);
    if (!draft.isActive || this.#held.has(text)) return;
    const violations = findPolicyViolations(this.#computeSynced(draft).policy);
    if (violations.length === 0) return;
    const faults = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
    this.#refuse(draft.priceId, 'metadata_malformed', `would make a policy that can't be: ${faults}`);
    this.#held.add(text);
  }

  #computeSynced({ policy, ...key }: PlanDraft): SyncedPolicy {
    const record = this.#policies.get(keyText(key));
    const current = record?.policy ?? computeDefaultPolicy(key.planCode);
    return computeSyncedPolicy(current, record?.pinnedFields ?? new Set(), policy);
  }

  /**
   * At most one plan of a product may claim new workspaces. Where several do, it stays with the one that has it, and the claims
   * of the others count for nothing; the rest of their rows is no less sure.
   */
  #decideOnboarding(product: KnownProduct): OnboardingChange[] {
    const { productCode, onboardingPlanCode: current, onboardingPinned } = product;
    const drafts = this.#drafts.filter(
      (draft) => draft.productCode === productCode && draft.isActive && !this.#held.has(keyText(draft)),
    );
    const claims = drafts.filter(({ onboardingDefault }) => onboardingDefault === true);
    const [claim, rival] = claims;
    if (rival !== undefined) {
      const codes = claims.map(({ planCode }) => planCode).join(', ');
      const message = `claims onboarding_default, as several plans of ${productCode} do (${codes}), which counts for nothing: leave it to one`;
      const newcomers = claims.filter(({ planCode }) => planCode !== current);
      for (const { priceId } of newcomers) this.#refuse(priceId, 'onboarding_default_taken', message);
      return [];
    }
    const waived = drafts.find(
      ({ planCode, onboardingDefault }) => planCode === current && onboardingDefault === false,
    );
    const speaker = claim ?? waived;
    if (speaker === undefined || claim?.planCode === current) return [];
    if (!onboardingPinned) return [{ productCode, before: current, planCode: claim?.planCode }];
    const { planCode, priceId: stripeId } = speaker;
    const [stored, stripe] = claim === undefined ? ['true', 'false'] : ['false', 'true'];
    this.#pinned.push({ productCode, planCode, stripeId, field: 'onboarding_default', stored, stripe });
    return [];
  }

  /** Finds for each plan the Price that it goes by: the active one, else the newest of those that are archived. */
  #chooseDrafts(): ReadonlyMap<string, PlanDraft> {
    const chosen = new Map<string, PlanDraft>();
    for (const [text, drafts] of groupBy(this.#drafts, keyText)) {
      const [best] = drafts.toSorted(
        (a, b) =>
          compareFlags(b.isActive, a.isActive) || b.createdAt - a.createdAt || compareText(b.priceId, a.priceId),
      );
      this.#ignored += drafts.filter(({ isActive }) => !isActive).length - (best?.isActive === false ? 1 : 0);
      if (best !== undefined && !this.#held.has(text)) chosen.set(text, best);
    }
    return chosen;
  }

  #compare(draft: PlanDraft): void {
    const text = keyText(draft);
    const plan = this.#plans.get(text);
    if (!this.#isNews(draft, plan)) return;
    const record = this.#policies.get(text);
    const synced = this.#computeSynced(draft);
    if (findPolicyViolations(synced.policy).length > 0) {
      // Only an archived Price gets here, which can't be sold.
      this.#ignored += 1;
      return;
    }
    for (const kept of synced.kept) this.#reportPinned(draft, kept);
    const planDifferences = comparePlan(plan, draft);
    const isPolicyWritten = record === undefined || synced.changed.length > 0;
    const policy = isPolicyWritten ? { synced: draft.policy, ...present({ read: record }) } : undefined;
    if (planDifferences.length === 0 && policy === undefined) {
      this.#unchanged += 1;
      return;
    }
    const differences = [...planDifferences, ...synced.changed.map(toFieldDifference)];
    const isPlanWritten = plan === undefined || planDifferences.length > 0;
    this.#changes.push({
      productCode: draft.productCode,
      planCode: draft.planCode,
      kind: kindOf(plan, draft),
      stripePriceId: draft.priceId,
      differences,
      ...present({
        plan: isPlanWritten
          ? { terms: draft.terms, archived: !draft.isActive, revision: plan?.revision ?? 0 }
          : undefined,
        policy,
      }),
    });
  }

  /** Of what is archived at Stripe only a plan that is not known here is news: there may be subscribers of before. */
  #isNews(draft: PlanDraft, plan: KnownPlan | undefined): boolean {
    if (draft.isActive) return true;
    if (plan !== undefined) return false;
    if (this.#productOf(draft)?.fallbackPlanCode === draft.planCode) {
      this.#refuseFallback(draft, draft.priceId);
      return false;
    }
    this.#reportOnboarding(draft, draft.priceId);
    return true;
  }

  #reportPinned({ productCode, planCode, priceId }: PlanDraft, { field, before, after }: PolicyDifference): void {
    const difference = { field: contractNameOf(field), stored: before, stripe: after };
    this.#pinned.push({ productCode, planCode, stripeId: priceId, ...difference });
  }

  #archiveIfGone(plan: KnownPlan, draft: PlanDraft | undefined): void {
    const { productCode, planCode, source, stripePriceId, archived, revision } = plan;
    if (source !== 'stripe' || stripePriceId === undefined || this.#held.has(keyText(plan))) return;
    if (draft?.isActive === true) return;
    this.#reportOnboarding(plan, stripePriceId);
    if (archived) {
      this.#unchanged += 1;
      return;
    }
    if (this.#productOf(plan)?.fallbackPlanCode === planCode) {
      this.#refuseFallback(plan, stripePriceId);
      return;
    }
    const differences = [{ field: 'archived', before: 'false', after: 'true' }];
    const write = { terms: undefined, archived: true, revision };
    this.#changes.push({ productCode, planCode, kind: 'archived', stripePriceId, differences, plan: write });
  }

  #productOf({ productCode }: PlanKey): KnownProduct | undefined {
    return this.#known.products.find((product) => product.productCode === productCode);
  }

  /** Is told by each sync until it is put right: until then new workspaces start elsewhere. */
  #reportOnboarding({ productCode, planCode }: PlanKey, stripePriceId: string): void {
    const product = this.#productOf({ productCode, planCode });
    const move = this.#onboarding.find((change) => change.productCode === productCode);
    const current = move === undefined ? product?.onboardingPlanCode : move.planCode;
    if (product === undefined || current !== planCode || product.fallbackPlanCode === planCode) return;
    const message = `is gone or archived, but new workspaces of ${productCode} start on ${planCode}: until a Price is active for it, or another onboarding plan is named, they start on ${product.fallbackPlanCode}`;
    this.#refuse(stripePriceId, 'onboarding_plan_gone', message);
  }

  #refuseFallback({ productCode, planCode }: PlanKey, stripePriceId: string): void {
    const message = `is gone or archived, but workspaces of ${productCode} fall back to ${planCode}: the plan is not archived; make a Price active for it, or name another fallback plan`;
    this.#refuse(stripePriceId, 'fallback_plan_gone', message);
  }
}

function kindOf(plan: KnownPlan | undefined, draft: PlanDraft): RowChangeKind {
  if (plan === undefined) return 'added';
  return plan.archived && draft.isActive ? 'restored' : 'updated';
}

/** Compares the row itself, field by field as it is stored. */
function comparePlan(plan: KnownPlan | undefined, { terms, priceId, isActive }: PlanDraft): readonly FieldDifference[] {
  const before = plan === undefined ? undefined : describePlan(plan);
  const after = {
    source: 'stripe',
    product_name: terms.productName,
    stripe_price_id: priceId,
    amount: `${terms.minorUnits}`,
    currency: terms.currency,
    interval: terms.interval,
    interval_count: `${terms.intervalCount}`,
    archived: `${!isActive}`,
  };
  return Object.entries(after)
    .map(([field, value]) => ({ field, before: before?.get(field) ?? '', after: value }))
    .filter((difference) => difference.before !== difference.after);
}

function describePlan(plan: KnownPlan): ReadonlyMap<string, string> {
  return new Map([
    ['source', plan.source],
    ['product_name', plan.productName],
    ['stripe_price_id', plan.stripePriceId ?? ''],
    ['amount', plan.price === undefined ? '' : `${plan.price.minorUnits}`],
    ['currency', plan.price?.currency ?? ''],
    ['interval', plan.interval ?? ''],
    ['interval_count', `${plan.intervalCount}`],
    ['archived', `${plan.archived}`],
  ]);
}

function toFieldDifference({ field, before, after }: PolicyDifference): FieldDifference {
  return { field: contractNameOf(field), before, after };
}

/** Names a plan, as people read it. */
export function keyText({ productCode, planCode }: PlanKey): string {
  return `${productCode}/${planCode}`;
}

function groupBy<Row extends PlanKey>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}

function compareFlags(a: boolean, b: boolean): number {
  if (a === b) return 0;
  return a ? 1 : -1;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
