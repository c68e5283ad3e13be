// What a crash may leave between the claim of a person's place, the start of the trial and the note that it is there; the
// trial that starts by itself; and the looking after of places. Each fault is one store that fails once, over a real database.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { KillSwitchName } from '../../gen/wheelhouse/operator/v1/kill_switch.ts';
import type { TrialSlotStore } from '../../kernel/app/trial/ports.ts';
import type { ProductCode, TenantId, UserId } from '../../kernel/domain/id.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { openUserStore } from '../../kernel/store/people/user-store.ts';
import { type Callers, callersOf, ISSUER } from './support/account.ts';
import { gone, thenGone, withFault } from './support/crash.ts';
import { failureOf } from './support/failure.ts';
import {
  type Adaptation,
  type ComposedKernel,
  type KernelFixture,
  newRequestId,
  openKernel,
} from './support/kernel-fixture.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { operatorCallsOf } from './support/operator.ts';
import { override } from './support/override.ts';
import { workspaceOperatorOf } from './support/people.ts';
import { type TrialCalls, trialCallsOf, trialOf } from './support/trial.ts';

const PRODUCT = 'agentruntime' as ProductCode;
const HOUR_MS = 3_600_000;

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

function newPerson(): { readonly subject: string } {
  people += 1;
  return { subject: `somebody-${people}` };
}

const slotsOf = async (person: { readonly subject: string }) =>
  kernel.connection
    .collection('trial_slots')
    .find({ person_id: await userIdOf(person) })
    .toArray();

/** Who a person is for the kernel; somebody who has not called yet is stored for it. */
async function userIdOf({ subject }: { readonly subject: string }): Promise<UserId> {
  const users = await openUserStore(kernel.connection);
  const known = await users.findUser(ISSUER, subject);
  if (known !== undefined) return known.userId;
  const user = { userId: RANDOM_ID_SOURCE.userId(), issuer: ISSUER, subject, createdAt: 0 };
  await users.insertUser(user);
  return user.userId;
}

const slotFault = (change: (real: TrialSlotStore) => Partial<TrialSlotStore>): Adaptation => ({
  trialSlotStore: (real) => override(real, change(real)),
});

const CRASHES: readonly (readonly [when: string, fault: Adaptation, isThere: boolean])[] = [
  ['before the place is claimed', slotFault(() => ({ insertSlot: gone })), false],
  [
    'when the place is claimed and nobody knows',
    slotFault((real) => ({ insertSlot: thenGone(real.insertSlot) })),
    false,
  ],
  ['before the trial starts', { ledger: (real) => override(real, { startTrial: gone }) }, false],
  [
    'when the trial has started and nobody knows',
    { ledger: (real) => override(real, { startTrial: thenGone((...given) => real.startTrial(...given)) }) },
    true,
  ],
  ['before the place is noted as used', slotFault(() => ({ finishSlot: gone })), true],
  ['when the place is noted as used', slotFault((real) => ({ finishSlot: thenGone(real.finishSlot) })), true],
];

/** Nothing about trials gets into the logs of workspaces. */
const LOG_FAULT: Adaptation = {
  workspaceLog: (real) =>
    override(real, {
      insertRecord: (record) => (record.method.startsWith('TrialService/') ? gone() : real.insertRecord(record)),
    }),
};

describe('a start that ends', () => {
  test.each([...CRASHES, ['before it is in the log of the workspace', LOG_FAULT, true] as const])(
    '%s is finished by a retry, with one trial, one place and one record',
    async (_, fault, isThere) => {
      const [tenantId, person] = [await trials.openWorkspace(), newPerson()];
      const request = { requestId: newRequestId() };
      await withFault(kernel, fault, async (faulty) => {
        const failure = await failureOf(trialCallsOf(callersOf(faulty)).start(tenantId, request, person));
        expect(failure.reason).toBe('DATABASE_UNAVAILABLE');
      });
      expect(await trials.start(tenantId, request, person)).toMatchObject({ replayed: isThere });
      const slots = await slotsOf(person);
      expect(slots).toHaveLength(1);
      expect(slots[0]).not.toHaveProperty('claimed_until');
      expect(slots[0]).toMatchObject({ tenant_id: tenantId, number: 1 });
      const method = 'TrialService/StartTrial';
      const records = await workspaceOperatorOf(callers).records(tenantId, { method });
      expect(records.map(({ actor }) => actor)).toEqual([await userIdOf(person)]);
      const elsewhere = await trials.openWorkspace();
      expect(await failureOf(trials.start(elsewhere, {}, person))).toMatchObject({ reason: 'TRIAL_LIMIT_REACHED' });
    },
  );
});

