// Owns telling the administrators of a workspace, by mail, that one of its alert endpoints was switched off. Does not own when that is
// so (delivery-sender.ts), what the mail says (mail/mail-text.ts), or sending it.
// Invariant: each administrator with a verified address gets one mail for each time that an endpoint failed, however often it is noted.

import type { Instant } from '../../domain/id.ts';
import type { MailOutbox } from '../mail/mail-outbox.ts';
import { type AdminFinderParts, findAdmins } from '../people/admin-finder.ts';
import type { Clock } from '../ports.ts';
import type { AlertEndpoint, EndpointDisablement } from './ports.ts';

/** How long such a mail is of use, in milliseconds. */
const LIFETIME_MS = 7 * 86_400_000;

/** What notices work with. */
export interface EndpointNoticeParts extends AdminFinderParts {
  readonly outbox: Pick<MailOutbox, 'enqueue'>;
  readonly clock: Pick<Clock, 'estimate'>;
}

/** Puts mails about endpoints into the outbox. */
export class EndpointNotice {
  readonly #parts: EndpointNoticeParts;

  constructor(parts: EndpointNoticeParts) {
    this.#parts = parts;
  }

  /** Tells that an endpoint is switched off. Throws DomainError OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE: note it again. */
  async noteDisabled(
    { tenantId, productCode, endpointId, url }: AlertEndpoint,
    because: EndpointDisablement,
    failingSince: Instant,
  ): Promise<void> {
    const found = await findAdmins(this.#parts, tenantId);
    const expiresAt = this.#parts.clock.estimate() + LIFETIME_MS;
    for (const { userId, email } of found?.admins ?? []) {
      await this.#parts.outbox.enqueue({
        ...{ mailId: `endpoint-disabled:${endpointId}:${failingSince}:${userId}`, productCode, to: email },
        content: {
          ...{
            template: 'alert_endpoint_disabled',
            workspaceName: found?.workspaceName ?? '',
            host: new URL(url).host,
          },
          ...{ isGone: because === 'gone', failingSince, expiresAt },
        },
      });
    }
  }
}
