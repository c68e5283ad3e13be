/**
 * Owns: kernels, BFFs and an issuer as real processes over one database, for scenario tests.
 * Does not own: the database; the test says which one.
 * Invariant: everything listens on free ports, and nothing is left after `stop`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { type Credentials, createCredentials, writeKernelCredentials } from '../../dev/credential.ts';
import { addDemoPeople } from '../../dev/demo-people.ts';
import { type Issuer, startIssuer } from '../../dev/issuer/issuer.ts';
import { loadSigningKey } from '../../dev/issuer/signing-key.ts';
import { createKernelClient, type KernelClient } from '../../dev/kernel-client.ts';
import { Lifetime } from '../../dev/lifetime.ts';
import { DEMO_PRODUCTS, type Role } from '../../dev/product.ts';
import { type KernelOptions, type RunningKernel, startBff, startKernel } from '../../dev/program.ts';
import { CreateTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { seedDemoDatabase } from './demo-catalog.ts';

/** Says what to start. */
export interface StackOptions {
  readonly mongodbUri: string;
  /** Is how many kernels run over the database; default 1. */
  readonly kernelCount?: number;
  /** Are the products that get a BFF; default both demo products. */
  readonly productCodes?: readonly string[];
  /** Are further environment variables of the kernels. */
  readonly kernelSettings?: Readonly<Record<string, string>>;
  /** Are further environment variables of the BFFs. */
  readonly bffSettings?: Readonly<Record<string, string>>;
}

/** Is a kernel of a test. */
export interface TestKernel {
  readonly grpc: string;
  readonly http: string;
  /** Ends it as a crash would (SIGKILL). */
  kill9(): Promise<void>;
  /** Asks it to drain and end (SIGTERM). Returns its exit code. */
  terminate(): Promise<number | null>;
  /** Returns the newest lines of its log. */
  lastLines(): readonly string[];
  /** Starts it again on the same ports. */
  restart(): Promise<void>;
}

/** Is a stack that runs for a test. */
export interface TestStack {
  readonly kernels: readonly TestKernel[];
  /** Are the BFFs' URLs by product code. */
  readonly bffs: ReadonlyMap<string, string>;
  readonly credentials: Credentials;
  readonly issuer: Issuer;
  /** Makes a client of a kernel, default the first, with a credential's token; it is closed with the stack. */
  connect(token: string | undefined, kernelIndex?: number): KernelClient;
  /** Creates a workspace as an operator would, and returns its id. */
  createTenant(productCode: string, planCode?: string): Promise<string>;
  /** Makes a person of this role a member of a workspace, once, and signs a token of theirs. Needs the product's BFF. */
  mint(productCode: string, role: Role, tenantId: string): Promise<string>;
  stop(): Promise<void>;
}

/** Seeds the catalog, then starts kernels and BFFs. Throws StackError with a program's last words when it fails. */
export async function startStack(options: StackOptions): Promise<TestStack> {
  const lifetime = new Lifetime();
  try {
    return await startParts(options, lifetime);
  } catch (error) {
    await lifetime.close();
    throw error;
  }
}

async function startParts(options: StackOptions, lifetime: Lifetime): Promise<TestStack> {
  const productCodes = options.productCodes ?? DEMO_PRODUCTS.map(({ code }) => code);
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-stack-'));
  lifetime.add(() => rm(folder, { recursive: true, force: true }));
  const credentials = createCredentials(DEMO_PRODUCTS.map(({ code }) => code));
  const credentialsFile = join(folder, 'kernel-credentials.json');
  await writeKernelCredentials(credentialsFile, credentials);
  const issuer = await startIssuer(await loadSigningKey(join(folder, 'issuer-key.json')), 0);
  lifetime.add(() => issuer.stop());
  await seedDemoDatabase(options.mongodbUri);
  const kernels = await startKernels(options, credentialsFile, lifetime);
  const bffs = new Map<string, string>();
  for (const productCode of productCodes) {
    const bff = await startBff({
      environment: process.env,
      // A test asks faster than people do.
      settings: { RATE_LIMIT_PER_ADDRESS: '0', RATE_LIMIT_PER_CALLER: '0', ...options.bffSettings },
      productCode,
      kernels: kernels.map(({ grpc }) => grpc),
      kernelToken: credentials.bff[productCode] ?? '',
      issuer: issuer.url,
      port: 0,
    });
    lifetime.add(() => bff.process.stop());
    bffs.set(productCode, bff.url);
  }
  return toTestStack({ kernels, bffs, credentials, issuer }, lifetime);
}

