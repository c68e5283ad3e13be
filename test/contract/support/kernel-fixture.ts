// A kernel in this process over a database of its own: the real composition, or the same parts with a fault at one port.

import { randomBytes } from 'node:crypto';
import type { DestinationStream, Logger } from 'pino';
import { createKernelClient, type KernelClient } from '../../../dev/kernel-client.ts';
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
import { createOperators } from '../../../kernel/app/operator/operator-service.ts';
import type { AuditStore } from '../../../kernel/app/operator/ports.ts';
import type { Clock, CommitFeed, LedgerStore } from '../../../kernel/app/ports.ts';
import type { TenantStore } from '../../../kernel/app/tenant/ports.ts';
import { TenantDirectory } from '../../../kernel/app/tenant/tenant-directory.ts';
import { TenantService } from '../../../kernel/app/tenant/tenant-service.ts';
import { RollupProjector } from '../../../kernel/app/usage/rollup-projector.ts';
import { createUsage } from '../../../kernel/app/usage/usage-service.ts';
import { WorkSearch } from '../../../kernel/app/usage/work-search.ts';
import { type RunningKernel, startKernel } from '../../../kernel/composition.ts';
import type { KernelConfig } from '../../../kernel/config.ts';
import { CallLog } from '../../../kernel/grpc/interceptors/logging.ts';
import { GrpcServer } from '../../../kernel/grpc/server.ts';
import { STREAM_BOUNDS, type StreamBound, type StreamBounds } from '../../../kernel/grpc/stream-limit.ts';
import { Metrics } from '../../../kernel/http/metric.ts';
import { RANDOM_ID_SOURCE } from '../../../kernel/id-source.ts';
import { createLedgerObserver, createWatchObserver } from '../../../kernel/ledger-observer.ts';
import { openLog } from '../../../kernel/log.ts';
import { PROCESS_PACING } from '../../../kernel/pacing.ts';
import { openCatalogStore } from '../../../kernel/store/catalog/catalog-store.ts';
import { openCatalogSyncStore } from '../../../kernel/store/catalog/catalog-sync-store.ts';
import { openPriceStore } from '../../../kernel/store/catalog/price-store.ts';
import { openSyncNoteStore } from '../../../kernel/store/catalog/sync-note-store.ts';
import { openConnection } from '../../../kernel/store/connection.ts';
import { type MachineClocks, startDatabaseClock } from '../../../kernel/store/database-clock.ts';
import { createCommitFeed } from '../../../kernel/store/ledger/commit-feed.ts';
import { openAuditStore } from '../../../kernel/store/ledger/ledger-audit-store.ts';
import { openLedgerStore } from '../../../kernel/store/ledger/ledger-store.ts';
import { openAuditLogStore } from '../../../kernel/store/operator/audit-store.ts';
import { openKillSwitchStore } from '../../../kernel/store/operator/kill-switch-store.ts';
import { openTenantStore } from '../../../kernel/store/tenant/tenant-store.ts';
import { openUsageStore } from '../../../kernel/store/usage/usage-store.ts';
import { openWebhookStore } from '../../../kernel/store/webhook/webhook-store.ts';
import { createStripePart } from '../../../kernel/stripe-part.ts';
import { seedDemoCatalog, seedOperatorCatalog } from '../../support/demo-catalog.ts';
import { freshDatabaseUri } from '../../support/engine.ts';
import { createTestCredentials, type TestCredentials } from './credential.ts';

export type Connection = Awaited<ReturnType<typeof openConnection>>;

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
    logLevel: 'debug',
    credentials: credentials.known,
    movableClock: true,
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
  readonly clock?: (real: Clock) => Clock;
  readonly ledger?: (real: Ledger) => Ledger;
  readonly feed?: (real: CommitFeed) => CommitFeed;
  /** How many streams of each method the kernel carries. */
  readonly streamBound?: StreamBound;
  /** The clocks of the machine that the kernel believes to run on. */
  readonly machine?: MachineClocks;
  readonly deadlineDefaultMs?: number;
  /** A database that another kernel of the test uses too. */
  readonly mongodbUri?: string;
}

/** Puts a kernel together with a fault at one of its ports; everything else is real. */
export async function composeKernel(adapt: Adaptation): Promise<KernelFixture & { readonly ledger: Ledger }> {
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
    usage: await openUsageStore(connection),
    audit: wrap(await openAuditLogStore(connection), adapt.auditStore),
    switches: await openKillSwitchStore(connection),
    catalogSync: openCatalogSyncStore(connection),
    syncNotes: openSyncNoteStore(connection),
    webhooks: await openWebhookStore(connection),
  };
  const metrics = new Metrics();
  const rulebooks = new RulebookCache({ store: stores.prices, clock, pacing: PROCESS_PACING });
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
  const tenantParts = { store: stores.tenants, catalog: stores.catalog, directory, ledger, clock };
  const priceParts = { store: stores.prices, catalog: stores.catalog, directory, rulebooks, clock };
  const usageParts = { store: stores.ledger, usage: stores.usage };
  const projector = new RollupProjector(stores.usage);
  const reader = new AccountReader(stores.ledger, lanes, clock);
  const auditParts = { store: openAuditStore(connection), heads: new HeadLoader(stores.ledger) };
  const stripe = createStripePart({ config: undefined, logger, metrics, clock, stores, notebook, book });
  const server = new GrpcServer({
    ...operators,
    ...{ ledger, directory, clock, watch, credentials: credentials.known, meter: metrics.calls },
    log: new CallLog(logger),
    usage: createUsage({ ...usageParts, projector, reader }),
    audit: new LedgerAudit({ ...auditParts, pacing: PROCESS_PACING }),
    catalog: new Catalog({ store: stores.catalog, prices: stores.prices, ledger, rulebooks, pacing: PROCESS_PACING }),
    prices: new PriceSetter({ ...priceParts, pacing: PROCESS_PACING, notebook }),
    tenants: new TenantService({ ...tenantParts, ids: RANDOM_ID_SOURCE, pacing: PROCESS_PACING, notebook, switches }),
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
  return { ...toFixture(fixture), ledger };
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
      if (ownsDatabase) await parts.connection.dropDatabase();
      await parts.connection.close();
    },
  };
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
