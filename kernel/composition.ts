// Owns how the parts of a kernel are put together, in which order they start and end. Does not own the process: signals
// and exit codes are main.ts's.
// Invariant: nothing listens before the indexes are proven and the time is known; nothing is closed while something that
// needs it may still answer a caller.

import type { Logger } from 'pino';
import { LedgerAudit } from './app/audit/ledger-audit.ts';
import { Catalog } from './app/catalog/catalog.ts';
import { PriceSetter } from './app/catalog/price-setter.ts';
import { RulebookCache } from './app/catalog/rulebook-cache.ts';
import { AccountReader } from './app/ledger/account-reader.ts';
import { BalanceWatch } from './app/ledger/balance-watch.ts';
import { CommitNotice } from './app/ledger/commit-notice.ts';
import { HeadLoader } from './app/ledger/head-loader.ts';
import { LaneRegistry } from './app/ledger/lane-registry.ts';
import { createLedger } from './app/ledger/ledger-service.ts';
import { createOperators } from './app/operator/operator-service.ts';
import { TenantDirectory } from './app/tenant/tenant-directory.ts';
import { TenantService } from './app/tenant/tenant-service.ts';
import { RollupProjector } from './app/usage/rollup-projector.ts';
import { createUsage } from './app/usage/usage-service.ts';
import { WorkSearch } from './app/usage/work-search.ts';
import { warmUp } from './app/warm-up.ts';
import type { KernelConfig } from './config.ts';
import { KILL_SWITCHES } from './domain/kill-switch.ts';
import { DEADLINE_DEFAULT_MS } from './grpc/interceptors/deadline.ts';
import { CallLog } from './grpc/interceptors/logging.ts';
import { GrpcServer } from './grpc/server.ts';
import { Metrics } from './http/metric.ts';
import { HttpServer } from './http/server.ts';
import { WebhookEndpoint } from './http/webhook-endpoint.ts';
import { RANDOM_ID_SOURCE } from './id-source.ts';
import { createLedgerObserver, createWatchObserver } from './ledger-observer.ts';
import { PROCESS_PACING } from './pacing.ts';
import { openCatalogStore } from './store/catalog/catalog-store.ts';
import { openCatalogSyncStore } from './store/catalog/catalog-sync-store.ts';
import { openPriceStore } from './store/catalog/price-store.ts';
import { openSyncNoteStore } from './store/catalog/sync-note-store.ts';
import { openConnection } from './store/connection.ts';
import { type DatabaseClock, startDatabaseClock } from './store/database-clock.ts';
import { createCommitFeed } from './store/ledger/commit-feed.ts';
import { openAuditStore } from './store/ledger/ledger-audit-store.ts';
import { openLedgerStore } from './store/ledger/ledger-store.ts';
import { openAuditLogStore } from './store/operator/audit-store.ts';
import { openKillSwitchStore } from './store/operator/kill-switch-store.ts';
import { openTenantStore } from './store/tenant/tenant-store.ts';
import { openUsageStore } from './store/usage/usage-store.ts';
import { openWebhookStore } from './store/webhook/webhook-store.ts';
import { createStripePart, type StripePart } from './stripe-part.ts';
import { startCatalogSyncWorker } from './worker/catalog-sync-worker.ts';
import { startChangeWorker } from './worker/change-worker.ts';
import { startDueWorker } from './worker/due-worker.ts';
import { startRollupWorker } from './worker/rollup-worker.ts';

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
    notebook: services.notebook,
    book: services.book,
  });
  endings.push(() => stripe.worker?.stop());
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
  const rulebooks = new RulebookCache({ store: stores.prices, clock, pacing });
  const tools = { store: stores.ledger, clock, ids, observer, pacing };
  const lanes = new LaneRegistry();
  const ledger = createLedger({ ...tools, rulebooks, lanes, work: new WorkSearch(stores.usage) });
  const directory = new TenantDirectory(stores.tenants);
  const { killSwitches } = config;
  const operators = createOperators({ stores, ledger, clock, ids, pacing, killSwitches });
  const { notebook, switches } = operators;
  const catalog = new Catalog({ store: stores.catalog, prices: stores.prices, ledger, rulebooks, pacing });
  const priceParts = { store: stores.prices, catalog: stores.catalog, directory, rulebooks, clock };
  const prices = new PriceSetter({ ...priceParts, pacing, notebook });
  const tenantParts = { store: stores.tenants, catalog: stores.catalog, directory, ledger, clock };
  const tenants = new TenantService({ ...tenantParts, ids, pacing, notebook, switches });
  const audit = new LedgerAudit({ store: openAuditStore(connection), heads: new HeadLoader(stores.ledger), pacing });
  const feed = createCommitFeed(connection, pacing);
  const watch = new BalanceWatch({
    ...{ ledger, clock, pacing, feed },
    observer: createWatchObserver(metrics.watches, logger),
  });
  notice.listen(watch);
  const projector = new RollupProjector(stores.usage);
  const reader = new AccountReader(stores.ledger, lanes, clock);
  const usage = createUsage({ store: stores.ledger, usage: stores.usage, reader, projector });
  const rollups = startRollupWorker({ projector, observer });
  notice.listen(rollups);
  return {
    tools,
    ledger,
    directory,
    catalog,
    prices,
    tenants,
    audit,
    watch,
    usage,
    rollups,
    ...operators,
    auditStore: stores.audit,
  };
}

interface Services extends ReturnType<typeof createServices> {
  readonly stripe: StripePart;
}

/** Takes calls, and begins what works by itself. */
async function serve(
  { config, logger, metrics, connection, clock }: Base,
  { tools, rollups: _, auditStore, stripe, ...services }: Services,
  endings: Ending[],
): Promise<Pick<RunningKernel, 'grpcAddress' | 'httpAddress'>> {
  const { ledger, watch } = services;
  const onError = (err: unknown): void => logger.error({ err }, 'an answer over HTTP could not be made');
  let isAccepting = false;
  const http = new HttpServer({
    registry: metrics.registry,
    checks: readinessChecks(connection, clock, () => isAccepting),
    webhooks: new WebhookEndpoint({
      ...{ inbox: stripe.inbox, observer: stripe.observer, onError },
      trustedProxies: config.trustedProxies,
    }),
    onError,
  });
  const httpAddress = await http.listen(config.httpAddress);
  endings.push(() => http.stop());
  const worker = startDueWorker({ ...tools, ledger });
  const changes = startChangeWorker({ store: auditStore, clock, observer: tools.observer });
  endings.push(() => changes.stop());
  endings.push(() => ledger.drain());
  endings.push(() => worker.stop());
  endings.push(() => watch.stop());
  const grpc = new GrpcServer({
    ...{ ...services, clock, webhooks: stripe.desk, catalogSync: stripe.sync },
    credentials: config.credentials,
    meter: metrics.calls,
    log: new CallLog(logger),
    deadlineDefaultMs: DEADLINE_DEFAULT_MS,
    ...(config.tls === undefined ? {} : { tls: config.tls }),
  });
  const grpcAddress = await grpc.listen(config.grpcAddress);
  isAccepting = true;
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
    tenants: await openTenantStore(connection),
    usage: await openUsageStore(connection),
    audit: await openAuditLogStore(connection),
    switches: await openKillSwitchStore(connection),
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
