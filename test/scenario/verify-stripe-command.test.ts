// `wheelhouse verify --stripe` and `wheelhouse stripe refresh` as an operator runs them: the real program, a real kernel that no event
// reaches, and the sandbox.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { cleanUpProcesses, type Ending, runKernel } from '../contract/support/kernel-process.ts';
import { openShop, openWorkspace, type Shop, type Workspace } from '../contract/support/subscription.ts';

const WHO = ['--actor', 'usr_alice', '--reason', 'an event was lost'];

let shop: Shop;

beforeAll(async () => {
  shop = await openShop({ isDeaf: true });
});
afterEach(cleanUpProcesses);
afterAll(() => shop.close());

function run(...args: readonly string[]): Promise<Ending> {
  const { address, tokens } = shop.kernel;
  return runKernel({ KERNEL_ADDRESS: address, KERNEL_TOKEN: tokens.sysadmin }, 'kernel/cli/main.ts', ...args).ended;
}

/** A workspace whose subscription was changed at Stripe, which nobody told. */
async function openDiffering(): Promise<{ workspace: Workspace; subscriptionId: string }> {
  const workspace = await openWorkspace(shop);
  await workspace.storeCard();
  const { change } = await workspace.activate({ planCode: 'plus' });
  const subscriptionId = change?.subscription?.stripeSubscriptionId ?? '';
  await shop.stripe.stripe.subscriptions.update(subscriptionId, { cancel_at_period_end: true });
  return { workspace, subscriptionId };
}

describe('verify --stripe', () => {
  test('ends with 0 where nothing differs', async () => {
    const { tenantId } = await openWorkspace(shop);
    expect(await run('verify', '--stripe', '--tenant', tenantId)).toEqual({
      ...{ code: 0, stderr: '' },
      stdout: 'Workspaces have what Stripe shows: nothing differs.\n',
    });
  });

  test('ends with 1, and says of each difference which command mends it; that command does', async () => {
    const { workspace, subscriptionId } = await openDiffering();
    const { tenantId } = workspace;
    const found = await run('verify', '--stripe', '--tenant', tenantId, '--json');
    expect(found.code).toBe(1);
    const [row, summary] = found.stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    const mend = `wheelhouse stripe refresh ${tenantId}`;
    expect(row).toMatchObject({ tenant: tenantId, kind: 'subscription_differs', subject: subscriptionId, mend });
    expect(summary).toEqual({ summary: { differences: 1 } });
    const mended = await run(...mend.split(' ').slice(1), ...WHO);
    expect(mended).toEqual({ code: 0, stdout: `${tenantId} has what Stripe shows.\n`, stderr: '' });
    expect((await run('verify', '--stripe', '--tenant', tenantId)).code).toBe(0);
  });

  test('repairs only what was agreed to, then looks again', async () => {
    const { tenantId } = (await openDiffering()).workspace;
    const asked = await run('verify', '--stripe', '--tenant', tenantId, '--repair', ...WHO);
    expect(asked.code).toBe(1);
    expect(asked.stderr).toContain('Read 1 workspace at Stripe again, and bring them up to it? [y/N]');
    expect((await run('verify', '--stripe', '--tenant', tenantId)).code).toBe(1);
    const repaired = await run('verify', '--stripe', '--tenant', tenantId, '--repair', '--yes', ...WHO);
    expect(repaired).toMatchObject({ code: 0, stderr: '' });
    expect(repaired.stdout).toContain('Brought 1 workspace to what Stripe shows: 0 differences left.\n');
  });

  test.each([
    ['a repair by nobody', ['--repair'], '--repair writes: say --actor and --reason.\n'],
    [
      'a repair as lines of JSON',
      ['--repair', '--json', ...WHO],
      '--repair asks and tells what it does: leave out --json.\n',
    ],
  ])('refuses %s', async (_, args, words) => {
    expect(await run('verify', '--stripe', ...args)).toEqual({ code: 2, stdout: '', stderr: words });
  });
});
