// Every reason of the contract, provoked by a call: the reason, its code, its figures. A reason that is added to the
// contract and not here does not compile.

import { status } from '@grpc/grpc-js';
import { mongo } from 'mongoose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CatalogAdminServiceService,
  RegisterProductRequest,
  UpsertPlanRequest,
} from '../../gen/wheelhouse/catalog/v1/catalog_admin_service.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { ErrorReason } from '../../gen/wheelhouse/common/v1/error_reason.ts';
import { LedgerAuditServiceService, ReverseEntryRequest } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import {
  GetBalanceRequest,
  GrantRequest,
  LedgerServiceService,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { WatchBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { KillSwitchName } from '../../gen/wheelhouse/operator/v1/kill_switch.ts';
import { MailServiceService } from '../../gen/wheelhouse/operator/v1/mail_service.ts';
import { OperatorServiceService, SetKillSwitchRequest } from '../../gen/wheelhouse/operator/v1/operator_service.ts';
import { WebhookServiceService } from '../../gen/wheelhouse/operator/v1/webhook_service.ts';
import { AccessTokenServiceService } from '../../gen/wheelhouse/tenant/v1/access_token_service.ts';
import {
  ConfirmSignupRequest,
  ResendSignupRequest,
  SignupServiceService,
  StartSignupRequest,
} from '../../gen/wheelhouse/tenant/v1/signup_service.ts';
import { CreateTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import type { InsertOutcome } from '../../kernel/app/ports.ts';
import type { StripeConfig } from '../../kernel/config.ts';
import { OPEN_HOLDS_MAX } from '../../kernel/domain/bound.ts';
import { DomainError, REASONS } from '../../kernel/domain/error.ts';
import type { Fingerprint, IdempotencyKey, PlanCode, ProductCode, TenantId } from '../../kernel/domain/id.ts';
import { CODE_BY_REASON } from '../../kernel/grpc/status.ts';
import { guardDatabase } from '../../kernel/store/database-failure.ts';
import { openTenantStore } from '../../kernel/store/tenant/tenant-store.ts';
import { openWatch } from '../support/stream-client.ts';
import {
  admitPeople,
  type Callers,
  CREDIT,
  callersOf,
  debitRequest,
  newcomer,
  OPERATOR,
  personIn,
} from './support/account.ts';
import { alertProofsOf } from './support/alert.ts';
import { crowdAccount } from './support/crowded-account.ts';
import { type Failure, failureOf, settle } from './support/failure.ts';
import { holdCallsOf } from './support/hold.ts';
import {
  type Adaptation,
  composeKernel,
  type KernelFixture,
  newRequestId,
  openKernel,
} from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import { override } from './support/override.ts';
import { MailTray } from './support/people.ts';
import { peopleProofsOf } from './support/people-reason.ts';
import { promotionProofsOf } from './support/promotion-reason.ts';
import { openStripe, type StripeFixture, syncCatalog } from './support/stripe.ts';
import { openShop, type Shop } from './support/subscription.ts';
import { subscriptionProofsOf } from './support/subscription-reason.ts';
import { topUpProofsOf } from './support/top-up.ts';
import { type TrialCalls, trialCallsOf } from './support/trial.ts';

type WireReason = Exclude<keyof typeof ErrorReason, 'UNSPECIFIED'>;

/** A call that is refused for the reason, with its code; or why no call to this kernel can be. */
type Proof =
  | { readonly code: status; readonly provoke: () => Promise<Failure>; readonly expected?: Partial<Failure> }
  | { readonly elsewhere: string };

const BFF_ALONE = 'given by a BFF alone: test/bff';
const HOUR_MS = 3_600_000;

let kernel: KernelFixture;
let callers: Callers;
let trials: TrialCalls;
/** A kernel over the same database that keeps the mails it would send. */
let mailing: KernelFixture;
const tray = new MailTray();
/** A kernel of its own that sells at the sandbox. */
let shop: Shop;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  trials = trialCallsOf(callers);
  mailing = await composeKernel({ mongodbUri: kernel.mongodbUri, outbox: tray });
  shop = await openShop();
});
afterAll(async () => {
  await shop.close();
  await mailing.close();
  await kernel.close();
});

const balanceOf = (from: Callers, tenantId: string, settings = {}) =>
  from.internal.call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }), settings);

