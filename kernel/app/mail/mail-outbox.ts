// Owns what use cases need to send mail: to put it into the outbox. Does not own how or when it goes out.

import type { AutoTopUpStop } from '../../domain/auto-top-up.ts';
import type { Instant, ProductCode } from '../../domain/id.ts';

/** A mail to one person; its text is made of the template and the fields. */
export type MailContent = LinkContent | NoticeContent;

/** A mail that lets whoever reads it do something once, by the token in its link; it is not sent once that has expired. */
export type LinkContent =
  | {
      readonly template: 'invitation';
      readonly workspaceName: string;
      /** Who invites, as people read it. */
      readonly inviter: string;
      readonly token: string;
      readonly expiresAt: Instant;
    }
  | {
      readonly template: 'signup';
      readonly workspaceName: string;
      readonly token: string;
      readonly expiresAt: Instant;
    };

/** A mail that tells of something, and leads to a page. After `expiresAt` it is of no use, and is not sent. */
export type NoticeContent =
  | {
      readonly template: 'trial_ending';
      readonly workspaceName: string;
      /** The plan that is tried, as people read it. */
      readonly planName: string;
      /** Says that it becomes the paid plan at its end; else the workspace falls back. */
      readonly becomesPaid: boolean;
      /** When the trial ends. */
      readonly expiresAt: Instant;
    }
  | {
      readonly template: 'payment_failed';
      readonly workspaceName: string;
      readonly planName: string;
      /** Until when everything stays; absent where that time is over. */
      readonly graceEndsAt?: Instant;
      /** Where what is open can be paid, if there is such a page. */
      readonly paymentUrl?: string;
      readonly expiresAt: Instant;
    }
  | {
      readonly template: 'alert_endpoint_disabled';
      readonly workspaceName: string;
      /** The host that events were delivered to, with its port where that is not the usual one. */
      readonly host: string;
      /** Says that it answered that it is gone for good; else nothing got through since `failingSince`. */
      readonly isGone: boolean;
      readonly failingSince: Instant;
      readonly expiresAt: Instant;
    }
  | {
      readonly template: 'auto_top_up_stopped';
      readonly workspaceName: string;
      readonly because: AutoTopUpStop;
      readonly expiresAt: Instant;
    };

/** A notice of what becomes of a workspace's plan. */
export type PlanNotice = Extract<NoticeContent, { readonly template: 'trial_ending' | 'payment_failed' }>;

const NOTICES: ReadonlySet<string> = new Set<NoticeContent['template']>([
  'trial_ending',
  'payment_failed',
  'alert_endpoint_disabled',
  'auto_top_up_stopped',
]);

/** Says that a mail has no token in its link. */
export function isNotice(content: { readonly template: MailContent['template'] }): content is NoticeContent {
  return NOTICES.has(content.template);
}

/** One mail that is to be sent. */
export interface MailDraft {
  /** Names the mail: putting one in again does nothing. */
  readonly mailId: string;
  readonly productCode: ProductCode;
  /** The address, in lower case. */
  readonly to: string;
  readonly content: MailContent;
}

/** Takes mail that is to be sent; a worker sends it, also after a crash. */
export interface MailOutbox {
  /**
   * Puts a mail into the outbox, once for each id. Resolves when it is stored, not when it was sent.
   * Throws DomainError OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE; of links MAIL_LIMIT_REACHED where the address has had too many
   * lately.
   */
  enqueue(mail: MailDraft): Promise<void>;
  /** Says whether a mail was ever put into the outbox. Throws DomainError DATABASE_UNAVAILABLE. */
  isKnown(mailId: string): Promise<boolean>;
}
