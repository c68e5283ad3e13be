// The operators' commands about catalog, switches and audit log, as an operator runs them: the real program, a real kernel,
// tables, lines of JSON and exit codes.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PastDueEnd } from '../../gen/wheelhouse/catalog/v1/plan_policy.ts';
import { type Callers, callersOf } from '../contract/support/account.ts';
import { type KernelFixture, openKernel } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses, type Ending, runKernel } from '../contract/support/kernel-process.ts';
import { operatorCallsOf } from '../contract/support/operator.ts';

let kernel: KernelFixture;
let callers: Callers;
let operators: ReturnType<typeof operatorCallsOf>;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  operators = operatorCallsOf(callers);
});
afterEach(cleanUpProcesses);
afterAll(() => kernel.close());

const WHO = ['--actor', 'usr_alice', '--reason', 'because'];

function run(args: readonly string[], settings: Readonly<Record<string, string>> = {}): Promise<Ending> {
  const environment = { KERNEL_ADDRESS: kernel.address, KERNEL_TOKEN: kernel.tokens.sysadmin, ...settings };
  return runKernel(environment, 'kernel/cli/main.ts', ...args).ended;
}

/** What a command prints that does what it is asked for. */
async function printed(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

async function rowsOf(...args: readonly string[]): Promise<Record<string, unknown>[]> {
  const lines = (await printed(...args, '--json')).trimEnd().split('\n');
  return lines.map((line): Record<string, unknown> => JSON.parse(line));
}

/** What a command says that was refused: one message for people, exit code 1. */
async function refused(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).not.toMatch(/\n\s+at |Error:/);
  return stderr;
}

describe('product and plan', () => {
  test('a product is registered, gets its plans, and names where workspaces start', async () => {
    const register = ['product', 'register', 'shop', '--name', 'The Shop', '--currency', 'EUR', ...WHO];
    expect(await printed(...register, '--request-id', 'cli-1')).toBe('Registered the product shop.\n');
    expect(await printed(...register, '--request-id', 'cli-1')).toContain('nothing changed now');
    expect(await refused(...register)).toContain('shop is registered already: change it by UpdateProduct');
    await printed('plan', 'set', 'shop', 'free', '--name', 'Shop Free', '--price', '0', ...WHO);
    await printed('plan', 'set', 'shop', 'enterprise', '--name', 'Shop Enterprise', ...WHO);
    await printed('product', 'set', 'shop', '--onboarding-plan', 'free', ...WHO);
    expect(await refused('product', 'set', 'shop', ...WHO)).toContain('Say what changes');
    const table = (await printed('product', 'list')).trimEnd().split('\n');
    expect(table[0]).toMatch(/^PRODUCT +NAME +CURRENCY +FALLBACK PLAN +ONBOARDING PLAN +ONBOARDING PINNED$/);
    expect(table.find((line) => line.startsWith('shop'))).toMatch(/^shop +The Shop +eur +free +free +yes$/);
    expect(await rowsOf('plan', 'list', '--product', 'shop')).toMatchObject([
      { plan: 'free', price: '0 eur', source: 'operator', onboarding_default: true, rank: 0 },
      { plan: 'enterprise', price: null, rank: 40 },
    ]);
    expect(await printed('plan', 'list', '--product', 'none')).toBe('There are none.\n');
  });
});

