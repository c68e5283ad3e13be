// Owns looking for mails that are due: those just put into the outbox, those that a crash left, whose attempt failed, or that an
// operator drives again.

import type { MailSender } from '../app/mail/mail-sender.ts';
import type { MailObserver } from '../app/mail/ports.ts';
import { startWakeLoop, type WakeLoop } from './wake-loop.ts';

const TICK_MS = 1_000;
const BACKLOG_INTERVAL_MS = 10_000;

export interface MailWorkerTools {
  readonly sender: Pick<MailSender, 'takeDue' | 'reportBacklog' | 'stop'>;
  readonly observer: Pick<MailObserver, 'backgroundFailed'>;
}

/** Looks for due mails regularly, and when it is woken. */
export type MailWorker = WakeLoop;

/** Starts the worker; every kernel that can send mail runs one, and each mail is claimed by one of them. */
export function startMailWorker({ sender, observer }: MailWorkerTools): MailWorker {
  let reportedAtMs = Number.NEGATIVE_INFINITY;
  const tick = async (): Promise<void> => {
    await sender.takeDue();
    if (performance.now() - reportedAtMs < BACKLOG_INTERVAL_MS) return;
    reportedAtMs = performance.now();
    await sender.reportBacklog();
  };
  const onFailure = (error: unknown): void => observer.backgroundFailed('looking for due mails', error);
  const loop = startWakeLoop({ tick, intervalMs: TICK_MS, onFailure });
  return {
    wake: loop.wake,
    stop: async () => {
      await loop.stop();
      await sender.stop();
    },
  };
}
