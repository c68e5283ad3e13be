// Owns how the parts of a kernel that sell credits are put together. Does not own when they begin and end (composition.ts).

import type { Logger } from 'pino';
import { BalanceAlert } from './app/alert/balance-alert.ts';
import type { BillingEventLog } from './app/alert/billing-event-log.ts';
import type { CatalogStore } from './app/catalog/ports.ts';
import type { CommitNotice } from './app/ledger/commit-notice.ts';
import type { Ledger, TenantRef } from './app/ledger/ledger.ts';
import type { MailOutbox } from './app/mail/mail-outbox.ts';
import type { KillSwitchBoard } from './app/operator/kill-switch-board.ts';
import { AutoTopUpBrake } from './app/payment/auto-top-up-brake.ts';
import { AutoTopUpDesk } from './app/payment/auto-top-up-desk.ts';
import { AutoTopUpNotice } from './app/payment/auto-top-up-notice.ts';
import { AutoTopUpService } from './app/payment/auto-top-up-service.ts';
import { OtherReturn } from './app/payment/other-return.ts';
import { PaymentHistory } from './app/payment/payment-history.ts';
import { PaymentReturn } from './app/payment/payment-return.ts';
import type { AutoTopUpStore, PaymentStore, TopUpStore } from './app/payment/ports.ts';
import { ReturnNotice } from './app/payment/return-notice.ts';
import {
  createDefaultCardHandler,
  createInvoiceHandler,
  createReturnHandler,
  RETURN_EVENTS,
} from './app/payment/top-up-event.ts';
import { refreshTopUps } from './app/payment/top-up-list.ts';
import { TopUpRunner } from './app/payment/top-up-runner.ts';
import { TopUpService } from './app/payment/top-up-service.ts';
import { TopUpSync } from './app/payment/top-up-sync.ts';
import type { TopUps } from './app/payment/use-case.ts';
import { TopUpsWithoutStripe } from './app/payment/without-stripe.ts';
import type { UserStore } from './app/people/ports.ts';
import type { Clock, CommitFeed } from './app/ports.ts';
import type { WorkspaceCheck } from './app/reconciliation/difference.ts';
import { PaymentCheck } from './app/reconciliation/payment-check.ts';
import type { PaymentKeyFinder } from './app/reconciliation/ports.ts';
import { RefundCheck } from './app/reconciliation/refund-check.ts';
import { DEFAULT_CARD_EVENTS } from './app/subscription/customer-event.ts';
import type { CustomerStore } from './app/subscription/ports.ts';
import type { TenantStore } from './app/tenant/ports.ts';
import type { WebhookHandler } from './app/webhook/webhook-handler.ts';
import type { Metrics } from './http/metric.ts';
import { RANDOM_ID_SOURCE } from './id-source.ts';
import { PROCESS_PACING } from './pacing.ts';
import type { StripeClient } from './stripe/stripe-client.ts';
import { createStripePayments } from './stripe/stripe-payment-history.ts';
import { createStripePaymentList } from './stripe/stripe-payment-list.ts';
import { createStripeTopUps } from './stripe/stripe-top-up.ts';
import { createTopUpObserver } from './stripe-observer.ts';
import type { StripeCounter, SubscriptionPart } from './subscription-part.ts';
import { startAutoTopUpWorker } from './worker/auto-top-up-worker.ts';
import { startIntentWorker } from './worker/intent-worker.ts';

const INVOICE_EVENT = 'invoice.';

/** What sells credits is made of. */
export interface PaymentPartTools {
  /** Absent: Stripe is off. */
  readonly client: StripeClient | undefined;
  readonly subscription: Pick<SubscriptionPart, 'counter' | 'handlers' | 'start'>;
  readonly ledger: Ledger;
  readonly switches: Pick<KillSwitchBoard, 'assertOn'>;
  readonly events: Pick<BillingEventLog, 'note' | 'isNoted'>;
  readonly outbox: Pick<MailOutbox, 'enqueue'>;
  readonly feed: Pick<CommitFeed, 'findFollowed'>;
  readonly notice: Pick<CommitNotice, 'listen'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly stores: {
    readonly catalog: CatalogStore;
    readonly customers: CustomerStore;
    readonly topUps: TopUpStore;
    readonly autoTopUps: AutoTopUpStore;
    readonly tenants: TenantStore;
    readonly users: UserStore;
    readonly paymentKeys: PaymentKeyFinder;
    readonly payments: PaymentStore;
  };
}

/** What sells credits; where Stripe is off, what was bought can be read. */
export interface PaymentPart {
  readonly topUps: TopUps;
  readonly autoTopUps: AutoTopUpService;
  readonly payments: PaymentHistory;
  /** Lets a rule buy again that its card ended, where another one is there. Never throws. */
  readonly lookAtCard: (tenant: TenantRef) => Promise<void>;
  /** What is done about events of Stripe, by their type: those about subscriptions, too. */
  readonly handlers: ReadonlyMap<string, WebhookHandler>;
  /** Compares top-ups with Stripe, and brings them to what it shows; absent where Stripe is off. */
  readonly comparison?: {
    readonly checks: readonly WorkspaceCheck[];
    readonly refresh: (tenant: TenantRef) => Promise<void>;
  };
  /** Begins what works by itself, for subscriptions, too; answers how to end it. */
  readonly start: () => () => Promise<void>;
}

