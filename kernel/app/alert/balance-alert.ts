// Owns which workspaces are compared with what they have set for their balance, and when: soon after this kernel committed something of
// theirs, and in turn all that have commits behind their mark. Does not own the comparing (balance-projector.ts, and
// payment/auto-top-up-desk.ts).
// Invariants: what waits is bounded; what is lost here, or with a kernel, is found by the turn.

import { LRUCache } from 'lru-cache';
import type { TenantId } from '../../domain/id.ts';
import type { AccountPlace, CommitFeed, OwnCommitListener } from '../ports.ts';
import type { AlertObserver } from './ports.ts';

/** How many workspaces may wait; those beyond are left to the turn. */
const WAITING_MAX = 10_000;
const RUNNING_MAX = 4;
/** How many marks are looked at in one go. */
const MARKS_PER_TURN = 256;
/** How long it is taken for true that a workspace has set nothing, which another kernel may do, in milliseconds. */
const ABSENCE_AGE_MS_MAX = 30_000;
const ABSENCES_MAX = 50_000;

/** What alerts about balances work with. */
export interface BalanceAlertParts {
  readonly projector: {
    /** Compares what was committed; undefined where the workspace has nothing to compare with. */
    catchUp(tenantId: TenantId): Promise<object | undefined>;
    /** Begins no further step. */
    stop(): unknown;
  };
  readonly store: {
    /** Reads up to where workspaces were compared, in the order of their ids, after one, at most `limit`. */
    loadMarksAfter(tenantId: string, limit: number): Promise<readonly AccountPlace[]>;
  };
  readonly feed: Pick<CommitFeed, 'findFollowed'>;
  readonly observer: Pick<AlertObserver, 'backgroundFailed'>;
}

/** Watches over balances. */
export class BalanceAlert implements OwnCommitListener {
  readonly #parts: BalanceAlertParts;
  readonly #waiting = new Set<TenantId>();
  /** Workspaces that have set nothing, so that their commits cost nothing. */
  readonly #absent = new LRUCache<TenantId, true>({ max: ABSENCES_MAX, ttl: ABSENCE_AGE_MS_MAX });
  #turnAfter = '';

  constructor(parts: BalanceAlertParts) {
    this.#parts = parts;
  }

  committed(tenantId: TenantId): void {
    if (this.#waiting.size >= WAITING_MAX || this.#absent.has(tenantId)) return;
    this.#waiting.add(tenantId);
  }

  /** Notes that a workspace may have set something now. */
  forget(tenantId: TenantId): void {
    this.#absent.delete(tenantId);
  }

  /** Catches up with what this kernel committed since the last time. Never rejects. */
  async takeWaiting(): Promise<void> {
    const tenantIds = [...this.#waiting];
    this.#waiting.clear();
    await this.#catchUpAll(tenantIds);
  }

  /** Catches up with those of the next marks in turn that are behind. Throws DomainError DATABASE_UNAVAILABLE. */
  async takeTurn(): Promise<void> {
    const { store, feed } = this.#parts;
    const marks = await store.loadMarksAfter(this.#turnAfter, MARKS_PER_TURN);
    this.#turnAfter = marks.length < MARKS_PER_TURN ? '' : (marks.at(-1)?.tenantId ?? '');
    await this.#catchUpAll(await feed.findFollowed(marks));
  }

  /** Begins no further step. */
  stop(): void {
    this.#waiting.clear();
    this.#parts.projector.stop();
  }

  async #catchUpAll(tenantIds: readonly TenantId[]): Promise<void> {
    const left = tenantIds.values();
    const work = async (): Promise<void> => {
      for (const tenantId of left) await this.#catchUp(tenantId);
    };
    await Promise.all(Array.from({ length: RUNNING_MAX }, work));
  }

  async #catchUp(tenantId: TenantId): Promise<void> {
    try {
      if ((await this.#parts.projector.catchUp(tenantId)) === undefined) this.#absent.set(tenantId, true);
    } catch (error) {
      this.#parts.observer.backgroundFailed('comparing a balance with what is set for it', error);
    }
  }
}
