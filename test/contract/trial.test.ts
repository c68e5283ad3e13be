// TrialService: what a trial gives and what comes after it, who may have one and how many, and that whatever happens at the
// same time or goes wrong in between, a workspace has one and a person as many as the policy says.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TrialEndBehaviour } from '../../gen/wheelhouse/catalog/v1/plan_policy.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import {
  GetBalanceRequest,
  LedgerServiceService,
  ListEntriesRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { ExplainEntryRequest, UsageServiceService } from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { AuditOutcome } from '../../gen/wheelhouse/operator/v1/audit_record.ts';
import { KillSwitchName } from '../../gen/wheelhouse/operator/v1/kill_switch.ts';
import { TrialStatus } from '../../gen/wheelhouse/subscription/v1/trial.ts';
import { type Callers, CREDIT, callersOf, OPERATOR, PERSON } from './support/account.ts';
import { failureOf, settle } from './support/failure.ts';
import { holdCallsOf, moveClock } from './support/hold.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { operatorCallsOf } from './support/operator.ts';
import { workspaceOperatorOf } from './support/people.ts';
import { type TrialCalls, trialCallsOf, trialOf } from './support/trial.ts';

const DAY_MS = 86_400_000;

let kernel: KernelFixture;
let callers: Callers;
let trials: TrialCalls;
let people = 0;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  trials = trialCallsOf(callers);
});
afterEach(() => expectLedgerClean(callers));
afterAll(() => kernel.close());

/** Somebody who has had no trial. */
function newPerson(): { readonly subject: string } {
  people += 1;
  return { subject: `person-${people}` };
}

const balanceOf = (tenantId: string, from = callers) =>
  from.internal.call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }));

async function entriesOf(tenantId: string, from = callers) {
  const request = ListEntriesRequest.fromPartial({ tenantId });
  return (await from.internal.call(LedgerServiceService.listEntries, request)).entries.toReversed();
}

const policy = (planCode: string, fields: object, names: string[]) =>
  operatorCallsOf(callers).upsertPolicy({ productCode: 'agentruntime', planCode, ...fields }, names);

