// Owns how the parts of a kernel that sell subscriptions are put together. Does not own when they begin and end (composition.ts).

import type { Logger } from 'pino';
import type { BillingEventLog } from './app/alert/billing-event-log.ts';
import type { CatalogStore } from './app/catalog/ports.ts';
import type { Ledger, TenantRef } from './app/ledger/ledger.ts';
import type { MailOutbox } from './app/mail/mail-outbox.ts';
import type { AuditNotebook } from './app/operator/audit-notebook.ts';
import type { UserStore } from './app/people/ports.ts';
import type { Clock } from './app/ports.ts';
import { AccountFollowUp } from './app/subscription/account-follow-up.ts';
import type { BillingJournal } from './app/subscription/billing-act.ts';
import { BillingNotice } from './app/subscription/billing-notice.ts';
import { CardChoices } from './app/subscription/card-choice.ts';
import { ChangeJournal } from './app/subscription/change-journal.ts';
import { CustomerDesk } from './app/subscription/customer-desk.ts';
import {
  CARD_EVENTS,
  CUSTOMER_EVENTS,
  type CustomerEventParts,
  createCardHandler,
  createCustomerHandler,
  createDefaultHandler,
  createSubscriptionHandler,
  DEFAULT_CARD_EVENTS,
  SUBSCRIPTION_EVENTS,
} from './app/subscription/customer-event.ts';
import { DiscountDesk } from './app/subscription/discount-desk.ts';
import { IntentAdoption } from './app/subscription/intent-adoption.ts';
import { IntentDesk } from './app/subscription/intent-desk.ts';
import { IntentRunner } from './app/subscription/intent-runner.ts';
import { IntentSteps } from './app/subscription/intent-step.ts';
import { PaymentMethodService } from './app/subscription/payment-method-service.ts';
import type {
  CustomerStore,
  IntentResult,
  IntentStore,
  OpenIntent,
  PurchaseCodes,
  StripeBilling,
} from './app/subscription/ports.ts';
import type { ConsoleUrls } from './app/subscription/return-address.ts';
import { findEndOfSetAside } from './app/subscription/set-aside.ts';
import { SubscriptionFollowUp } from './app/subscription/subscription-follow-up.ts';
import { SubscriptionService } from './app/subscription/subscription-service.ts';
import { SubscriptionSync } from './app/subscription/subscription-sync.ts';
import { TrialConsent } from './app/subscription/trial-consent.ts';
import { TrialConversion } from './app/subscription/trial-conversion.ts';
import type { PaymentMethods, Subscriptions } from './app/subscription/use-case.ts';
import { PAYMENT_METHODS_WITHOUT_STRIPE, SubscriptionsWithoutStripe } from './app/subscription/without-stripe.ts';
import type { TenantStore } from './app/tenant/ports.ts';
import type { TenantDirectory } from './app/tenant/tenant-directory.ts';
import type { WebhookHandler } from './app/webhook/webhook-handler.ts';
import type { Instant, TenantId } from './domain/id.ts';
import type { Metrics } from './http/metric.ts';
import { RANDOM_ID_SOURCE } from './id-source.ts';
import { PROCESS_PACING } from './pacing.ts';
import { createStripeBilling } from './stripe/stripe-billing.ts';
import type { StripeClient } from './stripe/stripe-client.ts';
import { createIntentObserver, createSubscriptionObserver } from './stripe-observer.ts';
import { startIntentWorker } from './worker/intent-worker.ts';
import { startSubscriptionWorker } from './worker/subscription-worker.ts';

/** How soon it is looked again what became of a conversion that has just begun, in milliseconds. */
const CONVERSION_LOOK_MS = 2_000;

/** What sells subscriptions is made of. */
export interface SubscriptionPartTools {
  /** Absent: Stripe is off. */
  readonly client: StripeClient | undefined;
  readonly ledger: Ledger;
  readonly directory: TenantDirectory;
  readonly outbox: MailOutbox;
  readonly events: Pick<BillingEventLog, 'note'>;
  readonly journal: BillingJournal;
  readonly codes: PurchaseCodes;
  /** Told where somebody may have stored or chosen another card. Never throws. */
  readonly onCardLook: (tenant: TenantRef) => Promise<void>;
  readonly notebook: Pick<AuditNotebook, 'note'>;
  readonly consoleUrls: ConsoleUrls;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly stores: {
    readonly catalog: CatalogStore;
    readonly customers: CustomerStore;
    readonly intents: IntentStore;
    readonly tenants: TenantStore;
    readonly users: UserStore;
  };
}

