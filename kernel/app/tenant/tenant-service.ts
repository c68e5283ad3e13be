// Owns how a tenant comes to be: its row first, then its ledger account, so that a crash between the two leaves something
// that a retry finishes. Does not own who may create one, or the account itself.
// Invariants: one request id makes one tenant, however often and wherever it is sent; a tenant's plan is of its product.

import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey, PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import { productNotFound } from '../catalog/catalog-error.ts';
import type { CatalogStore, Plan, Product } from '../catalog/ports.ts';
import type { Ledger, TenantRef } from '../ledger/ledger.ts';
import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import type { AuditNotebook, WriteNote } from '../operator/audit-notebook.ts';
import type { KillSwitchBoard } from '../operator/kill-switch-board.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { Tenant, TenantIdSource, TenantRecord, TenantStore } from './ports.ts';
import { type TenantDirectory, type TenantVisibility, tenantNotFound } from './tenant-directory.ts';

/** How often a row is looked for whose key is taken but which no majority has yet, and how long between, in ms. */
const TAKEN_LOOKUPS_MAX = 10;
const TAKEN_LOOKUP_INTERVAL_MS = 50;

/** What makes a tenant service. */
export interface TenantServiceParts {
  readonly store: TenantStore;
  readonly catalog: Pick<CatalogStore, 'loadProduct' | 'loadPlans'>;
  readonly directory: TenantDirectory;
  readonly ledger: Pick<Ledger, 'openAccount'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: TenantIdSource;
  readonly pacing: Pick<Pacing, 'delay'>;
  readonly switches: Pick<KillSwitchBoard, 'assertOn'>;
  /** Told of what an operator is to create, before it is. */
  readonly notebook: Pick<AuditNotebook, 'note'>;
}

/** Asks for a new tenant. */
export interface CreateTenantInput {
  readonly productCode: ProductCode;
  readonly displayName: string;
  /** Absent: the product's onboarding default, else its fallback plan. */
  readonly planCode?: PlanCode;
  /** Whether the plan may be one that only sales sells. */
  readonly anyPlan: boolean;
  /** Set together where an operator does it. */
  readonly actor?: string;
  readonly reason?: string;
}

/** A tenant, and whether an earlier call made it. */
export interface CreatedTenant {
  readonly tenant: Tenant;
  readonly replayed: boolean;
}

/** Creates and reads tenants. */
export class TenantService {
  readonly #parts: TenantServiceParts;

  constructor(parts: TenantServiceParts) {
    this.#parts = parts;
  }

  /**
   * Creates a tenant and opens its account, once for each caller and request id; a retry finishes what a crash left.
   * Throws DomainError KILL_SWITCH_OFF where a person asks while signups are off, PRODUCT_NOT_FOUND, PLAN_NOT_FOUND,
   * IDEMPOTENCY_KEY_REUSED where the request id was used for
   * something else, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN, and what opening an account can give.
   */
  async createTenant(input: CreateTenantInput, callerScope: string, requestId: string): Promise<CreatedTenant> {
    const { store, ledger } = this.#parts;
    const key = requestKey(callerScope, 'create_tenant', requestId);
    const fingerprint = computeFingerprint([
      'create_tenant',
      input.productCode,
      input.displayName,
      input.planCode,
      input.actor,
      input.reason,
    ]);
    let record = await store.loadTenantByRequestKey(key);
    let replayed = record !== undefined;
    if (record === undefined) {
      // An operator provisions workspaces also while people can't create any; and what exists, a retry still finishes.
      if (input.actor === undefined) await this.#parts.switches.assertOn('SIGNUPS_ENABLED');
      const tenant = await this.#draftTenant(input);
      const draft: TenantRecord = { tenant, requestKey: key, fingerprint };
      await this.#noteOperator(input, { callerScope, requestId, requestKey: key, fingerprint });
      replayed = !(await store.insertTenant(draft));
      record = replayed ? await this.#loadTaken(key) : draft;
    }
    if (record.fingerprint !== fingerprint) throw keyReused(requestId);
    const { tenant } = record;
    const opening = { planCode: tenant.planCode, ...operatorOf(input) };
    await ledger.openAccount({ tenantId: tenant.tenantId, productCode: tenant.productCode }, opening);
    return { tenant, replayed };
  }

  /** Reads a tenant that the caller can see. Throws DomainError TENANT_NOT_FOUND, DATABASE_UNAVAILABLE. */
  async getTenant(tenantId: TenantId, visibility: TenantVisibility): Promise<Tenant> {
    const { directory, store } = this.#parts;
    const ref: TenantRef = await directory.requireTenant(tenantId, visibility);
    const tenant = await store.loadTenant(ref.tenantId);
    if (tenant === undefined) throw tenantNotFound(tenantId);
    return tenant;
  }

  async #draftTenant(input: CreateTenantInput): Promise<Tenant> {
    const { catalog, clock, ids } = this.#parts;
    const { productCode, displayName } = input;
    const [product, plans] = await Promise.all([catalog.loadProduct(productCode), catalog.loadPlans(productCode)]);
    if (product === undefined) throw productNotFound(productCode);
    const planCode = decideStartPlan(product, plans, input);
    return { tenantId: ids.tenantId(), productCode, displayName, planCode, status: 'active', createdAt: clock.now() };
  }

  async #noteOperator(
    { productCode, planCode, actor }: CreateTenantInput,
    request: Pick<WriteNote, 'callerScope' | 'requestId' | 'requestKey' | 'fingerprint'>,
  ): Promise<void> {
    if (actor === undefined) return;
    const write = { method: 'TenantService/CreateTenant', actor, productCode, evidence: 'tenant' as const };
    await this.#parts.notebook.note({ ...request, ...write, figures: { plan_code: planCode } });
  }

  /** A key can be taken by a row that no majority has yet, which a majority read doesn't show: wait for it a little. */
  async #loadTaken(key: IdempotencyKey): Promise<TenantRecord> {
    for (let attempt = 0; attempt < TAKEN_LOOKUPS_MAX; attempt += 1) {
      const record = await this.#parts.store.loadTenantByRequestKey(key);
      if (record !== undefined) return record;
      await this.#parts.pacing.delay(TAKEN_LOOKUP_INTERVAL_MS);
    }
    const message =
      'another call with this request_id has not come to an end: repeat the call with the same request_id';
    throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 500 });
  }
}

function decideStartPlan(product: Product, plans: readonly Plan[], input: CreateTenantInput): PlanCode {
  const onSale = plans.filter((plan) => !plan.archived);
  const planCode =
    input.planCode ?? onSale.find((plan) => plan.onboardingDefault)?.planCode ?? product.fallbackPlanCode;
  const plan = onSale.find((candidate) => candidate.planCode === planCode);
  if (plan !== undefined && (input.anyPlan || plan.policy.selfServe || planCode === product.fallbackPlanCode))
    return planCode;
  const message = `plan_code: ${product.productCode} has no plan ${planCode} that a workspace can start on: see ListPlans`;
  throw new DomainError('PLAN_NOT_FOUND', message, { metadata: { plan_code: planCode } });
}

function operatorOf({ actor, reason }: CreateTenantInput): { readonly actor?: string; readonly reason?: string } {
  return { ...(actor === undefined ? {} : { actor }), ...(reason === undefined ? {} : { reason }) };
}

function keyReused(requestId: string): DomainError {
  const message = `request_id: ${requestId} was used before for a tenant with other fields: use a new one for a new tenant`;
  return new DomainError('IDEMPOTENCY_KEY_REUSED', message, { metadata: { request_id: requestId } });
}
