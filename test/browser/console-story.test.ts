// A newcomer's way through the Console, from signing in to the free plan after a paid one, over the whole running stack.

import { describe, expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { CARDS, payWith, Visitor } from './support/visitor.ts';

const stage = useConsoleStage();

describe('a newcomer', () => {
  let visitor: Visitor;

  it('signs in, makes a workspace, and is on trial', { timeout: STORY_TIMEOUT_MS }, async () => {
    visitor = await Visitor.arrive(stage(), PRODUCT);
    const { page } = visitor;
    await visitor.signIn('grace@example.com');
    await expect.poll(() => page.getByRole('heading', { level: 1 }).textContent()).toBe('Create your workspace');
    await expect.poll(() => page.getByText('14 days of trial with 5 credits').count()).toBe(1);
    await visitor.createWorkspace('Grace Computing');
    await expect.poll(() => page.getByText('Trial, 14 days left, 5 credits').count()).toBe(1);
    expect(await visitor.available()).toBe('5');
  });

  it('sees debits arrive without a reload', { timeout: STORY_TIMEOUT_MS }, async () => {
    const tenantId = await visitor.workspaceId();
    await expect.poll(() => visitor.page.getByText('Live', { exact: true }).count()).toBe(1);
    await stage().debit({ requestId: 'story-1', tenantId, action: 'memory_extract_bulk' });
    await expect.poll(() => visitor.available()).toBe('3');
    await visitor.page.getByRole('link', { name: 'Usage & history' }).click();
    await stage().debit({ requestId: 'story-2', tenantId, action: 'memory_index_file_mb', quantity: '0.25' });
    await expect
      .poll(() => visitor.page.getByRole('cell', { name: 'memory_index_file_mb', exact: true }).count())
      .toBe(1);
    expect(await visitor.available()).toBe('2.75');
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
    await page.getByRole('button', { name: 'Continue to payment' }).click();
    const payment = await visitor.openPaymentPage();
    await payWith(payment, CARDS.good);
    await expect.poll(() => page.getByText('10 credits added').count()).toBe(1);
    await page.getByRole('button', { name: 'Done' }).click();
    await expect.poll(() => visitor.available()).toBe('12.75');
    await payment.close();

    await page.getByRole('button', { name: 'Buy credits' }).click();
    const form = page.getByRole('dialog');
    await form.getByText('Other amount').click();
    const amount = form.getByLabel('Credits', { exact: true });
    await amount.fill('1,000');
    await expect.poll(() => form.getByText(/^“1,000” can be read in two ways/).count()).toBe(1);
    await amount.fill('12,5');
    await expect.poll(() => form.getByText('$12.50', { exact: true }).count()).toBe(1);
    await page.getByRole('button', { name: 'Continue to payment' }).click();
    const second = await visitor.openPaymentPage();
    await payWith(second, CARDS.declined);
    await expect.poll(() => page.getByText('The payment was declined').count()).toBe(1);
    await page.getByRole('button', { name: 'Cancel purchase' }).click();
    await expect.poll(() => page.getByRole('button', { name: 'Continue to payment' }).count()).toBe(1);
    // What was chosen is still there, also after the dialog was left.
    expect(await amount.inputValue()).toBe('12,5');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Buy credits' }).click();
    await expect.poll(() => amount.inputValue()).toBe('12,5');
    await page.keyboard.press('Escape');
    await second.close();
    expect(await visitor.available()).toBe('12.75');
  });

  it('buys a plan on the payment page, which leads back to it', { timeout: STORY_TIMEOUT_MS }, async () => {
    const { page } = visitor;
    await page.getByRole('link', { name: 'Plans' }).click();
    await page.getByRole('button', { name: 'Subscribe: Pro' }).click();
    await expect.poll(() => page.getByRole('dialog').getByText('$49.00', { exact: true }).count()).toBe(1);
    await page.getByRole('button', { name: 'Continue to payment' }).click();
    await page.getByLabel('Card number').waitFor();
    await payWith(page, CARDS.good);
    await page.waitForURL(`${stage().urlOf(PRODUCT)}/settings/billing**`);
    await expect.poll(() => page.getByText('Active', { exact: true }).count()).toBe(1);
    // Five of the plan and the ten that were bought: those of the trial are gone with it.
    await expect.poll(() => visitor.available()).toBe('15');
  });

  it('upgrades after a preview that says what it costs', { timeout: STORY_TIMEOUT_MS }, async () => {
    const { page } = visitor;
    await page.getByRole('link', { name: 'Plans' }).click();
    await page.getByRole('button', { name: 'Upgrade: Plus' }).click();
    const confirm = page.getByRole('button', { name: /^Pay \$.* and upgrade$/ });
    await confirm.waitFor();
    expect(await page.getByRole('dialog').getByText('At once').count()).toBe(1);
    await confirm.click();
    await page.waitForURL(`${stage().urlOf(PRODUCT)}/settings/billing`);
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
    await expect.poll(() => page.getByText('Canceled', { exact: true }).count()).toBe(1);
  });

  it('is on the free plan a month later, with what was bought', { timeout: STORY_TIMEOUT_MS }, async () => {
    await stage().advance('32d');
    await visitor.open(PAGE_PATHS.billing);
    await expect.poll(() => visitor.page.getByText(/^No subscription\./).count()).toBe(1);
    expect(await visitor.available()).toBe('10');
    await visitor.open(`${PAGE_PATHS.usage}?tab=payments`);
    await expect.poll(() => visitor.page.getByRole('link', { name: /^Invoice of / }).count()).toBeGreaterThan(2);
  });

  it('was complained of by no browser', () => {
    expect(visitor.complaints).toEqual([]);
  });
});