/** What sells subscriptions; where Stripe is off, what accounts have can be read. */
export interface SubscriptionPart {
  readonly subscriptions: Subscriptions;
  readonly paymentMethods: PaymentMethods;
  readonly followUp: AccountFollowUp;
  /** What is done about events of Stripe, by their type. */
  readonly handlers: ReadonlyMap<string, WebhookHandler>;
  /** Absent where Stripe is off. */
  readonly discounts?: DiscountDesk;
  /** Absent where Stripe is off. */
  readonly trialConversion?: TrialConversion;
  /** Absent where Stripe is off. */
  readonly sync?: SubscriptionSync;
  /** What everything goes through that is sold at Stripe; absent where it is off. */
  readonly counter?: StripeCounter;
  /** Begins what works by itself; answers how to end it. */
  readonly start: () => () => Promise<void>;
}

/** What selling at Stripe goes through, whatever is sold. */
export interface StripeCounter {
  readonly customers: CustomerDesk;
  readonly billing: StripeBilling;
  readonly changes: ChangeJournal;
  /** Says that a workspace is suspended or closed. */
  readonly isBarred: (tenantId: TenantId) => Promise<boolean>;
}

/** Builds what sells subscriptions; nothing begins to work yet. */
export function createSubscriptionPart(tools: SubscriptionPartTools): SubscriptionPart {
  const { client, ledger, directory } = tools;
  if (client === undefined) {
    const notice = noticeOf(tools, async () => false);
    return {
      subscriptions: new SubscriptionsWithoutStripe(ledger),
      paymentMethods: PAYMENT_METHODS_WITHOUT_STRIPE,
      followUp: new AccountFollowUp({ directory, ledger, notice }),
      handlers: new Map(),
      start: () => async () => undefined,
    };
  }
  return createWithStripe(tools, createStripeBilling(client));
}

