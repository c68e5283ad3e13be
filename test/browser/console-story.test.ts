// A newcomer's way through the Console, from signing in to the free plan after a paid one, over the whole running stack; then what
// each role sees, two products side by side, and every page for those who don't see it, in both schemes.

import type { Browser, Route } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { startBrowser } from '../support/browser.ts';
import { ConsoleStage } from './support/console-stage.ts';
import { CARDS, payWith, VIEWPORTS, Visitor } from './support/visitor.ts';

const PRODUCT = 'agentruntime';
const OTHER = 'otherproduct';
const START_TIMEOUT_MS = 240_000;
const STORY_TIMEOUT_MS = 180_000;
const PAGES = Object.values(PAGE_PATHS).filter((path) => path !== PAGE_PATHS.home);

let browser: Browser | undefined;
let stage: ConsoleStage;

beforeAll(async () => {
  browser = await startBrowser(process.env);
  if (browser !== undefined) stage = await ConsoleStage.start(browser);
}, START_TIMEOUT_MS);

afterAll(async () => {
  await browser?.close();
  if (browser !== undefined) await stage.stop();
});

beforeEach((context) => {
  if (browser === undefined) context.skip('needs Chromium: on PATH, or named by CHROMIUM');
});

describe('a newcomer', () => {
  let visitor: Visitor;

  beforeAll(async () => {
    if (browser !== undefined) visitor = await Visitor.arrive(stage, PRODUCT);
  });
  afterAll(async () => {
    if (browser !== undefined) await visitor.close();
  });

  it('signs in, makes a workspace, and is on trial', { timeout: STORY_TIMEOUT_MS }, async () => {
    const { page } = visitor;
    await visitor.signIn('grace@example.com');
    await expect.poll(() => page.getByRole('heading', { level: 1 }).textContent()).toBe('Create your workspace');
    await expect.poll(() => page.getByText('14 days of trial with 5 credits').count()).toBe(1);
    await page.getByLabel('Workspace name').fill('Grace Computing');
    await page.getByRole('button', { name: 'Create workspace' }).click();
    await expect.poll(() => page.getByText('Trial, 14 days left, 5 credits').count()).toBe(1);
    expect(await available(visitor)).toBe('5');
  });

  it('sees debits arrive without a reload', { timeout: STORY_TIMEOUT_MS }, async () => {
    const tenantId = await visitor.workspaceId();
    await expect.poll(() => visitor.page.getByText('Live', { exact: true }).count()).toBe(1);
    await stage.debit({ requestId: 'story-1', tenantId, action: 'memory_extract_bulk' });
    await expect.poll(() => available(visitor)).toBe('3');
    await visitor.page.getByRole('link', { name: 'Usage & history' }).click();
    await stage.debit({ requestId: 'story-2', tenantId, action: 'memory_index_file_mb', quantity: '0.25' });
    await expect
      .poll(() => visitor.page.getByRole('cell', { name: 'memory_index_file_mb', exact: true }).count())
      .toBe(1);
    expect(await available(visitor)).toBe('2.75');
  });

  it('has a figure explained, and takes all of them as a file', { timeout: STORY_TIMEOUT_MS }, async () => {
    const { page } = visitor;
    await page.getByRole('button', { name: /^Explain memory_index_file_mb/ }).click();
    const drawer = page.getByRole('dialog');
    await expect.poll(() => drawer.getByText('0.25 × MiB at 1 credit = 0.25 credits').count()).toBe(1);
    await expect.poll(() => drawer.getByText('2.75 credits after').count()).toBe(1);
    await page.keyboard.press('Escape');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download CSV' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('usage-history.csv');
  });

  it('buys credits with a good card, and is told of a declined one', { timeout: STORY_TIMEOUT_MS }, async () => {
    const { page } = visitor;
    await page.getByRole('button', { name: 'Buy credits' }).click();
    const payment = await openPaymentPage(visitor);
    await payWith(payment, CARDS.good);
    await expect.poll(() => page.getByText('10 credits added').count()).toBe(1);
    await page.getByRole('button', { name: 'Done' }).click();
    await expect.poll(() => available(visitor)).toBe('12.75');
    await payment.close();

    await page.getByRole('button', { name: 'Buy credits' }).click();
    const second = await openPaymentPage(visitor);
    await payWith(second, CARDS.declined);
    await expect.poll(() => page.getByText('The payment was declined').count()).toBe(1);
    await page.getByRole('button', { name: 'Cancel purchase' }).click();
    await expect.poll(() => page.getByRole('button', { name: 'Continue to payment' }).count()).toBe(1);
    await page.keyboard.press('Escape');
    await second.close();
    expect(await available(visitor)).toBe('12.75');
  });

  it('buys a plan on the payment page, which leads back to it', { timeout: STORY_TIMEOUT_MS }, async () => {
    const { page } = visitor;
    await page.getByRole('link', { name: 'Plans' }).click();
    await page.getByRole('button', { name: 'Subscribe: Pro' }).click();
    await expect.poll(() => page.getByRole('dialog').getByText('$49.00', { exact: true }).count()).toBe(1);
    await page.getByRole('button', { name: 'Continue to payment' }).click();
    await page.getByLabel('Card number').waitFor();
    await payWith(page, CARDS.good);
    await page.waitForURL(`${stage.urlOf(PRODUCT)}/settings/billing**`);
    await expect.poll(() => page.getByText('Active', { exact: true }).count()).toBe(1);
    // Five of the plan and the ten that were bought: those of the trial are gone with it.
    await expect.poll(() => available(visitor)).toBe('15');
  });

  it('upgrades after a preview that says what it costs', { timeout: STORY_TIMEOUT_MS }, async () => {
    const { page } = visitor;
    await page.getByRole('link', { name: 'Plans' }).click();
    await page.getByRole('button', { name: 'Upgrade: Plus' }).click();
    const confirm = page.getByRole('button', { name: /^Pay \$.* and upgrade$/ });
    await confirm.waitFor();
    expect(await page.getByRole('dialog').getByText('At once').count()).toBe(1);
    await confirm.click();
    await page.waitForURL(`${stage.urlOf(PRODUCT)}/settings/billing`);
    await expect.poll(() => page.getByText('$149 / month · 20 credits in each cycle').count()).toBe(1);
  });

  it('goes down with the period, takes it back, and cancels', { timeout: STORY_TIMEOUT_MS }, async () => {
    const { page } = visitor;
    await page.getByRole('link', { name: 'Plans' }).click();
    await page.getByRole('button', { name: 'Switch: Pro' }).click();
    await page.getByRole('button', { name: 'Switch at period end' }).click();
    await expect.poll(() => page.getByText(/^Changes to Pro on /).count()).toBe(1);
    await page.getByRole('button', { name: 'Keep the plan' }).click();
    await expect.poll(() => page.getByText(/^Renews on .* for \$149\.$/).count()).toBe(1);
    await page.getByRole('button', { name: 'Cancel plan' }).click();
    const dialog = page.getByRole('dialog');
    await expect.poll(() => dialog.getByText(/Credits you bought stay \(10 credits\)/).count()).toBe(1);
    await expect.poll(() => visitor.findBarriers()).toEqual([]);
    await dialog.getByRole('button', { name: 'Cancel plan' }).click();
    await expect.poll(() => page.getByText('Ends soon').count()).toBe(1);
  });

  it('is on the free plan a month later, with what was bought', { timeout: STORY_TIMEOUT_MS }, async () => {
    await stage.advance('32d');
    await visitor.open(PAGE_PATHS.billing);
    await expect.poll(() => visitor.page.getByText(/^No subscription\./).count()).toBe(1);
    expect(await available(visitor)).toBe('10');
    await visitor.open(`${PAGE_PATHS.usage}?tab=payments`);
    await expect.poll(() => visitor.page.getByRole('link', { name: /^Invoice of / }).count()).toBeGreaterThan(2);
  });

  it('was complained of by no browser', () => {
    expect(visitor.complaints).toEqual([]);
  });
});

