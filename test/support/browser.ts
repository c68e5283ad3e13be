/**
 * Owns: finding and starting a browser for tests: `CHROMIUM` names it, or it is on PATH.
 * Does not own: installing one.
 */
import { type Browser, chromium } from 'playwright-core';
import { findOnPath } from '../../dev/engine/program-search.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'] as const;
const START_TIMEOUT_MS = 60_000;

/** Starts a browser, or returns undefined where none is. */
export async function startBrowser(environment: NodeJS.ProcessEnv): Promise<Browser | undefined> {
  const executablePath = environment['CHROMIUM'] || (await findFirst(environment));
  if (executablePath === undefined) return undefined;
  // Machines that run tests are often containers, in which Chromium's own sandbox can't be made; it opens our pages only.
  return await chromium.launch({ executablePath, args: ['--no-sandbox'], timeout: START_TIMEOUT_MS });
}

async function findFirst(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const name of NAMES) {
    const path = await findOnPath(name, environment);
    if (path !== undefined) return path;
  }
  return undefined;
}
