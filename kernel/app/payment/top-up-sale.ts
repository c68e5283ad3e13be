// Owns whether something is sold to a workspace, and what a purchase of it is at its begin, whoever wants it. Does not own what
// follows (top-up-runner.ts).

import { findAdditionProblem } from '../../domain/decision.ts';
import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey } from '../../domain/id.ts';
import { findTopUpProblem, type TopUpCause, type TopUpOrder } from '../../domain/top-up.ts';
import { planNotFound } from '../catalog/catalog-error.ts';
import type { CatalogStore, Plan } from '../catalog/ports.ts';
import { loadProductPlans } from '../catalog/product-plans.ts';
import type { AccountReading, Ledger, TenantRef } from '../ledger/ledger.ts';
import { computeFingerprint } from '../ledger/request-identity.ts';
import type { KillSwitchBoard } from '../operator/kill-switch-board.ts';
import type { Clock } from '../ports.ts';
import type { CustomerStore, StripeBilling } from '../subscription/ports.ts';
import type { TopUp, TopUpIdSource } from './ports.ts';
import type { TopUpInput } from './use-case.ts';

/** How long a top-up can be paid on its page, in milliseconds. */
const PAGE_LIFETIME_MS = 24 * 3_600_000;

/** Where it is read what a plan sells. */
export interface OfferParts {
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly catalog: Pick<CatalogStore, 'loadProduct' | 'loadPlans'>;
}

/** What it takes to judge a purchase. */
export interface SaleParts extends OfferParts {
  readonly customers: Pick<CustomerStore, 'loadCustomer'>;
  readonly billing: Pick<StripeBilling, 'loadPaymentMethods'>;
  readonly switches: Pick<KillSwitchBoard, 'assertOn'>;
}

/** Throws DomainError where the workspace's plan does not sell this. */
export async function assertPriced(parts: OfferParts, tenant: TenantRef, order: TopUpOrder): Promise<AccountReading> {
  const { account, plan, currency } = await readPlan(parts, tenant);
  const problem = findTopUpProblem(plan, currency, order);
  if (problem !== undefined) throw problem;
  return account;
}

/** Throws DomainError where the workspace can't buy this now. */
export async function assertSold(parts: SaleParts, tenant: TenantRef, order: TopUpOrder): Promise<void> {
  await parts.switches.assertOn('TOPUPS_ENABLED');
  const { state } = await assertPriced(parts, tenant, order);
  const problem = findAdditionProblem(state, order.microcredits);
  if (problem !== undefined) throw problem;
}

/** Answers the id of the default payment method. Throws DomainError PAYMENT_METHOD_REQUIRED where there is none. */
export async function requireDefaultCard(
  { customers, billing }: Pick<SaleParts, 'customers' | 'billing'>,
  { tenantId }: Pick<TenantRef, 'tenantId'>,
): Promise<string> {
  const stripeCustomerId = (await customers.loadCustomer(tenantId))?.stripeCustomerId;
  const stored = stripeCustomerId === undefined ? [] : await billing.loadPaymentMethods(stripeCustomerId);
  const chosen = stored.find(({ isDefault }) => isDefault);
  if (chosen !== undefined) return chosen.stripePaymentMethodId;
  const message =
    'the workspace has no default payment method that could be charged: store one, or leave use_stored_card out';
  throw new DomainError('PAYMENT_METHOD_REQUIRED', message);
}

/** Makes a purchase that nothing was asked of Stripe for yet. */
export function draftTopUp(
  { ids, clock }: { readonly ids: TopUpIdSource; readonly clock: Pick<Clock, 'now'> },
  { tenantId, productCode }: TenantRef,
  wanted: { readonly key: IdempotencyKey; readonly cause: TopUpCause; readonly input: TopUpInput },
): TopUp {
  const { key, cause, input } = wanted;
  const { minorUnits, currency, microcredits, usesStoredCard } = input;
  const now = clock.now();
  return {
    ...{ topUpId: ids.topUpId(), tenantId, productCode, key, cause, status: 'pending' },
    fingerprint: computeFingerprint(['create_top_up', minorUnits, currency, microcredits, usesStoredCard]),
    ...{ minorUnits, currency, microcredits, usesStoredCard, isCharged: false, isClosing: false },
    ...{ attempt: 1, storedFailures: 0, tries: 0, returnedMinorUnits: 0n },
    ...{ createdAt: now, dueAt: now, pageExpiresAt: now + PAGE_LIFETIME_MS },
  };
}

/** Reads the plan of a workspace. Throws DomainError ACCOUNT_NOT_OPEN, PLAN_NOT_FOUND, DATABASE_UNAVAILABLE. */
export async function readPlan(
  { ledger, catalog }: OfferParts,
  tenant: TenantRef,
): Promise<{ readonly account: AccountReading; readonly plan: Plan; readonly currency: string }> {
  const account = await ledger.readAccount(tenant);
  const { product, plans } = await loadProductPlans(catalog, tenant.productCode);
  const plan = plans.find(({ planCode }) => planCode === account.state.planCode);
  if (plan === undefined) throw planNotFound(tenant.productCode, account.state.planCode);
  return { account, plan, currency: product.currency };
}
