// A kernel process is killed before and after it closes the page that a workspace had open when it was suspended or closed. Whoever
// comes after closes it, and nothing was or is paid on it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { ChangeOutcome } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import {
  advance,
  type DoomedShop,
  type Ground,
  type NextShop,
  openDoomedShop,
  openNextShop,
} from '../contract/support/doomed-shop.ts';
import { openSeededDatabase } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses } from '../contract/support/kernel-process.ts';
import { before, buy, CLAIMS_MS, PATH } from '../contract/support/kill-flow.ts';
import { workspaceOperatorOf } from '../contract/support/people.ts';
import { openStripe } from '../contract/support/stripe.ts';
import { expectSound, openWorkspace, type Workspace, workspaceOf } from '../contract/support/subscription.ts';
import { sendCard } from '../support/hosted-form.ts';

/** How long a kernel may take to come to the step at which it is killed. */
const STEP_MS_MAX = 30_000;

/** A page that is to be closed. */
interface OpenPage {
  readonly url: string;
  /** What closing it names. */
  readonly id: string;
}

/** A page, what it is closed by, and why. */
interface Closing {
  readonly name: string;
  readonly step: string;
  readonly open: (workspace: Workspace) => Promise<OpenPage>;
  readonly bar: (shop: DoomedShop, workspace: Workspace) => Promise<unknown>;
  /** Says what has become of the page at Stripe. */
  readonly statusOf: (page: OpenPage) => Promise<string | null>;
  readonly closedStatus: string;
  readonly chargedCents: readonly number[];
  readonly planCode: string;
}

const stripe = () => ground.stripe.stripe;
const suspend: Closing['bar'] = ({ callers }, { tenantId }) => workspaceOperatorOf(callers).suspend(tenantId, true);
const close: Closing['bar'] = ({ callers }, { tenantId }) => workspaceOperatorOf(callers).close(tenantId);

const PURCHASE = {
  step: 'POST /v1/checkout/sessions/:id/expire',
  open: async (workspace: Workspace): Promise<OpenPage> => {
    const { change } = await workspace.activate({ planCode: 'plus', hostedPage: true, ...PATH });
    const { data } = await stripe().checkout.sessions.list({ customer: await workspace.customerId() });
    return { url: change?.actionUrl ?? '', id: data[0]?.id ?? '' };
  },
  statusOf: async ({ id }: OpenPage) => (await stripe().checkout.sessions.retrieve(id)).status,
  ...{ closedStatus: 'expired', chargedCents: [], planCode: 'free' },
};

const UPGRADE = {
  step: 'POST /v1/invoices/:id/void',
  open: async (workspace: Workspace): Promise<OpenPage> => {
    await buy(workspace, 'pro');
    await workspace.storeCard('pm_card_authenticationRequired');
    const { change } = await workspace.changePlan({ planCode: 'plus' });
    expect(change).toMatchObject({ outcome: ChangeOutcome.ACTION_REQUIRED });
    const { data } = await stripe().invoices.list({ customer: await workspace.customerId(), status: 'open' });
    return { url: change?.actionUrl ?? '', id: data[0]?.id ?? '' };
  },
  statusOf: async ({ id }: OpenPage) => (await stripe().invoices.retrieve(id)).status,
  ...{ closedStatus: 'void', chargedCents: [4_900] },
};

const CLOSINGS: readonly Closing[] = [
  { name: 'the page to buy a plan on, of a workspace that is suspended', ...PURCHASE, bar: suspend },
  { name: 'the page to buy a plan on, of a workspace that is closed', ...PURCHASE, bar: close },
  {
    ...UPGRADE,
    ...{ name: 'the page to pay an upgrade on, of a workspace that is suspended', bar: suspend, planCode: 'pro' },
  },
  {
    ...UPGRADE,
    ...{ name: 'the page to pay an upgrade on, of a workspace that is closed', bar: close, planCode: 'free' },
  },
];

let ground: Ground;
let next: NextShop | undefined;

beforeAll(async () => {
  const fixture = await openStripe({ hasCatalog: true });
  ground = { stripe: fixture, ...(await openSeededDatabase(undefined, { hasSoldPlans: false })) };
});
afterAll(async () => {
  await next?.close();
  cleanUpProcesses();
  await ground.connection.close();
  await ground.stripe.stop();
});

const CASES = CLOSINGS.flatMap((closing) =>
  (['before', 'after'] as const).map((moment) => ({ ...closing, moment, label: `${moment}: ${closing.name}` })),
);

test.each(CASES)('$label', async ({ moment, ...closing }) => {
  const shop = await openDoomedShop(ground);
  const workspace = await openWorkspace(shop);
  const page = await closing.open(workspace);
  const reached = shop.proxy.stopAt(closing.step, moment, () => [page.id]);
  await closing.bar(shop, workspace);
  await before(AbortSignal.timeout(STEP_MS_MAX), reached, `${moment} ${closing.step}: ${closing.name}`);
  await shop.kill();
  expect(await closing.statusOf(page)).toBe(moment === 'before' ? 'open' : closing.closedStatus);
  await advance(ground, CLAIMS_MS);
  next = await openNextShop(ground);
  await expect.poll(() => closing.statusOf(page)).toBe(closing.closedStatus);
  await sendCard(page.url);
  const later = await workspaceOf(next, workspace.tenantId);
  // Who sees the page still, and tries to pay on it, pays nothing.
  await later.refresh();
  expect(await later.charged()).toEqual(closing.chargedCents);
  // What a workspace that is closed had is ended behind its closing.
  await expect.poll(() => later.balance()).toMatchObject({ planCode: closing.planCode });
  await expectSound(next, later);
  await next.close();
  next = undefined;
});
