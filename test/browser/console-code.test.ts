// Codes: credits at once, a discount where a plan is bought, and codes that are none.

import { expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { CARDS, payWith, Visitor } from './support/visitor.ts';

const stage = useConsoleStage();
let visitor: Visitor;

it('gives credits at once, and only once', { timeout: STORY_TIMEOUT_MS }, async () => {
  await stage().operate('promotion', 'create', PRODUCT, 'HELLO7', '--credit', '7000000', '--expires-after-days', '30');
  visitor = await Visitor.arrive(stage(), PRODUCT);
  const { page } = visitor;
  await visitor.signIn('cody@example.com');
  await visitor.createWorkspace('Cody Codes');
  await visitor.open(`${PAGE_PATHS.usage}?tab=codes`);
  await look('HELLO7');
  await expect.poll(() => page.getByText(/^Gives 7 credits at once, to be used until /).count()).toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await page.getByRole('button', { name: 'Redeem', exact: true }).click();
  await expect.poll(() => page.getByText('The code is redeemed.').count()).toBe(1);
  await expect.poll(() => visitor.available()).toBe('12');
  await look('HELLO7');
  await expect.poll(() => page.getByText('This workspace has used this code already.').count()).toBe(1);
  await look('NOSUCHCODE');
  await expect.poll(() => page.getByText('There is no such code. Check how it is written.').count()).toBe(1);
});

it('takes something off where a plan is bought', { timeout: STORY_TIMEOUT_MS }, async () => {
  await stage().operate('promotion', 'create', PRODUCT, 'GIFT5', '--credit', '5000000');
  await stage().createStripeDiscount('HALFOFF', 50);
  await stage().operate('promotion', 'create', PRODUCT, 'HALFOFF', '--discount');
  const { page } = visitor;
  await look('HALFOFF');
  await expect.poll(() => page.getByText('This code counts when you buy a plan').count()).toBe(1);
  await page.getByRole('link', { name: 'See plans' }).click();
  await page.getByRole('button', { name: 'Subscribe: Pro' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Add a discount code' }).click();
  const pay = dialog.getByRole('button', { name: 'Continue to payment' });
  await dialog.getByLabel('Discount code').fill('GIFT5');
  // Nobody pays in full because they forgot to have it checked.
  await expect.poll(() => dialog.getByText(/^Check the code to have it counted/).count()).toBe(1);
  expect(await pay.isDisabled()).toBe(true);
  await dialog.getByRole('button', { name: 'Check', exact: true }).click();
  await expect.poll(() => dialog.getByText(/^This code gives 5 credits, and takes nothing off/).count()).toBe(1);
  await dialog.getByLabel('Discount code').fill('');
  expect(await pay.isEnabled()).toBe(true);
  await dialog.getByLabel('Discount code').fill('HALFOFF');
  await dialog.getByLabel('Discount code').press('Enter');
  await expect.poll(() => dialog.getByText('$24.50').count()).toBeGreaterThan(0);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await pay.click();
  await page.getByRole('button', { name: 'Pay $24.50 and subscribe' }).waitFor();
  await payWith(page, CARDS.good);
  await expect.poll(() => page.getByText('Active', { exact: true }).count()).toBe(1);
  await expect.poll(() => page.getByText(/^\$49 \/ month · 50% off until .* · /).count()).toBe(1);
  await expect.poll(() => page.getByText(/ for \$49, with 50% off\.$/).count()).toBe(1);
  await visitor.open(`${PAGE_PATHS.usage}?tab=payments`);
  await expect.poll(() => page.getByText('$24.50').count()).toBe(1);
  // What the browser says of the two codes that were refused, and no more.
  expect(visitor.complaints).toEqual([expect.stringContaining('409'), expect.stringContaining('404')]);
  await visitor.close();
});

async function look(code: string): Promise<void> {
  await visitor.page.getByRole('textbox', { name: 'Code' }).fill(code);
  await visitor.page.getByRole('button', { name: 'Check code' }).click();
}
