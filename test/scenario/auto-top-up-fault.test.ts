// A kernel process is killed while it buys credits by the rules of workspaces: after what it has just written to the database or to
// Stripe, whose answer it never hears. The kernel that comes after makes each of them one charge and one grant.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { AlertServiceService, ListEventsRequest } from '../../gen/wheelhouse/alert/v1/alert_service.ts';
import { SetAutoTopUpRequest, TopUpServiceService } from '../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { CREDIT } from '../contract/support/account.ts';
import { advance, type Ground, openDoomedShop, openNextShop } from '../contract/support/doomed-shop.ts';
import { newRequestId, openSeededDatabase } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses } from '../contract/support/kernel-process.ts';
import { openStripe } from '../contract/support/stripe.ts';
import { type Counter, expectSound, type Workspace, workspaceOf } from '../contract/support/subscription.ts';
import { openBuyer, TEN_CREDITS, topUpCallsOf } from '../contract/support/top-up.ts';

/** Longer than a killed kernel's claims hold. */
const CLAIMS_MS = 200_000;
const TIMEOUT_MS = 150_000;
const SOON = { timeout: 60_000, interval: 200 };
/** What a kernel is killed after: the purchase is noted, it is stored, its invoice is made, it is paid. */
const STEPS = ['update auto_top_ups', 'findAndModify top_ups', 'POST /v1/invoices', 'POST /v1/invoices/:id/pay'];

let ground: Ground;

beforeAll(async () => {
  const stripe = await openStripe({ hasCatalog: true });
  ground = { stripe, ...(await openSeededDatabase(undefined, { hasSoldPlans: false })) };
});
afterAll(async () => {
  cleanUpProcesses();
  await ground.connection.close();
  await ground.stripe.stop();
});

/** Has a rule buy ten credits where there are none. */
async function setRule({ callers }: Counter, { tenantId, settings }: Workspace): Promise<void> {
  const rule = {
    ...{ enabled: true, consent: true, thresholdMicrocredits: CREDIT, ...TEN_CREDITS },
    ...{ requestId: newRequestId(), tenantId, monthlyLimitMinorUnits: 10_000n },
  };
  await callers.bff.call(TopUpServiceService.setAutoTopUp, SetAutoTopUpRequest.fromPartial(rule), settings);
}

/** Kills a kernel when each workspace has come to its step; answers the workspaces. */
async function killAmid(): Promise<readonly Workspace[]> {
  const shop = await openDoomedShop(ground);
  try {
    const workspaces: Workspace[] = [];
    const reached: Promise<void>[] = [];
    for (const step of STEPS) {
      const { workspace } = await openBuyer(shop);
      await workspace.storeCard();
      const subject = [workspace.tenantId, await workspace.customerId()];
      reached.push(shop.proxy.stopAt(step, 'after', () => subject, 1));
      workspaces.push(workspace);
    }
    for (const workspace of workspaces) await setRule(shop, workspace);
    await Promise.all(reached);
    return workspaces;
  } finally {
    await shop.kill();
  }
}

test(
  'a kernel that is killed while it buys by rules leaves one charge, one grant and one event of each',
  async () => {
    const workspaces = await killAmid();
    await advance(ground, CLAIMS_MS);
    const next = await openNextShop(ground);
    try {
      for (const { tenantId } of workspaces) {
        const workspace = await workspaceOf(next, tenantId);
        const { payg, grants, invoices } = topUpCallsOf(next, workspace);
        await expect.poll(payg, SOON).toBe(10n * CREDIT);
        const rule = async () =>
          (await next.callers.bff.call(TopUpServiceService.getAutoTopUp, { tenantId }, workspace.settings)).autoTopUp;
        await expect.poll(async () => (await rule())?.spentMinorUnits, SOON).toBe(1_000n);
        expect(await workspace.charged()).toEqual([1_000]);
        expect((await invoices()).map(({ status }) => status)).toEqual(['paid']);
        expect(await grants()).toHaveLength(1);
        const request = ListEventsRequest.fromPartial({ tenantId });
        const { events } = await next.callers.bff.call(AlertServiceService.listEvents, request, workspace.settings);
        expect(events.map(({ type }) => type)).toEqual(['auto_topup.succeeded']);
        await expectSound(next, workspace);
      }
    } finally {
      await next.close();
    }
  },
  TIMEOUT_MS,
);
