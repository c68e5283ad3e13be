// Several ledgers ("kernels") over one database, in one process: for tests of what they do to each other.

import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import mongoose, { type Connection } from 'mongoose';
import { v7 as newUuid } from 'uuid';
import type { Ledger, Posting, TenantRef, WriteContext } from '../../kernel/app/ledger/ledger.ts';
import { createLedger } from '../../kernel/app/ledger/ledger-service.ts';
import type { LedgerObserver, LedgerStore, Pacing, RulebookSource } from '../../kernel/app/ports.ts';
import type { UsageStore } from '../../kernel/app/usage/ports.ts';
import { WorkSearch } from '../../kernel/app/usage/work-search.ts';
import { createPriceBook } from '../../kernel/domain/action-price.ts';
import { DomainError, type Reason } from '../../kernel/domain/error.ts';
import type { Instant, PlanCode, ProductCode, TenantId } from '../../kernel/domain/id.ts';
import { parseQuantity, type Quantity } from '../../kernel/domain/quantity.ts';
import { CLOSED_ACCOUNT_POLICY, type Rulebook } from '../../kernel/domain/rulebook.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { type DatabaseClock, type MachineClocks, startDatabaseClock } from '../../kernel/store/database-clock.ts';
import { openLedgerStore } from '../../kernel/store/ledger/ledger-store.ts';
import { openUsageStore } from '../../kernel/store/usage/usage-store.ts';
import { freshDatabaseUri } from './engine.ts';
import { createFaultyStore, type FaultyStore } from './faulty-store.ts';

export const CREDIT = 1_000_000n;
const PRODUCT = 'agentruntime' as ProductCode;
export const PLAN = 'pro' as PlanCode;
/** One unit of it costs exactly one credit. */
export const ACTION = 'memory_index_file_mb';
const REAL_PACING: Pacing = {
  monotonicMs: () => performance.now(),
  delay: (ms) => delay(ms),
  random: Math.random,
  afterReadyIo: (run) => void setImmediate(run),
};

/**
 * Few connections, and none that is waited for long: the default engine's backlog is five, and a connection that falls out
 * of it under load is silent until the driver gives up, which takes 30 s unless it is told otherwise.
 */
const CONNECTION = { serverSelectionTimeoutMS: 10_000, connectTimeoutMS: 3_000, maxPoolSize: 8 };

/** What a ledger told its observer. */
export interface Sightings {
  commits: number;
  entries: number;
  racesLost: number;
  unknownOutcomes: number;
  replays: number;
  headsFromFuture: number;
  corruptions: number;
}

/** One kernel's ledger with its own store, clock and observer. */
export interface FixtureKernel extends FaultyStore {
  readonly ledger: Ledger;
  readonly clock: DatabaseClock;
  readonly seen: Sightings;
}

export interface LedgerFixture {
  readonly connection: Connection;
  /** Adds a kernel that knows nothing yet; its ledger may have a connection of its own. */
  addKernel(options?: { readonly machine?: MachineClocks; readonly connection?: Connection }): Promise<FixtureKernel>;
  /** Opens the account of a new tenant, with PAYG credits of so many microcredits. */
  openTenant(microcredits?: bigint): Promise<TenantRef>;
  readonly rulebook: Rulebook;
  close(): Promise<void>;
}

/** Opens a fresh database on the test engine. */
export async function openLedgerFixture(
  options: { readonly overdraftLimit?: bigint; readonly uri?: string } = {},
): Promise<LedgerFixture> {
  const connection = await mongoose.createConnection(options.uri ?? freshDatabaseUri(), CONNECTION).asPromise();
  const rulebook = rulebookOf(options.overdraftLimit ?? 0n);
  const kernels: FixtureKernel[] = [];
  const addKernel: LedgerFixture['addKernel'] = async ({ machine, connection: own } = {}) => {
    const stores = { real: await openLedgerStore(own ?? connection), usage: await openUsageStore(own ?? connection) };
    const kernel = await createKernel(connection, stores, rulebook, machine);
    kernels.push(kernel);
    return kernel;
  };
  const opener = await addKernel();
  return {
    connection,
    rulebook,
    addKernel,
    openTenant: async (microcredits = 0n) => {
      const tenant: TenantRef = { tenantId: `ten_${newUuid()}` as TenantId, productCode: PRODUCT };
      await opener.ledger.openAccount(tenant, { planCode: PLAN });
      if (microcredits > 0n) await give(opener.ledger, tenant, microcredits);
      return tenant;
    },
    close: async () => {
      for (const { clock } of kernels) clock.stop();
      await connection.dropDatabase();
      await connection.close();
    },
  };
}

