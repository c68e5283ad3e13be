// Subscriptions, and pages to pay on, of workspaces that are suspended or closed.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ChangeOutcome } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import { CloseTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { sendCard } from '../support/hosted-form.ts';
import { OPERATOR } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { workspaceOperatorOf } from './support/people.ts';
import { entriesOf, openSubscriber, subscriptionsOf } from './support/subscriber.ts';
import {
  DAY_MS,
  expectSound,
  HOUR_MS,
  openShop,
  openWorkspace,
  type Shop,
  type Workspace,
} from './support/subscription.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterEach(() => {
  shop.stripe.sandbox.control.clearFaults();
  shop.stripe.sandbox.control.clearDeliveryRules();
});
afterEach(() => expectLedgerClean(shop.callers));
afterAll(() => shop.close());

const close = ({ tenantId, settings }: Workspace) =>
  shop.callers.bff.call(TenantServiceService.closeTenant, CloseTenantRequest.fromPartial({ tenantId }), settings);

describe('a workspace that is suspended', () => {
  test('is charged on until its administrator cancels, who may', async () => {
    const workspace = await openSubscriber(shop, 'pro');
    await workspaceOperatorOf(shop.callers).suspend(workspace.tenantId, true);
    await shop.advance(31 * DAY_MS + 2 * HOUR_MS);
    await expect.poll(() => workspace.charged()).toEqual([4_900, 4_900]);
    const refused = { reason: 'TENANT_SUSPENDED', message: expect.stringContaining('its subscription canceled') };
    expect(await failureOf(workspace.changePlan({ planCode: 'max' }))).toMatchObject(refused);
    const { change } = await workspace.cancel();
    expect(change).toMatchObject({ outcome: ChangeOutcome.DONE, planCode: 'pro' });
    expect((await workspace.get()).subscription?.cancelTime).toBeInstanceOf(Date);
    expect(await failureOf(workspace.resume())).toMatchObject(refused);
    await shop.advance(31 * DAY_MS + 2 * HOUR_MS);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('free');
    expect(await workspace.charged()).toEqual([4_900, 4_900]);
    await expectSound(shop, workspace);
  });
});

describe('a page to buy on', () => {
  const suspend = ({ tenantId }: Workspace) => workspaceOperatorOf(shop.callers).suspend(tenantId, true);
  const openPage = async (workspace: Workspace): Promise<string> => {
    const { change } = await workspace.activate({ planCode: 'plus', hostedPage: true, returnPath: '/settings' });
    return change?.actionUrl ?? '';
  };
  const pagesOf = async (workspace: Workspace) => {
    const { data } = await shop.stripe.stripe.checkout.sessions.list({ customer: await workspace.customerId() });
    return data.map(({ status: is }) => is);
  };

  test.each<readonly [string, (workspace: Workspace) => Promise<unknown>]>([
    ['suspended', suspend],
    ['closed', close],
  ])('is closed when its workspace is %s: nothing can be paid on it any more', async (_, bar) => {
    const workspace = await openWorkspace(shop);
    const page = await openPage(workspace);
    await bar(workspace);
    await expect.poll(() => pagesOf(workspace)).toEqual(['expired']);
    expect((await sendCard(page)).status).not.toBe(303);
    expect(await workspace.charged()).toEqual([]);
    await expectSound(shop, workspace);
  });

  test('to pay an upgrade on is closed when its workspace is suspended: nothing can be paid on it any more', async () => {
    const workspace = await openSubscriber(shop, 'pro');
    await workspace.storeCard('pm_card_authenticationRequired');
    const { change } = await workspace.changePlan({ planCode: 'plus' });
    expect(change).toMatchObject({ outcome: ChangeOutcome.ACTION_REQUIRED });
    await suspend(workspace);
    const { stripe } = shop.stripe;
    const customer = await workspace.customerId();
    const statuses = async () => (await stripe.invoices.list({ customer })).data.map(({ status: is }) => is);
    await expect.poll(statuses).toEqual(['void', 'paid']);
    await sendCard(change?.actionUrl ?? '');
    await workspace.refresh();
    expect(await workspace.charged()).toEqual([4_900]);
    expect((await workspace.get()).planCode).toBe('pro');
    // Who may go on may ask for it again.
    await workspaceOperatorOf(shop.callers).suspend(workspace.tenantId, false);
    const again = (await workspace.changePlan({ planCode: 'plus' })).change;
    expect((await sendCard(again?.actionUrl ?? '')).status).toBe(303);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('plus');
    expect(await workspace.charged()).toHaveLength(2);
    await expectSound(shop, workspace);
  });

  test('is closed also where Stripe can’t be reached when its workspace is suspended', async () => {
    const workspace = await openWorkspace(shop);
    await openPage(workspace);
    shop.stripe.sandbox.control.addFault({ path: '/v1/checkout/sessions', outcome: 'refused', status: 503 });
    const failures = () => shop.kernel.logLines.filter((line) => line.includes('reading subscriptions at Stripe'));
    const before = failures().length;
    await suspend(workspace);
    await expect.poll(() => failures().length).toBeGreaterThan(before);
    shop.stripe.sandbox.control.clearFaults();
    await shop.advance(HOUR_MS);
    await expect.poll(() => pagesOf(workspace)).toEqual(['expired']);
  });

  test('that was opened before a suspension was over stays open', async () => {
    const workspace = await openWorkspace(shop);
    await suspend(workspace);
    await workspaceOperatorOf(shop.callers).suspend(workspace.tenantId, false);
    const page = await openPage(workspace);
    await shop.advance(HOUR_MS);
    expect((await sendCard(page)).status).toBe(303);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('plus');
    expect(await workspace.charged()).toEqual([14_900]);
    await expectSound(shop, workspace);
  });
});