describe('policy', () => {
  test('fields are set by their names, shown, and pinned until they are unpinned', async () => {
    const assignments = [
      ...['trial_days=30', 'member_limit=none', 'payg_minor_units_per_credit=99.5', 'credit_gates=*,!free.action'],
      ...['payg_packages=1000:10000000,4500:50000000', 'trial_end_behaviour=fallback', 'payg_minor_units_min=1'],
      ...['self_serve=true', 'included_microcredits_per_cycle=7000000'],
      ...['past_due_grace_days=10', 'past_due_end=keep', 'cancel_at_once_allowed=true'],
    ];
    const said = await printed('policy', 'set', 'agentruntime', 'pro', ...assignments, ...WHO);
    expect(said).toMatch(/^Changed the policy of agentruntime\/pro: set and pinned trial_days, member_limit, /);
    expect(await operators.policyOf('agentruntime', 'pro')).toMatchObject({
      ...{ trialDays: 30, memberLimit: undefined, paygMinorUnitsPerCredit: '99.5', creditGates: ['*', '!free.action'] },
      ...{ paygPackages: [{ minorUnits: 1_000n }, { minorUnits: 4_500n, microcredits: 50_000_000n }] },
      ...{ paygMinorUnitsMin: 1n, includedMicrocreditsPerCycle: 7_000_000n },
      ...{ pastDueGraceDays: 10, pastDueEnd: PastDueEnd.KEEP, cancelAtOnceAllowed: true },
    });
    await printed('policy', 'set', 'agentruntime', 'pro', '--unpin', 'member_limit', 'self_serve', ...WHO);
    const rows = await rowsOf('policy', 'show', 'agentruntime', 'pro');
    expect(rows).toHaveLength(26);
    for (const [field, value, pinned] of [
      ['trial_days', '30', true],
      ['member_limit', 'none', false],
      ['payg_packages', '1000:10000000 4500:50000000', true],
      ['trial_end_behaviour', 'fallback', true],
      ['past_due_end', 'keep', true],
      ['credit_gates', '* !free.action', true],
      ['rank', '10', false],
      ['onboarding_default', 'true', false],
    ]) {
      expect(rows).toContainEqual({ field, value, pinned });
    }
    expect(await printed('policy', 'show', 'agentruntime', 'pro')).toMatch(/\ntrial_days +30 +yes\n/);
  });

  test.each([
    ['a field that nobody knows', 'nonsense=1', 'where the field is one of trial_enabled, trial_days, '],
    ['no value', 'rank', 'give field=value'],
    ['a number that is none', 'rank=ten', 'rank=ten: give a whole number.'],
    ['an end that is none', 'past_due_end=stop', 'past_due_end=stop: give fallback or keep.'],
    ['a flag that is none', 'self_serve=yes', 'self_serve=yes: give true or false.'],
    ['a package that is none', 'payg_packages=1000', 'such as 1000:10000000,4500:50000000'],
    ['what the kernel refuses', 'trial_days=0', 'policy.trial_days: must be at least 1'],
  ])('refuses %s', async (_, assignment, message) => {
    expect(await refused('policy', 'set', 'agentruntime', 'pro', assignment, ...WHO)).toContain(message);
  });

  test('refuses two values of one field', async () => {
    const said = await refused('policy', 'set', 'agentruntime', 'pro', 'rank=11', 'rank=12', ...WHO);
    expect(said).toContain('rank=12: rank has a value already, give it once.');
  });
});

test('price: sets, overrides, ends and lists, with who and why', async () => {
  const set = (...args: string[]) => printed('price', 'set', 'agentruntime', 'cli.action', ...args, ...WHO);
  expect(await set('--microcredits', '5', '--unit', 'job')).toMatch(
    /^Set the price of agentruntime\/cli.action from 20.*Z on\.\n$/,
  );
  await set('--microcredits', '4', '--unit', 'job', '--plan', 'max');
  await set('--end-override', '--plan', 'max');
  await set('--microcredits', '6', '--unit', 'job', '--from', '2099-01-01T00:00:00Z');
  const rows = await rowsOf('price', 'list', 'agentruntime', '--action', 'cli.action');
  expect(rows.map((row) => [row['for'], row['microcredits'], row['actor'], row['reason']])).toEqual([
    ['default', '6', 'usr_alice', 'because'],
    ['plan max', 'ends', 'usr_alice', 'because'],
    ['plan max', '4', 'usr_alice', 'because'],
    ['default', '5', 'usr_alice', 'because'],
  ]);
  expect(await printed('price', 'list', 'agentruntime', '--limit', '1')).toMatch(/^ACTION .*\ncli\.action .*\n$/);
  for (const limit of ['0', '-1', '9999999999'])
    expect(await refused('price', 'list', 'agentruntime', '--limit', limit)).toContain(
      'give a number of rows from 1 on',
    );
  expect(await refused('price', 'list', 'nosuch')).toContain('no product nosuch is registered');
});

