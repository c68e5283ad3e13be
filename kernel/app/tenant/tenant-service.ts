// Owns how a workspace comes to be: its row first, with its owner in it, then its ledger account, then what begins with it, so
// that a crash between two of them leaves something that a retry or the worker finishes. Does not own who may create one, the
// account itself, or how it changes later (tenant-life.ts).
// Invariants: one request id makes one workspace, however often and wherever it is sent; its plan is of its product.

import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey, Instant, PlanCode, ProductCode, UserId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { startsTrialByItself } from '../../domain/plan-policy.ts';
import { computeSlug, computeSlugVariant } from '../../domain/slug.ts';
import { limitReached, type Workspace } from '../../domain/workspace.ts';
import type { CatalogStore, Plan, Product } from '../catalog/ports.ts';
import { loadProductPlans } from '../catalog/product-plans.ts';
import type { Ledger, TenantRef } from '../ledger/ledger.ts';
import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import type { AuditNotebook, WriteNote } from '../operator/audit-notebook.ts';
import type { KillSwitchBoard } from '../operator/kill-switch-board.ts';
import { WORKSPACES_OF_PERSON_MAX } from '../people/people-directory.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { StoredWorkspace, TenantIdSource, TenantStore } from './ports.ts';
import type { TenantStart } from './tenant-start.ts';
import { type Act, slugTaken, type WorkspaceDesk } from './workspace-desk.ts';

/** How many workspaces of one product a person may own at once; asked before each, so that a race can exceed it by a few. */
const OWN_WORKSPACES_MAX = 50;
/** How often a row is looked for whose key is taken but which no majority has yet, and how long between, in ms. */
const TAKEN_LOOKUPS_MAX = 10;
const TAKEN_LOOKUP_INTERVAL_MS = 50;
/** How many slugs are tried for a name. */
const SLUGS_TRIED_MAX = 5;
/** How long a workspace may be unfinished before somebody else than its request finishes it, in milliseconds. */
const UNFINISHED_MS = 15_000;
const UNFINISHED_AT_ONCE = 50;

/** What makes a tenant service. */
export interface TenantServiceParts {
  readonly store: TenantStore;
  readonly desk: Pick<WorkspaceDesk, 'settle' | 'draftRecord'>;
  readonly catalog: Pick<CatalogStore, 'loadProduct' | 'loadPlans'>;
  readonly ledger: Pick<Ledger, 'openAccount'>;
  readonly start: TenantStart;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: TenantIdSource;
  readonly pacing: Pick<Pacing, 'delay'>;
  readonly switches: Pick<KillSwitchBoard, 'assertOn'>;
  /** Told of what an operator is to create, before it is. */
  readonly notebook: Pick<AuditNotebook, 'note'>;
}

/** Asks for a new workspace. */
export interface CreateTenantInput {
  readonly productCode: ProductCode;
  readonly displayName: string;
  /** Absent: one made of the name. */
  readonly slug?: string;
  /** Whom it belongs to, and who becomes its first tenant_admin; absent where an operator makes it for nobody. */
  readonly owner?: UserId;
  /** Absent: the product's onboarding default where it starts without a trial, else its fallback plan. */
  readonly planCode?: PlanCode;
  /** Allows plans that customers can't choose themselves. */
  readonly anyPlan: boolean;
  /** The operator who does this, and why; absent for a person. */
  readonly actor?: string;
  readonly reason?: string;
}

/** Who asks for a new workspace, and how. */
export interface Asker {
  readonly callerScope: string;
  readonly requestId: string;
  readonly act: Act;
}

/** What became of a request for a workspace. */
export interface CreatedTenant {
  readonly tenant: Workspace;
  readonly replayed: boolean;
}

/** Creates workspaces. */
export class TenantService {
  readonly #parts: TenantServiceParts;

  constructor(parts: TenantServiceParts) {
    this.#parts = parts;
  }

