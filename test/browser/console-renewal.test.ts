// A renewal that the bank declines: what is told meanwhile, and how it is paid after all.

import { expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { CARDS, payWith, Visitor } from './support/visitor.ts';

const SECOND_MS = 1_000;
const stage = useConsoleStage();
let visitor: Visitor;

it('begins with a period that is over, and not paid yet', { timeout: STORY_TIMEOUT_MS }, async () => {
  visitor = await Visitor.arrive(stage(), PRODUCT);
  await visitor.signIn('ines@example.com');
  await visitor.createWorkspace('Ines Instruments');
  await visitor.subscribe('Pro');
  await visitor.storeCard(CARDS.declinedLater);
  await stage().advance(`${await secondsToRenewal()}s`);
  await visitor.open(PAGE_PATHS.billing);
  const { page } = visitor;
  await expect.poll(() => page.getByText('Renewing', { exact: true }).count()).toBe(1);
  await expect.poll(() => page.getByText('A new period has begun; its invoice is being settled.').count()).toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
});

it('says that the payment failed, until when it can be paid, and where', { timeout: STORY_TIMEOUT_MS }, async () => {
  await stage().advance('2h');
  await visitor.open(PAGE_PATHS.billing);
  const { page } = visitor;
  await expect.poll(() => page.getByText('Payment failed', { exact: true }).count()).toBe(1);
  await expect.poll(() => page.getByText('Your last payment failed').count()).toBe(1);
  await expect
    .poll(() => page.getByText(/^Pay the open invoice until .*, or this workspace goes back/).count())
    .toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await visitor.open(PAGE_PATHS.plans);
  await page.getByRole('button', { name: 'Upgrade: Plus' }).click();
  await expect.poll(() => page.getByText(/^A payment of the plan is still open\./).count()).toBe(1);
  await visitor.open(PAGE_PATHS.billing);
});

it('can be canceled meanwhile, which says that the invoice stays open, and taken back', {
  timeout: STORY_TIMEOUT_MS,
}, async () => {
  const { page } = visitor;
  await page.getByRole('button', { name: 'Cancel plan' }).click();
  const dialog = page.getByRole('dialog');
  await expect.poll(() => dialog.getByText(/It stays open: it is charged when/).count()).toBe(1);
  expect(await dialog.getByText('Nothing more is charged.', { exact: true }).count()).toBe(0);
  await dialog.getByRole('button', { name: 'Cancel plan' }).click();
  await expect.poll(() => page.getByText('Canceled, and the last payment failed.').count()).toBe(1);
  await expect.poll(() => page.getByText(/^If it is not, the plan ends on /).count()).toBe(1);
  expect(await page.getByRole('button', { name: 'Cancel plan' }).count()).toBe(0);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await page.getByRole('button', { name: 'Keep the plan' }).click();
  await expect.poll(() => page.getByText(/^The last payment failed\. Pay until/).count()).toBe(1);
});

it('is the plan again when the invoice is paid, which the page notices', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page, context } = visitor;
  const [invoice] = await Promise.all([
    context.waitForEvent('page'),
    page.getByRole('link', { name: 'Pay now' }).first().click(),
  ]);
  await payWith(invoice, CARDS.good);
  await invoice.getByText('Nothing is to be paid.').waitFor();
  await invoice.close();
  await expect.poll(() => page.getByText('Active', { exact: true }).count()).toBe(1);
  expect(await page.getByText('Your last payment failed').count()).toBe(0);
  // What the browser says of the upgrade that was refused, and no more.
  expect(visitor.complaints).toEqual([expect.stringContaining('402')]);
  await visitor.close();
});

/** Returns after how many seconds the period will just be over. */
async function secondsToRenewal(): Promise<number> {
  const state = await visitor.ask<{ as_of_time: string; subscription: { period_end_time: string } }>(
    '/v1/billing/subscription',
  );
  return Math.ceil((Date.parse(state.subscription.period_end_time) - Date.parse(state.as_of_time)) / SECOND_MS) + 60;
}
