// Owns what the bench runs on: a MongoDB engine, kernels, the empty server, and tenants with credits. Does not own what is
// measured. Invariant: everything listens on the loopback interface only, and ends with the lifetime it was added to.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { v7 as newUuid } from 'uuid';
import { createCredentials, writeKernelCredentials } from '../../dev/credential.ts';
import { dropDatabases } from '../../dev/engine/database-probe.ts';
import { type Engine, startEngine } from '../../dev/engine/engine.ts';
import { type EngineChoice, loadEngineChoice } from '../../dev/engine/engine-choice.ts';
import { withDatabase } from '../../dev/engine/mongodb-uri.ts';
import { findOnPath } from '../../dev/engine/program-search.ts';
import { createKernelClient, type KernelClient } from '../../dev/kernel-client.ts';
import type { Lifetime } from '../../dev/lifetime.ts';
import { runProcess, startProcess } from '../../dev/process/managed-process.ts';
import { startKernel } from '../../dev/program.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { DebitResponse, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { seedDemoDatabase } from '../support/demo-catalog.ts';
import type { MeterSubjects } from './meter.ts';
import { createDebitRequest } from './workload/debit.ts';

const PRODUCT_CODE = 'agentruntime';
/** Enough for every debit that a run can make, and far below the largest amount. */
const FUNDS_MICROCREDITS = 1_000_000_000_000_000n;
const SETUP_IN_FLIGHT = 64;
/** Set-up is not measured, so a machine that is busy with something else may take its time. */
const SETUP_CALL = { deadlineMs: 60_000 };
const READY_TIMEOUT_MS = 30_000;
const VERSION_TIMEOUT_MS = 5_000;
const EMPTY_SERVER = fileURLToPath(new URL('empty-server.ts', import.meta.url));

/** Is a kernel of the bench. */
export interface BenchKernel {
  readonly grpc: string;
  /** Is the URL of health, metrics and webhooks. */
  readonly http: string;
  readonly pid: number;
  /** Calls it as an internal service that charges usage. */
  readonly client: KernelClient;
}

/** Is what the bench runs on. */
export interface Stage {
  readonly engine: Engine;
  /** Says for people what the engine is, with its version where it tells. */
  readonly engineDescription: string;
  readonly kernels: readonly BenchKernel[];
  /** Is the credential of an internal service, for what a client of ours can't do. */
  readonly internalToken: string;
  /** Are the credentials of an operator and of the BFF, for programs beside the client. */
  readonly sysadminToken: string;
  readonly bffToken: string;
  /** Is where an engine of our own keeps its data; undefined where it is somebody else's. */
  readonly dataFolder: string | undefined;
  /** Gives credit as an operator does. */
  readonly operator: KernelClient;
  /** Returns the connection string of a database that nobody else uses. */
  databaseUri(name: string): string;
  /** Starts one more kernel, with further settings if they are given. */
  addKernel(settings?: Readonly<Record<string, string>>): Promise<BenchKernel>;
  /** Creates tenants with more credits than the bench can spend. */
  createTenants(count: number): Promise<readonly string[]>;
  /** Returns whose processor time and commands count. */
  meterSubjects(): MeterSubjects;
  /** Starts a server that answers every debit as the kernel would, without doing anything; returns a client of it. */
  startEmptyServer(tenantId: string): Promise<KernelClient>;
}

/**
 * Starts engine and kernel. The kernel's database can be given a name on an engine of our own, where it meets nobody else's.
 * Throws StackError that says what is missing.
 */
