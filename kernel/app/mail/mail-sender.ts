// Owns sending the mails of the outbox: those just put in, and those that a crash or a failure left. Does not own what they say
// (mail-text.ts) or how often to look (worker/mail-worker.ts).
// Invariants: a mail is sent at least once, by one kernel at a time, and each attempt bears the same Message-ID; one that fails
// again and again ends as dead, never as lost; a token is gone from the outbox once its mail was taken.

import { hash } from 'node:crypto';
import { messageOf } from '../../domain/error.ts';
import type { ProductCode } from '../../domain/id.ts';
import { computeRetryDelayMs, type RetryBounds } from '../../domain/retry-delay.ts';
import type { Clock, Pacing } from '../ports.ts';
import { isNotice, type MailContent } from './mail-outbox.ts';
import { writeMail } from './mail-text.ts';
import { MailFailure, type MailObserver, type MailStore, type MailTransport, type StoredMail } from './ports.ts';

/** How long nobody else takes a mail that a kernel has taken: more than an attempt may take, in milliseconds. */
const CLAIM_MS = 90_000;
/** How long an attempt may take, in milliseconds. */
export const MAIL_ATTEMPT_MS_MAX = 60_000;
/** After so many attempts a mail is dead: with the delays below that is six to nine hours. */
export const MAIL_ATTEMPTS_MAX = 20;
const RETRY_BOUNDS: RetryBounds = { firstMs: 2_000, maxMs: 3_600_000 };
/** How many mails this kernel sends at once; beyond, they wait in the database. */
const RUNNING_MAX = 8;
const FAILURE_LENGTH_MAX = 300;
const LOTS = 1_000;

/** What the sender works with. */
export interface MailSenderParts {
  readonly store: MailStore;
  readonly transport: MailTransport;
  /** Where people of each product sign in, without a slash at the end. */
  readonly consoleUrls: ReadonlyMap<ProductCode, string>;
  /** What stands behind the `@` of Message-IDs. */
  readonly messageIdDomain: string;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly pacing: Pick<Pacing, 'random'>;
  readonly observer: MailObserver;
}

/** Sends mails. */
export class MailSender {
  readonly #parts: MailSenderParts;
  readonly #running = new Set<Promise<void>>();
  #isStopped = false;

  constructor(parts: MailSenderParts) {
    this.#parts = parts;
  }

  /** Begins to send what is due, as much as there is room for; answers how many. Throws DomainError DATABASE_UNAVAILABLE. */
  async takeDue(): Promise<number> {
    const { store, clock } = this.#parts;
    let taken = 0;
    while (!this.#isStopped && this.#running.size < RUNNING_MAX) {
      const now = clock.estimate();
      const mail = await store.claimDue(now, now + CLAIM_MS);
      if (mail === undefined) break;
      this.#begin(mail);
      taken += 1;
    }
    return taken;
  }

  /** Reports how long the oldest pending mail waits. Throws DomainError DATABASE_UNAVAILABLE. */
  async reportBacklog(): Promise<void> {
    const { store, clock, observer } = this.#parts;
    const [oldest, dead] = await Promise.all([store.loadOldestPending(), store.countDead()]);
    observer.backlog(oldest === undefined ? 0 : Math.max(0, clock.estimate() - oldest), dead);
  }

  /** Resolves when what was begun has ended. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Begins nothing more, and resolves when what was begun has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.settle();
    this.#parts.transport.close();
  }

  #begin(mail: StoredMail): void {
    const run = this.#process(mail)
      .catch((error: unknown) => this.#parts.observer.backgroundFailed('noting what became of a mail', error))
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  async #process(mail: StoredMail): Promise<void> {
    const { store, clock, observer } = this.#parts;
    if (mail.attempts > MAIL_ATTEMPTS_MAX) return this.#fail(mail, new Error('no attempt came to an end'));
    try {
      await this.#send(mail);
    } catch (error) {
      return this.#fail(mail, error);
    }
    await store.saveSent(mail, clock.estimate());
    observer.sent(mail);
  }

  async #send({ mailId, productCode, to, content }: StoredMail): Promise<void> {
    const { transport, consoleUrls, messageIdDomain, clock } = this.#parts;
    if (!isWhole(content) || content.expiresAt <= clock.estimate()) {
      const message = isNotice(content) ? 'what it tells of is over' : 'its link has expired';
      throw new MailFailure(message, { isFinal: true, detail: '' });
    }
    const consoleUrl = consoleUrls.get(productCode);
    if (consoleUrl === undefined) throw new Error(`CONSOLE_URLS says nothing of ${productCode}: add its address`);
    // So that neither addresses nor ids are read out of it.
    const messageId = `<${hash('sha256', mailId, 'hex').slice(0, 32)}@${messageIdDomain}>`;
    await transport.send({ messageId, to, ...writeMail(content, consoleUrl) });
  }

  async #fail(mail: StoredMail, error: unknown): Promise<void> {
    const { store, clock, pacing, observer } = this.#parts;
    const isLast = mail.attempts >= MAIL_ATTEMPTS_MAX || (error instanceof MailFailure && error.isFinal);
    const delayMs = computeRetryDelayMs(mail.attempts, RETRY_BOUNDS, Math.floor(pacing.random() * LOTS));
    await store.saveFailed(mail, describeFailure(mail, error), isLast ? undefined : clock.estimate() + delayMs);
    if (isLast) observer.died(mail, error);
    else observer.failed(mail, error);
  }
}

/** A link whose mail was sent has lost its token. */
function isWhole(content: StoredMail['content']): content is MailContent {
  return isNotice(content) || content.token !== undefined;
}

/** A server may quote what it refuses, the link included. */
function describeFailure({ content }: StoredMail, error: unknown): string {
  const detail = error instanceof MailFailure && error.detail !== '' ? `: ${error.detail}` : '';
  const text = `${messageOf(error)}${detail}`;
  const isSecret = !isNotice(content) && content.token !== undefined;
  const masked = isSecret ? text.replaceAll(content.token, '[token]') : text;
  return masked.slice(0, FAILURE_LENGTH_MAX).toWellFormed();
}
