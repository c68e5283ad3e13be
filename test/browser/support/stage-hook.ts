/**
 * Owns: the stack and the browser of a test file: there before its first test, gone after its last, and tests that say why they
 * can't run where there is no browser.
 * Does not own: what a stack is (`console-stage.ts`).
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { startBrowser } from '../../support/browser.ts';
import { ConsoleStage } from './console-stage.ts';

const START_TIMEOUT_MS = 240_000;

/** Is how long one step of a story may take on a slow machine. */
export const STORY_TIMEOUT_MS = 180_000;
/** Is the product whose Console tests look at, and another one beside it. */
export const PRODUCT = 'agentruntime';
export const OTHER_PRODUCT = 'otherproduct';

/** Starts them for this file. Returns what gives the stage to a test; it throws where none of the tests can run. */
export function useConsoleStage(): () => ConsoleStage {
  let browser: Browser | undefined;
  let stage: ConsoleStage | undefined;
  beforeAll(async () => {
    browser = await startBrowser(process.env);
    if (browser !== undefined) stage = await ConsoleStage.start(browser);
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    await stage?.stop();
  });
  beforeEach((context) => {
    if (stage === undefined) context.skip('needs Chromium: on PATH, or named by CHROMIUM');
  });
  return () => {
    if (stage === undefined) throw new Error('There is no stage: its tests were skipped, or run too early.');
    return stage;
  };
}
