// Every page for those who don't see it, in both schemes and both widths.

import { expect, it } from 'vitest';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { PRODUCT, STORY_TIMEOUT_MS, useConsoleStage } from './support/stage-hook.ts';
import { VIEWPORTS, Visitor } from './support/visitor.ts';

const PAGES = Object.values(PAGE_PATHS).filter((path) => path !== PAGE_PATHS.home);
const stage = useConsoleStage();

it.each(['light', 'dark'] as const)(
  'every page in the %s scheme',
  { timeout: STORY_TIMEOUT_MS },
  async (colorScheme) => {
    const visitor = await Visitor.arrive(stage(), PRODUCT, { colorScheme });
    const { page } = visitor;
    await page.goto(stage().urlOf(PRODUCT));
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
    expect(await visitor.findBarriers()).toEqual([]);
    await visitor.signIn('tenant-admin@example.com');
    for (const path of PAGES) {
      await visitor.open(path);
      await expect.poll(() => page.getByRole('status', { name: 'Loading' }).count()).toBe(0);
      for (const [name, viewport] of Object.entries(VIEWPORTS)) {
        await page.setViewportSize(viewport);
        await expect.poll(() => visitor.findBarriers(), { message: `${path}, ${name}` }).toEqual([]);
        const isWider = (): Promise<boolean> => page.evaluate('document.documentElement.scrollWidth > innerWidth');
        await expect.poll(isWider, { message: `${path} scrolls sideways, ${name}` }).toBe(false);
      }
    }
    expect(visitor.complaints).toEqual([]);
    await visitor.close();
  },
);