describe('switch and audit', () => {
  test('a switch is turned for everybody, and the log says who did', async () => {
    expect(await printed('switch', 'set', 'SIGNUPS_ENABLED', 'off', ...WHO)).toBe(
      'Turned SIGNUPS_ENABLED off for all kernels.\n',
    );
    expect(await printed('switch', 'list')).toBe(
      'SWITCH           ENABLED\nTRIALS_ENABLED   yes\nTOPUPS_ENABLED   yes\nSIGNUPS_ENABLED  no\n',
    );
    await printed('switch', 'set', 'SIGNUPS_ENABLED', 'on', ...WHO);
    const table = (await printed('audit', '--actor', 'usr_alice', '--method', 'OperatorService/SetKillSwitch')).split(
      '\n',
    );
    expect(table[0]).toMatch(/^TIME +ACTOR +FROM +METHOD +ABOUT +CHANGES +DONE +REASON$/);
    expect(table[1]).toMatch(
      /^20\S+Z +usr_alice +127\.0\.0\.1 +OperatorService\/SetKillSwitch +- +SIGNUPS_ENABLED: false -> true +yes +because$/,
    );
    expect(table[2]).toContain('SIGNUPS_ENABLED: true -> false');
  });

  test('the log filters by time and stops at its limit', async () => {
    const rows = await rowsOf('audit', '--limit', '2');
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({
      actor: 'usr_alice',
      from: '127.0.0.1',
      done: true,
      credential: 'sysadmin/operator',
    });
    expect(await printed('audit', '--since', '2099-01-01T00:00:00Z')).toBe('There are none.\n');
    const tenantId = await callers.openTenant(5n);
    expect(await rowsOf('audit', '--tenant', tenantId)).toMatchObject([
      { method: 'LedgerService/Grant', changes: ['bucket=payg', 'microcredits=5'], about: `agentruntime/${tenantId}` },
    ]);
  });

  test.each([
    [['switch', 'set', 'NONSENSE', 'off', ...WHO], 'give one of TRIALS_ENABLED, TOPUPS_ENABLED, SIGNUPS_ENABLED.'],
    [['switch', 'set', 'TRIALS_ENABLED', 'maybe', ...WHO], 'give on or off.'],
    [['switch', 'set', 'TRIALS_ENABLED', 'off'], "required option '--actor <id>' not specified"],
    [['audit', '--since', 'yesterday'], 'give a time with its offset, such as 2030-01-01T00:00:00Z'],
    [['price', 'set', 'a', 'b', '--microcredits', '1.5', ...WHO], 'give a whole number, such as 5000000.'],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  test('a token that may not, and a kernel that is not there', async () => {
    const internal = await run(['switch', 'list'], { KERNEL_TOKEN: kernel.tokens.internal });
    expect(internal).toMatchObject({ code: 1, stdout: '' });
    expect(internal.stderr).toContain("use the token of an operator's credential (scope sysadmin) as KERNEL_TOKEN");
    const nobody = await run(['switch', 'set', 'TRIALS_ENABLED', 'off', ...WHO], { KERNEL_ADDRESS: '127.0.0.1:1' });
    expect(nobody).toMatchObject({ code: 1, stdout: '' });
    expect(nobody.stderr).toMatch(
      /No kernel answers at 127\.0\.0\.1:1.*\nRepeat it with --request-id cli-\S+: then it happens once\./,
    );
  });
});
