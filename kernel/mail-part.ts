// Owns how the parts of a kernel that send mail are put together, and what becomes of their reports: a figure for each, and a
// line for those that an operator must look at. Does not own when they begin and end (composition.ts).
// Invariant: no line names an address, or what a mail server said of one.

import type { Logger } from 'pino';
import { MailDesk } from './app/mail/mail-desk.ts';
import type { MailOutbox } from './app/mail/mail-outbox.ts';
import { MAIL_ATTEMPT_MS_MAX, MailSender } from './app/mail/mail-sender.ts';
import type { MailObserver, MailStore } from './app/mail/ports.ts';
import { StoredOutbox } from './app/mail/stored-outbox.ts';
import type { ChangeBook } from './app/operator/change-book.ts';
import type { Clock } from './app/ports.ts';
import type { MailConfig } from './config.ts';
import type { ProductCode } from './domain/id.ts';
import type { Metrics } from './http/metric.ts';
import { logBackgroundFailure } from './log.ts';
import { createSmtpTransport } from './mail/smtp-transport.ts';
import { PROCESS_PACING } from './pacing.ts';
import { type MailWorker, startMailWorker } from './worker/mail-worker.ts';

/** What sends mail is made of. */
export interface MailPartTools {
  /** Absent: mails wait in the outbox. */
  readonly config: MailConfig | undefined;
  /** Where people of each product sign in. */
  readonly consoleUrls: ReadonlyMap<ProductCode, string>;
  readonly store: MailStore;
  readonly book: Pick<ChangeBook, 'change'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** What sends mail; where it is off, mails are kept, and operators see them. */
export interface MailPart {
  readonly outbox: MailOutbox;
  readonly desk: MailDesk;
  readonly worker?: MailWorker;
}

/** Builds what sends mail; only the worker that looks for due mails begins at once. */
export function createMailPart({ config, consoleUrls, store, book, clock, metrics, logger }: MailPartTools): MailPart {
  if (config === undefined) {
    const wake = (): void => undefined;
    return { outbox: new StoredOutbox({ store, clock, wake }), desk: new MailDesk({ store, book, wake }) };
  }
  const { smtpUrl: url, from } = config;
  const observer = createMailObserver(metrics.mails, logger);
  const transport = createSmtpTransport({ url, from, timeoutMs: MAIL_ATTEMPT_MS_MAX });
  const messageIdDomain = from.slice(from.lastIndexOf('@') + 1).replace('>', '');
  const parts = { store, transport, consoleUrls, messageIdDomain, clock, pacing: PROCESS_PACING, observer };
  const worker = startMailWorker({ sender: new MailSender(parts), observer });
  const { wake } = worker;
  return { outbox: new StoredOutbox({ store, clock, wake }), desk: new MailDesk({ store, book, wake }), worker };
}

function createMailObserver(figures: MailObserver, logger: Logger): MailObserver {
  return {
    ...figures,
    failed: (mail, err) => {
      figures.failed(mail, err);
      const { mailId, attempts } = mail;
      logger.warn({ mailId, attempts, err }, 'a mail could not be sent; it is tried again');
    },
    died: (mail, err) => {
      figures.died(mail, err);
      const { mailId, attempts } = mail;
      logger.error({ mailId, attempts, err }, 'a mail can not be sent: `wheelhouse mail list` says why');
    },
    backgroundFailed: (work, err) => {
      figures.backgroundFailed(work, err);
      logBackgroundFailure(logger, work, err);
    },
  };
}