/** Builds what sells credits; nothing begins to work yet. */
export function createPaymentPart(tools: PaymentPartTools): PaymentPart {
  const { client, subscription, ledger, stores } = tools;
  if (client !== undefined && subscription.counter !== undefined) {
    return createWithStripe(tools, client, subscription.counter);
  }
  const topUps = new TopUpsWithoutStripe({ ledger, catalog: stores.catalog, store: stores.topUps });
  const autoTopUps = new AutoTopUpService({
    ...{ ledger, catalog: stores.catalog, rules: stores.autoTopUps, clock: tools.clock, journal: undefined },
    alert: { forget: () => undefined },
  });
  const payments = historyOf(tools, undefined);
  const { handlers, start } = subscription;
  return { topUps, autoTopUps, payments, lookAtCard: async () => undefined, handlers, start };
}

function historyOf({ stores, clock, logger, metrics }: PaymentPartTools, client: StripeClient | undefined) {
  return new PaymentHistory({
    ...{ store: stores.payments, customers: stores.customers, topUps: stores.topUps, clock, pacing: PROCESS_PACING },
    ...{ stripe: client && createStripePayments(client), observer: createTopUpObserver(metrics.topUps, logger) },
  });
}

function createWithStripe(tools: PaymentPartTools, client: StripeClient, counter: StripeCounter): PaymentPart {
  const { ledger, switches, events, clock, logger, metrics, stores, subscription } = tools;
  const { catalog, customers: customerStore, topUps: store } = stores;
  const { customers, billing, changes: journal, isBarred } = counter;
  const [ids, pacing] = [RANDOM_ID_SOURCE, PROCESS_PACING];
  const observer = createTopUpObserver(metrics.topUps, logger);
  const stripe = createStripeTopUps(client);
  const rules = stores.autoTopUps;
  const ruleNotice = new AutoTopUpNotice({ ...stores, events, outbox: tools.outbox, clock });
  const brake = new AutoTopUpBrake({ rules, notice: ruleNotice });
  const returnNotice = new ReturnNotice({ events, brake, clock });
  const returns = new PaymentReturn({ store, stripe, ledger, catalog, notice: returnNotice });
  const sync = new TopUpSync({ store, stripe, ledger, returns, events, clock, observer });
  const runner = new TopUpRunner({ store, stripe, customers, sync, isBarred, clock, pacing, observer });
  const topUps = new TopUpService({
    ...{ store, runner, sync, ledger, catalog, customers: customerStore, billing, switches, journal },
    ...{ ids, clock, pacing, observer },
  });
  const desk = new AutoTopUpDesk({
    ...{ rules, store, runner, ledger, catalog, customers: customerStore, billing, switches, isBarred, ids, clock },
    ...{ observer, notice: ruleNotice },
  });
  const alert = new BalanceAlert({ projector: desk, store: rules, feed: tools.feed, observer });
  tools.notice.listen(alert);
  const payments = historyOf(tools, client);
  const otherReturns = new OtherReturn({
    stripe: createStripePayments(client),
    customers: customerStore,
    events,
    notice: returnNotice,
    clock,
  });
  const eventParts = { store, sync, returns, otherReturns, history: payments, customers: customerStore };
  const onReturn = createReturnHandler(eventParts);
  const defaultCardEvents: readonly string[] = DEFAULT_CARD_EVENTS;
  const around = (type: string, others: WebhookHandler): WebhookHandler => {
    if (type.startsWith(INVOICE_EVENT)) return createInvoiceHandler(eventParts, others);
    return defaultCardEvents.includes(type)
      ? createDefaultCardHandler({ customers: customerStore, desk }, others)
      : others;
  };
  const list = createStripePaymentList(client);
  return {
    topUps,
    autoTopUps: new AutoTopUpService({ ledger, catalog, rules, alert, journal, clock }),
    comparison: {
      checks: [
        new PaymentCheck({
          topUps: store,
          customers: customerStore,
          list,
          stripe,
          ledger,
          keys: stores.paymentKeys,
        }),
        new RefundCheck({ topUps: store, customers: customerStore, list }),
      ],
      refresh: async ({ tenantId }) => {
        await refreshTopUps(store, sync, tenantId);
        await desk.restart({ tenantId });
      },
    },
    payments,
    lookAtCard: (tenant) => desk.tryRestart(tenant),
    handlers: new Map([
      ...[...subscription.handlers].map(([type, handler]) => [type, around(type, handler)] as const),
      ...RETURN_EVENTS.map((type) => [type, onReturn] as const),
    ]),
    start: () => {
      const workers = [startIntentWorker({ runner, observer }), startAutoTopUpWorker({ alert, desk, observer })];
      const endOthers = subscription.start();
      return async () => void (await Promise.all([...workers.map((worker) => worker.stop()), endOthers()]));
    },
  };
}
