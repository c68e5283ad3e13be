// Buying credits where a bank asks its customer first, and where an operator has switched buying off.

import { expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { CARDS, payWith, Visitor } from './support/visitor.ts';

const stage = useConsoleStage();
let visitor: Visitor;

it('leads past the page of a bank that asks', { timeout: STORY_TIMEOUT_MS }, async () => {
  visitor = await Visitor.arrive(stage(), PRODUCT);
  const { page } = visitor;
  await visitor.signIn('bea@example.com');
  await visitor.createWorkspace('Bea Banking');
  await page.getByRole('button', { name: 'Buy credits' }).first().click();
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  const payment = await visitor.openPaymentPage();
  await payWith(payment, CARDS.confirmed);
  await payment.getByRole('button', { name: 'Complete authentication' }).click();
  await expect.poll(() => page.getByText('10 credits added').count()).toBe(1);
  await payment.close();
  await page.getByRole('button', { name: 'Done' }).click();
  await expect.poll(() => visitor.available()).toBe('15');
});

it('says of a stored card that its bank wants to see the owner', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page, context } = visitor;
  await visitor.storeCard(CARDS.alwaysConfirmed);
  await page.getByRole('button', { name: 'Buy credits' }).first().click();
  await page.getByRole('button', { name: /^Pay \$/ }).click();
  await expect.poll(() => page.getByText('Your bank wants to see you').count()).toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  const [bank] = await Promise.all([
    context.waitForEvent('page'),
    page.getByRole('link', { name: /^Open payment page/ }).click(),
  ]);
  const complete = bank.getByRole('button', { name: 'Complete authentication' });
  const number = bank.getByLabel('Card number');
  await complete.or(number).first().waitFor();
  if (await number.isVisible()) await payWith(bank, CARDS.alwaysConfirmed);
  await complete.click();
  await expect.poll(() => page.getByText('10 credits added').count()).toBe(1);
  await bank.close();
  await page.getByRole('button', { name: 'Done' }).click();
  await expect.poll(() => visitor.available()).toBe('25');
});

it('says that buying, trials and new workspaces are switched off', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  for (const name of ['TOPUPS_ENABLED', 'SIGNUPS_ENABLED']) await stage().operate('switch', 'set', name, 'off');
  await page.getByRole('button', { name: 'Buy credits' }).first().click();
  await page.getByRole('button', { name: /^Pay \$/ }).click();
  const dialog = page.getByRole('dialog');
  const words = 'This is switched off at present. Nothing was changed; try again later.';
  await expect.poll(() => dialog.getByText(words).count()).toBe(1);
  await visitor.open(PAGE_PATHS.welcome);
  await page.getByLabel('Workspace name').fill('One more');
  await page.getByRole('button', { name: 'Create workspace' }).click();
  await expect.poll(() => page.getByText(words).count()).toBe(1);
  for (const name of ['TOPUPS_ENABLED', 'SIGNUPS_ENABLED']) await stage().operate('switch', 'set', name, 'on');
  await stage().operate('switch', 'set', 'TRIALS_ENABLED', 'off');
  await visitor.createWorkspace('One without a trial');
  await expect.poll(() => visitor.available()).toBe('0');
  await visitor.open(PAGE_PATHS.plans);
  await page
    .getByRole('button', { name: /^Start free trial: / })
    .first()
    .click();
  await dialog.getByRole('button', { name: 'Start trial' }).click();
  await expect.poll(() => dialog.getByText(words).count()).toBe(1);
  await visitor.open(PAGE_PATHS.billing);
  await page.getByRole('button', { name: 'Buy credits' }).first().click();
  await page.getByText('Secure payment page').click();
  await page.getByRole('button', { name: 'Continue to payment' }).click();
  await expect.poll(() => page.getByRole('link', { name: /^Open payment page/ }).count()).toBe(1);
  await visitor.close();
});