describe('a place that was claimed', () => {
  /** Claims a place for a workspace that then gets no trial. */
  async function claimInVain(person: { readonly subject: string }): Promise<string> {
    const tenantId = await trials.openWorkspace();
    const fault: Adaptation = { ledger: (real) => override(real, { startTrial: gone }) };
    await withFault(kernel, fault, (faulty) => failureOf(trialCallsOf(callersOf(faulty)).start(tenantId, {}, person)));
    return tenantId;
  }

  const sweep = (from: ComposedKernel): Promise<void> => from.trialLimit.sweep();

  test('counts until it has run out well and its account has no trial; then it is given back', async () => {
    const person = newPerson();
    await claimInVain(person);
    const elsewhere = await trials.openWorkspace();
    expect(await failureOf(trials.start(elsewhere, {}, person))).toMatchObject({ reason: 'TRIAL_LIMIT_REACHED' });
    await withFault(kernel, {}, async (later) => {
      await sweep(later);
      expect(await slotsOf(person)).toHaveLength(1);
    });
    const ahead: Adaptation = { clock: (real) => override(real, { now: () => real.now() + HOUR_MS }) };
    await withFault(kernel, ahead, sweep);
    expect(await slotsOf(person)).toEqual([]);
    await trials.start(elsewhere, {}, person);
  });

  test('is kept for the trial that came about, also where nobody noted that', async () => {
    const [tenantId, person] = [await trials.openWorkspace(), newPerson()];
    await withFault(
      kernel,
      slotFault(() => ({ finishSlot: gone })),
      (faulty) => failureOf(trialCallsOf(callersOf(faulty)).start(tenantId, {}, person)),
    );
    const ahead: Adaptation = { clock: (real) => override(real, { now: () => real.now() + HOUR_MS }) };
    await withFault(kernel, ahead, sweep);
    const [slot] = await slotsOf(person);
    expect(slot).toMatchObject({ tenant_id: tenantId });
    expect(slot).not.toHaveProperty('claimed_until');
  });

  test('is not taken away from a start that claims it again meanwhile', async () => {
    const person = newPerson();
    const tenantId = await claimInVain(person);
    const ahead: Adaptation = {
      clock: (real) => override(real, { now: () => real.now() + HOUR_MS }),
      // It starts right after the sweep has seen that there is none.
      ledger: (real) =>
        override(real, {
          readBalance: async (tenant, time) => {
            const reading = await real.readBalance(tenant, time);
            if (tenant.tenantId === tenantId) await trials.start(tenantId, {}, person);
            return reading;
          },
        }),
    };
    await withFault(kernel, ahead, sweep);
    expect(await slotsOf(person)).toHaveLength(1);
  });

  test('can not be used by a start that comes when it has run out', async () => {
    const [tenantId, person] = [await trials.openWorkspace(), newPerson()];
    const slow: Adaptation = {
      ledger: (real) =>
        override(real, {
          startTrial: (tenant, input, context) => real.startTrial(tenant, { ...input, claimedUntil: 1 }, context),
        }),
    };
    const failure = await withFault(kernel, slow, (faulty) =>
      failureOf(trialCallsOf(callersOf(faulty)).start(tenantId, {}, person)),
    );
    expect(failure.reason).toBe('DEADLINE_EXCEEDED');
    expect(await trials.get(tenantId)).toMatchObject({ trial: undefined });
  });
});

