// A kernel in this process over a database of its own: the real composition, or the same parts with a fault at one port.

import { randomBytes } from 'node:crypto';
import type { DestinationStream, Logger } from 'pino';
import { createKernelClient, type KernelClient } from '../../../dev/kernel-client.ts';
import { createAccessPart } from '../../../kernel/access-part.ts';
import { createAlertPart } from '../../../kernel/alert-part.ts';
import type { AccessTokenStore } from '../../../kernel/app/access/ports.ts';
import { BillingEventLog } from '../../../kernel/app/alert/billing-event-log.ts';
import { LedgerAudit } from '../../../kernel/app/audit/ledger-audit.ts';
import { Catalog } from '../../../kernel/app/catalog/catalog.ts';
import type { CatalogStore, PriceStore } from '../../../kernel/app/catalog/ports.ts';
import { PriceSetter } from '../../../kernel/app/catalog/price-setter.ts';
import { RulebookCache } from '../../../kernel/app/catalog/rulebook-cache.ts';
import { AccountReader } from '../../../kernel/app/ledger/account-reader.ts';
import { BalanceWatch } from '../../../kernel/app/ledger/balance-watch.ts';
import { CommitNotice } from '../../../kernel/app/ledger/commit-notice.ts';
import { HeadLoader } from '../../../kernel/app/ledger/head-loader.ts';
import { LaneRegistry } from '../../../kernel/app/ledger/lane-registry.ts';
import type { Ledger } from '../../../kernel/app/ledger/ledger.ts';
import { createLedger } from '../../../kernel/app/ledger/ledger-service.ts';
import type { MailOutbox } from '../../../kernel/app/mail/mail-outbox.ts';
import type { MailStore } from '../../../kernel/app/mail/ports.ts';
import { loadSwitchedOff } from '../../../kernel/app/operator/kill-switch-board.ts';
import { createOperators } from '../../../kernel/app/operator/operator-service.ts';
import type { AuditStore } from '../../../kernel/app/operator/ports.ts';
import { AutoTopUpService } from '../../../kernel/app/payment/auto-top-up-service.ts';
import { PaymentHistory } from '../../../kernel/app/payment/payment-history.ts';
import type { TopUps } from '../../../kernel/app/payment/use-case.ts';
import { TopUpsWithoutStripe } from '../../../kernel/app/payment/without-stripe.ts';
import type { Clock, CommitFeed, LedgerStore } from '../../../kernel/app/ports.ts';
import type { RedemptionStore } from '../../../kernel/app/promotion/ports.ts';
import type { RedemptionDesk } from '../../../kernel/app/promotion/redemption-desk.ts';
import type { SignupStore } from '../../../kernel/app/signup/ports.ts';
import type { PaymentMethods, Subscriptions } from '../../../kernel/app/subscription/use-case.ts';
import {
  PAYMENT_METHODS_WITHOUT_STRIPE,
  SubscriptionsWithoutStripe,
} from '../../../kernel/app/subscription/without-stripe.ts';
import { createPeople } from '../../../kernel/app/tenant/people-service.ts';
import type { TenantStore, WorkspaceLogStore } from '../../../kernel/app/tenant/ports.ts';
import { TenantDirectory } from '../../../kernel/app/tenant/tenant-directory.ts';
import type { TenantStart } from '../../../kernel/app/tenant/tenant-start.ts';
import { AutomaticTrial } from '../../../kernel/app/trial/automatic-trial.ts';
import type { TrialSlotStore } from '../../../kernel/app/trial/ports.ts';
import { TrialLimit } from '../../../kernel/app/trial/trial-limit.ts';
import { TrialService } from '../../../kernel/app/trial/trial-service.ts';
import { RollupProjector } from '../../../kernel/app/usage/rollup-projector.ts';
import { createUsage } from '../../../kernel/app/usage/usage-service.ts';
import { WorkSearch } from '../../../kernel/app/usage/work-search.ts';
import { type RunningKernel, startKernel } from '../../../kernel/composition.ts';
import type { KernelConfig } from '../../../kernel/config.ts';
import type { ProductCode } from '../../../kernel/domain/id.ts';
import { CallLog } from '../../../kernel/grpc/interceptors/logging.ts';
import { GrpcServer } from '../../../kernel/grpc/server.ts';
import { STREAM_BOUNDS, type StreamBound, type StreamBounds } from '../../../kernel/grpc/stream-limit.ts';
import { Metrics } from '../../../kernel/http/metric.ts';
import { RANDOM_ID_SOURCE } from '../../../kernel/id-source.ts';
import { createLedgerObserver, createWatchObserver } from '../../../kernel/ledger-observer.ts';
import { openLog } from '../../../kernel/log.ts';
import { createMailPart } from '../../../kernel/mail-part.ts';
import { PROCESS_PACING } from '../../../kernel/pacing.ts';
import { createCodePart, createPromotionPart } from '../../../kernel/promotion-part.ts';
import { openAccessTokenStore } from '../../../kernel/store/access/access-token-store.ts';
import { openBalanceMarkStore } from '../../../kernel/store/alert/balance-mark-store.ts';
import { openBillingEventStore } from '../../../kernel/store/alert/billing-event-store.ts';
import { openAlertDeliveryStore } from '../../../kernel/store/alert/delivery-store.ts';
import { openAlertEndpointStore } from '../../../kernel/store/alert/endpoint-store.ts';
import { openCatalogStore } from '../../../kernel/store/catalog/catalog-store.ts';
import { openCatalogSyncStore } from '../../../kernel/store/catalog/catalog-sync-store.ts';
import { openPriceStore } from '../../../kernel/store/catalog/price-store.ts';
import { openSyncNoteStore } from '../../../kernel/store/catalog/sync-note-store.ts';
import { openConnection } from '../../../kernel/store/connection.ts';
import { type MachineClocks, startDatabaseClock } from '../../../kernel/store/database-clock.ts';
import { createCommitFeed } from '../../../kernel/store/ledger/commit-feed.ts';
import { openAuditStore } from '../../../kernel/store/ledger/ledger-audit-store.ts';
import { openLedgerStore } from '../../../kernel/store/ledger/ledger-store.ts';
import { openMailStore } from '../../../kernel/store/mail/mail-store.ts';
import { openAuditLogStore } from '../../../kernel/store/operator/audit-store.ts';
import { openKillSwitchStore } from '../../../kernel/store/operator/kill-switch-store.ts';
import { openAutoTopUpStore } from '../../../kernel/store/payment/auto-top-up-store.ts';
import { openPaymentStore } from '../../../kernel/store/payment/payment-store.ts';
import { openTopUpStore } from '../../../kernel/store/payment/top-up-store.ts';
import { openUserStore } from '../../../kernel/store/people/user-store.ts';
import { openCodeAttemptStore } from '../../../kernel/store/promotion/code-attempt-store.ts';
import { openPromotionStore } from '../../../kernel/store/promotion/promotion-store.ts';
import { openRedemptionStore } from '../../../kernel/store/promotion/redemption-store.ts';
import { openSignupStore } from '../../../kernel/store/signup/signup-store.ts';
import { openCustomerStore } from '../../../kernel/store/subscription/customer-store.ts';
import { openIntentStore } from '../../../kernel/store/subscription/intent-store.ts';
import { openTenantStore } from '../../../kernel/store/tenant/tenant-store.ts';
import { openWorkspaceLogStore } from '../../../kernel/store/tenant/workspace-log-store.ts';
import { openTrialSlotStore } from '../../../kernel/store/trial/trial-slot-store.ts';
import { openUsageStore } from '../../../kernel/store/usage/usage-store.ts';
import { openWebhookStore } from '../../../kernel/store/webhook/webhook-store.ts';
import type { StripeClient } from '../../../kernel/stripe/stripe-client.ts';
import { createStripePart } from '../../../kernel/stripe-part.ts';
import { seedDemoCatalog, seedOperatorCatalog } from '../../support/demo-catalog.ts';
import { freshDatabaseUri } from '../../support/engine.ts';
import { createTestCredentials, type TestCredentials } from './credential.ts';

