// Owns how the parts of a kernel are put together, in which order they start and end. Does not own the process: signals
// and exit codes are main.ts's.
// Invariant: nothing listens before the indexes are proven and the time is known; nothing is closed while something that
// needs it may still answer a caller.

import type { Logger } from 'pino';
import { createAccessPart } from './access-part.ts';
import { createAlertPart } from './alert-part.ts';
import { BillingEventLog } from './app/alert/billing-event-log.ts';
import { LedgerAudit } from './app/audit/ledger-audit.ts';
import { Catalog } from './app/catalog/catalog.ts';
import { PriceSetter } from './app/catalog/price-setter.ts';
import { RulebookCache } from './app/catalog/rulebook-cache.ts';
import type { LedgerTools } from './app/ledger/account-desk.ts';
import { AccountReader } from './app/ledger/account-reader.ts';
import { BalanceWatch } from './app/ledger/balance-watch.ts';
import { CommitNotice } from './app/ledger/commit-notice.ts';
import { HeadLoader } from './app/ledger/head-loader.ts';
import { LaneRegistry } from './app/ledger/lane-registry.ts';
import type { Ledger } from './app/ledger/ledger.ts';
import { createLedger } from './app/ledger/ledger-service.ts';
import type { AuditNotebook } from './app/operator/audit-notebook.ts';
import { loadSwitchedOff } from './app/operator/kill-switch-board.ts';
import { createOperators } from './app/operator/operator-service.ts';
import type { CommitFeed } from './app/ports.ts';
import { CustomerCheck } from './app/reconciliation/customer-check.ts';
import { SubscriptionCheck } from './app/reconciliation/subscription-check.ts';
import { createPeople } from './app/tenant/people-service.ts';
import { TenantDirectory } from './app/tenant/tenant-directory.ts';
import { AutomaticTrial } from './app/trial/automatic-trial.ts';
import { TrialLimit } from './app/trial/trial-limit.ts';
import { TrialService } from './app/trial/trial-service.ts';
import { RollupProjector } from './app/usage/rollup-projector.ts';
import { createUsage } from './app/usage/usage-service.ts';
import { WorkSearch } from './app/usage/work-search.ts';
import { warmUp } from './app/warm-up.ts';
import type { KernelConfig } from './config.ts';
import { KILL_SWITCHES } from './domain/kill-switch.ts';
import { present } from './domain/optional.ts';
import { DEADLINE_DEFAULT_MS } from './grpc/interceptors/deadline.ts';
import { CallLog } from './grpc/interceptors/logging.ts';
import { GrpcServer } from './grpc/server.ts';
import { Metrics } from './http/metric.ts';
import { HttpServer } from './http/server.ts';
import { WebhookEndpoint } from './http/webhook-endpoint.ts';
import { RANDOM_ID_SOURCE } from './id-source.ts';
import { createLedgerObserver, createWatchObserver } from './ledger-observer.ts';
import { createMailPart } from './mail-part.ts';
import { PROCESS_PACING } from './pacing.ts';
import { createPaymentPart, type PaymentPart } from './payment-part.ts';
import { createCodePart, createPromotionPart } from './promotion-part.ts';
import { createReconciliationPart, type ReconciliationPart } from './reconciliation-part.ts';
import { openAccessTokenStore } from './store/access/access-token-store.ts';
import { openBalanceMarkStore } from './store/alert/balance-mark-store.ts';
import { openBillingEventStore } from './store/alert/billing-event-store.ts';
import { openAlertDeliveryStore } from './store/alert/delivery-store.ts';
import { openAlertEndpointStore } from './store/alert/endpoint-store.ts';
import { openCatalogStore } from './store/catalog/catalog-store.ts';
import { openCatalogSyncStore } from './store/catalog/catalog-sync-store.ts';
import { openPriceStore } from './store/catalog/price-store.ts';
import { openSyncNoteStore } from './store/catalog/sync-note-store.ts';
import { openConnection } from './store/connection.ts';
import { type DatabaseClock, startDatabaseClock } from './store/database-clock.ts';
import { createCommitFeed } from './store/ledger/commit-feed.ts';
import { openAuditStore } from './store/ledger/ledger-audit-store.ts';
import { openLedgerStore } from './store/ledger/ledger-store.ts';
import { createPaymentKeyFinder } from './store/ledger/payment-key-finder.ts';
import { openMailStore } from './store/mail/mail-store.ts';
import { openAuditLogStore } from './store/operator/audit-store.ts';
import { openKillSwitchStore } from './store/operator/kill-switch-store.ts';
import { openAutoTopUpStore } from './store/payment/auto-top-up-store.ts';
import { openPaymentStore } from './store/payment/payment-store.ts';
import { openTopUpStore } from './store/payment/top-up-store.ts';
import { openUserStore } from './store/people/user-store.ts';
import { openCodeAttemptStore } from './store/promotion/code-attempt-store.ts';
import { openPromotionStore } from './store/promotion/promotion-store.ts';
import { openRedemptionStore } from './store/promotion/redemption-store.ts';
import { openReconciliationRunStore } from './store/reconciliation/run-store.ts';
import { createWorkspaceList } from './store/reconciliation/workspace-list.ts';
import { openSignupStore } from './store/signup/signup-store.ts';
import { openCustomerStore } from './store/subscription/customer-store.ts';
import { openIntentStore } from './store/subscription/intent-store.ts';
import { openTenantStore } from './store/tenant/tenant-store.ts';
import { openWorkspaceLogStore } from './store/tenant/workspace-log-store.ts';
import { openTrialSlotStore } from './store/trial/trial-slot-store.ts';
import { openUsageStore } from './store/usage/usage-store.ts';
import { openWebhookStore } from './store/webhook/webhook-store.ts';
import { createStripePart, openStripeClient, type StripePart } from './stripe-part.ts';
import { createSubscriptionPart, type SubscriptionPart } from './subscription-part.ts';
import { startCatalogSyncWorker } from './worker/catalog-sync-worker.ts';
import { startChangeWorker } from './worker/change-worker.ts';
import { startDueWorker } from './worker/due-worker.ts';
import { startPromotionWorker } from './worker/promotion-worker.ts';
import { startRollupWorker } from './worker/rollup-worker.ts';
import { startSignupWorker } from './worker/signup-worker.ts';
import { startTenantWorker } from './worker/tenant-worker.ts';
import { startTrialWorker } from './worker/trial-worker.ts';

