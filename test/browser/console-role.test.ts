// Who sees what: each role, two products side by side in one browser, and whoever comes back from a payment page.

import { describe, expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { OTHER_PRODUCT, PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { continueLater, Visitor } from './support/visitor.ts';

const stage = useConsoleStage();

describe('coming back from a payment page', () => {
  it('stays on the page that somebody went to meanwhile', { timeout: STORY_TIMEOUT_MS }, async () => {
    const visitor = await Visitor.arrive(stage(), PRODUCT);
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
    [
      'project-contributor@example.com',
      PAGE_PATHS.alerts,
      'Not visible with your role',
      ['Add endpoint', 'Add threshold'],
    ],
    ['project-contributor@example.com', PAGE_PATHS.workspace, 'About', ['Save', 'Change', 'Close workspace']],
    [
      'project-contributor@example.com',
      PAGE_PATHS.people,
      'People',
      ['Invite', 'New project', 'Actions: Demo project'],
    ],
    ['project-contributor@example.com', PAGE_PATHS.activity, 'Not visible with your role', []],
    ['project-viewer@example.com', PAGE_PATHS.billing, 'Not visible with your role', ['Buy credits']],
    ['project-viewer@example.com', PAGE_PATHS.analytics, 'Analytics', []],
  ] as const)('%s at %s', { timeout: STORY_TIMEOUT_MS }, async (email, path, heading, absent) => {
    const visitor = await Visitor.arrive(stage(), PRODUCT);
    await visitor.signIn(email);
    await visitor.open(path);
    await expect.poll(() => visitor.page.getByRole('heading', { name: heading, exact: true }).count()).toBe(1);
    for (const name of absent) expect(await visitor.page.getByRole('button', { name }).count()).toBe(0);
    expect(visitor.complaints).toEqual([]);
    await visitor.close();
  });
});

it('a viewer sees what their project used', { timeout: STORY_TIMEOUT_MS }, async () => {
  const visitor = await Visitor.arrive(stage(), PRODUCT);
  await visitor.signIn('project-viewer@example.com');
  await visitor.open(PAGE_PATHS.analytics);
  await expect.poll(() => visitor.page.getByText('memory_extract_bulk').count()).toBeGreaterThan(0);
  await visitor.close();
});

describe('two products in one browser', () => {
  it('are signed in side by side, and show nothing of each other', { timeout: STORY_TIMEOUT_MS }, async () => {
    const first = await Visitor.arrive(stage(), PRODUCT);
    await first.signIn('tenant-admin@example.com');
    const second = await Visitor.arrive(stage(), OTHER_PRODUCT, { context: first.context });
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
