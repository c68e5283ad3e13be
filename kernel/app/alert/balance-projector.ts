// Owns comparing the balances of a workspace's commits with its thresholds, one after the other, and noting each crossing. Does not
// own when that is done (balance-alert.ts), or which thresholds there are (threshold-service.ts).
// Invariants: a crossing is noted before the mark moves beyond it, under an id that is made of its commit and threshold alone: so it
// is one event, however many kernels look at the same commits, and wherever one of them dies.

import { type BalanceCrossing, computeCrossings } from '../../domain/balance-threshold.ts';
import type { BillingEventDraft } from '../../domain/billing-event.ts';
import type { TenantId } from '../../domain/id.ts';
import type { BillingEventLog } from './billing-event-log.ts';
import type { BalanceMark, BalanceMarkStore } from './ports.ts';

/** How many commits one step takes when much is to be caught up. */
export const STEP_COMMITS_MAX = 256;

/** What the projector works with. */
export interface BalanceProjectorParts {
  readonly store: Pick<BalanceMarkStore, 'loadMark' | 'replaceMark' | 'loadBalancePoints'>;
  readonly events: Pick<BillingEventLog, 'note'>;
}

/** Compares balances with thresholds. */
export class BalanceProjector {
  readonly #parts: BalanceProjectorParts;
  #isStopping = false;

  constructor(parts: BalanceProjectorParts) {
    this.#parts = parts;
  }

  /**
   * Compares what was committed since the last time, unless the projector is stopped before its end; answers the mark then, and
   * undefined where the workspace has no thresholds. Throws DomainError QUEUE_FULL, DATABASE_UNAVAILABLE: do it again.
   */
  async catchUp(tenantId: TenantId): Promise<BalanceMark | undefined> {
    const { store } = this.#parts;
    let mark = await store.loadMark(tenantId);
    while (mark !== undefined && mark.thresholds.length > 0 && !this.#isStopping) {
      const points = await store.loadBalancePoints(tenantId, mark.seq + 1, mark.seq + STEP_COMMITS_MAX);
      const last = points.at(-1);
      if (last === undefined) return mark;
      const { crossings, thresholds } = computeCrossings(mark.thresholds, points);
      for (const crossing of crossings) await this.#parts.events.note(toEvent(mark, crossing));
      // Where another kernel was faster, or the thresholds are others now, it is gone on from what there is.
      await store.replaceMark(mark, { seq: last.seq, thresholds });
      mark = await store.loadMark(tenantId);
    }
    return mark?.thresholds.length === 0 ? undefined : mark;
  }

  /** Begins no further step. */
  stop(): void {
    this.#isStopping = true;
  }
}

function toEvent({ tenantId, productCode }: BalanceMark, crossing: BalanceCrossing): BillingEventDraft {
  const { seq, microcredits, available, isBelow } = crossing;
  return {
    eventId: `balance-${isBelow ? 'low' : 'recovered'}:${tenantId}:${microcredits}:${seq}`,
    ...{ tenantId, productCode, type: isBelow ? 'balance.low' : 'balance.recovered' },
    data: { threshold_microcredits: `${microcredits}`, available_microcredits: `${available}`, commit_seq: `${seq}` },
  };
}
