// The operators' commands about alerts, as an operator runs them: the real program and a real kernel, tables, lines of JSON and exit
// codes.

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { CREDIT, callersOf } from '../contract/support/account.ts';
import { NOBODY_THERE, openAlerted } from '../contract/support/alert.ts';
import { type KernelFixture, openKernel } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses } from '../contract/support/kernel-process.ts';
import { operatorProgramOf } from '../contract/support/operator-program.ts';

const SOON = { timeout: 20_000, interval: 50 };

let kernel: KernelFixture;

beforeAll(async () => {
  kernel = await openKernel();
});
afterEach(cleanUpProcesses);
afterAll(() => kernel.close());

const { run, printed } = operatorProgramOf(() => kernel, 'alert');

test('events, endpoints and deliveries of a workspace are shown, and why a delivery failed', async () => {
  const callers = callersOf(kernel);
  const { tenantId, setThresholds, createEndpoint, deliveries } = await openAlerted(callers, 10n * CREDIT);
  const { endpoint } = await createEndpoint({ types: ['balance.low'] });
  expect(await printed('events', tenantId)).toBe('There are none.\n');
  await setThresholds([5n * CREDIT]);
  await callers.debit(tenantId, { quantity: '6' });
  await vi.waitFor(async () => expect((await deliveries()).deliveries[0]?.failure).not.toBe(''), SOON);

  expect(await printed('events', tenantId)).toMatch(
    /^EVENT ID +TYPE +CREATED +DATA\nbalance-low:\S+ +balance\.low +\S+Z +.*threshold_microcredits=5000000.*\n/,
  );
  expect(JSON.parse(await printed('endpoints', tenantId, '--json'))).toEqual({
    ...{ endpoint_id: endpoint?.endpointId, url: NOBODY_THERE, state: 'enabled', types: 'balance.low' },
    failing_since: expect.stringMatching(/Z$/),
  });
  expect(await printed('deliveries', tenantId)).toMatch(
    / balance\.low +pending +\S+Z +\d+ +0 +it can't be reached: .+\n/,
  );
});

test('a workspace that is not there is refused in one sentence', async () => {
  const { code, stdout, stderr } = await run('events', 'ten_none');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('ten_none');
  expect(stderr).not.toMatch(/\n\s+at |Error:/);
});