describe('a trial that an administrator starts', () => {
  test('gives the onboarding plan and its credits until the policy’s end', async () => {
    const tenantId = await trials.openWorkspace();
    expect(await trials.get(tenantId)).toMatchObject({ trial: undefined, planCode: 'free' });
    const { trial, replayed } = await trials.start(tenantId, {}, newPerson());
    expect(replayed).toBe(false);
    expect(trial).toMatchObject({
      planCode: 'pro',
      status: TrialStatus.ACTIVE,
      grantedMicrocredits: 5n * CREDIT,
      remainingMicrocredits: 5n * CREDIT,
      revokesUnused: true,
    });
    const { startTime, endTime } = trialOf({ trial });
    const lengthMs = (endTime?.getTime() ?? 0) - (startTime?.getTime() ?? 0);
    expect(Math.abs(lengthMs - 14 * DAY_MS)).toBeLessThan(5_000);
    expect(await trials.get(tenantId)).toMatchObject({ trial, planCode: 'pro' });
    expect(await balanceOf(tenantId)).toMatchObject({
      planCode: 'pro',
      balance: { trialRemainingMicrocredits: 5n * CREDIT, availableMicrocredits: 5n * CREDIT },
    });
  });

  test('stands in the history with its grant, and is explained', async () => {
    const tenantId = await trials.openWorkspace();
    await trials.start(tenantId, {}, newPerson());
    const entry = (await entriesOf(tenantId)).at(-1);
    expect(entry).toMatchObject({
      type: EntryType.TRIAL_STARTED,
      detail: {
        $case: 'trialStart',
        value: {
          ...{ planCode: 'pro', fallbackPlanCode: 'free', revokesUnused: true, actor: '', reason: '' },
          grant: { bucket: Bucket.TRIAL, remainingMicrocredits: 5n * CREDIT },
          trialEndBehaviour: TrialEndBehaviour.CONVERT_OR_FALLBACK,
        },
      },
    });
    const request = ExplainEntryRequest.fromPartial({ tenantId, entryId: entry?.entryId ?? '' });
    const explained = await callers.internal.call(UsageServiceService.explainEntry, request);
    expect(explained.summary).toContain('A trial of plan pro until');
    expect(explained.summary).toContain('it gave 5 credits');
  });

  test('is noted among what falls due before it starts', async () => {
    const tenantId = await trials.openWorkspace();
    const { endTime } = trialOf(await trials.start(tenantId, {}, newPerson()));
    const note = await kernel.connection.collection('ledger_due').findOne({ tenant_id: tenantId, due_at: endTime });
    expect(note).not.toBeNull();
  });

  test('is answered again for the same request id, whatever has changed since, and starts once', async () => {
    const tenantId = await trials.openWorkspace();
    const [request, person] = [{ requestId: newRequestId() }, newPerson()];
    const first = await trials.start(tenantId, request, person);
    const operator = operatorCallsOf(callers);
    await operator.setSwitch(KillSwitchName.TRIALS_ENABLED, false);
    const again = await trials.start(tenantId, request, person);
    await operator.setSwitch(KillSwitchName.TRIALS_ENABLED, true);
    expect(again).toEqual({ ...first, replayed: true });
    const other = { ...request, planCode: 'plus' };
    expect(await failureOf(trials.start(tenantId, other, person))).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await callers.seqOf(tenantId)).toBe(2n);
  });

  test('is the only one of its workspace, for ever: also for another person, and after it was canceled', async () => {
    const tenantId = await trials.openWorkspace();
    await trials.start(tenantId, {}, newPerson());
    await trials.cancel(tenantId);
    expect(await failureOf(trials.start(tenantId, {}, newPerson()))).toMatchObject({ reason: 'TRIAL_ALREADY_USED' });
    expect(await failureOf(trials.startByOperator(tenantId))).toMatchObject({ reason: 'TRIAL_ALREADY_USED' });
  });

  test.each([
    ['trial_days', { trialDays: 3 }],
    ['granted_microcredits', { grantedMicrocredits: 1n }],
    ['actor', { actor: 'usr_1' }],
    ['reason', { reason: 'why not' }],
  ])('may not set %s', async (field, fields) => {
    const tenantId = await trials.openWorkspace();
    const failure = await failureOf(trials.start(tenantId, fields, newPerson()));
    expect(failure).toMatchObject({
      reason: 'INVALID_FIELD',
      violations: { [field]: expect.stringContaining('operator') },
    });
  });

  test('is refused for a plan that offers none, that is not there, or that needs a card', async () => {
    const tenantId = await trials.openWorkspace();
    const start = (planCode: string) => failureOf(trials.start(tenantId, { planCode }, newPerson()));
    expect(await start('plus')).toMatchObject({ reason: 'TRIAL_NOT_OFFERED', metadata: { plan_code: 'plus' } });
    expect(await start('nonsense')).toMatchObject({ reason: 'PLAN_NOT_FOUND' });
    const names = ['trial_enabled', 'trial_days', 'trial_requires_card'];
    await policy('max', { trialEnabled: true, trialDays: 7, trialRequiresCard: true }, names);
    expect(await start('max')).toMatchObject({ reason: 'TRIAL_CARD_REQUIRED', metadata: { plan_code: 'max' } });
    expect(await trials.get(tenantId)).toMatchObject({ trial: undefined, planCode: 'free' });
  });

  test('is refused in a workspace that has another plan than the fallback plan, and would lose it', async () => {
    const tenantId = await trials.openWorkspace('agentruntime', 'plus');
    const failure = await failureOf(trials.start(tenantId, {}, newPerson()));
    expect(failure).toMatchObject({ reason: 'TRIAL_NOT_OFFERED', metadata: { plan_code: 'plus' } });
  });

  test('is refused while trials are switched off, by the name of the switch; an operator’s too', async () => {
    const tenantId = await trials.openWorkspace();
    const operator = operatorCallsOf(callers);
    await operator.setSwitch(KillSwitchName.TRIALS_ENABLED, false);
    const expected = { reason: 'KILL_SWITCH_OFF', metadata: { kill_switch: 'TRIALS_ENABLED' } };
    expect(await failureOf(trials.start(tenantId, {}, newPerson()))).toMatchObject(expected);
    expect(await failureOf(trials.startByOperator(tenantId))).toMatchObject(expected);
    await operator.setSwitch(KillSwitchName.TRIALS_ENABLED, true);
    expect(await callers.seqOf(tenantId)).toBe(1n);
  });
});

