// Owns who may take another of the places that a kernel sends deliveries in, so that endpoints which hang keep nobody else waiting.
// Invariants: an endpoint takes at most ENDPOINT_RUNNING_MAX places, one that is known to fail one; a workspace takes at most
// WORKSPACE_RUNNING_MAX, whatever it has; all that are known to fail together take at most FAILING_RUNNING_MAX.

import type { TenantId } from '../../domain/id.ts';
import type { BusyReceivers } from './ports.ts';

/** How many deliveries a kernel sends at once. */
export const RUNNING_MAX = 16;
const ENDPOINT_RUNNING_MAX = 2;
const WORKSPACE_RUNNING_MAX = 4;
const FAILING_RUNNING_MAX = 6;
/** How many failing endpoints a kernel remembers; the oldest is forgotten, and known again after its next failure. */
const FAILING_KNOWN_MAX = 1_000;

/** Who is being sent to in one place. */
export interface TakenPlace {
  readonly endpointId: string;
  readonly tenantId: TenantId;
}

/** Remembers which endpoints fail. */
export class FailingEndpoints {
  readonly #ids = new Set<string>();

  /** Notes what an attempt came to, or what is known of an endpoint from before. */
  note(endpointId: string, isFailing: boolean): void {
    this.#ids.delete(endpointId);
    if (!isFailing) return;
    this.#ids.add(endpointId);
    const [oldest] = this.#ids;
    if (this.#ids.size > FAILING_KNOWN_MAX && oldest !== undefined) this.#ids.delete(oldest);
  }

  /** Lists who may take no other place beside those that are taken. */
  listBusy(taken: readonly TakenPlace[]): BusyReceivers {
    const endpoints = countBy(taken.map(({ endpointId }) => endpointId));
    const workspaces = countBy(taken.map(({ tenantId }) => tenantId));
    const failing = taken.filter(({ endpointId }) => this.#ids.has(endpointId));
    const full = [...endpoints].flatMap(([id, count]) => (count >= this.#placesOf(id) ? [id] : []));
    return {
      endpointIds: failing.length < FAILING_RUNNING_MAX ? full : [...new Set([...full, ...this.#ids])],
      tenantIds: [...workspaces].flatMap(([id, count]) => (count >= WORKSPACE_RUNNING_MAX ? [id] : [])),
    };
  }

  #placesOf(endpointId: string): number {
    return this.#ids.has(endpointId) ? 1 : ENDPOINT_RUNNING_MAX;
  }
}

function countBy<Id>(ids: readonly Id[]): ReadonlyMap<Id, number> {
  const counts = new Map<Id, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
