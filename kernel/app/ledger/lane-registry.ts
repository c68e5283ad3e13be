// Owns which lanes exist: those with work, all of them, and those at rest, as many as fit, for the heads that they know.

import { LRUCache } from 'lru-cache';
import { type AccountState, countGrants } from '../../domain/account.ts';
import type { TenantId } from '../../domain/id.ts';
import { Lane } from './lane.ts';

/** How many grants, holds and accounts, together, are remembered at rest; one unit is about 250 bytes. */
const RESTING_WEIGHT_MAX = 200_000;
const LANE_WEIGHT = 8;
const HOLD_WEIGHT = 3;

/** Finds the lane of a tenant. */
export class LaneRegistry {
  readonly #working = new Map<TenantId, Lane>();
  readonly #resting = new LRUCache<TenantId, Lane>({
    maxSize: RESTING_WEIGHT_MAX,
    sizeCalculation: (lane) => LANE_WEIGHT + (lane.head === undefined ? 0 : weigh(lane.head.state)),
  });

  /** The tenant's lane, as it works or rests; made where there is none. */
  laneOf(tenantId: TenantId): Lane {
    const known = this.#working.get(tenantId) ?? this.#resting.get(tenantId);
    if (known !== undefined) return known;
    const lane = new Lane(tenantId);
    this.#resting.set(tenantId, lane);
    return lane;
  }

  /** Marks a lane as working; answers false where it worked already. */
  begin(lane: Lane): boolean {
    if (this.#working.has(lane.tenantId)) return false;
    this.#resting.delete(lane.tenantId);
    this.#working.set(lane.tenantId, lane);
    return true;
  }

  /** Lays a lane to rest. */
  end(lane: Lane): void {
    this.#working.delete(lane.tenantId);
    this.#resting.set(lane.tenantId, lane);
  }

  get workingCount(): number {
    return this.#working.size;
  }
}

function weigh(state: AccountState): number {
  return countGrants(state) + HOLD_WEIGHT * state.holds.length;
}
