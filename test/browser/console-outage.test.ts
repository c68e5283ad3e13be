// Where something is missing: nothing there yet, a service that stands still, and no way to it.

import { afterAll, describe, expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { Visitor } from './support/visitor.ts';

/** A request that nobody answers is given up after ten seconds. */
const GIVEN_UP = { timeout: 60_000 };
const stage = useConsoleStage();
let known: Visitor | undefined;

/** Whoever sees all of it has made a workspace, and nothing more. */
async function visit(): Promise<Visitor> {
  if (known === undefined) {
    known = await Visitor.arrive(stage(), PRODUCT);
    await known.signIn('nora@example.com');
    await known.createWorkspace('Nora New');
  }
  return known;
}

afterAll(() => known?.close());

describe('a workspace in which nothing has happened', () => {
  it.each([
    [PAGE_PATHS.usage, 'No metered events yet'],
    [`${PAGE_PATHS.usage}?tab=payments`, 'No payments yet'],
    [PAGE_PATHS.tokens, 'No access tokens yet'],
    [PAGE_PATHS.analytics, 'No usage in this range'],
    [PAGE_PATHS.alerts, 'No endpoints yet'],
    [PAGE_PATHS.people, 'Nobody is invited at the moment.'],
  ])('says so at %s', { timeout: STORY_TIMEOUT_MS }, async (path, words) => {
    const visitor = await visit();
    await visitor.open(path);
    await expect.poll(() => visitor.page.getByText(words).count()).toBeGreaterThan(0);
    await expect.poll(() => visitor.findBarriers()).toEqual([]);
    expect(visitor.complaints).toEqual([]);
  });

  it('has no page at an address that is none', { timeout: STORY_TIMEOUT_MS }, async () => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.open('/settings/nothing');
    // That it is none is no fault of the page's.
    visitor.complaints.length = 0;
    await page.getByRole('heading', { name: 'Page not found' }).waitFor();
    await page.getByRole('link', { name: 'Go to billing' }).click();
    await page.getByRole('heading', { level: 1, name: 'Billing' }).waitFor();
  });
});

describe('a service that stands still', () => {
  /** Goes to a page that the service does not answer, which is told in so many places; lets it answer then. */
  async function meetSilence(link: string, places: number): Promise<void> {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.open(PAGE_PATHS.tokens);
    const goOn = await stage().pauseKernel();
    try {
      await page.getByRole('link', { name: link }).click();
      await expect.poll(() => page.getByRole('button', { name: 'Try again' }).count(), GIVEN_UP).toBe(places);
      expect(await page.getByText(/^Billing takes too long to answer/).count()).toBe(places);
      await expect.poll(() => visitor.findBarriers()).toEqual([]);
    } finally {
      goOn();
    }
  }

  it('is told in the place of what it would show, and all of it comes with a balance that is followed again', {
    timeout: STORY_TIMEOUT_MS,
  }, async () => {
    const { page } = await visit();
    await meetSilence('Usage & history', 2);
    // Nobody has to ask: the balance that is back would move the button away from under their hand.
    await expect.poll(() => page.getByText('No metered events yet').count(), GIVEN_UP).toBe(1);
    expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0);
  });

  it('is asked again for all that a page lacks by one button', { timeout: STORY_TIMEOUT_MS }, async () => {
    const { page } = await visit();
    await meetSilence('People', 3);
    await page.getByRole('button', { name: 'Try again' }).first().click();
    await expect.poll(() => page.getByText('Nobody is invited at the moment.').count(), GIVEN_UP).toBe(1);
    await expect.poll(() => page.getByRole('button', { name: 'Try again' }).count(), GIVEN_UP).toBe(0);
  });

  it('is told on the whole page where nothing can begin without it', { timeout: STORY_TIMEOUT_MS }, async () => {
    const { page } = await visit();
    const goOn = await stage().pauseKernel();
    try {
      await page.reload();
      await expect.poll(() => page.getByRole('button', { name: 'Try again' }).count(), GIVEN_UP).toBe(1);
    } finally {
      goOn();
    }
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('heading', { level: 1, name: 'People' }).waitFor();
  });
});

describe('a line that is cut', () => {
  it('is told to whoever does something, who can do it again', { timeout: STORY_TIMEOUT_MS }, async () => {
    const visitor = await visit();
    const { page, context } = visitor;
    await visitor.open(PAGE_PATHS.workspace);
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Nora Next');
    await context.setOffline(true);
    await page.getByRole('button', { name: 'Save' }).click();
    await expect.poll(() => page.getByText(/^The service can not be reached\./).count()).toBe(1);
    await context.setOffline(false);
    await page.getByRole('button', { name: 'Save' }).click();
    await expect.poll(() => page.getByText('The workspace is renamed.').count()).toBe(1);
  });
});
