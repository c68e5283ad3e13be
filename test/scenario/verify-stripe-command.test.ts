// `wheelhouse verify --stripe` and `wheelhouse stripe refresh` as an operator runs them: the real program, a real kernel that no event
// reaches, and the sandbox.

import { execFileSync } from 'node:child_process';
import { mongo } from 'mongoose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { cleanUpProcesses, type Ending, runKernel } from '../contract/support/kernel-process.ts';
import { openShop, openWorkspace, type Shop, type Workspace } from '../contract/support/subscription.ts';
import { openBuyer, topUpCallsOf } from '../contract/support/top-up.ts';

const WHO = ['--actor', 'usr_alice', '--reason', 'an event was lost'];

let shop: Shop;

beforeAll(async () => {
  shop = await openShop({ isDeaf: true });
});
afterEach(cleanUpProcesses);
afterAll(() => shop.close());

const topUps = () => shop.kernel.connection.collection<{ _id: string }>('top_ups');

function run(...args: readonly string[]): Promise<Ending> {
  const { address, tokens } = shop.kernel;
  return runKernel({ KERNEL_ADDRESS: address, KERNEL_TOKEN: tokens.sysadmin }, 'kernel/cli/main.ts', ...args).ended;
}

/** The arguments of a command as a shell that takes what is printed gives them to it. */
function argumentsOf(command: string): readonly string[] {
  const env = { ...process.env, USER: 'usr_alice' };
  const shell = execFileSync('sh', ['-c', `set -- ${command}; printf '%s\\n' "$@"`], { env, encoding: 'utf8' });
  return shell.trimEnd().split('\n').slice(1);
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
    const mend = `wheelhouse stripe refresh ${tenantId} --actor "$USER" --reason 'verify --stripe'`;
    expect(row).toMatchObject({ tenant: tenantId, kind: 'subscription_differs', subject: subscriptionId, mend });
    expect(summary).toEqual({ summary: { differences: 1 } });
    const mended = await run(...argumentsOf(mend));
    expect(mended).toEqual({ code: 0, stdout: `${tenantId} has what Stripe shows.\n`, stderr: '' });
    expect((await run('verify', '--stripe', '--tenant', tenantId)).code).toBe(0);
  });

  test('repairs only what was agreed to, then looks again', async () => {
    const { tenantId } = (await openDiffering()).workspace;
    const asked = await run('verify', '--stripe', '--tenant', tenantId, '--repair', ...WHO);
    expect(asked.code).toBe(1);
    expect(asked.stderr).toContain(`${tenantId}: brings the account to what Stripe shows of sub_`);
    expect(asked.stderr).toContain('Do this, and bring these workspaces to what Stripe shows? [y/N]');
    expect((await run('verify', '--stripe', '--tenant', tenantId)).code).toBe(1);
    const repaired = await run('verify', '--stripe', '--tenant', tenantId, '--repair', '--yes', ...WHO);
    expect(repaired).toMatchObject({ code: 0, stderr: '' });
    expect(repaired.stdout).toContain('Mended 1 of 1: 0 differences left.\n');
  });

  test('tells before it is agreed to that a repair pays money back and ends a subscription', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    const { change } = await workspace.activate({ planCode: 'plus' });
    const { stripe } = shop.stripe;
    const own = await stripe.subscriptions.retrieve(change?.subscription?.stripeSubscriptionId ?? '');
    const { id } = await stripe.subscriptions.create({
      customer: await workspace.customerId(),
      items: [{ price: String(own.items.data[0]?.price.id) }],
      metadata: { tenant_id: workspace.tenantId, intent_id: 'int_of_a_page' },
    });
    const asked = await run('verify', '--stripe', '--tenant', workspace.tenantId, '--repair', ...WHO);
    const told = `ends ${id} at Stripe, and pays back what was paid for it last (it costs 14900 usd)`;
    expect(asked.stderr).toContain(`${workspace.tenantId}: ${told}\n`);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
    await run('verify', '--stripe', '--tenant', workspace.tenantId, '--repair', '--yes', ...WHO);
    await expect.poll(async () => (await stripe.subscriptions.retrieve(id)).status).toBe('canceled');
  });

  test('undoes grants that nobody paid for, and leaves what is to be done at Stripe to a person', async () => {
    const buyer = await openBuyer(shop);
    await buyer.workspace.storeCard();
    const { topUpId, paymentIntentId } = await buyer.begin({ useStoredCard: true });
    await topUps().deleteOne({ _id: topUpId });
    const tenant = ['--tenant', buyer.workspace.tenantId];
    const repaired = await run('verify', '--stripe', ...tenant, '--repair', '--yes', ...WHO);
    expect(repaired).toMatchObject({ code: 1, stderr: '' });
    expect(repaired.stdout).toContain('Mended 0 of 1: 1 difference left.\n');
    expect(repaired.stdout).toContain('stripe credit_notes create --invoice in_');
    expect(await buyer.payg()).toBe(0n);
    await shop.stripe.stripe.refunds.create({ payment_intent: paymentIntentId });
    expect((await run('verify', '--stripe', ...tenant)).code).toBe(0);
  });

  test('mends the others where one workspace can not be mended, and says why', async () => {
    const stuck = await openDiffering();
    const buyer = topUpCallsOf(shop, stuck.workspace);
    const topUp = await buyer.begin();
    await topUps().updateOne({ _id: topUp.topUpId }, { $set: { minor_units: mongo.Long.fromNumber(900) } });
    await buyer.pay(topUp);
    const [before, after] = [await openDiffering(), await openDiffering()];
    const repaired = await run('verify', '--stripe', '--repair', '--yes', ...WHO);
    expect(repaired.code).toBe(1);
    expect(repaired.stderr).toMatch(
      new RegExp(`^${stuck.workspace.tenantId} was not mended: .*somebody has changed it`, 'm'),
    );
    expect(repaired.stdout).toMatch(/Mended 2 of 3: \d differences left\.\n/);
    for (const { workspace } of [before, after]) {
      expect((await run('verify', '--stripe', '--tenant', workspace.tenantId)).code).toBe(0);
    }
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
