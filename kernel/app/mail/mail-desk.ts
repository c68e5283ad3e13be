// Owns what operators do with mails: look at them, and drive dead ones again. Does not own sending them.

import { DomainError, invalidField } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import type { ChangeBook, OperatorRequest } from '../operator/change-book.ts';
import { computeTokenSignature } from '../token-signature.ts';
import type { MailPlace, MailState, MailStore, StoredMail } from './ports.ts';

export interface MailDeskParts {
  readonly store: Pick<MailStore, 'loadMails' | 'loadMail'>;
  readonly book: Pick<ChangeBook, 'change'>;
  /** Told that something became due, so that this kernel looks at once. */
  readonly wake: () => void;
}

export interface MailPage {
  readonly mails: readonly StoredMail[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

/** Mail ids are ours: no other character is in one. */
const TOKEN = /^1\.([\w-]{16})\.(\d{1,15})\.([\w:-]{1,256})$/;

/** Looks after stored mails. */
export class MailDesk {
  readonly #parts: MailDeskParts;

  constructor(parts: MailDeskParts) {
    this.#parts = parts;
  }

  /**
   * Lists mails, the earliest first.
   * Throws DomainError INVALID_FIELD `page_token` where the token is not of this list, DATABASE_UNAVAILABLE.
   */
  async list(state: MailState | undefined, pageSize: number, pageToken: string): Promise<MailPage> {
    const signature = computeTokenSignature(['mails', state]);
    const after = pageToken === '' ? undefined : parseToken(pageToken, signature);
    const mails = await this.#parts.store.loadMails({ ...present({ state, after }), limit: pageSize + 1 });
    const page = mails.slice(0, pageSize);
    const last = page.at(-1);
    const nextPageToken = mails.length > pageSize && last !== undefined ? formatToken(last, signature) : '';
    return { mails: page, nextPageToken };
  }

  /**
   * Makes a dead mail pending again; of any other nothing is changed or recorded. Answers the mail as it stands then, and
   * whether an earlier call drove it. Throws DomainError MAIL_NOT_FOUND, and what ChangeBook.change does.
   */
  async redrive(
    request: OperatorRequest,
    mailId: string,
  ): Promise<{ readonly mail: StoredMail; readonly replayed: boolean }> {
    const kind = { operation: 'redrive_mail' as const, method: 'MailService/RedriveMail', meaning: [mailId] };
    const replayed = await this.#parts.book.change(request, kind, { kind: 'mail', mailId }, async () => {
      const { state } = await this.#load(mailId);
      if (state !== 'dead') return undefined;
      const changes = [
        { field: 'mail_id', before: '', after: mailId },
        { field: 'state', before: state, after: 'pending' },
      ];
      return { effect: { kind: 'mail' }, changes };
    });
    this.#parts.wake();
    return { mail: await this.#load(mailId), replayed };
  }

  async #load(mailId: string): Promise<StoredMail> {
    const mail = await this.#parts.store.loadMail(mailId);
    if (mail !== undefined) return mail;
    const message = `mail_id: no mail ${mailId} is stored: check the id; a mail is kept for 30 days after it expires`;
    throw new DomainError('MAIL_NOT_FOUND', message, { metadata: { mail_id: mailId } });
  }
}

function formatToken({ createdAt, mailId }: MailPlace, signature: string): string {
  return Buffer.from(`1.${signature}.${createdAt}.${mailId}`).toString('base64url');
}

function parseToken(token: string, signature: string): MailPlace {
  const [, stated, createdAt, mailId] = TOKEN.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (createdAt !== undefined && mailId !== undefined && stated === signature) {
    return { createdAt: Number(createdAt), mailId };
  }
  const description = 'is not a token of this list: pass next_page_token as it was given, with the same state';
  throw invalidField({ field: 'page_token', description });
}
