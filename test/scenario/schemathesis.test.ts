// All of the API as its document tells it, asked by schemathesis as nobody and as each role: whatever is sent, good or bad, nothing
// fails, and every answer is one that is documented.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { roundCount } from '../support/round-count.ts';
import { findSchemathesis, runSchemathesis } from '../support/schemathesis.ts';
import { openStage, PRODUCT, type StoryStage } from '../support/story-stage.ts';

const SEED = 20_260_101;
const EXAMPLES_MAX = roundCount(5, 200);
/** One that closes the workspace, after which nothing else would be asked. */
const WITHOUT = ['closeWorkspace'];

const TIMEOUT_MS = roundCount(5, 120) * 60_000;
const ALL = ['coverage', 'fuzzing'] as const;
const REDUCED = roundCount(0, 1) === 1 ? ALL : (['fuzzing'] as const);
/** Whoever may do everything gets furthest; the others are asked less in `npm test`. */
const PHASES = { nobody: REDUCED, project_viewer: REDUCED, project_contributor: REDUCED, tenant_admin: ALL };

let program: Awaited<ReturnType<typeof findSchemathesis>>;
let stage: StoryStage;

beforeAll(async () => {
  program = await findSchemathesis(process.env);
  if (typeof program === 'string') stage = await openStage();
});
afterAll(async () => {
  if (typeof program === 'string') await stage.stop();
});

describe.each(['nobody', 'project_viewer', 'project_contributor', 'tenant_admin'] as const)('as %s', (who) => {
  test('the API answers as it is documented', { timeout: TIMEOUT_MS }, async (context) => {
    if (typeof program !== 'string') return context.skip(program.reason);
    const tenantId = await stage.stack.createTenant(PRODUCT, 'pro');
    const token = who === 'nobody' ? undefined : await stage.stack.mint(PRODUCT, who, tenantId);
    const outcome = await runSchemathesis(program, {
      ...{ url: stage.stack.bffs.get(PRODUCT) ?? '', token, tenantId, seed: SEED },
      ...{ phases: PHASES[who], examplesMax: EXAMPLES_MAX, without: WITHOUT },
    });
    expect(outcome.isPassed, outcome.output).toBe(true);
  });
});
