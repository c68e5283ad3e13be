// Owns reading an account as it is now or was at a time. Never answers from a cache alone: a read that begins after a
// write was acknowledged sees it, by whichever kernel it was written.

import type { AccountState } from '../../domain/account.ts';
import { computeAdvance } from '../../domain/advance.ts';
import { DomainError, invalidField } from '../../domain/error.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import type { Clock, LedgerStore, Pacing } from '../ports.ts';
import { SharedRead } from '../shared-read.ts';
import { type AccountHead, HEAD_AHEAD_MAX_MS } from './account-head.ts';
import { HeadLoader } from './head-loader.ts';
import type { LaneRegistry } from './lane-registry.ts';

/** Reads accounts; concurrent reads of one account share one bounded read. */
export class AccountReader {
  readonly #store: LedgerStore;
  readonly #lanes: LaneRegistry;
  readonly #clock: Clock;
  readonly #loader: HeadLoader;
  readonly #heads: SharedRead<TenantId, AccountHead>;

  constructor(store: LedgerStore, lanes: LaneRegistry, clock: Clock, pacing: Pick<Pacing, 'afterReadyIo'>) {
    this.#store = store;
    this.#lanes = lanes;
    this.#clock = clock;
    this.#loader = new HeadLoader(store);
    this.#heads = new SharedRead((tenantId) => this.#read(tenantId), pacing);
  }

  /** Reads the newest commit of an account. Throws what the store throws. */
  readHead(tenantId: TenantId): Promise<AccountHead> {
    return this.#heads.read(tenantId);
  }

  /**
   * Reads the account as it is now: what fell due is worked out in memory, and recorded by a later commit.
   * Throws DomainError ACCOUNT_NOT_OPEN where nothing was ever committed.
   */
  async readNow(tenantId: TenantId): Promise<{ readonly head: AccountHead; readonly at: Instant }> {
    const head = await this.readHead(tenantId);
    const now = this.#clock.estimate();
    // A head a little ahead is a matter of clocks; one far ahead must not make what people own expire.
    return advanceTo(head, head.createdAt - now > HEAD_AHEAD_MAX_MS ? now : Math.max(now, head.createdAt));
  }

  /**
   * Reads the account as it was at a past time.
   * Throws DomainError INVALID_FIELD `at_time` where that lies before the account was opened.
   */
  async readAt(tenantId: TenantId, at: Instant): Promise<{ readonly head: AccountHead; readonly at: Instant }> {
    const newest = await this.readHead(tenantId);
    const seq = await this.findSeqAt(newest, at);
    if (seq === 0 && newest.seq > 0) throw await this.#beforeOpening(tenantId);
    return advanceTo(seq === newest.seq ? newest : await this.#loader.loadAt(tenantId, seq), at);
  }

  /** Finds the last commit at or before a time by halving; 0 where there is none. */
  async findSeqAt(newest: AccountHead, at: Instant): Promise<number> {
    if (newest.createdAt <= at) return newest.seq;
    let low = 0;
    let high = newest.seq;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      const createdAt = await this.#store.loadCreatedAt(newest.tenantId, middle);
      if (createdAt === undefined || createdAt > at) high = middle;
      else low = middle;
    }
    return low;
  }

  async #beforeOpening(tenantId: TenantId): Promise<DomainError> {
    const openedAt = (await this.#store.loadCreatedAt(tenantId, 1)) ?? this.#clock.estimate();
    const description = `lies before the account was opened, at ${new Date(openedAt).toISOString()}: ask for a later time`;
    return invalidField({ field: 'at_time', description });
  }

  async #read(tenantId: TenantId): Promise<AccountHead> {
    const lane = this.#lanes.laneOf(tenantId);
    const known = lane.head;
    const head = known === undefined ? await this.#loader.load(tenantId) : (await this.#loader.refresh(known)).head;
    this.#lanes.offer(lane, head);
    return head;
  }
}

function advanceTo(head: AccountHead, at: Instant): { readonly head: AccountHead; readonly at: Instant } {
  if (head.state.status !== 'open') {
    throw new DomainError(
      'ACCOUNT_NOT_OPEN',
      'the ledger account of this tenant is not open: repeat CreateTenant with its request id',
    );
  }
  return { head: { ...head, state: advance(head, at) }, at };
}

/** What fell due after a head until some time: many readers of one account share the work, which can be large. */
const ADVANCED = new WeakMap<AccountHead, { readonly at: Instant; readonly state: AccountState }>();

function advance(head: AccountHead, at: Instant): AccountState {
  const known = ADVANCED.get(head);
  const { state } = computeAdvance(known !== undefined && known.at <= at ? known.state : head.state, at);
  ADVANCED.set(head, { at, state });
  return state;
}
