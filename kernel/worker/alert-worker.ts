// Owns how often balances are compared with their thresholds, deliveries made of events, and due deliveries sent. Does not own that
// work. Every kernel runs one, and each piece of work has its effect once.

import type { BalanceAlert } from '../app/alert/balance-alert.ts';
import type { BillingEventLog } from '../app/alert/billing-event-log.ts';
import type { DeliveryFanOut } from '../app/alert/delivery-fan-out.ts';
import type { DeliverySender } from '../app/alert/delivery-sender.ts';
import type { AlertObserver, BillingEventStore } from '../app/alert/ports.ts';
import type { Clock } from '../app/ports.ts';
import { startTickLoop } from './tick-loop.ts';
import { startWakeLoop } from './wake-loop.ts';

/** What this kernel committed waits so long, so that what is committed together is compared together, in milliseconds. */
const BALANCE_INTERVAL_MS = 250;
const TURN_INTERVAL_MS = 1_000;
const DELIVERY_INTERVAL_MS = 1_000;
const CLEANUP_INTERVAL_MS = 3_600_000;
const CLEANUP_FIRST_DELAY_MS = 60_000;
/** How long events are kept, in milliseconds. */
const RETENTION_MS = 90 * 86_400_000;

export interface AlertWorkerTools {
  readonly alert: Pick<BalanceAlert, 'takeWaiting' | 'takeTurn' | 'stop'>;
  readonly log: Pick<BillingEventLog, 'listen'>;
  readonly fanOut: Pick<DeliveryFanOut, 'run'>;
  readonly sender: Pick<DeliverySender, 'takeDue' | 'stop'>;
  readonly events: Pick<BillingEventStore, 'removeEventsBefore'>;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly observer: Pick<AlertObserver, 'backgroundFailed'>;
}

/** Starts the worker. `stop` begins nothing more, and resolves when what is under way has ended. */
export function startAlertWorker(tools: AlertWorkerTools): { stop(): Promise<void> } {
  const { alert, log, fanOut, sender, events, clock, observer } = tools;
  const loop = (work: string, tick: () => Promise<unknown>, intervalMs: number, firstDelayMs = intervalMs) =>
    startTickLoop({ tick, intervalMs, firstDelayMs, onFailure: (error) => observer.backgroundFailed(work, error) });
  const delivering = startWakeLoop({
    tick: async () => {
      await fanOut.run();
      await sender.takeDue();
    },
    intervalMs: DELIVERY_INTERVAL_MS,
    onFailure: (error) => observer.backgroundFailed('delivering alerts', error),
  });
  log.listen(delivering.wake);
  const loops = [
    loop('comparing balances with their thresholds', () => alert.takeWaiting(), BALANCE_INTERVAL_MS),
    loop('looking for balances that were not compared', () => alert.takeTurn(), TURN_INTERVAL_MS),
    loop(
      'removing old billing events',
      () => events.removeEventsBefore(clock.estimate() - RETENTION_MS),
      CLEANUP_INTERVAL_MS,
      CLEANUP_FIRST_DELAY_MS,
    ),
    delivering,
  ];
  return {
    stop: async () => {
      alert.stop();
      await Promise.all(loops.map((each) => each.stop()));
      await sender.stop();
    },
  };
}