describe('coming back from a payment page', () => {
  it('stays on the page that somebody went to meanwhile', { timeout: STORY_TIMEOUT_MS }, async () => {
    const visitor = await Visitor.arrive(stage, PRODUCT);
    const { page } = visitor;
    await visitor.signIn('tenant-admin@example.com');
    // What was paid is read while the code of the other page is on its way.
    await page.route('**/v1/billing/subscription/refresh', (route) => continueLater(route, 1_000));
    await page.route(/\/plans-page-[^/]*\.js$/, (route) => continueLater(route, 2_000));
    const refreshed = page.waitForResponse('**/v1/billing/subscription/refresh');
    await visitor.open(`${PAGE_PATHS.billing}?returned=1`);
    await page.getByRole('link', { name: 'Plans' }).first().click();
    expect((await refreshed).status()).toBe(200);
    await page.getByRole('heading', { name: 'Plus', exact: true }).waitFor();
    expect(new URL(page.url()).pathname).toBe(PAGE_PATHS.plans);
    await visitor.close();
  });
});

describe('each role sees what it may', () => {
  it.each([
    ['project-contributor@example.com', PAGE_PATHS.billing, 'Credits', ['Buy credits', 'Cancel plan', 'Add card']],
    ['project-contributor@example.com', PAGE_PATHS.plans, 'Pro', ['Subscribe: Pro', 'Upgrade: Plus']],
    ['project-viewer@example.com', PAGE_PATHS.billing, 'Not visible with your role', ['Buy credits']],
    ['project-viewer@example.com', PAGE_PATHS.analytics, 'Analytics', []],
  ] as const)('%s at %s', { timeout: STORY_TIMEOUT_MS }, async (email, path, heading, absent) => {
    const visitor = await Visitor.arrive(stage, PRODUCT);
    await visitor.signIn(email);
    await visitor.open(path);
    await expect.poll(() => visitor.page.getByRole('heading', { name: heading, exact: true }).count()).toBe(1);
    for (const name of absent) expect(await visitor.page.getByRole('button', { name }).count()).toBe(0);
    expect(visitor.complaints).toEqual([]);
    await visitor.close();
  });
});