export async function startStage(
  lifetime: Lifetime,
  note: (text: string) => void,
  kernelDatabase?: string,
): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-bench-'));
  lifetime.add(() => rm(folder, { recursive: true, force: true }));
  const databasePrefix = `wheelhouse_bench_${randomUUID().slice(0, 8)}_`;
  const engine = await startEngine({
    choice: await chooseEngine(process.env),
    dataFolder: folder,
    port: 0,
    database: `${databasePrefix}probe`,
    environment: process.env,
    note,
  });
  if (engine.own === undefined) lifetime.add(() => dropDatabases(engine.uri, databasePrefix));
  else lifetime.addProcess(engine.own.process);
  const databaseUri = (name: string): string => {
    const isNamed = name === 'kernel' && kernelDatabase !== undefined && engine.own !== undefined;
    return withDatabase(engine.uri, isNamed ? kernelDatabase : `${databasePrefix}${name}`);
  };
  const credentials = createCredentials([PRODUCT_CODE]);
  const credentialsFile = join(folder, 'kernel-credentials.json');
  await writeKernelCredentials(credentialsFile, credentials);
  await seedDemoDatabase(databaseUri('kernel'));
  const kernels: BenchKernel[] = [];
  const kernelUrls: string[] = [];
  const serverPids: number[] = [];
  const addKernel = async (settings: Readonly<Record<string, string>> = {}): Promise<BenchKernel> => {
    note(`Starting kernel ${kernels.length + 1}`);
    const {
      process: child,
      grpc,
      http,
    } = await startKernel({
      name: `kernel ${kernels.length + 1}`,
      mongodbUri: databaseUri('kernel'),
      credentialsFile,
      grpcPort: 0,
      httpPort: 0,
      environment: process.env,
      // As in production: a clock that the local stack may move is read ten times as often.
      settings: { MOVABLE_CLOCK: 'false', ...settings },
    });
    lifetime.addProcess(child);
    const kernel = { grpc, http, pid: child.pid, client: connect(grpc, credentials.internal, lifetime) };
    kernels.push(kernel);
    kernelUrls.push(http);
    serverPids.push(child.pid);
    return kernel;
  };
  const { grpc, client } = await addKernel();
  const operator = connect(grpc, credentials.sysadmin, lifetime);
  return {
    engine,
    engineDescription: await describeEngine(engine),
    kernels,
    internalToken: credentials.internal,
    sysadminToken: credentials.sysadmin,
    bffToken: credentials.bff[PRODUCT_CODE] ?? '',
    dataFolder: engine.own === undefined ? undefined : folder,
    operator,
    databaseUri,
    addKernel,
    createTenants: (count) => createTenants(operator, count),
    meterSubjects: () => ({ kernelUrls, serverPids, enginePid: engine.own?.process.pid, engineUri: engine.uri }),
    async startEmptyServer(tenantId) {
      const empty = await startEmptyServer(client, tenantId, lifetime);
      serverPids.push(empty.pid);
      return empty.client;
    },
  };
}

/** The engine that a person chose, else `secantusd-rs` where it is there, else the first of the local stack's order. */
async function chooseEngine(environment: NodeJS.ProcessEnv): Promise<EngineChoice> {
  const path = environment['WHEELHOUSE_ENGINE_PATH'] || (await findOnPath('secantusd-rs', environment));
  const isChosen = Boolean(environment['MONGODB_URI'] || environment['WHEELHOUSE_ENGINE']);
  if (isChosen || path === undefined) return loadEngineChoice(environment);
  return { mongodbUri: undefined, forcedKind: 'secantusd-rs', programPath: path };
}

async function describeEngine(engine: Engine): Promise<string> {
  if (engine.kind !== 'secantusd-rs' || engine.own === undefined) return engine.description;
  const program = { name: engine.kind, command: engine.own.program.command, args: ['--version'] };
  const [version] = await runProcess(program, VERSION_TIMEOUT_MS);
  return version ?? engine.kind;
}

function connect(grpc: string, token: string, lifetime: Lifetime): KernelClient {
  const client = createKernelClient(grpc, token);
  lifetime.add(() => Promise.resolve(client.close()));
  return client;
}

async function createTenants(operator: KernelClient, count: number): Promise<readonly string[]> {
  const tenantIds: string[] = [];
  let begun = 0;
  const createSome = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      tenantIds.push(await createTenant(operator));
    }
  };
  await Promise.all(Array.from({ length: SETUP_IN_FLIGHT }, createSome));
  return tenantIds;
}

async function createTenant(operator: KernelClient): Promise<string> {
  const by = { actor: 'bench', reason: 'bench' };
  const workspace = {
    requestId: newUuid(),
    productCode: PRODUCT_CODE,
    planCode: '',
    slug: '',
    displayName: 'Bench',
    ...by,
  };
  const { tenant } = await operator.call(TenantServiceService.createTenant, workspace, SETUP_CALL);
  if (tenant === undefined) throw new Error('The kernel answered without a tenant.');
  const { tenantId } = tenant;
  const funds = {
    bucket: Bucket.PAYG,
    microcredits: FUNDS_MICROCREDITS,
    effectiveTime: undefined,
    expireTime: undefined,
  };
  const grant = { requestId: newUuid(), tenantId, ...funds, ...by };
  await operator.call(LedgerServiceService.grant, grant, SETUP_CALL);
  return tenantId;
}

async function startEmptyServer(
  kernel: KernelClient,
  tenantId: string,
  lifetime: Lifetime,
): Promise<{ readonly client: KernelClient; readonly pid: number }> {
  const answer = await kernel.call(LedgerServiceService.debit, createDebitRequest(tenantId));
  const server = await startProcess({
    name: 'empty server',
    command: process.execPath,
    args: [EMPTY_SERVER, Buffer.from(DebitResponse.encode(answer).finish()).toString('base64')],
  });
  lifetime.addProcess(server);
  const grpc = await server.waitForLine((line) => /"grpc":"([^"]+)"/.exec(line)?.[1], READY_TIMEOUT_MS);
  // The same metadata as the kernel gets, though nobody checks it.
  return { client: connect(grpc, `whk_${'x'.repeat(43)}`, lifetime), pid: server.pid };
}
