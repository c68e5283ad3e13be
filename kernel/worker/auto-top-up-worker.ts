// Owns how often balances are compared with the rules by which workspaces buy credits, and due purchases made. Does not own that work.
// Every kernel that works with Stripe runs one, and each purchase is made once.

import type { BalanceAlert } from '../app/alert/balance-alert.ts';
import type { AutoTopUpDesk } from '../app/payment/auto-top-up-desk.ts';
import type { TopUpObserver } from '../app/payment/ports.ts';
import { startTickLoop } from './tick-loop.ts';

/** What this kernel committed waits so long, so that what is committed together is compared together, in milliseconds. */
const BALANCE_INTERVAL_MS = 250;
const TURN_INTERVAL_MS = 1_000;
const DUE_INTERVAL_MS = 1_000;

export interface AutoTopUpWorkerTools {
  readonly alert: Pick<BalanceAlert, 'takeWaiting' | 'takeTurn' | 'stop'>;
  readonly desk: Pick<AutoTopUpDesk, 'takeDue' | 'stop'>;
  readonly observer: Pick<TopUpObserver, 'backgroundFailed'>;
}

/** Starts the worker. `stop` begins nothing more, and resolves when what is under way has ended. */
export function startAutoTopUpWorker({ alert, desk, observer }: AutoTopUpWorkerTools): { stop(): Promise<void> } {
  const loop = (work: string, tick: () => Promise<unknown>, intervalMs: number) =>
    startTickLoop({ tick, intervalMs, onFailure: (error) => observer.backgroundFailed(work, error) });
  const loops = [
    loop('comparing balances with the rules that buy', () => alert.takeWaiting(), BALANCE_INTERVAL_MS),
    loop('looking for balances that no rule was compared with', () => alert.takeTurn(), TURN_INTERVAL_MS),
    loop('buying credits by rules', () => desk.takeDue(), DUE_INTERVAL_MS),
  ];
  return {
    stop: async () => {
      alert.stop();
      await Promise.all(loops.map((each) => each.stop()));
      await desk.stop();
    },
  };
}
