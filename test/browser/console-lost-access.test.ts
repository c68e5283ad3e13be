// Somebody else signs in with the same browser, in another tab; and the navigation where the page is narrow.

import { expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { VIEWPORTS, Visitor } from './support/visitor.ts';

const LONG_NAME = 'W'.repeat(100);
const stage = useConsoleStage();
let visitor: Visitor;

it('closes the navigation by Escape and on the way to another workspace', { timeout: STORY_TIMEOUT_MS }, async () => {
  visitor = await Visitor.arrive(stage(), PRODUCT);
  const { page } = visitor;
  await visitor.signIn('petra@example.com');
  await visitor.createWorkspace('Petra Phones');
  await visitor.open(PAGE_PATHS.welcome);
  await visitor.createWorkspace(LONG_NAME);
  await page.setViewportSize(VIEWPORTS.phone);
  const open = page.getByRole('button', { name: 'Open navigation' });
  const navigation = page.getByRole('navigation');
  await open.click();
  await expect.poll(() => navigation.isVisible()).toBe(true);
  // What is covered is not there for the keyboard.
  await expect.poll(() => page.locator('main').evaluate((main) => main.hasAttribute('inert'))).toBe(true);
  await expect.poll(() => visitor.findBarriers()).toEqual([]);
  await page.getByRole('link', { name: 'Plans' }).focus();
  await page.keyboard.press('Escape');
  await expect.poll(() => navigation.isVisible()).toBe(false);
  await expect.poll(() => open.evaluate((button) => button === button.ownerDocument.activeElement)).toBe(true);
  await open.click();
  await page.getByRole('button', { name: /^Switch workspace/ }).click();
  await page.getByRole('menuitem', { name: 'Petra Phones' }).click();
  await expect.poll(() => navigation.isVisible()).toBe(false);
  await expect.poll(() => page.locator('main').evaluate((main) => main.hasAttribute('inert'))).toBe(false);
});

it('has a long name broken, and no dialog wider than the page', { timeout: STORY_TIMEOUT_MS }, async () => {
  const { page } = visitor;
  await page.getByRole('button', { name: 'Open navigation' }).click();
  await page.getByRole('button', { name: /^Switch workspace/ }).click();
  await page.getByRole('menuitem', { name: LONG_NAME }).click();
  await visitor.open(PAGE_PATHS.workspace);
  await page.getByRole('button', { name: 'Close workspace' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Keep it' }).waitFor();
  await expect.poll(() => dialog.evaluate((box) => box.scrollWidth <= box.clientWidth)).toBe(true);
  await dialog.getByRole('button', { name: 'Close', exact: true }).click();
  await expect.poll(() => dialog.count()).toBe(0);
  await page.setViewportSize(VIEWPORTS.wide);
});

it('says that somebody else is signed in, and shows nothing more of the first', {
  timeout: STORY_TIMEOUT_MS,
}, async () => {
  const { page, context } = visitor;
  await visitor.open(PAGE_PATHS.billing);
  const other = await context.newPage();
  await other.goto(new URL('/auth/login?return_to=/&prompt=login', page.url()).href);
  await other.getByLabel('Any other address').fill('otto@example.com');
  await other.getByRole('button', { name: 'Sign in', exact: true }).click();
  await other.getByRole('heading', { level: 1, name: 'Create your workspace' }).waitFor();
  await other.close();
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByRole('heading', { level: 1, name: 'Create your workspace' }).waitFor();
  await expect.poll(() => page.getByText('This browser is signed in as otto@example.com now.').count()).toBe(1);
  await expect.poll(() => page.getByText(/^Signed in as otto@example\.com/).count()).toBe(1);
  await visitor.close();
});
