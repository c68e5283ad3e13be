// What costs something is done once: by a double click, and by a second press after an answer that was lost.

import { expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { CARDS, Visitor } from './support/visitor.ts';

/** Is how long the page asks by itself before it says that no answer came. */
const GIVEN_UP = { timeout: 60_000 };
const TOP_UP_PATH = '**/v1/billing/topups/payg/intent';
const stage = useConsoleStage();
let visitor: Visitor;

it('makes one workspace by a double click', { timeout: STORY_TIMEOUT_MS }, async () => {
  visitor = await Visitor.arrive(stage(), PRODUCT);
  const { page } = visitor;
  await visitor.signIn('dora@example.com');
  await page.getByLabel('Workspace name').fill('Dora Doubles');
  await page.getByRole('button', { name: 'Create workspace' }).dblclick();
  await page.getByRole('heading', { level: 1, name: 'Billing' }).waitFor();
  const { workspaces } = await visitor.ask<{ workspaces: unknown[] }>('/v1/workspaces');
  expect(workspaces).toHaveLength(1);
});

it('makes one token by a double click, and shows it', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await visitor.open(PAGE_PATHS.tokens);
  await page.getByRole('button', { name: 'New token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('nightly job');
  await dialog.getByRole('button', { name: 'Create token' }).dblclick();
  await dialog.getByText('Copy it now').waitFor();
  await page.keyboard.press('Escape');
  await dialog.getByRole('button', { name: 'Done' }).click();
  await expect.poll(() => page.getByRole('row', { name: 'nightly job' }).count()).toBe(1);
});

it('charges the stored card once by a double click', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await visitor.storeCard(CARDS.good);
  await page.getByRole('button', { name: 'Buy credits' }).first().click();
  await page.getByRole('button', { name: /^Pay \$/ }).dblclick();
  await expect.poll(() => page.getByText('10 credits added').count()).toBe(1);
  await page.getByRole('button', { name: 'Done' }).click();
  await expect.poll(() => visitor.available()).toBe('15');
  expect(await countPayments()).toBe(1);
});

it('charges once where the answer was lost and somebody presses again', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await page.route(TOP_UP_PATH, async (route) => {
    await route.fetch();
    await route.abort();
  });
  await page.getByRole('button', { name: 'Buy credits' }).first().click();
  await page.getByRole('button', { name: /^Pay \$/ }).click();
  const lost = page.getByText(/It may have done this, or not/);
  await expect.poll(() => lost.count(), GIVEN_UP).toBe(1);
  await page.unroute(TOP_UP_PATH);
  await page.getByRole('button', { name: /^Pay \$/ }).click();
  await expect.poll(() => page.getByText('10 credits added').count()).toBe(1);
  await page.getByRole('button', { name: 'Done' }).click();
  await expect.poll(() => visitor.available()).toBe('25');
  expect(await countPayments()).toBe(2);
  await visitor.close();
});

/** Counts what was paid for, as the API tells it. */
async function countPayments(): Promise<number> {
  const { payments } = await visitor.ask<{ payments: unknown[] }>('/v1/billing/payment-history');
  return payments.length;
}