function createWithStripe(tools: SubscriptionPartTools, billing: StripeBilling): SubscriptionPart {
  const { ledger, directory, stores, clock, logger, metrics, notebook, journal, codes, consoleUrls } = tools;
  const { onCardLook } = tools;
  const { catalog, customers: customerStore, intents: intentStore } = stores;
  const [ids, pacing] = [RANDOM_ID_SOURCE, PROCESS_PACING];
  const observer = createIntentObserver(metrics.intents, logger);
  const syncObserver = createSubscriptionObserver(logger);
  const customers = new CustomerDesk({ store: customerStore, billing, ids, clock });
  const runner = new IntentRunner({
    ...{ store: intentStore, clock, pacing, observer },
    steps: new IntentSteps({ billing, customers, notes: customerStore }),
    adoption: new IntentAdoption({ billing, customers }),
    settle: async (intent, result) => {
      await noteOutcome(customerStore, intent, result, clock.now());
      await sync.syncTenant(intent);
    },
  });
  const intents = new IntentDesk({ store: intentStore, runner, ids, clock, pacing, observer });
  const statusOf = async (tenantId: TenantId) => (await stores.tenants.loadWorkspace(tenantId))?.workspace.status;
  const isClosed = async (tenantId: TenantId): Promise<boolean> => (await statusOf(tenantId)) === 'closed';
  const isBarred = async (tenantId: TenantId): Promise<boolean> => (await statusOf(tenantId)) !== 'active';
  const consent = new TrialConsent({ ledger, customers: customerStore, billing });
  const trialConversion = new TrialConversion({
    ...{ ledger, catalog, customers: customerStore, billing, intents, intentStore, isBarred, consoleUrls, consent },
    onFailed: (tenant, trial, paymentUrl) => notice.noteConversionFailed(tenant, trial, paymentUrl),
  });
  const notice: BillingNotice = noticeOf(tools, (tenant) => trialConversion.becomesPaid(tenant));
  const afterSync = new SubscriptionFollowUp({
    ...{ intents, notice, customers: customerStore, codes, billing, isClosed, isBarred, clock },
  });
  const choices = new CardChoices({ store: customerStore, billing, clock });
  const sync = new SubscriptionSync({
    ...{ ledger, catalog, customers: customerStore, billing, choices, clock, isClosed, observer: syncObserver },
    followUp: async (tenant, synced) => {
      await consent.recordFor(tenant, synced.account.state.trial);
      await afterSync.run(tenant, synced);
      const { trial, subscription } = synced.account.state;
      if (await trialConversion.goOn(tenant, trial, subscription)) {
        await customerStore.requestSync(tenant.tenantId, clock.now() + CONVERSION_LOOK_MS);
      }
    },
  });
  const changes = new ChangeJournal({ journal, notebook });
  const eventParts = { customers: customerStore, desk: customers, sync, billing, consent, choices };
  const convert = async (tenant: TenantRef): Promise<void> => void (await trialConversion.begin(tenant));
  return {
    subscriptions: new SubscriptionService({
      ...{
        ledger,
        catalog,
        billing,
        codes,
        intents,
        intentStore,
        sync,
        pacing,
        journal: changes,
        consoleUrls,
        onCardLook,
        customers: customerStore,
      },
    }),
    paymentMethods: new PaymentMethodService({
      ...{ ledger, catalog, customers, customerStore, billing, journal: changes, consoleUrls, onCardLook, clock },
      choices,
    }),
    followUp: new AccountFollowUp({ directory, ledger, notice, convert }),
    handlers: handlersOf(eventParts),
    ...{ trialConversion, sync },
    counter: { customers, billing, changes, isBarred },
    discounts: new DiscountDesk({ billing, customers: customerStore, intents }),
    start: () => {
      const workers = [
        startIntentWorker({ runner, observer }),
        startSubscriptionWorker({ customers: customerStore, sync, clock, observer: syncObserver }),
      ];
      return async () => void (await Promise.all(workers.map((worker) => worker.stop())));
    },
  };
}

/** Notes what an intent came to for those who look at the workspace later, and for the sync that follows. */
async function noteOutcome(
  customers: CustomerStore,
  { tenantId, intentId, request }: OpenIntent,
  result: IntentResult,
  now: Instant,
): Promise<void> {
  const { kind } = result;
  if (kind === 'action_required') await customers.savePageOpened(tenantId, now);
  // The intent stands for it until here: a sync that began earlier can't bring back what is done.
  if (request.kind === 'drop_duplicate') {
    const { stripeSubscriptionId: id } = request;
    if (kind === 'done') await customers.saveDropDone(tenantId, id);
    else await customers.saveDrop(tenantId, id, now);
  }
  const end = findEndOfSetAside(request, result);
  // Few changes find something that was set aside: for the others nothing is written.
  const noted = end === undefined ? undefined : (await customers.loadCustomer(tenantId))?.setAside;
  if (noted !== undefined) await customers.removeSetAside(tenantId, end === 'own' ? intentId : undefined);
}

function noticeOf(
  { stores: { tenants, users, catalog }, outbox, events, clock }: SubscriptionPartTools,
  becomesPaid: ConstructorParameters<typeof BillingNotice>[0]['becomesPaid'],
): BillingNotice {
  return new BillingNotice({ tenants, users, catalog, outbox, events, clock, becomesPaid });
}

function handlersOf(parts: CustomerEventParts): ReadonlyMap<string, WebhookHandler> {
  const handlers: readonly (readonly [readonly string[], WebhookHandler])[] = [
    [SUBSCRIPTION_EVENTS, createSubscriptionHandler(parts)],
    [CARD_EVENTS, createCardHandler(parts)],
    [DEFAULT_CARD_EVENTS, createDefaultHandler(parts)],
    [CUSTOMER_EVENTS, createCustomerHandler(parts)],
  ];
  return new Map(handlers.flatMap(([types, handler]) => types.map((type) => [type, handler] as const)));
}
