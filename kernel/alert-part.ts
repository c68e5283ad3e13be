// Owns how the parts of a kernel that alert are put together, and what becomes of their reports. Does not own when they begin and end
// (composition.ts).
// Invariant: no line names an address or a secret of an endpoint.

import type { Logger } from 'pino';
import { createWebhookTransport } from './alert/webhook-transport.ts';
import { BalanceAlert } from './app/alert/balance-alert.ts';
import { BalanceProjector } from './app/alert/balance-projector.ts';
import type { BillingEventLog } from './app/alert/billing-event-log.ts';
import { DeliveryDesk } from './app/alert/delivery-desk.ts';
import { DeliveryFanOut } from './app/alert/delivery-fan-out.ts';
import { DeliverySender } from './app/alert/delivery-sender.ts';
import { EndpointNotice } from './app/alert/endpoint-notice.ts';
import { EndpointService } from './app/alert/endpoint-service.ts';
import { EventList } from './app/alert/event-list.ts';
import { EventWatch } from './app/alert/event-watch.ts';
import type {
  AlertDeliveryStore,
  AlertEndpointStore,
  AlertObserver,
  BalanceMarkStore,
  BillingEventStore,
} from './app/alert/ports.ts';
import { ThresholdService } from './app/alert/threshold-service.ts';
import type { CommitNotice } from './app/ledger/commit-notice.ts';
import type { Ledger } from './app/ledger/ledger.ts';
import type { MailOutbox } from './app/mail/mail-outbox.ts';
import type { UserStore } from './app/people/ports.ts';
import type { Clock, CommitFeed } from './app/ports.ts';
import type { BillingJournal } from './app/subscription/billing-act.ts';
import type { TenantStore } from './app/tenant/ports.ts';
import type { Metrics } from './http/metric.ts';
import { RANDOM_ID_SOURCE } from './id-source.ts';
import { logBackgroundFailure } from './log.ts';
import { PROCESS_PACING } from './pacing.ts';
import { startAlertWorker } from './worker/alert-worker.ts';

/** What alerts are made of. */
export interface AlertPartTools {
  readonly events: BillingEventLog;
  readonly ledger: Ledger;
  readonly feed: CommitFeed;
  readonly notice: CommitNotice;
  readonly outbox: MailOutbox;
  readonly journal: BillingJournal;
  readonly allowsLoopback: boolean;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly stores: {
    readonly billingEvents: BillingEventStore;
    readonly balanceMarks: BalanceMarkStore;
    readonly alertEndpoints: AlertEndpointStore;
    readonly alertDeliveries: AlertDeliveryStore;
    readonly tenants: TenantStore;
    readonly users: UserStore;
  };
}

/** What alerts. */
export interface AlertPart {
  readonly thresholds: ThresholdService;
  readonly alertEndpoints: EndpointService;
  readonly alertDeliveries: DeliveryDesk;
  readonly eventList: EventList;
  readonly eventWatch: EventWatch;
  /** Begins what works by itself; answers how to end it. */
  readonly start: () => () => Promise<void>;
}

/** Builds what alerts; nothing begins to work yet. */
export function createAlertPart(tools: AlertPartTools): AlertPart {
  const { events, ledger, feed, notice, journal, clock, metrics, logger, stores } = tools;
  const { billingEvents, balanceMarks, alertEndpoints, alertDeliveries } = stores;
  const [ids, pacing] = [RANDOM_ID_SOURCE, PROCESS_PACING];
  const observer = createAlertObserver(metrics.alerts, logger);
  const transport = createWebhookTransport({ allowsLoopback: tools.allowsLoopback });
  const projector = new BalanceProjector({ store: balanceMarks, events });
  const alert = new BalanceAlert({ projector, store: balanceMarks, feed, observer });
  notice.listen(alert);
  const sender = new DeliverySender({
    ...{ deliveries: alertDeliveries, endpoints: alertEndpoints, transport, clock, pacing, observer },
    notice: new EndpointNotice({ ...stores, outbox: tools.outbox, clock }),
  });
  const fanOut = new DeliveryFanOut({ events: billingEvents, endpoints: alertEndpoints, deliveries: alertDeliveries });
  return {
    thresholds: new ThresholdService({ store: balanceMarks, ledger, projector, alert, journal }),
    alertEndpoints: new EndpointService({ store: alertEndpoints, transport, journal, clock, ids }),
    alertDeliveries: new DeliveryDesk({ deliveries: alertDeliveries, endpoints: alertEndpoints, journal, clock }),
    eventList: new EventList(billingEvents),
    eventWatch: new EventWatch({ store: billingEvents, events, pacing }),
    start: () => {
      const worker = startAlertWorker({ alert, log: events, fanOut, sender, events: billingEvents, clock, observer });
      return () => worker.stop();
    },
  };
}

function createAlertObserver(figures: AlertObserver, logger: Logger): AlertObserver {
  return {
    ...figures,
    disabled: (endpoint, because) => {
      figures.disabled(endpoint, because);
      const { endpointId, tenantId } = endpoint;
      logger.warn({ endpointId, tenantId, because }, 'an alert endpoint was switched off; its workspace was told');
    },
    backgroundFailed: (work, err) => {
      figures.backgroundFailed(work, err);
      logBackgroundFailure(logger, work, err);
    },
  };
}
