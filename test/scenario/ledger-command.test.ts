// The operators' commands about accounts and trials, as an operator runs them: the real program and a real kernel, tables, lines of
// JSON and exit codes.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Callers, CREDIT, callersOf } from '../contract/support/account.ts';
import { type KernelFixture, openKernel } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses } from '../contract/support/kernel-process.ts';
import { operatorProgramOf } from '../contract/support/operator-program.ts';
import { trialCallsOf } from '../contract/support/trial.ts';

const DAY_MS = 86_400_000;
const WHO = ['--actor', 'usr_alice', '--reason', 'because'];

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterEach(cleanUpProcesses);
afterAll(() => kernel.close());

const ledger = operatorProgramOf(() => kernel, 'ledger');
const trials = operatorProgramOf(() => kernel, 'trial');

async function jsonOf(...args: readonly string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await ledger.printed(...args, '--json'));
}

test('credits are given once, whatever is repeated, and taken by a correction', async () => {
  const tenantId = await callers.openTenant();
  const grant = ['grant', tenantId, 'payg', '5000000', ...WHO, '--request-id', 'cli-grant'];
  const until = ['--until', '2040-01-01T00:00:00Z'];
  expect(await ledger.printed(...grant, ...until)).toMatch(
    /^Gave 5 credits by ent_\S+, after which 5 credits were available\.\n$/,
  );
  expect(await ledger.printed(...grant, ...until)).toContain('nothing changed now');
  expect(await ledger.refused(...grant)).toContain('cli-grant');
  expect(await ledger.printed('adjust', ...WHO, '--', tenantId, 'payg', '-1000000')).toMatch(
    /^Took 1 credit by ent_\S+, after which 4 credits were available\.\n$/,
  );
  expect(await callers.availableOf(tenantId)).toBe(4n * CREDIT);
  const [first] = (await ledger.printed('entries', tenantId, '--json', '--limit', '1')).split('\n');
  expect(JSON.parse(first ?? '')).toMatchObject({
    ...{ type: 'adjusted', microcredits: '-1000000', available: '4000000', actor: 'usr_alice', tenant_id: tenantId },
  });
});

test('an account is looked at: what it holds, what happened, and why a figure is what it is', async () => {
  const tenantId = await callers.openTenant(3n * CREDIT);
  await callers.debit(tenantId, { quantity: '2' });
  expect(await ledger.printed('balance', tenantId)).toMatch(
    /^PLAN CODE +AS OF TIME +TRIAL +INCLUDED +PAYG +HELD +AVAILABLE +DEFICIT\npro +\S+Z +0 +0 +1000000 +0 +1000000 +0\n\nGRANT ID .*\ngrt_\S+ +payg +operator +3000000 +1000000 +0 +\S+Z +-\n$/,
  );
  const debit = await jsonOf('entries', tenantId, '--action', 'memory_index_file_mb');
  expect(debit).toMatchObject({ type: 'debited', microcredits: '-2000000', available: '1000000' });
  const entryId = String(debit['entry_id']);
  expect(await ledger.printed('explain', tenantId, entryId)).toContain(
    '2 MiB of memory_index_file_mb at 1 credit per MiB',
  );
  expect(await jsonOf('explain', tenantId, entryId)).toMatchObject({
    ...{ entry_id: entryId, commit_hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    grants: [{ bucket: 'payg', remaining: '3000000' }],
  });
  const before = ['balance', tenantId, '--at', String(debit['create_time'])];
  expect(await jsonOf(...before)).toMatchObject({ commit_seq: debit['commit_seq'] });
});

test('a charge is undone once, and the personal text of an entry removed', async () => {
  const tenantId = await callers.openTenant(3n * CREDIT);
  const { entry } = await callers.debit(tenantId, { dimensions: new Map([['who', 'Ada']]) });
  const entryId = entry?.entryId ?? '';
  expect(await jsonOf('redact', tenantId, entryId, ...WHO)).toMatchObject({ type: 'redacted', replayed: false });
  expect(await ledger.printed('explain', tenantId, entryId, '--json')).not.toContain('Ada');
  expect(await ledger.printed('reverse', tenantId, entryId, ...WHO)).toContain('3 credits were available');
  expect(await ledger.refused('reverse', tenantId, entryId, ...WHO)).toContain('an entry is reversed once');
});

test.each([
  ['a bucket that is none', ['grant', 'ten_1', 'gold', '1'], 'give one of trial, included, payg'],
  ['an amount that is none', ['grant', 'ten_1', 'payg', '1.5'], 'give a whole number'],
  ['more than there are numbers', ['grant', 'ten_1', 'payg', '9223372036854775808'], 'at most 9223372036854775807'],
  ['a time that says no offset', ['grant', 'ten_1', 'payg', '1', '--until', '2040-01-01T00:00'], 'with its offset'],
  ['a time that is a number', ['grant', 'ten_1', 'payg', '1', '--until', '40'], 'with its offset'],
  ['a day that is none', ['grant', 'ten_1', 'payg', '1', '--until', '2040-02-30'], 'or a day'],
  ['nothing', ['adjust', 'ten_1', 'payg', '0'], 'delta_microcredits'],
  ['a workspace that is not there', ['grant', 'ten_none', 'payg', '1'], 'ten_none'],
])('%s is refused in words', async (_, args, message) => {
  expect(await ledger.refused(...args, ...WHO)).toContain(message);
});

test('a trial is started longer than its plan has it, and canceled', async () => {
  const tenantId = await trialCallsOf(callers).openWorkspace();
  const start = ['start', tenantId, '--plan', 'pro', '--days', '30', '--credit', '9000000', ...WHO];
  const started = JSON.parse(await trials.printed(...start, '--request-id', 'cli-trial', '--json'));
  expect(started).toMatchObject({ plan_code: 'pro', status: 'active', replayed: false });
  expect(Math.round((Date.parse(started.end_time) - Date.parse(started.start_time)) / DAY_MS)).toBe(30);
  expect(await callers.availableOf(tenantId)).toBe(9n * CREDIT);
  expect(await trials.printed(...start, '--request-id', 'cli-trial')).toContain('nothing changed now');
  expect(await trials.refused(...start)).toContain('trial');
  expect(await trials.refused('start', tenantId, '--days', '4294967297', ...WHO)).toContain('at most 2147483647');
  expect(await trials.printed('cancel', tenantId, ...WHO)).toMatch(
    /^Canceled the trial, which goes on until \S+Z\.\n$/,
  );
});
