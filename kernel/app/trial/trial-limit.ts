// Owns how many trials of a product one person may have, over all workspaces: each takes a place of its own, claimed before
// the trial starts (docs/architecture.md, "Limits that span tenants"). Does not own how the trial starts.
// Invariants: a place is given back only where its trial can't come about any more: it belongs to somebody else, or the claim
// ran out well before and the account has none; a start must use its place before the claim runs out.

import { DomainError } from '../../domain/error.ts';
import type { Instant } from '../../domain/id.ts';
import type { Trial } from '../../domain/trial.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { TrialSlot, TrialSlotHolder, TrialSlotStore } from './ports.ts';

/** How long a claim is kept for the start that made it, in milliseconds: longer than any call waits. */
const CLAIM_DURATION_MS = 120_000;
/** How long after its end a claim is given back at the earliest: what was on its way to the database then has come to an end. */
const CLAIM_GRACE_MS = 300_000;
/** How often places that no majority has yet are looked for, and how long between, in milliseconds. */
const LOOKS_MAX = 10;
const LOOK_INTERVAL_MS = 50;
/** How many claims that ran out one round looks at. */
const CLAIMS_PER_ROUND_MAX = 100;

/** What the limit works with. */
export interface TrialLimitParts {
  readonly store: TrialSlotStore;
  readonly ledger: Pick<Ledger, 'readBalance'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly pacing: Pick<Pacing, 'delay'>;
}

/** Keeps the limit of trials per person. */
export class TrialLimit {
  readonly #parts: TrialLimitParts;

  constructor(parts: TrialLimitParts) {
    this.#parts = parts;
  }

  /**
   * Claims a place for the trial of a workspace, or the one again that was claimed before; answers until when it is kept.
   * Throws DomainError TRIAL_LIMIT_REACHED, OUTCOME_UNKNOWN where another call is claiming, DATABASE_UNAVAILABLE,
   * CLOCK_UNCERTAIN.
   */
  async claim(holder: TrialSlotHolder, limit: number): Promise<Instant> {
    const { store, clock, pacing } = this.#parts;
    for (let look = 0; look < LOOKS_MAX; look += 1) {
      if (look > 0) await pacing.delay(LOOK_INTERVAL_MS);
      const claimedUntil = clock.now() + CLAIM_DURATION_MS;
      const slots = await store.loadSlots(holder.productCode, holder.personId);
      const own = slots.find(({ tenantId }) => tenantId === holder.tenantId);
      if (own === undefined) {
        if (slots.length >= limit) throw limitReached(holder, limit);
        const number = firstFree(slots);
        // With fewer places than the limit the lowest free number is within it; another call may take it first.
        if (await store.insertSlot({ ...holder, number, claimedUntil })) return claimedUntil;
      } else if (own.claimedUntil === undefined || (await store.renewSlot(own, claimedUntil))) {
        return claimedUntil;
      }
    }
    const message =
      'other calls are claiming trials of this person at this moment: repeat the call with the same request_id';
    throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 500 });
  }

  /** Brings the place of a workspace in line with the trial that it has: keeps it for that, or gives it back. */
  async settle(holder: TrialSlotHolder, trial: Trial): Promise<void> {
    const { store } = this.#parts;
    if (trial.personId === holder.personId) return store.finishSlot(holder);
    const slots = await store.loadSlots(holder.productCode, holder.personId);
    const own = slots.find(({ tenantId }) => tenantId === holder.tenantId);
    // The workspace has had its one trial, and it was not this person's: nothing can use the place any more.
    if (own !== undefined) await store.removeSlot(own);
  }

  /** Looks after claims that ran out: keeps those whose trial is there, gives the others back. */
  async sweep(): Promise<void> {
    const { store, clock } = this.#parts;
    const claims = await store.loadExpiredClaims(clock.now() - CLAIM_GRACE_MS, CLAIMS_PER_ROUND_MAX);
    const failures: unknown[] = [];
    for (const slot of claims) {
      try {
        const trial = await this.#readTrial(slot);
        if (trial === undefined) await store.removeSlot(slot);
        else await this.settle(slot, trial);
      } catch (error) {
        // One account that can't be read keeps none of the others waiting.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} claimed places were not looked at`);
  }

  async #readTrial(holder: TrialSlotHolder): Promise<Trial | undefined> {
    try {
      return (await this.#parts.ledger.readBalance(holder)).trial;
    } catch (error) {
      // An account that was never opened has had no trial.
      if (error instanceof DomainError && error.reason === 'ACCOUNT_NOT_OPEN') return undefined;
      throw error;
    }
  }
}

function firstFree(slots: readonly TrialSlot[]): number {
  const taken = new Set(slots.map(({ number }) => number));
  let number = 1;
  while (taken.has(number)) number += 1;
  return number;
}

function limitReached({ productCode }: TrialSlotHolder, limit: number): DomainError {
  const count = limit === 1 ? 'a trial' : `${limit} trials`;
  const message = `you have had ${count} of ${productCode} already, the most that one person may have: choose a plan, or ask for an offer`;
  return new DomainError('TRIAL_LIMIT_REACHED', message, { metadata: { limit: String(limit) } });
}