describe('a trial that an operator gives', () => {
  test('has its own length and credits, also of a plan that offers none, and stands in the audit log', async () => {
    const tenantId = await trials.openWorkspace('agentruntime', 'plus');
    const fields = { planCode: 'enterprise', trialDays: 30, grantedMicrocredits: 90n * CREDIT };
    const { trial } = await trials.startByOperator(tenantId, { ...fields, reason: 'a pilot' });
    expect(trial).toMatchObject({ planCode: 'enterprise', grantedMicrocredits: 90n * CREDIT });
    expect(await trials.get(tenantId)).toMatchObject({ planCode: 'enterprise' });
    const [record] = await operatorCallsOf(callers).audit({ tenantId, method: 'TrialService/StartTrial' });
    expect(record).toMatchObject({ actor: OPERATOR.actor, reason: 'a pilot', outcome: AuditOutcome.APPLIED });
    expect(record?.changes.map(({ field, after }) => [field, after])).toEqual([
      ['plan_code', 'enterprise'],
      ['trial_days', '30'],
      ['granted_microcredits', '90000000'],
    ]);
  });

  test('may give no credits', async () => {
    const tenantId = await trials.openWorkspace();
    const { trial } = await trials.startByOperator(tenantId, { grantedMicrocredits: 0n });
    expect(trial).toMatchObject({ grantedMicrocredits: 0n, remainingMicrocredits: 0n });
    expect((await balanceOf(tenantId)).grants).toEqual([]);
  });

  test('counts to nobody’s limit', async () => {
    const person = newPerson();
    await trials.startByOperator(await trials.openWorkspace());
    await trials.start(await trials.openWorkspace(), {}, person);
    await trials.startByOperator(await trials.openWorkspace());
    expect(await failureOf(trials.start(await trials.openWorkspace(), {}, person))).toMatchObject({
      reason: 'TRIAL_LIMIT_REACHED',
    });
  });

  test('names an actor and a reason, and a length where the plan has none', async () => {
    const tenantId = await trials.openWorkspace();
    const nameless = await failureOf(trials.startByOperator(tenantId, { actor: '', reason: '' }));
    expect(Object.keys(nameless.violations).sort()).toEqual(['actor', 'reason']);
    const endless = await failureOf(trials.startByOperator(tenantId, { planCode: 'enterprise' }));
    expect(Object.keys(endless.violations)).toEqual(['trial_days']);
    const wrong = await failureOf(trials.startByOperator(tenantId, { trialDays: 367, grantedMicrocredits: -1n }));
    expect(Object.keys(wrong.violations).sort()).toEqual(['granted_microcredits', 'trial_days']);
  });
});

describe('canceling a trial', () => {
  test('leaves it to its end, and is answered as it is the second time', async () => {
    const tenantId = await trials.openWorkspace();
    const { trial } = await trials.start(tenantId, {}, newPerson());
    const request = { requestId: newRequestId() };
    const canceled = await trials.cancel(tenantId, request);
    expect(canceled).toEqual({ trial: { ...trial, status: TrialStatus.CANCELED }, replayed: false });
    expect(await trials.cancel(tenantId, request)).toEqual({ ...canceled, replayed: true });
    expect(await trials.cancel(tenantId)).toEqual(canceled);
    expect(await trials.get(tenantId)).toMatchObject({ planCode: 'pro', trial: { status: TrialStatus.CANCELED } });
    expect(await callers.seqOf(tenantId)).toBe(3n);
  });

  test('by an operator stands in the audit log', async () => {
    const tenantId = await trials.openWorkspace();
    await trials.start(tenantId, {}, newPerson());
    await trials.cancelByOperator(tenantId, { reason: 'by mail' });
    const [record] = await operatorCallsOf(callers).audit({ tenantId, method: 'TrialService/CancelTrial' });
    expect(record).toMatchObject({ actor: OPERATOR.actor, reason: 'by mail', outcome: AuditOutcome.APPLIED });
  });

  test('is refused where none runs', async () => {
    const tenantId = await trials.openWorkspace();
    expect(await failureOf(trials.cancel(tenantId))).toMatchObject({ reason: 'TRIAL_NOT_ACTIVE' });
  });
});