describe('two products in one browser', () => {
  it('are signed in side by side, and show nothing of each other', { timeout: STORY_TIMEOUT_MS }, async () => {
    const first = await Visitor.arrive(stage, PRODUCT);
    await first.signIn('tenant-admin@example.com');
    const second = await Visitor.arrive(stage, OTHER, { context: first.context });
    await second.signIn('tenant-admin@example.com');
    await first.open(PAGE_PATHS.plans);
    await second.open(PAGE_PATHS.plans);
    await expect.poll(() => first.page.getByRole('heading', { name: 'Plus' }).count()).toBe(1);
    await expect.poll(() => second.page.getByRole('heading', { name: 'Pro' }).count()).toBe(1);
    expect(await second.page.getByRole('heading', { name: 'Plus' }).count()).toBe(0);
    for (const { page } of [first, second]) {
      await page.getByRole('button', { name: /^Switch workspace/ }).click();
      await expect.poll(() => page.getByRole('menuitem', { name: /^Demo workspace/ }).count()).toBe(1);
    }
    expect([...first.complaints, ...second.complaints]).toEqual([]);
    await first.close();
  });
});

describe('every page can be used by everybody', () => {
  it.each(['light', 'dark'] as const)('in the %s scheme', { timeout: STORY_TIMEOUT_MS }, async (colorScheme) => {
    const visitor = await Visitor.arrive(stage, PRODUCT, { colorScheme });
    await visitor.page.goto(stage.urlOf(PRODUCT));
    await visitor.page.getByRole('link', { name: 'Sign in' }).waitFor();
    expect(await visitor.findBarriers()).toEqual([]);
    await visitor.signIn('tenant-admin@example.com');
    for (const [name, viewport] of Object.entries(VIEWPORTS)) {
      await visitor.page.setViewportSize(viewport);
      for (const path of PAGES) {
        await visitor.open(path);
        await expect.poll(() => visitor.page.getByRole('status', { name: 'Loading' }).count()).toBe(0);
        expect(await visitor.findBarriers(), `${path}, ${name}`).toEqual([]);
        const isWider = await visitor.page.evaluate<boolean>('document.documentElement.scrollWidth > innerWidth');
        expect(isWider, `${path} scrolls sideways, ${name}`).toBe(false);
      }
    }
    await visitor.close();
  });

  it.each([
    [PAGE_PATHS.billing, 'Buy credits'],
    [PAGE_PATHS.plans, 'Subscribe: Plus'],
    [PAGE_PATHS.usage, /^Explain /],
    [PAGE_PATHS.people, 'Invite'],
    [PAGE_PATHS.people, 'New project'],
    [PAGE_PATHS.tokens, 'New token'],
  ] as const)('the dialog at %s of %s, by the keyboard alone', { timeout: STORY_TIMEOUT_MS }, async (path, name) => {
    const visitor = await Visitor.arrive(stage, PRODUCT);
    const { page } = visitor;
    await visitor.signIn('tenant-admin@example.com');
    await visitor.open(path);
    const button = page.getByRole('button', { name }).first();
    await button.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await expect.poll(() => dialog.getByRole('status', { name: 'Loading' }).count()).toBe(0);
    // What comes up with a fade is read when it is there.
    await expect.poll(() => visitor.findBarriers()).toEqual([]);
    await page.keyboard.press('Escape');
    await expect.poll(() => dialog.count()).toBe(0);
    await expect.poll(() => button.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    expect(visitor.complaints).toEqual([]);
    await visitor.close();
  });
});

async function continueLater(route: Route, afterMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  await route.continue();
}

/** Returns how many credits the page says are available. */
async function available({ page }: Visitor): Promise<string | null> {
  return await page.getByTestId('available').textContent();
}

/** Begins a purchase of the first package, and opens its page. */
async function openPaymentPage({ page, context }: Visitor) {
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  const [payment] = await Promise.all([
    context.waitForEvent('page'),
    page.getByRole('link', { name: /^Open payment page/ }).click(),
  ]);
  await payment.getByLabel('Card number').waitFor();
  return payment;
}