describe('the trial of a new workspace', () => {
  const refOf = (tenantId: string) => ({ tenantId: tenantId as TenantId, productCode: PRODUCT });

  const begin = (tenantId: string, owner: UserId | undefined, fault: Adaptation = {}): Promise<void> =>
    withFault(kernel, fault, (from) => from.automaticTrial.begin(refOf(tenantId), owner));

  test('is that of the onboarding plan, once, and counts to its owner', async () => {
    const [tenantId, person] = [await trials.openWorkspace(), newPerson()];
    await begin(tenantId, await userIdOf(person));
    const first = await trials.get(tenantId);
    expect(first).toMatchObject({ planCode: 'pro', trial: { planCode: 'pro', grantedMicrocredits: 5_000_000n } });
    await begin(tenantId, await userIdOf(person));
    expect(trialOf(await trials.get(tenantId))).toEqual(trialOf(first));
    expect(await callers.seqOf(tenantId)).toBe(2n);
    expect(await slotsOf(person)).toHaveLength(1);
    const elsewhere = await trials.openWorkspace();
    expect(await failureOf(trials.start(elsewhere, {}, person))).toMatchObject({ reason: 'TRIAL_LIMIT_REACHED' });
  });

  test('starts once also where it is begun twenty times at once', async () => {
    const [tenantId, person] = [await trials.openWorkspace(), newPerson()];
    await withFault(kernel, {}, async ({ automaticTrial }) => {
      const owner = await userIdOf(person);
      await Promise.all(Array.from({ length: 20 }, () => automaticTrial.begin(refOf(tenantId), owner)));
    });
    expect(await callers.seqOf(tenantId)).toBe(2n);
    expect(await slotsOf(person)).toHaveLength(1);
  });

  test('has no limit where nobody owns the workspace', async () => {
    const tenantIds = [await trials.openWorkspace(), await trials.openWorkspace()];
    for (const tenantId of tenantIds) await begin(tenantId, undefined);
    for (const tenantId of tenantIds) expect(await trials.get(tenantId)).toMatchObject({ planCode: 'pro' });
  });

  test.each(CRASHES)('that ends %s is finished by the next call', async (_, fault) => {
    const [tenantId, person] = [await trials.openWorkspace(), newPerson()];
    await expect(begin(tenantId, await userIdOf(person), fault)).rejects.toMatchObject({
      reason: 'DATABASE_UNAVAILABLE',
    });
    await begin(tenantId, await userIdOf(person));
    expect(await trials.get(tenantId)).toMatchObject({ planCode: 'pro' });
    expect(await callers.seqOf(tenantId)).toBe(2n);
    const [slot, ...others] = await slotsOf(person);
    expect(others).toEqual([]);
    expect(slot).not.toHaveProperty('claimed_until');
  });

  test('does not start, and says nothing, where its owner has had one', async () => {
    const person = newPerson();
    await trials.start(await trials.openWorkspace(), {}, person);
    const tenantId = await trials.openWorkspace();
    await begin(tenantId, await userIdOf(person));
    expect(await trials.get(tenantId)).toMatchObject({ trial: undefined, planCode: 'free' });
  });

  test('does not start while trials are switched off', async () => {
    const tenantId = await trials.openWorkspace();
    const operator = operatorCallsOf(callers);
    await operator.setSwitch(KillSwitchName.TRIALS_ENABLED, false);
    await begin(tenantId, await userIdOf(newPerson()));
    await operator.setSwitch(KillSwitchName.TRIALS_ENABLED, true);
    expect(await callers.seqOf(tenantId)).toBe(1n);
  });

  test('does not start in a workspace that was given another plan', async () => {
    const tenantId = await trials.openWorkspace('agentruntime', 'enterprise');
    const person = newPerson();
    await begin(tenantId, await userIdOf(person));
    expect(await trials.get(tenantId)).toMatchObject({ trial: undefined, planCode: 'enterprise' });
    expect(await slotsOf(person)).toEqual([]);
  });

  test.each([
    ['offers none', { trialEnabled: false, autoTrialOnWorkspaceCreation: false }],
    ['offers one only to who asks', { trialEnabled: true, autoTrialOnWorkspaceCreation: false }],
    ['wants a card', { trialEnabled: true, autoTrialOnWorkspaceCreation: true, trialRequiresCard: true }],
  ])('does not start where the plan %s', async (_, fields) => {
    const tenantId = await trials.openWorkspace();
    const names = ['trial_enabled', 'auto_trial_on_workspace_creation', 'trial_requires_card'];
    const policy = (changed: object) =>
      operatorCallsOf(callers).upsertPolicy({ productCode: 'agentruntime', planCode: 'pro', ...changed }, names);
    await policy(fields);
    await begin(tenantId, await userIdOf(newPerson()));
    await policy({ trialEnabled: true, autoTrialOnWorkspaceCreation: true, trialRequiresCard: false });
    expect(await trials.get(tenantId)).toMatchObject({ trial: undefined, planCode: 'free' });
  });
});
