// Owns how the parts of a kernel that work with Stripe are put together. Does not own when they begin and end (composition.ts).

import type { Logger } from 'pino';
import { CatalogSync, type CatalogSyncParts } from './app/catalog-sync/catalog-sync.ts';
import { OperatorSync } from './app/catalog-sync/operator-sync.ts';
import type { SyncNoteStore } from './app/catalog-sync/ports.ts';
import { SyncSchedule } from './app/catalog-sync/sync-schedule.ts';
import type { AuditNotebook } from './app/operator/audit-notebook.ts';
import type { ChangeBook } from './app/operator/change-book.ts';
import type { Clock } from './app/ports.ts';
import type { WebhookObserver, WebhookStore } from './app/webhook/ports.ts';
import { WebhookDesk } from './app/webhook/webhook-desk.ts';
import { createWebhookHandlers, type WebhookHandler } from './app/webhook/webhook-handler.ts';
import { WebhookInbox } from './app/webhook/webhook-inbox.ts';
import { WebhookProcessor } from './app/webhook/webhook-processor.ts';
import type { StripeConfig } from './config.ts';
import type { Metrics } from './http/metric.ts';
import { PROCESS_PACING } from './pacing.ts';
import { createStripeCatalog } from './stripe/stripe-catalog.ts';
import { createStripeClient, type StripeClient } from './stripe/stripe-client.ts';
import { createWebhookVerifier } from './stripe/webhook-signature.ts';
import { createSyncObserver, createWebhookObserver } from './stripe-observer.ts';
import { startWebhookWorker, type WebhookWorker } from './worker/webhook-worker.ts';

/** What works with Stripe is made of. */
export interface StripePartTools {
  /** Absent: Stripe is off. */
  readonly config: StripeConfig | undefined;
  /** Speaks to Stripe; absent where it is off. */
  readonly client: StripeClient | undefined;
  /** What else is done about events, by their type. */
  readonly handlers: ReadonlyMap<string, WebhookHandler>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly notebook: Pick<AuditNotebook, 'note'>;
  readonly book: Pick<ChangeBook, 'change'>;
  readonly stores: {
    readonly catalog: CatalogSyncParts['catalog'];
    readonly catalogSync: CatalogSyncParts['store'];
    readonly syncNotes: SyncNoteStore;
    readonly webhooks: WebhookStore;
  };
}

/** What works with Stripe; where it is off, operators still see the events that are stored. */
export interface StripePart {
  readonly desk: WebhookDesk;
  readonly observer: WebhookObserver;
  readonly sync?: OperatorSync;
  readonly schedule?: SyncSchedule;
  readonly worker?: WebhookWorker;
  /** Absent where no signing secret is set, too. */
  readonly inbox?: WebhookInbox;
}

/** Opens what speaks to Stripe; undefined where it is off. */
export function openStripeClient(config: StripeConfig | undefined, metrics: Metrics): StripeClient | undefined {
  if (config === undefined) return undefined;
  const { secretKey, apiUrl } = config;
  return createStripeClient({ secretKey, apiUrl, onResponse: (status) => metrics.countStripeResponse(status) });
}

/** Builds what works with Stripe; only the worker that looks for due events begins at once. */
export function createStripePart(tools: StripePartTools): StripePart {
  const { config, client, logger, metrics, clock, stores, notebook, book } = tools;
  const observer = createWebhookObserver(metrics.webhooks, logger);
  const store = stores.webhooks;
  if (config === undefined || client === undefined) {
    return { observer, desk: new WebhookDesk({ store, book, wake: () => undefined }) };
  }
  const { webhookSecrets, syncIntervalMs: intervalMs } = config;
  const pacing = PROCESS_PACING;
  const syncObserver = createSyncObserver(metrics.syncs, logger);
  const stripe = createStripeCatalog(client);
  const syncStores = { store: stores.catalogSync, catalog: stores.catalog };
  const sync = new CatalogSync({ ...syncStores, stripe, clock, pacing, observer: syncObserver });
  const schedule = new SyncSchedule({ sync, intervalMs, pacing, observer: syncObserver });
  const handlers = createWebhookHandlers({ syncCatalog: () => schedule.syncSoon(), more: tools.handlers });
  const processor = new WebhookProcessor({ store, handlers, clock, pacing, observer });
  const worker = startWebhookWorker({ processor, observer });
  const desk = new WebhookDesk({ store, book, wake: worker.wake });
  const operatorSync = new OperatorSync({ sync, notebook, notes: stores.syncNotes, clock });
  const part = { observer, desk, sync: operatorSync, schedule, worker };
  if (webhookSecrets.length === 0) return part;
  const verifier = createWebhookVerifier(webhookSecrets, Date.now);
  return { ...part, inbox: new WebhookInbox({ store, verifier, handlers, processor, clock, observer }) };
}
