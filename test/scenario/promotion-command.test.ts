// The operators' commands about promotions, as an operator runs them: the real program, a real kernel, tables, lines of JSON and
// exit codes.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Callers, callersOf } from '../contract/support/account.ts';
import { type KernelFixture, openKernel } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses } from '../contract/support/kernel-process.ts';
import { operatorProgramOf } from '../contract/support/operator-program.ts';
import { promotionCallsOf } from '../contract/support/promotion.ts';

const WHO = ['--actor', 'usr_alice', '--reason', 'because'];
const PRODUCT = 'agentruntime';

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterEach(cleanUpProcesses);
afterAll(() => kernel.close());

const { run, printed } = operatorProgramOf(() => kernel, 'promotion');

test('a code is made, redeemed, looked at and ended', async () => {
  const terms = ['--credit', '5000000', '--expires-after-days', '30', '--max', '100', '--plan', 'pro', 'plus'];
  const window = ['--start', '2026-01-01T00:00:00Z', '--end', '2036-01-01T00:00:00Z'];
  expect(await printed('create', PRODUCT, 'spring', ...terms, ...window, ...WHO)).toMatch(
    /^CODE +GIVES +START TIME .*\nSPRING +5000000 microcredits for 30 days +2026-01-01T00:00:00.000Z +2036-01-01T00:00:00.000Z +100 +no +pro; plus +-\n$/,
  );
  await promotionCallsOf(callers).apply(await callers.openTenant(), 'SPRING');
  expect(JSON.parse(await printed('show', PRODUCT, 'spring', '--json'))).toMatchObject({
    ...{ code: 'SPRING', product_code: PRODUCT, redemption_count: 1, plan_codes: ['pro', 'plus'], revoke_time: '' },
  });
  expect(await printed('revoke', PRODUCT, 'spring', ...WHO, '--request-id', 'end-spring')).toMatch(
    /^Done: SPRING is over since 20\d\d-.*Z\.\n$/,
  );
  expect(await printed('revoke', PRODUCT, 'spring', ...WHO, '--request-id', 'end-spring')).toMatch(
    /^Done before; nothing changed now: SPRING is over since /,
  );
  expect(await printed('list', PRODUCT)).toMatch(/\nSPRING .* 20\d\d-.*Z\n$/);
});

test('a discount is the promotion code of Stripe that is named, or the same', async () => {
  const codes = ['FIRST', 'SECOND'];
  await printed('create', PRODUCT, 'FIRST', '--discount', ...WHO, '--new-customers-only');
  await printed('create', PRODUCT, 'SECOND', '--discount', 'OTHER', ...WHO);
  const rows = (await printed('list', PRODUCT, '--json')).trim().split('\n');
  const gifts = rows
    .map((row): { readonly code: string; readonly gives: string } => JSON.parse(row))
    .filter(({ code }) => codes.includes(code))
    .map(({ gives }) => gives);
  expect(gifts).toEqual(['the discount FIRST of Stripe', 'the discount OTHER of Stripe']);
});

test('what a kernel refuses is said in one sentence', async () => {
  const { code, stdout, stderr } = await run('create', PRODUCT, 'x', '--credit', '1', ...WHO);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/refused this: code: must be 3 to 64 characters/);
  expect((await run('show', PRODUCT, 'NO-SUCH-CODE')).stderr).toContain('has no code NO-SUCH-CODE');
});
