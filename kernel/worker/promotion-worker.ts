// Owns looking after places of promotions that a crash has left claimed (app/promotion/redemption-desk.ts). Nothing depends on when
// it runs: whoever redeems again goes on with the place that is there.

import type { LedgerObserver } from '../app/ports.ts';
import type { RedemptionDesk } from '../app/promotion/redemption-desk.ts';
import { startTickLoop } from './tick-loop.ts';

const TICK_MS = 60_000;

/** What the worker works with. */
export interface PromotionWorkerTools {
  readonly redemptions: Pick<RedemptionDesk, 'sweep'>;
  readonly observer: Pick<LedgerObserver, 'backgroundFailed'>;
}

/** Starts the worker; every kernel runs one, and two that meet at one place do no harm. */
export function startPromotionWorker({ redemptions, observer }: PromotionWorkerTools): { stop(): Promise<void> } {
  return startTickLoop({
    tick: () => redemptions.sweep(),
    intervalMs: TICK_MS,
    onFailure: (error) => observer.backgroundFailed('looking after claimed promotions', error),
  });
}