export type Connection = Awaited<ReturnType<typeof openConnection>>;

/** Where the Consoles of the two products would be. */
export const CONSOLE_URLS: KernelConfig['consoleUrls'] = new Map([
  ['agentruntime' as ProductCode, 'http://127.0.0.1:1'],
  ['otherproduct' as ProductCode, 'http://127.0.0.1:2'],
]);

const ALL_ON = { TRIALS_ENABLED: true, TOPUPS_ENABLED: true, SIGNUPS_ENABLED: true };

/** A kernel that listens, and what tests need around it. */
export interface KernelFixture extends TestCredentials {
  readonly address: string;
  readonly httpUrl: string;
  readonly mongodbUri: string;
  /** A connection of the test's own, for looking at what is stored and for breaking it. */
  readonly connection: Connection;
  /** The lines that the kernel has logged. */
  readonly logLines: readonly string[];
  connect(token: string | undefined): KernelClient;
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** Says what the catalog of a fixture has. */
export interface CatalogOptions {
  /** Says that it has the plans that Stripe sells as well. @default true */
  readonly hasSoldPlans?: boolean;
}

/** Opens a connection to a database that has the demo catalog. */
export async function openSeededDatabase(
  mongodbUri: string = freshDatabaseUri(),
  { hasSoldPlans = true }: CatalogOptions = {},
): Promise<{ mongodbUri: string; connection: Connection }> {
  const connection = await openConnection({ uri: mongodbUri, timeoutMs: 10_000, onCommand: () => undefined });
  if (hasSoldPlans) await seedDemoCatalog(connection);
  else await seedOperatorCatalog(connection);
  return { mongodbUri, connection };
}

/** Starts a kernel as main.ts does, with every setting at hand. */
export async function openKernel(
  settings: Partial<KernelConfig> = {},
  catalog: CatalogOptions = {},
): Promise<KernelFixture> {
  const database = await openSeededDatabase(settings.mongodbUri, catalog);
  const credentials = createTestCredentials();
  const { lines, logger } = openTestLog(settings.logLevel ?? 'debug');
  const config: KernelConfig = {
    mongodbUri: database.mongodbUri,
    databaseTimeoutMs: 10_000,
    grpcAddress: '127.0.0.1:0',
    httpAddress: '127.0.0.1:0',
    trustedProxies: [],
    consoleUrls: CONSOLE_URLS,
    logLevel: 'debug',
    credentials: credentials.known,
    movableClock: true,
    loopbackAlerts: true,
    shutdownTimeoutMs: 10_000,
    killSwitches: ALL_ON,
    ...settings,
  };
  const kernel: RunningKernel = await startKernel(config, logger);
  return toFixture({
    ...database,
    ownsDatabase: settings.mongodbUri === undefined,
    credentials,
    lines,
    address: kernel.grpcAddress,
    httpUrl: `http://${kernel.httpAddress}`,
    drain: kernel.drain,
    end: kernel.drain,
  });
}

/** Parts that a test may replace: each gets the real one. */
export interface Adaptation {
  readonly ledgerStore?: (real: LedgerStore) => LedgerStore;
  readonly tenantStore?: (real: TenantStore) => TenantStore;
  readonly catalogStore?: (real: CatalogStore) => CatalogStore;
  readonly auditStore?: (real: AuditStore) => AuditStore;
  readonly priceStore?: (real: PriceStore) => PriceStore;
  readonly trialSlotStore?: (real: TrialSlotStore) => TrialSlotStore;
  readonly redemptionStore?: (real: RedemptionStore) => RedemptionStore;
  readonly accessTokenStore?: (real: AccessTokenStore) => AccessTokenStore;
  readonly mailStore?: (real: MailStore) => MailStore;
  readonly signupStore?: (real: SignupStore) => SignupStore;
  readonly clock?: (real: Clock) => Clock;
  readonly ledger?: (real: Ledger) => Ledger;
  readonly subscriptions?: (real: Subscriptions) => Subscriptions;
  readonly paymentMethods?: (real: PaymentMethods) => PaymentMethods;
  readonly topUps?: (real: TopUps) => TopUps;
  readonly feed?: (real: CommitFeed) => CommitFeed;
  /** Where mails go; default the outbox in the database, from which nobody sends them. */
  readonly outbox?: MailOutbox;
  readonly start?: (real: TenantStart) => TenantStart;
  readonly workspaceLog?: (real: WorkspaceLogStore) => WorkspaceLogStore;
  /** How many streams of each method the kernel carries. */
  readonly streamBound?: StreamBound;
  /** The clocks of the machine that the kernel believes to run on. */
  readonly machine?: MachineClocks;
  readonly deadlineDefaultMs?: number;
  /** A database that another kernel of the test uses too. */
  readonly mongodbUri?: string;
  /** Reads at Stripe what became of purchases with codes; nothing else of this kernel speaks to it. */
  readonly client?: StripeClient;
}

/** A kernel of which a test can reach the parts that no call reaches. */
export interface ComposedKernel extends KernelFixture {
  readonly ledger: Ledger;
  readonly automaticTrial: AutomaticTrial;
  readonly trialLimit: TrialLimit;
  readonly redemptions: RedemptionDesk;
}

/** Puts a kernel together with a fault at one of its ports; everything else is real. */
export async function composeKernel(adapt: Adaptation): Promise<ComposedKernel> {
  const { mongodbUri, connection } = await openSeededDatabase(adapt.mongodbUri);
  const credentials = createTestCredentials();
  const { lines, logger } = openTestLog('debug');
  const databaseClock = await startDatabaseClock(connection, {
    movable: true,
    onMeasureFailed: () => undefined,
    ...(adapt.machine === undefined ? {} : { machine: adapt.machine }),
  });
  const clock = adapt.clock?.(databaseClock) ?? databaseClock;
  const stores = {
    ledger: wrap(await openLedgerStore(connection), adapt.ledgerStore),
    catalog: wrap(await openCatalogStore(connection), adapt.catalogStore),
    prices: wrap(await openPriceStore(connection), adapt.priceStore),
    tenants: wrap(await openTenantStore(connection), adapt.tenantStore),
    workspaceLog: wrap(await openWorkspaceLogStore(connection), adapt.workspaceLog),
    users: await openUserStore(connection),
    trialSlots: wrap(await openTrialSlotStore(connection), adapt.trialSlotStore),
    usage: await openUsageStore(connection),
    audit: wrap(await openAuditLogStore(connection), adapt.auditStore),
    switches: await openKillSwitchStore(connection),
    catalogSync: openCatalogSyncStore(connection),
    syncNotes: openSyncNoteStore(connection),
    webhooks: await openWebhookStore(connection),
    accessTokens: wrap(await openAccessTokenStore(connection), adapt.accessTokenStore),
    mails: wrap(await openMailStore(connection), adapt.mailStore),
    signups: wrap(await openSignupStore(connection), adapt.signupStore),
    customers: await openCustomerStore(connection),
    topUps: await openTopUpStore(connection),
    autoTopUps: await openAutoTopUpStore(connection),
    intents: await openIntentStore(connection),
    promotions: await openPromotionStore(connection),
    redemptions: wrap(await openRedemptionStore(connection), adapt.redemptionStore),
    codeAttempts: await openCodeAttemptStore(connection),
    billingEvents: await openBillingEventStore(connection),
    balanceMarks: openBalanceMarkStore(connection),
    alertEndpoints: await openAlertEndpointStore(connection),
    alertDeliveries: await openAlertDeliveryStore(connection),
    payments: await openPaymentStore(connection),
  };
  const metrics = new Metrics();
  const rulebooks = new RulebookCache({
    ...{ store: stores.prices, clock, pacing: PROCESS_PACING },
    loadSwitchedOff: () => loadSwitchedOff({ store: stores.switches, firstValues: ALL_ON }),
  });
  const tools = { store: stores.ledger, clock, ids: RANDOM_ID_SOURCE, rulebooks, pacing: PROCESS_PACING };
  const lanes = new LaneRegistry();
  const notice = new CommitNotice();
  const observer = createLedgerObserver(metrics.ledger, logger, notice);
  const ledger = wrap(createLedger({ ...tools, observer, lanes, work: new WorkSearch(stores.usage) }), adapt.ledger);
  const watch = new BalanceWatch({
    ...{ ledger, clock, pacing: PROCESS_PACING, observer: createWatchObserver(metrics.watches, logger) },
    feed: wrap(createCommitFeed(connection, PROCESS_PACING), adapt.feed),
  });
  notice.listen(watch);
  const directory = new TenantDirectory(stores.tenants);
  const operators = createOperators({
    stores,
    ledger,
    clock,
    ids: RANDOM_ID_SOURCE,
    pacing: PROCESS_PACING,
    killSwitches: ALL_ON,
  });
  const { notebook, switches, book } = operators;
  const limit = new TrialLimit({ store: stores.trialSlots, ledger, clock, pacing: PROCESS_PACING });
  const trialParts = {
    ledger,
    operatorLedger: operators.operatorLedger,
    catalog: stores.catalog,
    switches,
    limit,
    clock,
  };
  const priceParts = { store: stores.prices, catalog: stores.catalog, directory, rulebooks, clock };
  const mail = createMailPart({
    ...{ config: undefined, consoleUrls: new Map(), store: stores.mails },
    ...{ book, clock, metrics, logger },
  });
  const outbox = adapt.outbox ?? mail.outbox;
  const people = createPeople({
    ...{ stores, ledger, clock, ids: RANDOM_ID_SOURCE, pacing: PROCESS_PACING, notebook, switches },
    outbox,
    start: wrap<TenantStart>(new AutomaticTrial(trialParts), adapt.start),
  });
  const code = createCodePart({
    ...{ client: adapt.client, stores, ledger, clock, ids: RANDOM_ID_SOURCE, pacing: PROCESS_PACING, observer },
    hasPaid: (tenantId) => stores.topUps.hasSucceeded(tenantId),
  });
  const promotions = createPromotionPart({
    ...{ stores, ledger, clock, book, code, ids: RANDOM_ID_SOURCE, journal: people.journal },
  });
  const access = createAccessPart({ ...people, stores, outbox, switches, clock });
  const usageParts = { store: stores.ledger, usage: stores.usage };
  const projector = new RollupProjector(stores.usage);
  const reader = new AccountReader(stores.ledger, lanes, clock, PROCESS_PACING);
  const auditParts = { store: openAuditStore(connection), heads: new HeadLoader(stores.ledger) };
  const stripe = createStripePart({
    ...{ config: undefined, client: undefined, handlers: new Map() },
    ...{ logger, metrics, clock, stores, notebook, book },
  });
  const events = new BillingEventLog({ store: stores.billingEvents, clock, pacing: PROCESS_PACING });
  const alerts = createAlertPart({
    ...{ events, ledger, feed: createCommitFeed(connection, PROCESS_PACING), notice, outbox, clock, metrics, logger },
    ...{ stores, journal: people.journal, allowsLoopback: true },
  });
  const server = new GrpcServer({
    ...operators,
    ...access,
    ...alerts,
    ...{ ledger, directory, clock, watch, credentials: credentials.known, meter: metrics.calls },
    log: new CallLog(logger),
    usage: createUsage({ ...usageParts, projector, reader }),
    audit: new LedgerAudit({ ...auditParts, pacing: PROCESS_PACING }),
    catalog: new Catalog({ store: stores.catalog, prices: stores.prices, ledger, rulebooks, pacing: PROCESS_PACING }),
    prices: new PriceSetter({ ...priceParts, pacing: PROCESS_PACING, notebook }),
    ...people,
    trials: new TrialService({ ...trialParts, journal: people.journal, hasCard: async () => false }),
    subscriptions: wrap<Subscriptions>(new SubscriptionsWithoutStripe(ledger), adapt.subscriptions),
    paymentMethods: wrap(PAYMENT_METHODS_WITHOUT_STRIPE, adapt.paymentMethods),
    autoTopUps: new AutoTopUpService({
      ...{ ledger, catalog: stores.catalog, rules: stores.autoTopUps, clock, journal: undefined },
      alert: { forget: () => undefined },
    }),
    ...promotions,
    topUps: wrap<TopUps>(
      new TopUpsWithoutStripe({ ledger, catalog: stores.catalog, store: stores.topUps }),
      adapt.topUps,
    ),
    payments: new PaymentHistory({
      ...{ store: stores.payments, customers: stores.customers, topUps: stores.topUps, stripe: undefined, clock },
      ...{ pacing: PROCESS_PACING, observer: metrics.topUps },
    }),
    mails: mail.desk,
    webhooks: stripe.desk,
    catalogSync: stripe.sync,
    deadlineDefaultMs: adapt.deadlineDefaultMs ?? 30_000,
    ...(adapt.streamBound === undefined ? {} : { streamBounds: boundsOf(adapt.streamBound) }),
  });
  const address = await server.listen('127.0.0.1:0');
  const end = (): Promise<void> => {
    databaseClock.stop();
    server.forceStop();
    return watch.stop();
  };
  const ownsDatabase = adapt.mongodbUri === undefined;
  const fixture = {
    ownsDatabase,
    mongodbUri,
    connection,
    credentials,
    lines,
    address,
    httpUrl: '',
    drain: () => server.drain(),
    end,
  };
  return {
    ...toFixture(fixture),
    ledger,
    automaticTrial: new AutomaticTrial(trialParts),
    trialLimit: limit,
    redemptions: code.redemptions,
  };
}

function boundsOf(bound: StreamBound): StreamBounds {
  return Object.fromEntries(Object.keys(STREAM_BOUNDS).map((path) => [path, bound]));
}

function wrap<Part>(real: Part, adapt: ((real: Part) => Part) | undefined): Part {
  return adapt === undefined ? real : adapt(real);
}

interface FixtureParts {
  /** Says that no other kernel of the test uses the database. */
  readonly ownsDatabase: boolean;
  readonly mongodbUri: string;
  readonly connection: Connection;
  readonly credentials: TestCredentials;
  readonly lines: readonly string[];
  readonly address: string;
  readonly httpUrl: string;
  readonly drain: () => Promise<void>;
  readonly end: () => Promise<void>;
}

function toFixture({ credentials, lines, end, ownsDatabase, ...parts }: FixtureParts): KernelFixture {
  const clients: KernelClient[] = [];
  return {
    ...credentials,
    ...parts,
    logLines: lines,
    connect: (token) => {
      const client = createKernelClient(parts.address, token);
      clients.push(client);
      return client;
    },
    close: async () => {
      for (const client of clients) client.close();
      await end();
      if (ownsDatabase) await dropDatabase(parts.connection);
      await parts.connection.close();
    },
  };
}

/** Drops a full database collection by collection: the engine takes longer over all of it at once than a socket waits. */
async function dropDatabase(connection: Connection): Promise<void> {
  for (const { name } of await connection.listCollections()) await connection.dropCollection(name);
  await connection.dropDatabase();
}

function openTestLog(level: string): { readonly lines: string[]; readonly logger: Logger } {
  const lines: string[] = [];
  const stream: DestinationStream = { write: (line) => void lines.push(line) };
  return { lines, logger: openLog(level, stream).logger };
}

/** An idempotency key that no other request has. */
export function newRequestId(): string {
  return `test:${randomBytes(9).toString('base64url')}`;
}
