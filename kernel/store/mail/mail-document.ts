// Owns the form of mails in MongoDB: collection `mail_outbox`. Does not own what the states mean (app/mail/ports.ts).

import type { KeptContent, MailState, StoredMail } from '../../app/mail/ports.ts';
import type { AutoTopUpStop } from '../../domain/auto-top-up.ts';
import type { ProductCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { toOptionalDate } from '../optional-date.ts';

export interface MailDocument {
  /** The mail's id: what makes a mail that is put in twice one mail. */
  readonly _id: string;
  readonly product_code: string;
  readonly to: string;
  readonly content: {
    readonly template: KeptContent['template'];
    readonly workspace_name: string;
    readonly inviter?: string;
    /** The only place where a token stands in clear; gone once the mail was sent. */
    readonly token?: string;
    readonly plan_name?: string;
    readonly becomes_paid?: boolean;
    readonly grace_ends_at?: Date;
    readonly payment_url?: string;
    readonly host?: string;
    readonly is_gone?: boolean;
    readonly failing_since?: Date;
    readonly because?: AutoTopUpStop;
    readonly expires_at: Date;
  };
  readonly state: MailState;
  readonly created_at: Date;
  readonly attempts: number;
  /** When a pending mail is tried next, or given up by who tries it now. */
  readonly due_at?: Date;
  readonly failure?: string;
  readonly sent_at?: Date;
  /** From when on the database may remove it, whatever became of it. */
  readonly remove_at: Date;
  /** How often operators drove it again, when it was dead; absent: never. Who and why stands in the audit log. */
  readonly revision?: number;
}

/** How long a mail is kept after it is of no use any more. */
const RETENTION_MS = 30 * 86_400_000;

export function toDocumentMail(mail: StoredMail): MailDocument {
  const { mailId, productCode, to, content, state, createdAt, attempts, dueAt } = mail;
  return {
    _id: mailId,
    product_code: productCode,
    to,
    content: toDocumentContent(content),
    state,
    created_at: new Date(createdAt),
    attempts,
    ...(dueAt === undefined ? {} : { due_at: new Date(dueAt) }),
    remove_at: new Date(content.expiresAt + RETENTION_MS),
  };
}

export function fromDocumentMail(document: MailDocument): StoredMail {
  return {
    mailId: document._id,
    productCode: document.product_code as ProductCode,
    to: document.to,
    content: fromDocumentContent(document.content),
    state: document.state,
    createdAt: document.created_at.getTime(),
    attempts: document.attempts,
    ...present({
      dueAt: document.due_at?.getTime(),
      failure: document.failure,
      sentAt: document.sent_at?.getTime(),
    }),
  };
}

function toDocumentContent(content: KeptContent): MailDocument['content'] {
  const { template, workspaceName, expiresAt } = content;
  const common = { template, workspace_name: workspaceName, expires_at: new Date(expiresAt) };
  switch (content.template) {
    case 'signup':
      return { ...common, ...present({ token: content.token }) };
    case 'invitation':
      return { ...common, inviter: content.inviter, ...present({ token: content.token }) };
    case 'trial_ending':
      return { ...common, plan_name: content.planName, becomes_paid: content.becomesPaid };
    case 'payment_failed': {
      const { planName, graceEndsAt, paymentUrl } = content;
      const graceEnd = toOptionalDate(graceEndsAt);
      return { ...common, plan_name: planName, ...present({ grace_ends_at: graceEnd, payment_url: paymentUrl }) };
    }
    case 'alert_endpoint_disabled': {
      const { host, isGone, failingSince } = content;
      return { ...common, host, is_gone: isGone, failing_since: new Date(failingSince) };
    }
    case 'auto_top_up_stopped':
      return { ...common, because: content.because };
  }
}

function fromDocumentContent(content: MailDocument['content']): KeptContent {
  const { template, plan_name: planName = '', token } = content;
  const common = { workspaceName: content.workspace_name, expiresAt: content.expires_at.getTime() };
  switch (template) {
    case 'signup':
      return { template, ...common, ...present({ token }) };
    case 'invitation':
      return { template, inviter: content.inviter ?? '', ...common, ...present({ token }) };
    case 'trial_ending':
      return { template, planName, becomesPaid: content.becomes_paid === true, ...common };
    case 'payment_failed': {
      const { grace_ends_at: graceEnd, payment_url: paymentUrl } = content;
      return { template, planName, ...present({ graceEndsAt: graceEnd?.getTime(), paymentUrl }), ...common };
    }
    case 'alert_endpoint_disabled': {
      const { host = '', is_gone: isGone = false, failing_since: since } = content;
      return { template, host, isGone, failingSince: since?.getTime() ?? 0, ...common };
    }
    case 'auto_top_up_stopped':
      return { template, because: content.because ?? 'not_paid', ...common };
  }
}