describe('a workspace that is closed', () => {
  test('is charged nothing more: its subscription is ended at Stripe at once', async () => {
    const workspace = await openSubscriber(shop, 'plus');
    await close(workspace);
    await expect
      .poll(async () => (await subscriptionsOf(shop, workspace)).map(({ status: is }) => is))
      .toEqual(['canceled']);
    await expect.poll(async () => (await entriesOf(shop, workspace)).at(-1)).toBe('ended');
    await shop.advance(40 * DAY_MS);
    expect(await workspace.charged()).toEqual([14_900]);
    await expectSound(shop, workspace);
  });

  test('by an operator too, and again where that was cut off', async () => {
    const workspace = await openSubscriber(shop, 'plus');
    const request = CloseTenantRequest.fromPartial({
      tenantId: workspace.tenantId,
      ...OPERATOR,
    });
    await shop.callers.sysadmin.call(TenantServiceService.closeTenant, request);
    await expect
      .poll(async () => (await subscriptionsOf(shop, workspace)).map(({ status: is }) => is))
      .toEqual(['canceled']);
    await shop.callers.sysadmin.call(TenantServiceService.closeTenant, request);
    await expectSound(shop, workspace);
  });

  test('does not become a paying one when its trial ends, as others do', async () => {
    const [closed, other] = [await openTrial(), await openTrial()];
    await close(closed);
    await shop.advance(15 * DAY_MS);
    await expect.poll(() => other.charged()).toEqual([4_900]);
    expect(await closed.balance()).toMatchObject({ planCode: 'free' });
    // What is to be done for both is done together, by kernels that do it once a second.
    await shop.advance(HOUR_MS);
    expect(await subscriptionsOf(shop, closed)).toEqual([]);
    const asked = shop.kernel.connection.collection<{ _id: string }>('stripe_intents');
    expect(await asked.find({ _id: closed.tenantId }).toArray()).toEqual([]);
    await expectSound(shop, closed);
  });

  async function openTrial(): Promise<Workspace> {
    const workspace = await openWorkspace(shop);
    await shop.trials.startByOperator(workspace.tenantId, { planCode: 'pro' });
    await workspace.agreeByCard();
    return workspace;
  }
});
