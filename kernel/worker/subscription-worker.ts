// Owns asking Stripe again about subscriptions whose time has come: a period that ended, a payment that came to no result. Events
// and changes bring accounts up at once, without this.

import type { Clock } from '../app/ports.ts';
import type { CustomerStore } from '../app/subscription/ports.ts';
import type { SubscriptionObserver, SubscriptionSync } from '../app/subscription/subscription-sync.ts';
import { startTickLoop } from './tick-loop.ts';

const TICK_MS = 1_000;
/** How many are read in one tick, so that what came first never waits for a month's end. */
const SYNCS_PER_TICK_MAX = 20;
/** When one is due again whose sync failed, or was cut off, in milliseconds. */
const RETRY_MS = 300_000;
/** When one is looked at again that nothing is known to happen to, in milliseconds. */
const IDLE_MS = 30 * 86_400_000;

/** What the worker works with. */
export interface SubscriptionWorkerTools {
  readonly customers: Pick<CustomerStore, 'claimSyncDue' | 'saveSyncDue'>;
  readonly sync: Pick<SubscriptionSync, 'syncTenant'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly observer: Pick<SubscriptionObserver, 'backgroundFailed'>;
}

/** Starts the worker; every kernel that works with Stripe runs one, and each subscription is claimed by one of them. */
export function startSubscriptionWorker(tools: SubscriptionWorkerTools): { stop(): Promise<void> } {
  const onFailure = (error: unknown): void => tools.observer.backgroundFailed('reading subscriptions at Stripe', error);
  return startTickLoop({ tick: () => syncDue(tools, onFailure), intervalMs: TICK_MS, onFailure });
}

async function syncDue(
  { customers, sync, clock }: SubscriptionWorkerTools,
  onFailure: (error: unknown) => void,
): Promise<void> {
  for (let count = 0; count < SYNCS_PER_TICK_MAX; count += 1) {
    const now = clock.now();
    const claimedDueAt = now + RETRY_MS;
    const customer = await customers.claimSyncDue(now, claimedDueAt);
    if (customer === undefined) return;
    try {
      const { nextSyncAt = now + IDLE_MS } = await sync.syncTenant(customer);
      await customers.saveSyncDue(customer.tenantId, claimedDueAt, nextSyncAt);
    } catch (error) {
      // One that can't be read keeps none of the others waiting.
      onFailure(error);
    }
  }
}