  /**
   * Creates a workspace and opens its account, once for each caller and request id; a retry finishes what a crash left.
   * Throws DomainError KILL_SWITCH_OFF where a person asks while signups are off, PRODUCT_NOT_FOUND, PLAN_NOT_FOUND, SLUG_TAKEN,
   * WORKSPACE_LIMIT_REACHED, IDEMPOTENCY_KEY_REUSED where the request id was used for something else, OUTCOME_UNKNOWN,
   * DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN, and what opening an account can give.
   */
  async createTenant(input: CreateTenantInput, asker: Asker): Promise<CreatedTenant> {
    const key = requestKey(asker.callerScope, 'create_tenant', asker.requestId);
    const fingerprint = fingerprintOf(input);
    const known = await this.#parts.store.loadTenantByRequestKey(key);
    const { stored, replayed } =
      known === undefined ? await this.#make(input, asker, key) : { stored: known, replayed: true };
    if (stored.fingerprint !== fingerprint) throw keyReused(asker.requestId);
    await this.#finish(stored);
    return { tenant: stored.workspace, replayed };
  }

  /**
   * Finishes workspaces whose request nobody finishes; answers how many. Throws AggregateError where some can't be finished,
   * DomainError DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN where none were found.
   */
  async finishUnfinished(): Promise<number> {
    const { store, clock } = this.#parts;
    const left = await store.loadUnfinished(clock.now() - UNFINISHED_MS, UNFINISHED_AT_ONCE);
    const failures: unknown[] = [];
    for (const stored of left) {
      // One that can't be finished keeps none of the others waiting.
      await this.#finish(stored).catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} new workspaces were not finished`);
    return left.length;
  }

  /** Does what is left to do for a new workspace. Each step may have been done before. */
  async #finish(stored: StoredWorkspace): Promise<void> {
    const { ledger, start, desk, store } = this.#parts;
    const { tenantId, productCode, planCode, ownerUserId } = stored.workspace;
    const tenant: TenantRef = { tenantId, productCode };
    // Also where the row says that all is there: a row of an earlier release says so before its account is open.
    await ledger.openAccount(tenant, { planCode, ...stored.operator });
    if (!stored.unfinished) return;
    if (stored.beginsByItself) await start.begin(tenant, ownerUserId);
    await desk.settle(stored);
    await store.finishTenant(tenantId);
  }

  /** An operator provisions workspaces also while people can't create any; and what exists, a retry still finishes. */
  async #assertAllowed({ actor, owner, productCode }: CreateTenantInput): Promise<void> {
    if (actor !== undefined || owner === undefined) return;
    await this.#parts.switches.assertOn('SIGNUPS_ENABLED');
    const bounds = { limit: WORKSPACES_OF_PERSON_MAX, openOnly: true };
    const theirs = await this.#parts.store.loadWorkspacesOf(owner, productCode, bounds);
    const own = theirs.filter(({ ownerUserId }) => ownerUserId === owner);
    if (own.length >= OWN_WORKSPACES_MAX) throw limitReached('workspaces of your own', OWN_WORKSPACES_MAX);
  }

  /** A slug that was asked for is had or refused; one that is made of the name gives way to others. */
  async #make(
    input: CreateTenantInput,
    asker: Asker,
    key: IdempotencyKey,
  ): Promise<{ readonly stored: StoredWorkspace; readonly replayed: boolean }> {
    const { store, ids } = this.#parts;
    await this.#assertAllowed(input);
    const planCode = await this.#findStartPlan(input);
    await this.#noteOperator(input, asker, key);
    const wanted = input.slug ?? computeSlug(input.displayName);
    for (let tried = 0; tried < SLUGS_TRIED_MAX; tried += 1) {
      const slug = tried === 0 ? wanted : computeSlugVariant(wanted, ids.secret());
      const draft = this.#draft(input, asker, { key, planCode, slug });
      if (await store.insertTenant(draft)) return { stored: draft, replayed: false };
      const taken = await this.#findTaken(key, input.productCode, slug);
      if (taken !== undefined) return { stored: taken, replayed: true };
      if (input.slug !== undefined) break;
    }
    throw slugTaken(wanted);
  }

  async #findStartPlan(input: CreateTenantInput): Promise<PlanCode> {
    const { catalog } = this.#parts;
    const { productCode } = input;
    const { product, plans } = await loadProductPlans(catalog, productCode);
    return decideStartPlan(product, plans, input);
  }

  #draft(
    input: CreateTenantInput,
    asker: Asker,
    { key, planCode, slug }: { readonly key: IdempotencyKey; readonly planCode: PlanCode; readonly slug: string },
  ): StoredWorkspace {
    const { clock, ids, desk } = this.#parts;
    const { productCode, displayName, owner, actor, reason } = input;
    const tenantId = ids.tenantId();
    const createdAt = clock.now();
    const workspace: Workspace = {
      ...{ tenantId, productCode, displayName, slug, planCode, status: 'active', createdAt },
      ...present({ ownerUserId: owner }),
      members: owner === undefined ? [] : [adminOf(owner, createdAt)],
      invitations: [],
      projects: [],
    };
    const fingerprint = fingerprintOf(input);
    const identity = { key, fingerprint, requestId: asker.requestId };
    const changes = [{ field: 'display_name', before: '', after: displayName }];
    const lastRecord = desk.draftRecord(tenantId, asker.act, identity, { changes }, createdAt);
    const operator = actor === undefined || reason === undefined ? {} : { operator: { actor, reason } };
    const progress = { unfinished: true, beginsByItself: input.planCode === undefined };
    return { workspace, revision: 1, lastRecord, requestKey: key, fingerprint, ...progress, ...operator };
  }

  async #noteOperator(
    input: CreateTenantInput,
    { callerScope, requestId, act }: Asker,
    key: IdempotencyKey,
  ): Promise<void> {
    const { productCode, planCode, actor } = input;
    if (actor === undefined) return;
    const request = {
      callerScope,
      requestId,
      requestKey: key,
      fingerprint: fingerprintOf(input),
      ...present({ remoteAddress: act.remoteAddress }),
    } satisfies Partial<WriteNote>;
    const write = { method: 'TenantService/CreateTenant', actor, productCode, evidence: 'tenant' as const };
    await this.#parts.notebook.note({ ...request, ...write, figures: { plan_code: planCode } });
  }

  /**
   * Finds the row that has taken the key; undefined where it is the slug that is taken. What refused an insert may have no
   * majority yet, which a majority read doesn't show: it is waited for a little.
   */
  async #findTaken(key: IdempotencyKey, productCode: ProductCode, slug: string): Promise<StoredWorkspace | undefined> {
    const { store, pacing } = this.#parts;
    for (let attempt = 0; attempt < TAKEN_LOOKUPS_MAX; attempt += 1) {
      // The slug first: where it is this request's own row that has it, that is found by its key after.
      const isSlugTaken = await store.hasSlug(productCode, slug);
      const stored = await store.loadTenantByRequestKey(key);
      if (stored !== undefined) return stored;
      if (isSlugTaken) return undefined;
      await pacing.delay(TAKEN_LOOKUP_INTERVAL_MS);
    }
    const message =
      'another call with this request_id has not come to an end: repeat the call with the same request_id';
    throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 500 });
  }
}

