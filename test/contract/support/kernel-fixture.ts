// A kernel in this process over a database of its own: the real composition, or the same parts with a fault at one port.

import { randomBytes } from 'node:crypto';
import type { DestinationStream, Logger } from 'pino';
import { createKernelClient, type KernelClient } from '../../../dev/kernel-client.ts';
import { Catalog } from '../../../kernel/app/catalog/catalog.ts';
import type { CatalogStore } from '../../../kernel/app/catalog/ports.ts';
import { RulebookCache } from '../../../kernel/app/catalog/rulebook-cache.ts';
import type { Ledger } from '../../../kernel/app/ledger/ledger.ts';
import { createLedger } from '../../../kernel/app/ledger/ledger-service.ts';
import type { Clock, LedgerStore } from '../../../kernel/app/ports.ts';
import type { TenantStore } from '../../../kernel/app/tenant/ports.ts';
import { TenantDirectory } from '../../../kernel/app/tenant/tenant-directory.ts';
import { TenantService } from '../../../kernel/app/tenant/tenant-service.ts';
import { DEMO_CATALOG } from '../../../kernel/cli/demo-catalog.ts';
import { type RunningKernel, startKernel } from '../../../kernel/composition.ts';
import type { KernelConfig } from '../../../kernel/config.ts';
import { CallLog } from '../../../kernel/grpc/interceptors/logging.ts';
import { GrpcServer } from '../../../kernel/grpc/server.ts';
import { Metrics } from '../../../kernel/http/metric.ts';
import { RANDOM_ID_SOURCE } from '../../../kernel/id-source.ts';
import { openLog } from '../../../kernel/log.ts';
import { PROCESS_PACING } from '../../../kernel/pacing.ts';
import { seedCatalog } from '../../../kernel/store/catalog/catalog-seed.ts';
import { openCatalogStore } from '../../../kernel/store/catalog/catalog-store.ts';
import { openConnection } from '../../../kernel/store/connection.ts';
import { type MachineClocks, startDatabaseClock } from '../../../kernel/store/database-clock.ts';
import { openLedgerStore } from '../../../kernel/store/ledger/ledger-store.ts';
import { openTenantStore } from '../../../kernel/store/tenant/tenant-store.ts';
import { freshDatabaseUri } from '../../support/engine.ts';
import { createTestCredentials, type TestCredentials } from './credential.ts';

export type Connection = Awaited<ReturnType<typeof openConnection>>;

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

/** Opens a connection to a database that has the demo catalog. */
export async function openSeededDatabase(
  mongodbUri: string = freshDatabaseUri(),
): Promise<{ mongodbUri: string; connection: Connection }> {
  const connection = await openConnection({ uri: mongodbUri, timeoutMs: 10_000, onCommand: () => undefined });
  for (const seed of DEMO_CATALOG) await seedCatalog(connection, seed);
  return { mongodbUri, connection };
}

/** Starts a kernel as main.ts does, with every setting at hand. */
export async function openKernel(settings: Partial<KernelConfig> = {}): Promise<KernelFixture> {
  const database = await openSeededDatabase(settings.mongodbUri);
  const credentials = createTestCredentials();
  const { lines, logger } = openTestLog(settings.logLevel ?? 'debug');
  const config: KernelConfig = {
    mongodbUri: database.mongodbUri,
    databaseTimeoutMs: 10_000,
    grpcAddress: '127.0.0.1:0',
    httpAddress: '127.0.0.1:0',
    logLevel: 'debug',
    credentials: credentials.known,
    movableClock: true,
    shutdownTimeoutMs: 10_000,
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
  readonly clock?: (real: Clock) => Clock;
  readonly ledger?: (real: Ledger) => Ledger;
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
    tenants: wrap(await openTenantStore(connection), adapt.tenantStore),
  };
  const metrics = new Metrics();
  const rulebooks = new RulebookCache(stores.catalog, PROCESS_PACING);
  const tools = { store: stores.ledger, clock, ids: RANDOM_ID_SOURCE, rulebooks, pacing: PROCESS_PACING };
  const ledger = wrap(createLedger({ ...tools, observer: metrics.ledger }), adapt.ledger);
  const directory = new TenantDirectory(stores.tenants);
  const tenantParts = { store: stores.tenants, catalog: stores.catalog, directory, ledger, clock };
  const server = new GrpcServer({
    ...{ ledger, directory, clock, credentials: credentials.known, meter: metrics.calls, log: new CallLog(logger) },
    catalog: new Catalog({ store: stores.catalog, ledger, rulebooks }),
    tenants: new TenantService({ ...tenantParts, ids: RANDOM_ID_SOURCE, pacing: PROCESS_PACING }),
    deadlineDefaultMs: adapt.deadlineDefaultMs ?? 30_000,
  });
  const address = await server.listen('127.0.0.1:0');
  const end = (): Promise<void> => {
    databaseClock.stop();
    server.forceStop();
    return Promise.resolve();
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
