// Owns going through all top-ups of a workspace, page by page, and bringing them to what Stripe shows.

import type { TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { TimePlace } from '../tenant/ports.ts';
import type { TopUp, TopUpStore } from './ports.ts';
import type { TopUpSync } from './top-up-sync.ts';

const TOP_UPS_PER_READ = 100;

/** Goes through the top-ups of a workspace, newest first. Throws DomainError DATABASE_UNAVAILABLE. */
export async function* listTopUps(store: Pick<TopUpStore, 'loadPage'>, tenantId: TenantId): AsyncGenerator<TopUp> {
  for (let after: TimePlace | undefined; ; ) {
    const page = await store.loadPage({ tenantId, filter: {}, limit: TOP_UPS_PER_READ, ...present({ after }) });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < TOP_UPS_PER_READ) return;
    after = { createdAt: last.createdAt, id: last.topUpId };
  }
}

/**
 * Brings all top-ups of a workspace to what Stripe shows, also those that have ended; one that can't be brought there holds up no other.
 * Throws what {@link TopUpSync.resync} throws of the first such one.
 */
export async function refreshTopUps(
  store: Pick<TopUpStore, 'loadPage'>,
  sync: Pick<TopUpSync, 'resync'>,
  tenantId: TenantId,
): Promise<void> {
  const failures: unknown[] = [];
  for await (const topUp of listTopUps(store, tenantId)) {
    try {
      await sync.resync(topUp);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
