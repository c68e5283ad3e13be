// Owns what sending mail needs of the outside, and the shape of what it gets. Does not own how it is stored or sent.

import type { Instant } from '../../domain/id.ts';
import type { LinkContent, MailDraft, NoticeContent } from './mail-outbox.ts';

/**
 * Where a mail stands. `pending`: it is to be sent, or being sent; `sent`: a mail server has taken it; `dead`: it failed so
 * often, or so surely, that an operator must look.
 */
export const MAIL_STATES = ['pending', 'sent', 'dead'] as const;
export type MailState = (typeof MAIL_STATES)[number];

/** What is kept of a mail's content once it was sent: no token. */
export type KeptContent = WithoutToken<LinkContent> | NoticeContent;
type WithoutToken<Content> = Content extends LinkContent ? Omit<Content, 'token'> & { readonly token?: string } : never;

/** A mail as it is stored. */
export interface StoredMail extends Omit<MailDraft, 'content'> {
  readonly content: KeptContent;
  readonly state: MailState;
  readonly createdAt: Instant;
  /** How often sending it was begun since it was put in, or driven again. */
  readonly attempts: number;
  /** When it is tried next, or given up by who tries it now; absent unless pending. */
  readonly dueAt?: Instant;
  /** What the last attempt failed with, for operators. */
  readonly failure?: string;
  readonly sentAt?: Instant;
}

/** What a list of mails is limited to, and where it goes on. */
export interface MailQuery {
  /** Absent: every state. */
  readonly state?: MailState;
  readonly limit: number;
  /** Only what comes after this place: later, or as late with a greater id. */
  readonly after?: MailPlace;
}

/** The place of a mail in the list. */
export interface MailPlace {
  readonly createdAt: Instant;
  readonly mailId: string;
}

/** What became of a mail that asked for room in what an address may have in a while. */
export type Room = 'had' | 'full';

/** Keeps mails. Reads are primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface MailStore {
  /** Counts a mail to an address in a window of time, once for each id, unless it would be more than `countMax`. */
  takeRoom(window: MailWindow, mailId: string, countMax: number): Promise<Room>;
  /** Stores a mail unless one with its id is there. Throws DomainError OUTCOME_UNKNOWN where the database did not tell. */
  insertMail(mail: StoredMail): Promise<void>;
  /** Takes a pending mail that is due, counts an attempt, and lets nobody else take it until `dueAt`. */
  claimDue(now: Instant, dueAt: Instant): Promise<StoredMail | undefined>;
  /** Ends an attempt well, and forgets the token. */
  saveSent(mail: StoredMail, at: Instant): Promise<void>;
  /** Ends an attempt badly: it is tried again when it is due, or is dead where no time is given. */
  saveFailed(mail: StoredMail, failure: string, dueAt: Instant | undefined): Promise<void>;
  loadMail(mailId: string): Promise<StoredMail | undefined>;
  /** Lists mails, the earliest first. */
  loadMails(query: MailQuery): Promise<readonly StoredMail[]>;
  /** Answers when the oldest mail that is still pending was put in. */
  loadOldestPending(): Promise<Instant | undefined>;
  countDead(): Promise<number>;
}

/** A stretch of time in which mails of a kind to one address are counted. */
export interface MailWindow {
  readonly to: string;
  readonly template: LinkContent['template'];
  readonly startAt: Instant;
  readonly endAt: Instant;
}

/** A mail as it goes out. */
export interface OutgoingMail {
  /** Is the same for every attempt, so that a mail server or reader can tell a second copy. */
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Says why a mail server did not take a mail. */
export class MailFailure extends Error {
  /** Says that it never will: trying again is of no use. */
  readonly isFinal: boolean;
  /** What the server said, for operators alone: it may name people. */
  readonly detail: string;

  constructor(message: string, { isFinal, detail }: { readonly isFinal: boolean; readonly detail: string }) {
    super(message);
    this.name = 'MailFailure';
    this.isFinal = isFinal;
    this.detail = detail;
  }
}

/** Hands mails to a mail server. */
export interface MailTransport {
  /** Resolves when the server has taken the mail. Throws MailFailure. */
  send(mail: OutgoingMail): Promise<void>;
  close(): void;
}

/** Counts and reports what happens to mails. */
export interface MailObserver {
  sent(mail: StoredMail): void;
  /** An attempt failed; it is made again. */
  failed(mail: StoredMail, error: unknown): void;
  /** The last attempt failed: an operator must look. */
  died(mail: StoredMail, error: unknown): void;
  /** How long the oldest pending mail waits, in milliseconds; 0 where none does. And how many are dead. */
  backlog(oldestMs: number, dead: number): void;
  backgroundFailed(work: string, error: unknown): void;
}
