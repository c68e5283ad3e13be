// Owns putting mail into the outbox, and how many an address may have. Does not own sending it (mail-sender.ts).
// Invariants: a mail is stored once for each id; no address has more links of a kind than MAILS_PER_HOUR_MAX in one hour of the
// clock, whichever kernels they come from; a mail that is put in again counts once.

import { DomainError } from '../../domain/error.ts';
import type { Instant } from '../../domain/id.ts';
import type { Clock } from '../ports.ts';
import { isNotice, type LinkContent, type MailDraft, type MailOutbox } from './mail-outbox.ts';
import type { MailStore } from './ports.ts';

/**
 * How many mails of a kind one address may have in one hour of the clock, of all products together. Each kind by itself, so
 * that strangers who start signups can't keep invitations from somebody. Notices have no bound but their ids: nobody can ask
 * for one.
 */
export const MAILS_PER_HOUR_MAX: Readonly<Record<LinkContent['template'], number>> = { signup: 5, invitation: 20 };
const HOUR_MS = 3_600_000;

/** What the outbox works with. */
export interface StoredOutboxParts {
  readonly store: Pick<MailStore, 'takeRoom' | 'insertMail' | 'loadMail'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Told that something is to be sent, so that this kernel looks at once. */
  readonly wake: () => void;
}

/** Keeps mail until a worker sends it. */
export class StoredOutbox implements MailOutbox {
  readonly #parts: StoredOutboxParts;

  constructor(parts: StoredOutboxParts) {
    this.#parts = parts;
  }

  enqueue: MailOutbox['enqueue'] = async (mail) => {
    const { store, clock, wake } = this.#parts;
    // Put in before: also where the hour is another one by now.
    if (await this.isKnown(mail.mailId)) return;
    const now = clock.now();
    const { content } = mail;
    if (!isNotice(content)) await this.#takeRoom(mail, content.template, now);
    await store.insertMail(toStored(mail, now));
    wake();
  };

  isKnown: MailOutbox['isKnown'] = async (mailId) => (await this.#parts.store.loadMail(mailId)) !== undefined;

  async #takeRoom({ mailId, to }: MailDraft, template: LinkContent['template'], now: Instant): Promise<void> {
    const startAt = now - (now % HOUR_MS);
    const endAt = startAt + HOUR_MS;
    const limit = MAILS_PER_HOUR_MAX[template];
    const room = await this.#parts.store.takeRoom({ to, template, startAt, endAt }, mailId, limit);
    if (room === 'full') throw mailLimitReached(limit, endAt - now);
  }
}

function toStored(mail: MailDraft, now: Instant) {
  return { ...mail, state: 'pending', createdAt: now, attempts: 0, dueAt: now } as const;
}

function mailLimitReached(limit: number, retryDelayMs: number): DomainError {
  const message = `this address was sent ${limit} such mails within the hour, which is as many as it may have: try again later`;
  return new DomainError('MAIL_LIMIT_REACHED', message, { metadata: { limit: String(limit) }, retryDelayMs });
}
