// A trial that is to go on as a paid plan: the consent, what is told of it, and the first payment when its time has come.

import { expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { CARDS, payWith, Visitor } from './support/visitor.ts';

const stage = useConsoleStage();
let visitor: Visitor;

it('asks before it goes on, and takes the card for it', { timeout: STORY_TIMEOUT_MS }, async () => {
  visitor = await Visitor.arrive(stage(), PRODUCT);
  const { page } = visitor;
  await visitor.signIn('tara@example.com');
  await visitor.createWorkspace('Tara Trials');
  await page.getByRole('button', { name: 'Continue after trial' }).click();
  const dialog = page.getByRole('dialog');
  await expect.poll(() => dialog.getByText(/^Store a card, and Pro begins by itself on .* for \$49/).count()).toBe(1);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await dialog.getByRole('button', { name: 'Add card and continue' }).click();
  await page.getByLabel('Card number').waitFor();
  await payWith(page, CARDS.good);
  await page.waitForURL(`${stage().urlOf(PRODUCT)}${PAGE_PATHS.billing}**`);
  await expect.poll(() => page.getByText(/Then Pro, .* begins, and your card is charged\.$/).count()).toBe(1);
  await expect.poll(() => page.getByRole('button', { name: 'Continue after trial' }).count()).toBe(0);
});

it('tells when it ends soon only whom nothing follows for', { timeout: STORY_TIMEOUT_MS }, async () => {
  const other = await Visitor.arrive(stage(), PRODUCT);
  await other.signIn('theo@example.com');
  await other.createWorkspace('Theo Tests');
  await stage().advance('12d');
  await Promise.all([visitor.open(PAGE_PATHS.billing), other.open(PAGE_PATHS.billing)]);
  await expect.poll(() => other.page.getByText(/^Your trial ends soon: 2 days left$/).count()).toBe(1);
  await expect.poll(() => visitor.page.getByText(/^Trial, 2 days left/).count()).toBe(1);
  expect(await visitor.page.getByText(/^Your trial ends soon/).count()).toBe(0);
  await other.page.getByRole('button', { name: 'End trial' }).click();
  await other.page.getByRole('dialog').getByRole('button', { name: 'End trial' }).click();
  await expect.poll(() => other.page.getByText(/^You have ended the trial early/).count()).toBe(1);
  expect(other.complaints).toEqual([]);
  await other.close();
});

it('is the paid plan when its time is over', { timeout: STORY_TIMEOUT_MS }, async () => {
  await stage().advance('3d');
  await visitor.open(PAGE_PATHS.billing);
  await expect.poll(() => visitor.page.getByText('Active', { exact: true }).count()).toBe(1);
  expect(visitor.complaints).toEqual([]);
  await visitor.close();
});
