// Owns what people see of the billing events of a workspace, and where a list or a stream of them goes on. Does not own noting them.

import type { BillingEvent, BillingEventType } from '../../domain/billing-event.ts';
import { invalidField } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import { computeTokenSignature } from '../token-signature.ts';
import type { BillingEventStore } from './ports.ts';

const TOKEN = /^1\.([\w-]{16})\.(\d{1,15})$/;

/** A page of events. */
export interface EventPage {
  readonly events: readonly BillingEvent[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

/** Lists events. */
export class EventList {
  readonly #store: Pick<BillingEventStore, 'loadEventsBefore'>;

  constructor(store: Pick<BillingEventStore, 'loadEventsBefore'>) {
    this.#store = store;
  }

  /**
   * Lists the events of a workspace, the newest first.
   * Throws DomainError INVALID_FIELD `page_token` where the token is not of this list, DATABASE_UNAVAILABLE.
   */
  async list(
    { tenantId }: TenantRef,
    type: BillingEventType | undefined,
    pageSize: number,
    pageToken: string,
  ): Promise<EventPage> {
    const list = ['billing_events', tenantId, type];
    const before = pageToken === '' ? Number.MAX_SAFE_INTEGER : parseEventToken('page_token', pageToken, list);
    const found = await this.#store.loadEventsBefore(before, { tenantId, ...present({ type }) }, pageSize + 1);
    const events = found.slice(0, pageSize);
    const last = events.at(-1);
    const hasMore = found.length > pageSize && last !== undefined;
    return { events, nextPageToken: hasMore ? formatEventToken(last.number, list) : '' };
  }
}

/** Writes a place among the events; `list` is what is read there. */
export function formatEventToken(number: number, list: readonly unknown[]): string {
  return Buffer.from(`1.${computeTokenSignature(list)}.${number}`).toString('base64url');
}

/** Reads a place. Throws DomainError INVALID_FIELD for the field where it is none of what is read. */
export function parseEventToken(field: string, token: string, list: readonly unknown[]): number {
  const [, signature, number] = TOKEN.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (number !== undefined && signature === computeTokenSignature(list)) return Number(number);
  const description =
    'is not a token of this call: repeat it without one, or with the fields with which the token was given';
  throw invalidField({ field, description });
}
