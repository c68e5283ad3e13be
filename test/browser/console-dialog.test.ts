// Every kind of dialog, and the menus, by the keyboard alone.

import { afterAll, describe, expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { Visitor } from './support/visitor.ts';

const stage = useConsoleStage();
let known: Visitor | undefined;

/** Whoever looks at all of them has signed in once. */
async function visit(path: string): Promise<Visitor> {
  if (known === undefined) {
    known = await Visitor.arrive(stage(), PRODUCT);
    await known.signIn('tenant-admin@example.com');
  }
  await known.open(path);
  return known;
}

afterAll(() => known?.close());

describe('by the keyboard alone', () => {
  it.each([
    [PAGE_PATHS.billing, 'Buy credits'],
    [PAGE_PATHS.plans, 'Subscribe: Plus'],
    [PAGE_PATHS.usage, /^Explain /],
    [PAGE_PATHS.people, 'Invite'],
    [PAGE_PATHS.people, 'New project'],
    [PAGE_PATHS.tokens, 'New token'],
  ] as const)('the dialog at %s of %s', { timeout: STORY_TIMEOUT_MS }, async (path, name) => {
    const visitor = await visit(path);
    const { page } = visitor;
    const button = page.getByRole('button', { name }).first();
    await button.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await expect.poll(() => dialog.getByRole('status', { name: 'Loading' }).count()).toBe(0);
    // What comes up with a fade is read when it is there.
    await expect.poll(() => visitor.findBarriers()).toEqual([]);
    await page.keyboard.press('Escape');
    await expect.poll(() => dialog.count()).toBe(0);
    await expect.poll(() => button.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    expect(visitor.complaints).toEqual([]);
  });

  it.each([
    [/^Account of/, 'Sign out'],
    [/^Switch workspace/, 'New workspace'],
  ] as const)('the menu of %s, the first time and again', { timeout: STORY_TIMEOUT_MS }, async (name, item) => {
    const visitor = await visit(PAGE_PATHS.billing);
    const { page } = visitor;
    const button = page.getByRole('button', { name });
    await button.focus();
    for (const _time of ['first', 'again']) {
      await page.keyboard.press('Enter');
      await page.getByRole('menuitem', { name: item }).waitFor();
      await page.keyboard.press('ArrowDown');
      await expect.poll(() => visitor.findBarriers()).toEqual([]);
      await page.keyboard.press('Escape');
      await expect.poll(() => page.getByRole('menu').count()).toBe(0);
      await expect.poll(() => button.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    }
    expect(visitor.complaints).toEqual([]);
  });
});
