// Owns the translation of what operators ask of mails.

import { type Mail as MailMessage, MailState as MailStateMessage } from '../../../gen/wheelhouse/operator/v1/mail.ts';
import type { ListMailsRequest, RedriveMailRequest } from '../../../gen/wheelhouse/operator/v1/mail_service.ts';
import type { MailState, StoredMail } from '../../app/mail/ports.ts';
import { byNumber } from './enum-number.ts';
import { FieldCheck } from './field-check.ts';
import { checkOperator } from './operator.ts';

const PAGE_SIZE_DEFAULT = 100;

const STATES: Readonly<Record<MailState, MailStateMessage>> = {
  pending: MailStateMessage.PENDING,
  sent: MailStateMessage.SENT,
  dead: MailStateMessage.DEAD,
};
const STATE_BY_NUMBER = byNumber(STATES);

/** Checks a request for mails. Throws DomainError INVALID_FIELD. */
export function fromProtoListMails(request: ListMailsRequest): {
  readonly state: MailState | undefined;
  readonly pageSize: number;
  readonly pageToken: string;
} {
  const check = new FieldCheck();
  const state = STATE_BY_NUMBER.get(request.state);
  if (state === undefined && request.state !== MailStateMessage.UNSPECIFIED) {
    check.refuse('state', `must be a state of the contract, got ${request.state}`);
  }
  const query = {
    state,
    pageSize: check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT),
    pageToken: check.pageToken(request.pageToken),
  };
  check.assertValid();
  return query;
}

/** Checks a request to drive a mail again. Throws DomainError INVALID_FIELD. */
export function fromProtoRedriveMail(request: RedriveMailRequest): {
  readonly requestId: string;
  readonly mailId: string;
  readonly actor: string;
  readonly reason: string;
} {
  const check = new FieldCheck();
  const asked = {
    requestId: check.requestId(request.requestId),
    mailId: check.id('mail_id', request.mailId, true),
    ...checkOperator(check, request),
  };
  check.assertValid();
  return asked;
}

export function toProtoMail(mail: StoredMail): MailMessage {
  return {
    mailId: mail.mailId,
    productCode: mail.productCode,
    template: mail.content.template,
    to: mail.to,
    state: STATES[mail.state],
    createTime: new Date(mail.createdAt),
    expireTime: new Date(mail.content.expiresAt),
    attempts: mail.attempts,
    dueTime: mail.dueAt === undefined ? undefined : new Date(mail.dueAt),
    failure: mail.failure ?? '',
    sendTime: mail.sentAt === undefined ? undefined : new Date(mail.sentAt),
  };
}