/** Runs a call against a kernel that has a fault, over the same database. */
async function withFault<T>(
  adapt: Adaptation,
  run: (faulty: Callers, fixture: KernelFixture) => Promise<T>,
): Promise<T> {
  const fixture = await composeKernel({ mongodbUri: kernel.mongodbUri, ...adapt });
  try {
    return await run(callersOf(fixture), fixture);
  } finally {
    await fixture.close();
  }
}

const debitWithFault = (adapt: Adaptation) => async () => {
  const tenantId = await callers.openTenant(CREDIT);
  return withFault(adapt, (faulty) => failureOf(faulty.debit(tenantId)));
};

const createTenant = (fields: Partial<CreateTenantRequest>) => {
  const request = { requestId: newRequestId(), productCode: 'agentruntime', displayName: 'x', ...OPERATOR, ...fields };
  return failureOf(callers.sysadmin.call(TenantServiceService.createTenant, CreateTenantRequest.fromPartial(request)));
};

const give = (tenantId: string, microcredits: bigint) =>
  callers.sysadmin.call(
    LedgerServiceService.grant,
    GrantRequest.fromPartial({ requestId: newRequestId(), tenantId, bucket: Bucket.PAYG, microcredits, ...OPERATOR }),
  );

const reverse = (tenantId = '', entryId = '') =>
  callers.sysadmin.call(
    LedgerAuditServiceService.reverseEntry,
    ReverseEntryRequest.fromPartial({ requestId: newRequestId(), tenantId, entryId, ...OPERATOR }),
  );

/** Changes the newest commit of an account behind the kernel's back, then reads the account. */
const readAfter = (change: Record<string, unknown>) => async () => {
  const tenantId = await callers.openTenant(CREDIT);
  await kernel.connection.collection('ledger_commits').updateOne({ tenant_id: tenantId, seq: 2n }, { $set: change });
  return withFault({}, (fresh) => failureOf(balanceOf(fresh, tenantId)));
};

/** Watches an account until the first balance. */
async function watchOnce(tenantId: string, resumeToken = '', from = kernel): Promise<WatchBalanceResponse> {
  const opened = openWatch(from.address, { tenantId, resumeToken }, { token: from.tokens.internal });
  try {
    const [first] = await opened.arrived(1);
    if (first === undefined) throw new Error('the watch told nothing');
    return first;
  } finally {
    opened.cancel();
    opened.close();
  }
}

const setSwitch = (name: KillSwitchName, enabled: boolean) =>
  callers.sysadmin.call(
    OperatorServiceService.setKillSwitch,
    SetKillSwitchRequest.fromPartial({ requestId: newRequestId(), name, enabled, ...OPERATOR }),
  );
/** Runs a call against a kernel that works with a Stripe of its own, over the same database. */
async function withStripe<T>(
  config: Partial<StripeConfig>,
  run: (stripe: StripeFixture, fixture: KernelFixture) => Promise<T>,
  fault?: { readonly status: number },
): Promise<T> {
  const stripe = await openStripe({ hasCatalog: true });
  if (fault !== undefined) stripe.sandbox.control.addFault({ path: '/v1/prices', outcome: 'failed', ...fault });
  const settings = { mongodbUri: kernel.mongodbUri, stripe: { ...stripe.config, ...config } };
  const fixture = await openKernel(settings);
  try {
    return await run(stripe, fixture);
  } finally {
    await fixture.close();
    await stripe.stop();
  }
}

/** Syncs, and throws what the kernel answered rather than the words of the command line. */
const syncOf = (fixture: KernelFixture) =>
  syncCatalog(fixture).catch((error: unknown) => {
    throw error instanceof Error ? error.cause : error;
  });

/** What a BFF sends along where nobody is signed in. */
const ANYONE = { metadata: { 'x-product-code': 'agentruntime' } };

const startSignup = (email: string) => {
  const request = StartSignupRequest.fromPartial({ requestId: newRequestId(), email, workspaceName: 'x' });
  return callers.bff.call(SignupServiceService.startSignup, request, ANYONE);
};

const never = (): Promise<never> => new Promise(() => undefined);