function adminOf(userId: UserId, joinedAt: Instant): Workspace['members'][number] {
  return { userId, tenantAdmin: true, projectRoles: [], joinedAt };
}

/** What was not known to earlier releases only counts where it is there, so that their requests mean the same. */
function fingerprintOf({ productCode, displayName, planCode, actor, reason, slug, owner }: CreateTenantInput) {
  const later = slug === undefined && owner === undefined ? [] : [slug, owner];
  return computeFingerprint(['create_tenant', productCode, displayName, planCode, actor, reason, ...later]);
}

/** A plan that starts with a trial is had by the trial, whose end leads to the fallback plan: the account begins there. */
function choosePlan({ fallbackPlanCode }: Product, onSale: readonly Plan[]): PlanCode {
  const onboarding = onSale.find((plan) => plan.onboardingDefault);
  if (onboarding === undefined || startsTrialByItself(onboarding.policy)) return fallbackPlanCode;
  return onboarding.planCode;
}

function decideStartPlan(product: Product, plans: readonly Plan[], input: CreateTenantInput): PlanCode {
  const onSale = plans.filter((plan) => !plan.archived);
  const planCode = input.planCode ?? choosePlan(product, onSale);
  const plan = onSale.find((candidate) => candidate.planCode === planCode);
  if (plan !== undefined && (input.anyPlan || plan.policy.selfServe || planCode === product.fallbackPlanCode))
    return planCode;
  const message = `plan_code: ${product.productCode} has no plan ${planCode} that a workspace can start on: see ListPlans`;
  throw new DomainError('PLAN_NOT_FOUND', message, { metadata: { plan_code: planCode } });
}

function keyReused(requestId: string): DomainError {
  const message = `request_id: ${requestId} was used before for a tenant with other fields: use a new one for a new tenant`;
  return new DomainError('IDEMPOTENCY_KEY_REUSED', message, { metadata: { request_id: requestId } });
}
