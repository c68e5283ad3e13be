// Owns which lanes exist: those with work, all of them, and those at rest, as many as fit, for the heads that they know.
// Invariant: what lanes at rest know never weighs more than the bound, also where it grew while they rested.

import { LRUCache } from 'lru-cache';
import { type AccountState, countGrants } from '../../domain/account.ts';
import type { TenantId } from '../../domain/id.ts';
import type { AccountHead } from './account-head.ts';
import { Lane } from './lane.ts';

/** How many bytes lanes at rest may take: some 25,000 accounts of one grant. The longest unused goes first. */
const RESTING_BYTES_MAX = 40 * 1_048_576;
/** What a lane with the head of an empty account takes, and each grant in it; measured on Node 24. */
const LANE_BYTES = 1_400;
const GRANT_BYTES = 300;
/** A hold takes so much more in memory than the estimate of its stored form; measured with 1 and with 11 draws. */
const HOLD_GROWTH = 1.2;

/** Finds the lane of a tenant. */
export class LaneRegistry {
  readonly #working = new Map<TenantId, Lane>();
  readonly #resting: LRUCache<TenantId, Lane>;

  constructor(restingBytesMax: number = RESTING_BYTES_MAX) {
    this.#resting = new LRUCache({ maxSize: restingBytesMax, sizeCalculation: estimateBytes });
  }

  /** The tenant's lane, as it works or rests; made where there is none. */
  laneOf(tenantId: TenantId): Lane {
    const known = this.#working.get(tenantId) ?? this.#resting.get(tenantId);
    if (known !== undefined) return known;
    const lane = new Lane(tenantId);
    this.#resting.set(tenantId, lane);
    return lane;
  }

  /** Lets a lane that may be at rest learn of a newer head; an older one is ignored. */
  offer(lane: Lane, head: AccountHead): void {
    const before = lane.head;
    lane.offer(head);
    // A lane that works is weighed when it is laid to rest; one that was forgotten meanwhile stays so.
    if (lane.head !== before && this.#resting.peek(lane.tenantId) === lane) this.#rest(lane);
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
    this.#rest(lane);
  }

  get workingCount(): number {
    return this.#working.size;
  }

  get restingCount(): number {
    return this.#resting.size;
  }

  /** About what the lanes at rest take. */
  get restingBytes(): number {
    return this.#resting.calculatedSize;
  }

  #rest(lane: Lane): void {
    // The cache would not weigh again what it has already.
    this.#resting.delete(lane.tenantId);
    this.#resting.set(lane.tenantId, lane);
  }
}

function estimateBytes({ head }: Lane): number {
  return LANE_BYTES + (head === undefined ? 0 : estimateHeapBytes(head.state));
}

function estimateHeapBytes(state: AccountState): number {
  return GRANT_BYTES * countGrants(state) + Math.ceil(HOLD_GROWTH * state.holdBytes);
}