async function startKernels(
  options: StackOptions,
  credentialsFile: string,
  lifetime: Lifetime,
): Promise<readonly TestKernel[]> {
  const kernels: TestKernel[] = [];
  for (let number = 1; number <= (options.kernelCount ?? 1); number += 1) {
    const kernelOptions: KernelOptions = {
      environment: process.env,
      settings: options.kernelSettings ?? {},
      name: `kernel ${number}`,
      mongodbUri: options.mongodbUri,
      credentialsFile,
      grpcPort: 0,
      httpPort: 0,
    };
    kernels.push(toTestKernel(kernelOptions, await startKernel(kernelOptions), lifetime));
  }
  return kernels;
}

function toTestKernel(options: KernelOptions, started: RunningKernel, lifetime: Lifetime): TestKernel {
  let running = started;
  lifetime.add(() => running.process.stop());
  const { grpc, http } = started;
  return {
    grpc,
    http,
    lastLines: () => running.process.lastLines(),
    async kill9() {
      await running.process.kill();
    },
    async terminate() {
      return (await running.process.stop()).code;
    },
    async restart() {
      await running.process.kill();
      const [grpcPort, httpPort] = [Number(new URL(`http://${grpc}`).port), Number(new URL(http).port)];
      running = await startKernel({ ...options, grpcPort, httpPort });
    },
  };
}

type Parts = Pick<TestStack, 'kernels' | 'bffs' | 'credentials' | 'issuer'>;

function toTestStack(parts: Parts, lifetime: Lifetime): TestStack {
  const { kernels, bffs, credentials, issuer } = parts;
  const connect = (token: string | undefined, kernelIndex = 0): KernelClient => {
    const kernel = kernels[kernelIndex];
    if (kernel === undefined) throw new RangeError(`There is no kernel ${kernelIndex}; ${kernels.length} run.`);
    const client = createKernelClient(kernel.grpc, token);
    lifetime.add(() => Promise.resolve(client.close()));
    return client;
  };
  const mintFor = (productCode: string, userId: string): Promise<string> =>
    issuer.mint({ productCode, userId, email: `${userId}@example.com` });
  // Each workspace has people of its own, so that it is their only one and no request has to name it.
  const membersByTenant = new Map<string, Promise<Credentials['people']>>();
  const addMembers = async (productCode: string, tenantId: string): Promise<Credentials['people']> => {
    const { people } = createCredentials([]);
    await addDemoPeople({
      ...{ tenantId, people, issuerUrl: issuer.url, bff: bffs.get(productCode) ?? '' },
      ...{ sysadmin: connect(credentials.sysadmin), adminToken: await mintFor(productCode, people.tenant_admin) },
    });
    return people;
  };
  return {
    ...parts,
    connect,
    async createTenant(productCode, planCode = '') {
      const request = {
        requestId: uuidv7(),
        productCode,
        planCode,
        displayName: 'Test',
        actor: 'test',
        reason: 'Test',
      };
      const sysadmin = connect(credentials.sysadmin);
      const { tenant } = await sysadmin.call(
        TenantServiceService.createTenant,
        CreateTenantRequest.fromPartial(request),
      );
      if (tenant === undefined) throw new Error('The kernel answered without a tenant.');
      return tenant.tenantId;
    },
    async mint(productCode, role, tenantId) {
      const people = membersByTenant.get(tenantId) ?? addMembers(productCode, tenantId);
      membersByTenant.set(tenantId, people);
      return await mintFor(productCode, (await people)[role]);
    },
    stop: () => lifetime.close(),
  };
}
