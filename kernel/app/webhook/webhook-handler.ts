// Owns the table of what is done about events, by their type. Does not own what is done: each handler is a use case of its
// own, whose effects are idempotent, since an event may be processed more than once.

import type { StoredEvent } from './ports.ts';

/** Does what an event asks for; what it throws makes the event be tried again. */
export type WebhookHandler = (event: StoredEvent) => Promise<void>;

/** What handlers call. */
export interface WebhookHandlerParts {
  /** Brings the catalog to what Stripe holds from now on; calls that come together share one sync. */
  readonly syncCatalog: () => Promise<void>;
  /** Handles further types. */
  readonly more: ReadonlyMap<string, WebhookHandler>;
}

/** Finds the handler of an event's type; undefined where nothing here is interested. */
export type WebhookHandlers = (type: string) => WebhookHandler | undefined;

/** The events after which the catalog may be another one. */
export const CATALOG_EVENTS = [
  ...['product.created', 'product.updated', 'product.deleted'],
  ...['price.created', 'price.updated', 'price.deleted'],
] as const;

/** Builds the table. */
export function createWebhookHandlers({ syncCatalog, more }: WebhookHandlerParts): WebhookHandlers {
  const table: ReadonlyMap<string, WebhookHandler> = new Map([
    ...more,
    ...CATALOG_EVENTS.map((type) => [type, syncCatalog] as const),
  ]);
  return (type) => table.get(type);
}