async function createKernel(
  connection: Connection,
  { real, usage }: { readonly real: LedgerStore; readonly usage: UsageStore },
  rulebook: Rulebook,
  machine?: MachineClocks,
): Promise<FixtureKernel> {
  const faulty = createFaultyStore(real);
  const onMeasureFailed = (): void => {};
  const clock = await startDatabaseClock(connection, {
    movable: true,
    onMeasureFailed,
    ...(machine ? { machine } : {}),
  });
  const seen: Sightings = {
    commits: 0,
    entries: 0,
    racesLost: 0,
    unknownOutcomes: 0,
    replays: 0,
    headsFromFuture: 0,
    corruptions: 0,
  };
  const rulebooks: RulebookSource = { loadRulebook: async () => rulebook, refreshRulebook: async () => rulebook };
  const tools = {
    store: faulty.store,
    clock,
    ids: RANDOM_ID_SOURCE,
    rulebooks,
    observer: observerOf(seen),
    pacing: REAL_PACING,
    work: new WorkSearch(usage),
  };
  return { ...faulty, ledger: createLedger(tools), clock, seen };
}

function observerOf(seen: Sightings): LedgerObserver {
  const count = (what: keyof Sightings): void => {
    seen[what] += 1;
  };
  return {
    committed: (entries) => {
      seen.commits += 1;
      seen.entries += entries;
    },
    raceLost: () => count('racesLost'),
    outcomeUnknown: () => count('unknownOutcomes'),
    replayed: () => count('replays'),
    headFromFuture: () => count('headsFromFuture'),
    corrupt: () => count('corruptions'),
    queued: () => {},
    backgroundFailed: () => {},
  };
}

function rulebookOf(overdraftLimit: bigint): Rulebook {
  const price = { action: ACTION, microcreditsPerUnit: CREDIT, unit: 'MiB', rule: 'default', effectiveAt: 0 } as const;
  return {
    productCode: PRODUCT,
    policies: new Map([[PLAN, { ...CLOSED_ACCOUNT_POLICY, overdraftLimit }]]),
    prices: createPriceBook([price]),
  };
}

/** Runs with a kernel to which it is another time; the clocks of the others follow for as long, within half a second. */
export async function runAtTime<T>(
  fixture: LedgerFixture,
  at: Instant,
  run: (kernel: FixtureKernel) => Promise<T>,
): Promise<T> {
  const clocks = fixture.connection.collection<{ readonly _id: string; readonly offset_ms: number }>('clock');
  await clocks.updateOne({ _id: 'offset' }, { $set: { offset_ms: at - Date.now() } }, { upsert: true });
  try {
    return await run(await fixture.addKernel());
  } finally {
    await clocks.deleteOne({ _id: 'offset' });
  }
}

/** A caller with a request id of its own, or the one given. */
export function caller(requestId: string = newUuid()): WriteContext {
  return { callerScope: 'internal/test', requestId };
}

/** Reads a quantity that is known to be one. */
export function quantity(text: string): Quantity {
  const parsed = parseQuantity(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed;
}

/** Debits so many credits. */
export function debit(
  ledger: Ledger,
  tenant: TenantRef,
  credits: string,
  requestId?: string,
  alreadyPerformed = false,
): Promise<Posting> {
  return ledger.debit(tenant, { action: ACTION, quantity: quantity(credits), alreadyPerformed }, caller(requestId));
}

/** Grants PAYG credits, in microcredits. */
export function give(ledger: Ledger, tenant: TenantRef, amount: bigint, requestId?: string): Promise<Posting> {
  return ledger.grant(tenant, { bucket: 'payg', amount, actor: 'usr_test', reason: 'test funds' }, caller(requestId));
}

/** Runs all, and answers what succeeded and the reasons of what was refused. */
export async function settleAll<T>(
  promises: readonly Promise<T>[],
): Promise<{ readonly values: readonly T[]; readonly reasons: readonly Reason[] }> {
  const results = await Promise.allSettled(promises);
  return {
    values: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    reasons: results.flatMap((result) => (result.status === 'rejected' ? [reasonOf(result.reason)] : [])),
  };
}

/** The reason of a refusal; anything else is a fault of the test's subject and is thrown. */
export function reasonOf(error: unknown): Reason {
  if (error instanceof DomainError) return error.reason;
  throw error;
}