const PROOFS: Readonly<Record<WireReason, Proof>> = {
  ...peopleProofsOf(() => ({ callers: callersOf(mailing), tray })),
  ...subscriptionProofsOf(() => shop),
  ...topUpProofsOf(() => shop),
  ...promotionProofsOf(() => callers),
  ...alertProofsOf(() => callers),
  INVALID_FIELD: {
    code: status.INVALID_ARGUMENT,
    provoke: async () => failureOf(callers.debit(await callers.openTenant(), { quantity: '0' })),
    expected: { violations: { quantity: 'must be above zero, got 0' } },
  },
  CREDENTIAL_INVALID: {
    code: status.UNAUTHENTICATED,
    provoke: async () => failureOf(balanceOf({ ...callers, internal: callers.nobody }, await callers.openTenant())),
  },
  SCOPE_DENIED: {
    code: status.PERMISSION_DENIED,
    provoke: async () => failureOf(callers.bff.call(LedgerServiceService.debit, debitRequest('ten_x'))),
    expected: { metadata: { scope: 'bff', method: 'LedgerService/Debit' } },
  },
  PRODUCT_SCOPE_MISMATCH: {
    code: status.PERMISSION_DENIED,
    provoke: async () => failureOf(balanceOf({ ...callers, internal: callers.bff }, await callers.openTenant())),
  },
  ROLE_REQUIRED: {
    code: status.PERMISSION_DENIED,
    provoke: async () => {
      const tenantId = await callers.openTenant();
      await admitPeople(callers, tenantId);
      return failureOf(
        balanceOf({ ...callers, internal: callers.bff }, tenantId, personIn(tenantId, 'project_viewer')),
      );
    },
    expected: { metadata: { required_role: 'project_contributor' } },
  },
  TENANT_NOT_FOUND: {
    code: status.NOT_FOUND,
    provoke: () => failureOf(balanceOf(callers, 'ten_missing')),
    expected: { metadata: { tenant_id: 'ten_missing' } },
  },
  ACCOUNT_NOT_OPEN: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => {
      const tenantId = 'ten_without_account' as TenantId;
      const names = { tenantId, productCode: 'agentruntime' as ProductCode, planCode: 'free' as PlanCode };
      await (await openTenantStore(kernel.connection)).insertTenant({
        workspace: {
          ...names,
          displayName: 'x',
          status: 'active',
          createdAt: Date.now(),
          members: [],
          invitations: [],
          projects: [],
        },
        ...{ revision: 1, unfinished: false, beginsByItself: false },
        requestKey: 'req:test' as IdempotencyKey,
        fingerprint: '1:x' as Fingerprint,
      });
      return failureOf(balanceOf(callers, tenantId));
    },
  },
  PRODUCT_NOT_FOUND: { code: status.NOT_FOUND, provoke: () => createTenant({ productCode: 'nosuch' }) },
  PLAN_NOT_FOUND: {
    code: status.NOT_FOUND,
    provoke: () => createTenant({ planCode: 'nosuch' }),
    expected: { metadata: { plan_code: 'nosuch' } },
  },
  ACTION_NOT_FOUND: {
    code: status.NOT_FOUND,
    provoke: async () => failureOf(callers.debit(await callers.openTenant(CREDIT), { action: 'nosuch' })),
    expected: { metadata: { action: 'nosuch' } },
  },
  INSUFFICIENT_CREDITS: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => failureOf(callers.debit(await callers.openTenant(1n))),
    expected: {
      metadata: {
        needed_microcredits: '1000000',
        available_microcredits: '1',
        overdraft_remaining_microcredits: '0',
        shortfall_microcredits: '999999',
        remedies: 'top_up,upgrade',
      },
    },
  },
  IDEMPOTENCY_KEY_REUSED: {
    code: status.ALREADY_EXISTS,
    provoke: async () => {
      const tenantId = await callers.openTenant(10n * CREDIT);
      const requestId = newRequestId();
      await callers.debit(tenantId, { requestId });
      return failureOf(callers.debit(tenantId, { requestId, quantity: '2' }));
    },
  },
  BALANCE_OUT_OF_RANGE: {
    code: status.OUT_OF_RANGE,
    provoke: async () => failureOf(give(await callers.openTenant(CREDIT), 2n ** 53n - 1n)),
  },
  GRANT_LIMIT_REACHED: {
    code: status.RESOURCE_EXHAUSTED,
    provoke: async () => {
      const tenantId = await callers.openTenant();
      const { answers, failures } = await settle(Array.from({ length: 1_001 }, () => give(tenantId, 1n)));
      expect(answers).toHaveLength(1_000);
      const [failure] = failures;
      if (failure === undefined) throw new Error('no grant was refused');
      return failure;
    },
    expected: { metadata: { limit: '1000' } },
  },
  COMMIT_TOO_LARGE: {
    code: status.RESOURCE_EXHAUSTED,
    // The bounds on fields keep every request far below it, so the store is made to say it.
    provoke: debitWithFault({
      ledgerStore: (real) =>
        override(real, {
          prepareCommit: () => {
            throw new DomainError('COMMIT_TOO_LARGE', 'injected', { metadata: { limit_bytes: '1048576' } });
          },
        }),
    }),
    expected: { metadata: { limit_bytes: '1048576' } },
  },
  QUEUE_FULL: {
    code: status.RESOURCE_EXHAUSTED,
    provoke: async () => {
      const tenantId = await callers.openTenant(CREDIT);
      let release: (outcomes: readonly InsertOutcome[]) => void = () => undefined;
      const blocked = new Promise<readonly InsertOutcome[]>((resolve) => {
        release = resolve;
      });
      const ledgerStore: Adaptation['ledgerStore'] = (real) => override(real, { insertCommits: () => blocked });
      return withFault({ ledgerStore }, async (faulty) => {
        const debits = Array.from({ length: 1_000 }, () => debitRequest(tenantId, { quantity: '0.000001' }));
        const fill = () => faulty.internal.call(LedgerServiceService.batchDebit, { debits }).catch(() => undefined);
        const fillers = [fill(), fill(), fill(), fill(), fill()];
        const probe = () =>
          failureOf(faulty.internal.call(LedgerServiceService.debit, debitRequest(tenantId), { deadlineMs: 200 }));
        let failure = await probe();
        while (failure.reason !== 'QUEUE_FULL') failure = await probe();
        release([{ kind: 'unknown', error: new Error('injected: the test is over') }]);
        await Promise.race([Promise.all(fillers), new Promise((resolve) => setTimeout(resolve, 1_000))]);
        return failure;
      });
    },
  },
  CLOCK_UNCERTAIN: {
    code: status.UNAVAILABLE,
    provoke: () => {
      let jumpMs = 0;
      const wallMs = () => {
        // A wall clock that never agrees with the monotonic one: nobody can tell which of them is wrong.
        jumpMs += 10_000;
        return Date.now() + jumpMs;
      };
      return debitWithFault({ machine: { monotonicMs: () => performance.now(), wallMs } })();
    },
  },
  HEAD_FROM_FUTURE: {
    code: status.UNAVAILABLE,
    provoke: async () => {
      const tenantId = await callers.openTenant(10n * CREDIT);
      const clock: Adaptation['clock'] = (real) =>
        override(real, { now: () => real.now() + HOUR_MS, estimate: () => real.estimate() + HOUR_MS });
      await withFault({ clock }, (fast) => fast.debit(tenantId));
      return failureOf(callers.debit(tenantId));
    },
  },
  STATE_VERSION_UNSUPPORTED: { code: status.UNAVAILABLE, provoke: readAfter({ state_version: 99 }) },
  OUTCOME_UNKNOWN: {
    code: status.UNAVAILABLE,
    provoke: debitWithFault({
      ledgerStore: (real) =>
        override(real, {
          insertCommits: (commits) =>
            Promise.resolve(commits.map(() => ({ kind: 'unknown', error: new Error('injected: no answer') }))),
        }),
    }),
  },
  DATABASE_UNAVAILABLE: {
    code: status.UNAVAILABLE,
    provoke: async () => {
      const tenantId = await callers.openTenant(CREDIT);
      const gone = new mongo.MongoNetworkError('injected: mongodb://user:secret@db is gone');
      const fail = () => guardDatabase(() => Promise.reject(gone));
      const ledgerStore: Adaptation['ledgerStore'] = (real) =>
        override(real, { loadCommits: fail, loadCommitHeaders: fail, loadHeadHint: fail, loadExistingSeqs: fail });
      return withFault({ ledgerStore }, async (faulty, { logLines }) => {
        const failure = await failureOf(balanceOf(faulty, tenantId));
        expect(failure.message).not.toContain('injected');
        expect(logLines.join('')).toContain('injected: mongodb://db is gone');
        return failure;
      });
    },
  },
  SHUTTING_DOWN: {
    code: status.UNAVAILABLE,
    provoke: async () => {
      const tenantId = await callers.openTenant(CREDIT);
      const draining = await composeKernel({ mongodbUri: kernel.mongodbUri });
      await draining.ledger.drain();
      const failure = await failureOf(callersOf(draining).debit(tenantId));
      await draining.close();
      return failure;
    },
  },
  DEADLINE_EXCEEDED: {
    code: status.DEADLINE_EXCEEDED,
    provoke: async () => {
      const tenantId = await callers.openTenant(CREDIT);
      const adapt: Adaptation = { deadlineDefaultMs: 100, ledger: (real) => override(real, { readBalance: never }) };
      return withFault(adapt, (slow) => failureOf(balanceOf(slow, tenantId, { deadlineMs: Number.POSITIVE_INFINITY })));
    },
  },
  LEDGER_CORRUPT: { code: status.DATA_LOSS, provoke: readAfter({ 'entries.0.type': 'nonsense' }) },
  INTERNAL: {
    code: status.INTERNAL,
    provoke: async () => {
      const tenantId = await callers.openTenant(CREDIT);
      const fail = () => Promise.reject(new TypeError('injected: undefined is not a function'));
      return withFault({ ledger: (real) => override(real, { readBalance: fail }) }, async (faulty, { logLines }) => {
        const failure = await failureOf(balanceOf(faulty, tenantId, { metadata: { 'x-request-id': 'trace-4711' } }));
        expect(failure.requestId).toBe('trace-4711');
        // What happened is for the log, under the same id, and for nobody else.
        expect(failure.message).not.toContain('injected');
        const line = logLines.find((text) => text.includes('injected'));
        expect(line).toContain('"requestId":"trace-4711"');
        return failure;
      });
    },
  },
  ROUTE_NOT_FOUND: { elsewhere: BFF_ALONE },
  METHOD_NOT_ALLOWED: { elsewhere: BFF_ALONE },
  KERNEL_UNAVAILABLE: { elsewhere: BFF_ALONE },
  ISSUER_UNAVAILABLE: { elsewhere: BFF_ALONE },
  REQUEST_TOO_LARGE: { elsewhere: BFF_ALONE },
  REQUEST_HEADER_TOO_LARGE: { elsewhere: BFF_ALONE },
  REQUEST_TIMEOUT: { elsewhere: BFF_ALONE },
  UNSUPPORTED_MEDIA_TYPE: { elsewhere: BFF_ALONE },
  CSRF_TOKEN_INVALID: { elsewhere: BFF_ALONE },
  RATE_LIMITED: { elsewhere: BFF_ALONE },
  STREAM_LIMIT_REACHED: { elsewhere: BFF_ALONE },
  HOLD_NOT_FOUND: {
    code: status.NOT_FOUND,
    provoke: async () =>
      failureOf(holdCallsOf(callers).release({ tenantId: await callers.openTenant(), holdId: 'hld_x' })),
  },
  HOLD_ENDED: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => {
      const holds = holdCallsOf(callers);
      const hold = await holds.hold(await callers.openTenant(CREDIT), '1');
      await holds.release(hold);
      const failure = await failureOf(holds.extend(hold, { additionalQuantity: '1' }));
      expect(failure.metadata).toEqual({ hold_id: hold.holdId });
      return failure;
    },
  },
  HOLD_LIMIT_REACHED: {
    code: status.RESOURCE_EXHAUSTED,
    provoke: async () => {
      const tenantId = await callers.openTenant(CREDIT);
      await crowdAccount(kernel, tenantId, OPEN_HOLDS_MAX, { action: 'a' });
      return failureOf(holdCallsOf(callers).reserve(tenantId));
    },
    expected: { metadata: { limit: '10000' } },
  },
  ENTRY_NOT_FOUND: {
    code: status.NOT_FOUND,
    provoke: async () => failureOf(reverse(await callers.openTenant(), 'ent_x')),
  },
  ENTRY_NOT_REVERSIBLE: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => {
      const { entry } = await holdCallsOf(callers).reserve(await callers.openTenant(CREDIT));
      const failure = await failureOf(reverse(entry?.tenantId, entry?.entryId));
      expect(failure.metadata).toEqual({ entry_id: entry?.entryId, entry_type: 'reserved' });
      return failure;
    },
  },
  KILL_SWITCH_OFF: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => {
      await setSwitch(KillSwitchName.SIGNUPS_ENABLED, false);
      try {
        const request = CreateTenantRequest.fromPartial({ requestId: newRequestId(), displayName: 'x' });
        return await failureOf(callers.bff.call(TenantServiceService.createTenant, request, newcomer()));
      } finally {
        await setSwitch(KillSwitchName.SIGNUPS_ENABLED, true);
      }
    },
    expected: { metadata: { kill_switch: 'SIGNUPS_ENABLED' } },
  },
  TRIAL_NOT_OFFERED: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => failureOf(trials.start(await trials.openWorkspace(), { planCode: 'plus' })),
    expected: { metadata: { plan_code: 'plus' } },
  },
  TRIAL_ALREADY_USED: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => {
      const tenantId = await trials.openWorkspace();
      await trials.startByOperator(tenantId);
      return failureOf(trials.startByOperator(tenantId));
    },
  },
  TRIAL_CARD_REQUIRED: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => {
      const carded = { productCode: 'agentruntime', planCode: 'max', trialDays: 7 };
      await operatorCallsOf(callers).upsertPolicy({ ...carded, trialEnabled: true, trialRequiresCard: true }, [
        ...['trial_enabled', 'trial_days', 'trial_requires_card'],
      ]);
      return failureOf(trials.start(await trials.openWorkspace(), { planCode: 'max' }));
    },
    expected: { metadata: { plan_code: 'max' } },
  },
  TRIAL_LIMIT_REACHED: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => {
      await trials.start(await trials.openWorkspace());
      return failureOf(trials.start(await trials.openWorkspace()));
    },
    expected: { metadata: { limit: '1' } },
  },
  TRIAL_NOT_ACTIVE: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => failureOf(trials.cancel(await trials.openWorkspace())),
  },
  PRODUCT_ALREADY_REGISTERED: {
    code: status.ALREADY_EXISTS,
    provoke: () => {
      const product = { productCode: 'agentruntime', displayName: 'x', currencyCode: 'usd' };
      const request = { requestId: newRequestId(), ...product, ...OPERATOR };
      return failureOf(
        callers.sysadmin.call(CatalogAdminServiceService.registerProduct, RegisterProductRequest.fromPartial(request)),
      );
    },
    expected: { metadata: { product_code: 'agentruntime' } },
  },
  PLAN_SOLD_BY_STRIPE: {
    code: status.FAILED_PRECONDITION,
    provoke: () => {
      const plan = { productCode: 'agentruntime', planCode: 'pro', productName: 'x' };
      const request = UpsertPlanRequest.fromPartial({ requestId: newRequestId(), ...plan, ...OPERATOR });
      return failureOf(callers.sysadmin.call(CatalogAdminServiceService.upsertPlan, request));
    },
    expected: { metadata: { plan_code: 'pro' } },
  },
  ENTRY_ALREADY_REVERSED: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => {
      const { entry } = await callers.debit(await callers.openTenant(CREDIT));
      const reversal = await reverse(entry?.tenantId, entry?.entryId);
      const failure = await failureOf(reverse(entry?.tenantId, entry?.entryId));
      expect(failure.metadata).toEqual({ reversed_by_entry_id: reversal.entry?.entryId });
      return failure;
    },
  },
  RESUME_TOKEN_EXPIRED: {
    code: status.OUT_OF_RANGE,
    provoke: async () => {
      const tenantId = await callers.openTenant(CREDIT);
      const { resumeToken } = await watchOnce(tenantId);
      // As after the restore of a backup: a kernel that knows nothing finds the account shorter than it was.
      await kernel.connection.collection('ledger_commits').deleteOne({ tenant_id: tenantId, seq: 2n });
      return withFault({}, (_, fresh) => failureOf(watchOnce(tenantId, resumeToken, fresh)));
    },
    expected: { metadata: { commit_seq: '1' } },
  },
  STRIPE_OFF: { code: status.FAILED_PRECONDITION, provoke: () => failureOf(syncOf(kernel)) },
  STRIPE_UNAVAILABLE: {
    code: status.UNAVAILABLE,
    provoke: () => withStripe({}, (_, fixture) => failureOf(syncOf(fixture)), { status: 503 }),
    expected: { metadata: { stripe_status: '503' } },
  },
  STRIPE_REFUSED: {
    code: status.FAILED_PRECONDITION,
    provoke: () => withStripe({ secretKey: 'sk_live_4711' }, (_, fixture) => failureOf(syncOf(fixture))),
  },
  SYNC_BUSY: {
    code: status.ABORTED,
    provoke: async () => {
      const turns = kernel.connection.collection<{ _id: string }>('catalog_syncs');
      await turns.replaceOne({ _id: 'stripe' }, { turn: 1, until: new Date(Date.now() + HOUR_MS) }, { upsert: true });
      const failure = await withStripe({}, (_, fixture) => failureOf(syncOf(fixture)));
      await turns.deleteOne({ _id: 'stripe' });
      return failure;
    },
  },
  WEBHOOK_EVENT_NOT_FOUND: {
    code: status.NOT_FOUND,
    provoke: () => {
      const request = { requestId: newRequestId(), eventId: 'evt_x', ...OPERATOR };
      return failureOf(callers.sysadmin.call(WebhookServiceService.redriveWebhookEvent, request));
    },
    expected: { metadata: { event_id: 'evt_x' } },
  },
  ACCESS_TOKEN_NOT_FOUND: {
    code: status.NOT_FOUND,
    provoke: async () => {
      const tenantId = await callers.openTenant();
      await admitPeople(callers, tenantId);
      const request = { tenantId, accessTokenId: 'pat_x' };
      const admin = personIn(tenantId, 'tenant_admin');
      return failureOf(callers.bff.call(AccessTokenServiceService.revokeAccessToken, request, admin));
    },
    expected: { metadata: { access_token_id: 'pat_x' } },
  },
  SIGNUP_NOT_FOUND: {
    code: status.NOT_FOUND,
    provoke: () => {
      const request = ConfirmSignupRequest.fromPartial({ token: 'x' });
      return failureOf(callers.bff.call(SignupServiceService.confirmSignup, request, newcomer()));
    },
  },
  SIGNUP_ENDED: {
    code: status.FAILED_PRECONDITION,
    provoke: async () => {
      const { signup } = await startSignup('ended@example.com');
      const signupId = signup?.signupId ?? '';
      const past = { $set: { expires_at: new Date(0) } };
      await kernel.connection.collection('signups').updateOne({ signup_id: signupId }, past);
      const request = ResendSignupRequest.fromPartial({ signupId, requestId: newRequestId() });
      return failureOf(callers.bff.call(SignupServiceService.resendSignup, request, ANYONE));
    },
    expected: { metadata: { status: 'expired' } },
  },
  MAIL_LIMIT_REACHED: {
    code: status.RESOURCE_EXHAUSTED,
    provoke: async () => {
      for (let count = 0; count < 5; count += 1) await startSignup('crowd@example.com');
      return failureOf(startSignup('crowd@example.com'));
    },
    expected: { metadata: { limit: '5' } },
  },
  MAIL_NOT_FOUND: {
    code: status.NOT_FOUND,
    provoke: () => {
      const request = { requestId: newRequestId(), mailId: 'sgn_x:y', ...OPERATOR };
      return failureOf(callers.sysadmin.call(MailServiceService.redriveMail, request));
    },
    expected: { metadata: { mail_id: 'sgn_x:y' } },
  },
};

