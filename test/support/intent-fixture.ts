// What a kernel carries out changes at Stripe with, over a real database and the Stripe that a test brings.

import { CustomerDesk } from '../../kernel/app/subscription/customer-desk.ts';
import { IntentAdoption } from '../../kernel/app/subscription/intent-adoption.ts';
import type { IntentRunner, IntentRunnerParts } from '../../kernel/app/subscription/intent-runner.ts';
import { IntentSteps } from '../../kernel/app/subscription/intent-step.ts';
import type { CustomerStore, EndedIntent, IntentStore, OpenIntent } from '../../kernel/app/subscription/ports.ts';
import type { ProductCode } from '../../kernel/domain/id.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import type { ModelledBilling } from './stripe-model.ts';

/** An intent takes a few tries, or never ends. */
const ROUNDS_MAX = 20;

/** What a test brings. */
export interface IntentTools extends Pick<IntentRunnerParts, 'store' | 'clock' | 'observer' | 'settle'> {
  readonly customers: CustomerStore;
  readonly billing: ModelledBilling;
}

/** Puts together what a runner works with; its pauses are the longest that they may be. */
export function intentPartsOf({ customers: store, billing, ...given }: IntentTools): IntentRunnerParts {
  const customers = new CustomerDesk({ store, billing, ids: RANDOM_ID_SOURCE, clock: given.clock });
  return {
    ...given,
    pacing: { random: () => 0 },
    steps: new IntentSteps({ billing, customers, notes: store }),
    adoption: new IntentAdoption({ billing, customers }),
  };
}

/** Makes up an intent that nobody has taken yet. */
export function draftIntent(fields: Pick<OpenIntent, 'createdAt' | 'dueAt'> & Partial<OpenIntent>): OpenIntent {
  return {
    intentId: RANDOM_ID_SOURCE.intentId(),
    tenantId: RANDOM_ID_SOURCE.tenantId(),
    productCode: 'agentruntime' as ProductCode,
    ...{ key: 'req:one', fingerprint: '1:x', request: { kind: 'resume', stripeSubscriptionId: 'sub_1' } },
    ...{ attempt: 1, storedFailures: 0, tries: 0 },
    ...fields,
  };
}

/** Runs what is due again and again, waiting until each next try, until an intent has ended. Throws Error where it doesn't. */
export async function finishIntent(
  store: IntentStore,
  runner: IntentRunner,
  { tenantId, key }: OpenIntent,
  waitUntil: (dueAt: number) => void,
): Promise<EndedIntent> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    await runner.takeDue();
    await runner.settle();
    const ended = await store.loadEnded(tenantId, key);
    const left = await store.loadOpen(tenantId);
    if (ended !== undefined && left === undefined) return ended;
    if (left !== undefined) waitUntil(left.dueAt);
  }
  throw new Error('the intent did not come to its end');
}