describe('the log of the workspace', () => {
  const recordsOf = async (tenantId: string) =>
    (await workspaceOperatorOf(callers).records(tenantId)).filter(({ method }) => method.startsWith('TrialService/'));

  test('says once for each request which person started the trial and who canceled it, and nothing of what was refused', async () => {
    const [tenantId, person, request] = [await trials.openWorkspace(), newPerson(), { requestId: newRequestId() }];
    for (let time = 0; time < 2; time += 1) await trials.start(tenantId, request, person);
    expect(await failureOf(trials.start(tenantId, {}, person))).toMatchObject({ reason: 'TRIAL_ALREADY_USED' });
    const cancel = { requestId: newRequestId() };
    for (let time = 0; time < 2; time += 1) await trials.cancel(tenantId, cancel);
    // It was canceled already, so this does nothing.
    await trials.cancel(tenantId);
    const userOf = async ({ subject }: { readonly subject: string }) =>
      (await kernel.connection.collection('users').findOne({ subject }))?.['user_id'] as unknown;
    expect(await recordsOf(tenantId)).toMatchObject([
      { method: 'TrialService/CancelTrial', actor: await userOf({ subject: PERSON }), changes: [] },
      { method: 'TrialService/StartTrial', actor: await userOf(person), changes: [] },
    ]);
  });

  test('leaves what operators do to theirs', async () => {
    const tenantId = await trials.openWorkspace();
    await trials.startByOperator(tenantId, { trialDays: 3 });
    expect(await recordsOf(tenantId)).toEqual([]);
  });
});

describe('the end of a trial', () => {
  let moving: KernelFixture;
  let there: Callers;
  let later: TrialCalls;

  beforeAll(async () => {
    moving = await openKernel();
    there = callersOf(moving);
    later = trialCallsOf(there);
  });
  afterEach(() => expectLedgerClean(there));
  afterAll(() => moving.close());

  /** Opens a workspace with a trial of a day. */
  async function openTrial(fields: Parameters<TrialCalls['startByOperator']>[1] = {}): Promise<string> {
    const tenantId = await later.openWorkspace();
    await later.startByOperator(tenantId, { trialDays: 1, ...fields });
    return tenantId;
  }

  test('takes the account back to the fallback plan, lapses what the policy revokes, and touches nothing else', async () => {
    const plain = await openTrial();
    await there.grant(plain, CREDIT);
    const held = await openTrial();
    const names = ['trial_enabled', 'trial_days', 'revoke_unused_trial_credits'];
    const lasting = { productCode: 'agentruntime', planCode: 'plus', trialEnabled: true, trialDays: 1 };
    await operatorCallsOf(there).upsertPolicy({ ...lasting, revokeUnusedTrialCredits: false }, names);
    const kept = await openTrial({ planCode: 'plus', grantedMicrocredits: 2n * CREDIT });

    await moveClock(moving, there, plain, DAY_MS - 60_000);
    await holdCallsOf(there).hold(held, '2', { expireTime: new Date(Date.now() + DAY_MS + 600_000) });
    await moveClock(moving, there, plain, DAY_MS + 10_000);

    expect(await later.get(plain)).toMatchObject({
      planCode: 'free',
      trial: { status: TrialStatus.ENDED, remainingMicrocredits: 0n, grantedMicrocredits: 5n * CREDIT },
    });
    expect(await balanceOf(plain, there)).toMatchObject({
      planCode: 'free',
      balance: { trialRemainingMicrocredits: 0n, paygRemainingMicrocredits: CREDIT },
    });
    // What open work holds stays until that ends.
    expect(await later.get(held)).toMatchObject({
      planCode: 'free',
      trial: { status: TrialStatus.ENDED, remainingMicrocredits: 2n * CREDIT },
    });
    expect(await later.get(kept)).toMatchObject({
      planCode: 'free',
      trial: { status: TrialStatus.ENDED, remainingMicrocredits: 2n * CREDIT, revokesUnused: false },
    });
    await there.debit(plain);
    const entries = await entriesOf(plain, there);
    expect(entries.map(({ type }) => type).slice(-3)).toEqual([
      EntryType.GRANT_EXPIRED,
      EntryType.TRIAL_ENDED,
      EntryType.DEBITED,
    ]);
    expect(entries.at(-2)?.detail).toMatchObject({ $case: 'trialEnd', value: { planCode: 'free' } });
    // It is the end: the trial can be neither canceled nor started again.
    expect(await failureOf(later.cancel(kept))).toMatchObject({ reason: 'TRIAL_NOT_ACTIVE' });
    expect(await failureOf(later.startByOperator(kept))).toMatchObject({ reason: 'TRIAL_ALREADY_USED' });
  });
});