describe('every reason', () => {
  test.each(REASONS)('%s', async (reason) => {
    const proof = PROOFS[reason];
    if ('elsewhere' in proof) throw new Error(`the kernel can give ${reason}: prove it by a call`);
    const failure = await proof.provoke();
    expect(failure).toMatchObject({ reason, code: proof.code, domain: 'wheelhouse', ...proof.expected });
    expect(failure.requestId).not.toBe('');
    // Whoever may try again is told when.
    const isTransient =
      proof.code === status.UNAVAILABLE ||
      ['QUEUE_FULL', 'SYNC_BUSY', 'SUBSCRIPTION_BUSY', 'PROMOTION_ATTEMPTS_EXCEEDED', 'MAIL_LIMIT_REACHED'].includes(
        reason,
      );
    expect(failure.retryDelayMs === undefined).toBe(!isTransient);
  });

  test('of the contract is either the kernel’s or accounted for', () => {
    for (const [reason, proof] of Object.entries(PROOFS)) {
      const isKernels = REASONS.some((known) => known === reason);
      expect([reason, 'provoke' in proof]).toEqual([reason, isKernels]);
    }
  });

  test('of the domain has its number on the wire and one code', () => {
    for (const reason of REASONS) {
      expect(ErrorReason[reason]).toBeGreaterThan(0);
      expect(CODE_BY_REASON[reason]).toBeGreaterThan(0);
    }
  });
});
