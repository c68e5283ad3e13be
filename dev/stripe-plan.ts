/**
 * Owns: having the kernel bring the plans of the demo products from Stripe, and how much a person is told of it.
 * Does not own: the sync, which is the kernel's, or where Stripe is.
 * Invariant: whoever goes on from here finds every plan that Stripe sells.
 */
import { v7 as uuidv7 } from 'uuid';
import { CatalogServiceService, ListPlansRequest } from '../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { CatalogSyncServiceService, SyncCatalogRequest } from '../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import { type Plan, PlanSource } from '../gen/wheelhouse/catalog/v1/plan.ts';
import { explainKernelError, type KernelClient } from './kernel-client.ts';
import { DEMO_PRODUCTS } from './product.ts';
import type { Note } from './progress.ts';
import { StackError } from './stack-error.ts';

const PAGE_SIZE = 1_000;
const LAST_FULL_STOP = /\.$/;
const STEP = { actor: 'local-stack', reason: 'Start of the local stack' } as const;

/** Is what came from Stripe. */
export interface StripePlans {
  /** Is how many plans on sale each demo product has from Stripe. */
  readonly countByProduct: ReadonlyMap<string, number>;
  /** Is how many problems the sync found in rows at Stripe. */
  readonly problems: number;
}

/**
 * Syncs the catalog with Stripe and counts what is there then. A kernel's own sync, of its start, may have brought it all.
 * Throws StackError with the kernel's words where it can't be synced.
 */
export async function syncStripePlans(sysadmin: KernelClient, note: Note): Promise<StripePlans> {
  try {
    const problems = await sync(sysadmin, note);
    const countByProduct = new Map<string, number>();
    for (const { code } of DEMO_PRODUCTS) {
      const plans = await loadPlans(sysadmin, code);
      countByProduct.set(code, plans.filter(({ source }) => source === PlanSource.STRIPE).length);
    }
    return { countByProduct, problems };
  } catch (error) {
    const why = explainKernelError(error).replace(LAST_FULL_STOP, '');
    const advice = 'Mend that and start again; without STRIPE_SECRET_KEY the plans come from the sandbox.';
    throw new StackError(`The plans can't be brought from Stripe: ${why}. ${advice}`);
  }
}

async function sync(sysadmin: KernelClient, note: Note): Promise<number> {
  const request = SyncCatalogRequest.fromPartial({ requestId: uuidv7(), ...STEP });
  let problems = 0;
  let told = '';
  let isDone = false;
  for await (const message of sysadmin.stream(CatalogSyncServiceService.syncCatalog, request)) {
    problems += message.badRows.length;
    isDone = message.summary !== undefined;
    const text = `${message.pricesRead} prices read, ${message.plansWritten} plans written`;
    if (text !== told) note(text);
    told = text;
  }
  if (!isDone) throw new StackError('the kernel ended the sync before it was done');
  return problems;
}

async function loadPlans(sysadmin: KernelClient, productCode: string): Promise<readonly Plan[]> {
  const plans: Plan[] = [];
  let pageToken = '';
  do {
    const request = ListPlansRequest.fromPartial({ productCode, pageSize: PAGE_SIZE, pageToken });
    const page = await sysadmin.call(CatalogServiceService.listPlans, request);
    plans.push(...page.plans);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return plans;
}
