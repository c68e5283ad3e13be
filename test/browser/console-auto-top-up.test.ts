// Credits that are bought by a rule, without a person: what it bought, and why it has stopped.

import { expect, it } from 'vitest';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { CARDS, Visitor } from './support/visitor.ts';

const stage = useConsoleStage();
let visitor: Visitor;

it('buys by a rule when credits run low', { timeout: STORY_TIMEOUT_MS }, async () => {
  visitor = await Visitor.arrive(stage(), PRODUCT);
  const { page } = visitor;
  await visitor.signIn('otto@example.com');
  await visitor.createWorkspace('Otto Orders');
  await visitor.storeCard(CARDS.good);
  await page.getByRole('button', { name: 'Set up' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('When fewer credits are left than').fill('4');
  await dialog.getByLabel(/^I agree that the default card is charged/).check();
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await dialog.getByRole('button', { name: 'Turn on' }).click();
  await expect
    .poll(() => page.getByText(/^Buys 10 credits for .* when less than 4 credits are left\.$/).count())
    .toBe(1);
  await stage().debit({ requestId: 'low-1', tenantId: await visitor.workspaceId(), action: 'memory_extract_bulk' });
  await expect.poll(() => visitor.available()).toBe('13');
  await expect.poll(() => page.getByText(/^\$\d.* of \$.* spent this month$/).count()).toBe(1);
});

it('says why a rule has stopped, and is turned off', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await visitor.storeCard(CARDS.declinedLater);
  // The rule rests for ten minutes after a purchase.
  await stage().advance('15m');
  const tenantId = await visitor.workspaceId();
  for (const step of [1, 2, 3, 4, 5]) {
    await stage().debit({ requestId: `decline-${step}`, tenantId, action: 'memory_extract_bulk' });
  }
  await expect.poll(() => page.getByText('Stopped', { exact: true }).count()).toBe(1);
  await expect.poll(() => page.getByText(/^The card was declined\. Choose another default card/).count()).toBe(1);
  await page.getByRole('button', { name: 'Turn off' }).click();
  await expect.poll(() => page.getByText('Auto top-up is off.').count()).toBe(1);
  await expect.poll(() => page.getByRole('button', { name: 'Set up' }).count()).toBe(1);
  expect(visitor.complaints).toEqual([]);
  await visitor.close();
});
