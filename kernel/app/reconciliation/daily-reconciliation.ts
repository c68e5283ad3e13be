// Owns that all workspaces are compared with Stripe once a day, by whichever kernel comes first, and that what was found is told.
// Invariants: a day has one run that comes to its end; what a crash left is begun anew by another kernel once its claim has run
// out, and who finds then that it was too slow breaks off; a run that fails is tried again.

import type { Instant } from '../../domain/id.ts';
import type { Clock } from '../ports.ts';
import type { ReconciliationObserver, ReconciliationRunStore } from './ports.ts';
import type { Reconciliation } from './reconciliation.ts';

const DAY_MS = 86_400_000;
/** How long a kernel that runs has to say nothing until another one takes over, in milliseconds. */
const CLAIM_MS = 600_000;
/** How often it says that it is still there, at most. */
const RENEWAL_MS = 60_000;

/** What runs are made with. */
export interface DailyReconciliationParts {
  readonly reconciliation: Pick<Reconciliation, 'verifyAll'>;
  readonly store: ReconciliationRunStore;
  readonly clock: Pick<Clock, 'now' | 'estimate'>;
  readonly observer: ReconciliationObserver;
}

/** Compares once a day. */
export class DailyReconciliation {
  readonly #parts: DailyReconciliationParts;
  readonly #ending = new AbortController();

  constructor(parts: DailyReconciliationParts) {
    this.#parts = parts;
  }

  /** Makes the run of today where it is left to make. Throws what that throws: try again. */
  async runDue(): Promise<void> {
    const { store, clock, reconciliation, observer } = this.#parts;
    const now = clock.now();
    const day = dayOf(now);
    let claimedUntil = now + CLAIM_MS;
    if (!(await store.claimRun(day, now, claimedUntil))) return;
    let differences = 0;
    const progress = await reconciliation.verifyAll(async (_, difference) => {
      if (difference !== undefined) {
        differences += 1;
        observer.differs(difference);
      }
      const at = clock.estimate();
      const until = at + CLAIM_MS;
      if (until - claimedUntil < RENEWAL_MS) return;
      if (!(await store.renewRun(day, claimedUntil, until)))
        throw new Error(`another kernel has taken the run of ${day}`);
      claimedUntil = until;
    }, this.#ending.signal);
    const figures = { workspaces: progress.verifiedWorkspaces, differences };
    await store.endRun(day, figures, clock.estimate());
    observer.ended(figures);
  }

  /** Has the run under way break off. */
  stop(): void {
    this.#ending.abort(new Error('this kernel is ending'));
  }
}

/** Names a day of UTC. */
function dayOf(at: Instant): string {
  return new Date(at - (at % DAY_MS)).toISOString().slice(0, 'yyyy-mm-dd'.length);
}