describe('at the same time', () => {
  test('fifty starts in one workspace give one trial', async () => {
    const tenantId = await trials.openWorkspace();
    const person = newPerson();
    const starts = Array.from({ length: 50 }, () => trials.start(tenantId, {}, person));
    const { answers, failures } = await settle(starts);
    expect(answers).toHaveLength(1);
    expect(new Set(failures.map(({ reason }) => reason))).toEqual(new Set(['TRIAL_ALREADY_USED']));
    expect((await entriesOf(tenantId)).filter(({ type }) => type === EntryType.TRIAL_STARTED)).toHaveLength(1);
    expect(await callers.availableOf(tenantId)).toBe(5n * CREDIT);
  });

  test('fifty retries of one start give one trial, and all its answer', async () => {
    const tenantId = await trials.openWorkspace();
    const [request, person] = [{ requestId: newRequestId() }, newPerson()];
    const answers = await Promise.all(Array.from({ length: 50 }, () => trials.start(tenantId, request, person)));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await callers.seqOf(tenantId)).toBe(2n);
  });

  test('many workspaces of one person give as many trials as the policy allows', async () => {
    const person = newPerson();
    const tenantIds = await Promise.all(Array.from({ length: 12 }, () => trials.openWorkspace()));
    const { answers, failures } = await settle(tenantIds.map((tenantId) => trials.start(tenantId, {}, person)));
    expect(answers).toHaveLength(1);
    expect(failures).toEqual(
      Array.from({ length: 11 }, () =>
        expect.objectContaining({ reason: 'TRIAL_LIMIT_REACHED', metadata: { limit: '1' } }),
      ),
    );
    await policy('pro', { trialLimitPerPerson: 3 }, ['trial_limit_per_person']);
    const more = await settle(tenantIds.map((tenantId) => trials.start(tenantId, {}, person)));
    await policy('pro', { trialLimitPerPerson: 1 }, ['trial_limit_per_person']);
    expect(more.answers).toHaveLength(2);
  });

  test('two people of one workspace give one trial, and the other one keeps the place', async () => {
    const tenantId = await trials.openWorkspace();
    const two = [newPerson(), newPerson()];
    const { answers } = await settle(two.map((person) => trials.start(tenantId, {}, person)));
    expect(answers).toHaveLength(1);
    const elsewhere = await Promise.all(two.map(() => trials.openWorkspace()));
    const second = await settle(two.map((person, index) => trials.start(elsewhere[index] ?? '', {}, person)));
    expect(second.answers).toHaveLength(1);
  });

  test('the same person has a trial of each product', async () => {
    const { subject } = newPerson();
    await trials.start(await trials.openWorkspace(), {}, { subject });
    const other = { subject, productCode: 'otherproduct' };
    await trials.start(await trials.openWorkspace('otherproduct'), {}, other);
  });
});