/** A kernel that takes calls. */
export interface RunningKernel {
  /** `host:port` of gRPC, with the port that was bound. */
  readonly grpcAddress: string;
  /** `host:port` of health and metrics, with the port that was bound. */
  readonly httpAddress: string;
  /** Stops taking calls, answers those that began, then closes everything. */
  drain(): Promise<void>;
}

type Connection = Awaited<ReturnType<typeof openConnection>>;

/** What ends with the kernel, last begun first. */
type Ending = () => Promise<void> | void;

/**
 * Starts a kernel.
 * Throws Error with one sentence for people where the database can't be reached, an index can't be proven, or an address
 * can't be bound; what was begun until then is ended.
 */
export async function startKernel(config: KernelConfig, logger: Logger): Promise<RunningKernel> {
  const endings: Ending[] = [];
  const end = async (): Promise<void> => {
    for (let ending = endings.pop(); ending !== undefined; ending = endings.pop()) await ending();
  };
  try {
    const addresses = await begin(config, logger, endings);
    return { ...addresses, drain: end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** What a kernel is made of while it comes to be. */
interface Base {
  readonly config: KernelConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly connection: Connection;
  readonly clock: DatabaseClock;
}

async function begin(
  config: KernelConfig,
  logger: Logger,
  endings: Ending[],
): Promise<Pick<RunningKernel, 'grpcAddress' | 'httpAddress'>> {
  const base = await reachDatabase(config, logger, endings);
  const stores = await openStores(base.connection);
  await stores.switches.insertSwitches(new Map(KILL_SWITCHES.map((name) => [name, config.killSwitches[name]])));
  for (const err of await warmUp(stores)) {
    logger.warn({ err }, 'a first read of the database failed; callers may find it slow');
  }
  const services = createServices(base, stores);
  endings.push(() => services.rollups.stop());
  const stripe = createStripePart({
    ...base,
    stores,
    config: config.stripe,
    client: services.client,
    handlers: services.handlers,
    notebook: services.notebook,
    book: services.book,
  });
  endings.push(() => stripe.worker?.stop());
  endings.push(() => services.mail.worker?.stop());
  endings.push(() => services.access.settle());
  return serve(base, { ...services, stripe }, endings);
}

async function reachDatabase(config: KernelConfig, logger: Logger, endings: Ending[]): Promise<Base> {
  const metrics = new Metrics();
  const connection = await connect(config, metrics);
  const unwatch = watchConnection(connection, logger);
  endings.push(() => {
    unwatch();
    return connection.close();
  });
  const clock = await startDatabaseClock(connection, {
    movable: config.movableClock,
    onMeasureFailed: (err) => logger.warn({ err }, "the database's time can't be measured"),
  });
  endings.push(() => clock.stop());
  metrics.watchClock(clock);
  return { config, logger, metrics, connection, clock };
}

/** Builds the use cases; only the rollup worker begins to work at once. */
function createServices({ config, logger, metrics, connection, clock }: Base, stores: Stores) {
  const pacing = PROCESS_PACING;
  const ids = RANDOM_ID_SOURCE;
  const notice = new CommitNotice();
  const observer = createLedgerObserver(metrics.ledger, logger, notice);
  const switchSource = { store: stores.switches, firstValues: config.killSwitches };
  const rulebooks = new RulebookCache({
    ...{ store: stores.prices, clock, pacing },
    loadSwitchedOff: () => loadSwitchedOff(switchSource),
  });
  const tools = { store: stores.ledger, clock, ids, observer, pacing };
  const lanes = new LaneRegistry();
  const feed = createCommitFeed(connection, pacing);
  const ledger = createLedger({ ...tools, rulebooks, lanes, work: new WorkSearch(stores.usage) });
  const directory = new TenantDirectory(stores.tenants);
  const { killSwitches } = config;
  const operators = createOperators({ stores, ledger, clock, ids, pacing, killSwitches });
  const { notebook, switches } = operators;
  const catalog = new Catalog({ store: stores.catalog, prices: stores.prices, ledger, rulebooks, pacing });
  const priceParts = { store: stores.prices, catalog: stores.catalog, directory, rulebooks, clock };
  const prices = new PriceSetter({ ...priceParts, pacing, notebook });
  const trialLimit = new TrialLimit({ store: stores.trialSlots, ledger, clock, pacing });
  const trialParts = { ledger, catalog: stores.catalog, switches, limit: trialLimit, clock };
  const start = new AutomaticTrial(trialParts);
  const { outbox, ...mail } = createMailPart({
    ...{ config: config.mail, consoleUrls: config.consoleUrls, store: stores.mails, book: operators.book },
    ...{ clock, metrics, logger },
  });
  const people = createPeople({ stores, ledger, outbox, start, clock, ids, pacing, notebook, switches });
  const client = openStripeClient(config.stripe, metrics);
  const events = new BillingEventLog({ store: stores.billingEvents, clock, pacing });
  const code = createCodePart({
    ...{ client, ledger, clock, ids, pacing, observer, stores },
    hasPaid: (tenantId) => stores.topUps.hasSucceeded(tenantId),
  });
  const subscription = createSubscriptionPart({
    ...{ client, ledger, directory, outbox, events, notebook, clock, logger, metrics, stores, codes: code.codes },
    ...{ journal: people.journal, consoleUrls: config.consoleUrls },
    onCardLook: (tenant) => payment.lookAtCard(tenant),
  });
  const payment: PaymentPart = createPaymentPart({
    ...{ client, subscription, ledger, switches, events, outbox, feed, notice, clock, logger, metrics, stores },
  });
  const trials = new TrialService({
    ...{ ...trialParts, operatorLedger: operators.operatorLedger, journal: people.journal },
    hasCard: async (tenantId) => (await subscription.trialConversion?.hasCard(tenantId)) ?? false,
  });
  const promotions = createPromotionPart({
    ...operators,
    ...people,
    ...subscription,
    stores,
    ledger,
    clock,
    ids,
    code,
  });
  const alerts = createAlertPart({
    ...{ events, ledger, feed, notice, outbox, journal: people.journal, clock, metrics, logger, stores },
    allowsLoopback: config.loopbackAlerts,
  });
  const access = createAccessPart({ ...people, stores, outbox, switches, clock });
  return {
    ...{ tools, ledger, directory, catalog, prices },
    ...people,
    trials,
    trialLimit,
    client,
    ...subscription,
    ...payment,
    ...{ ...promotions, redemptions: code.redemptions },
    ...present({ reconciling: reconcilingOf({ logger, metrics, clock }, stores, { subscription, payment }, notebook) }),
    ...createReaders({ metrics, logger, connection, clock }, stores, { ledger, lanes, notice, observer, feed }),
    alerts,
    mail,
    access,
    ...operators,
    auditStore: stores.audit,
  };
}

/** Builds what reads accounts: verification, watches, sums of usage. */
function createReaders(
  { logger, metrics, connection, clock }: Omit<Base, 'config'>,
  stores: Stores,
  { ledger, lanes, notice, observer, feed }: Pick<LedgerTools, 'observer'> & ReaderTools,
) {
  const pacing = PROCESS_PACING;
  const audit = new LedgerAudit({ store: openAuditStore(connection), heads: new HeadLoader(stores.ledger), pacing });
  const watch = new BalanceWatch({
    ...{ ledger, clock, pacing, feed },
    observer: createWatchObserver(metrics.watches, logger),
  });
  notice.listen(watch);
  const projector = new RollupProjector(stores.usage);
  const reader = new AccountReader(stores.ledger, lanes, clock, pacing);
  const usage = createUsage({ store: stores.ledger, usage: stores.usage, reader, projector });
  const rollups = startRollupWorker({ projector, observer });
  notice.listen(rollups);
  return { audit, watch, usage, rollups };
}

/** What reads accounts beside the database. */
interface ReaderTools {
  readonly ledger: Ledger;
  readonly lanes: LaneRegistry;
  readonly notice: CommitNotice;
  readonly feed: CommitFeed;
}

/** Builds what compares workspaces with Stripe; undefined where that is off. */
function reconcilingOf(
  base: Pick<Base, 'logger' | 'metrics' | 'clock'>,
  { customers, workspaces, reconciliationRuns: runs }: Stores,
  { subscription, payment: { comparison } }: { subscription: SubscriptionPart; payment: PaymentPart },
  notebook: AuditNotebook,
): ReconciliationPart | undefined {
  const { sync, counter } = subscription;
  if (sync === undefined || counter === undefined || comparison === undefined) return undefined;
  return createReconciliationPart({
    ...{ ...base, workspaces, runs, notebook },
    checks: [
      new CustomerCheck({ customers, billing: counter.billing }),
      new SubscriptionCheck(sync),
      ...comparison.checks,
    ],
    refreshes: [
      ({ tenantId }) => counter.customers.forgetMissing(tenantId),
      (tenant) => sync.retryTenant(tenant),
      comparison.refresh,
    ],
  });
}

interface Services extends ReturnType<typeof createServices> {
  readonly stripe: StripePart;
}

/** Takes calls, and begins what works by itself. */
async function serve(
  { config, logger, metrics, connection, clock }: Base,
  services: Services,
  endings: Ending[],
): Promise<Pick<RunningKernel, 'grpcAddress' | 'httpAddress'>> {
  const { stripe, mail, access, alerts } = services;
  const onError = (err: unknown): void => logger.error({ err }, 'an answer over HTTP could not be made');
  let isAccepting = false;
  const http = new HttpServer({
    registry: metrics.registry,
    checks: readinessChecks(connection, clock, () => isAccepting),
    webhooks: new WebhookEndpoint({
      ...{ inbox: stripe.inbox, observer: stripe.observer, onError },
      trustedProxies: config.trustedProxies,
    }),
    onConnectionRefused: () => metrics.countRefusedConnection(),
    onError,
  });
  const httpAddress = await http.listen(config.httpAddress);
  endings.push(() => http.stop());
  await services.statusBoard.refresh();
  startWorkers(services, clock, endings);
  const grpc = new GrpcServer({
    ...{ ...services, ...access, ...alerts, clock, webhooks: stripe.desk, catalogSync: stripe.sync, mails: mail.desk },
    credentials: config.credentials,
    meter: metrics.calls,
    log: new CallLog(logger),
    deadlineDefaultMs: DEADLINE_DEFAULT_MS,
    ...(config.tls === undefined ? {} : { tls: config.tls }),
  });
  const grpcAddress = await grpc.listen(config.grpcAddress);
  isAccepting = true;
  if (config.mail === undefined) logger.warn('mails wait in the outbox: SMTP_URL is not set');
  if (stripe.schedule === undefined) logger.info('Stripe is off: STRIPE_SECRET_KEY is not set');
  else {
    if (stripe.inbox === undefined) logger.warn('no events of Stripe are taken: STRIPE_WEBHOOK_SECRETS is not set');
    const syncs = startCatalogSyncWorker(stripe.schedule);
    endings.push(() => syncs.stop());
  }
  endings.push(() => {
    isAccepting = false;
    return grpc.drain();
  });
  return { grpcAddress, httpAddress };
}

/** Begins what works by itself; it ends after the calls that need it, and before what it works with. */
function startWorkers(services: Services, clock: DatabaseClock, endings: Ending[]): void {
  const { tools, ledger, watch, alerts, auditStore, trialLimit, redemptions, access, followUp, start, reconciling } =
    services;
  const { observer } = tools;
  const due = startDueWorker({ ...tools, ledger, followUp: (tenantId) => followUp.run(tenantId) });
  const changes = startChangeWorker({ store: auditStore, clock, observer });
  const newcomers = startTenantWorker({ ...services, observer });
  const trials = startTrialWorker({ limit: trialLimit, observer });
  const signups = startSignupWorker({ signups: access.signups, observer });
  const promotions = startPromotionWorker({ redemptions, observer });
  endings.push(() => changes.stop());
  endings.push(() => ledger.drain());
  const sweepers = [newcomers, trials, signups, promotions];
  endings.push(() => Promise.all(sweepers.map((sweeper) => sweeper.stop())).then(() => undefined));
  endings.push(() => due.stop());
  endings.push(start());
  const comparing = reconciling?.start();
  endings.push(() => comparing?.stop());
  endings.push(alerts.start());
  endings.push(() => watch.stop());
}

type Stores = Awaited<ReturnType<typeof openStores>>;

/** Opens what is kept; each store proves its indexes before it answers. */
async function openStores(connection: Connection) {
  return {
    ledger: await openLedgerStore(connection),
    catalog: await openCatalogStore(connection),
    prices: await openPriceStore(connection),
    catalogSync: openCatalogSyncStore(connection),
    syncNotes: openSyncNoteStore(connection),
    webhooks: await openWebhookStore(connection),
    accessTokens: await openAccessTokenStore(connection),
    mails: await openMailStore(connection),
    signups: await openSignupStore(connection),
    tenants: await openTenantStore(connection),
    workspaceLog: await openWorkspaceLogStore(connection),
    users: await openUserStore(connection),
    trialSlots: await openTrialSlotStore(connection),
    usage: await openUsageStore(connection),
    audit: await openAuditLogStore(connection),
    switches: await openKillSwitchStore(connection),
    customers: await openCustomerStore(connection),
    intents: await openIntentStore(connection),
    reconciliationRuns: openReconciliationRunStore(connection),
    workspaces: createWorkspaceList(connection),
    paymentKeys: createPaymentKeyFinder(connection),
    topUps: await openTopUpStore(connection),
    autoTopUps: await openAutoTopUpStore(connection),
    promotions: await openPromotionStore(connection),
    redemptions: await openRedemptionStore(connection),
    codeAttempts: await openCodeAttemptStore(connection),
    billingEvents: await openBillingEventStore(connection),
    balanceMarks: openBalanceMarkStore(connection),
    alertEndpoints: await openAlertEndpointStore(connection),
    alertDeliveries: await openAlertDeliveryStore(connection),
    payments: await openPaymentStore(connection),
  };
}

function connect(config: KernelConfig, metrics: Metrics): Promise<Connection> {
  return openConnection({
    uri: config.mongodbUri,
    timeoutMs: config.databaseTimeoutMs,
    onCommand: (command) => metrics.countDatabaseCommand(command),
  });
}

/** Logs when the database goes and comes back; answers how to stop that. */
function watchConnection(connection: Connection, logger: Logger): () => void {
  const onLost = (): void => logger.warn('the database is not reachable any more');
  const onFound = (): void => logger.info('the database is reachable again');
  connection.on('disconnected', onLost).on('connected', onFound);
  return () => connection.off('disconnected', onLost).off('connected', onFound);
}

function readinessChecks(
  connection: Connection,
  clock: DatabaseClock,
  isAccepting: () => boolean,
): ConstructorParameters<typeof HttpServer>[0]['checks'] {
  return [
    {
      name: 'database',
      run: async () => {
        await connection.db?.command({ ping: 1 });
      },
    },
    {
      name: 'clock',
      run: () => {
        clock.now();
      },
    },
    {
      name: 'accepting',
      run: () => {
        if (!isAccepting()) throw new Error('this kernel is starting or ending');
      },
    },
  ];
}
