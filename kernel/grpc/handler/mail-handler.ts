// Owns MailService on the wire. Does not own sending mail (app/mail).

import type { MailServiceService } from '../../../gen/wheelhouse/operator/v1/mail_service.ts';
import type { MailDesk } from '../../app/mail/mail-desk.ts';
import { fromProtoListMails, fromProtoRedriveMail, toProtoMail } from '../convert/mail.ts';
import { toOperatorRequest } from './catalog-admin-handler.ts';
import type { HandlerMap } from './handler-map.ts';

/** What MailService answers with. */
export interface MailHandlerParts {
  readonly mails: MailDesk;
}

/** Builds the handlers of MailService. */
export function createMailServiceHandlers({ mails }: MailHandlerParts): HandlerMap<typeof MailServiceService> {
  return {
    listMails: async (request) => {
      const { state, pageSize, pageToken } = fromProtoListMails(request);
      const page = await mails.list(state, pageSize, pageToken);
      return { mails: page.mails.map(toProtoMail), nextPageToken: page.nextPageToken };
    },
    redriveMail: async (request, { caller }) => {
      const { mailId, ...asked } = fromProtoRedriveMail(request);
      const { mail, replayed } = await mails.redrive(toOperatorRequest(asked, caller), mailId);
      return { mail: toProtoMail(mail), replayed };
    },
  };
}
