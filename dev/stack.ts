/**
 * Owns: bringing up the local stack, step by step: engine, issuer, mail inbox, what operators set of the catalog, Stripe sandbox,
 * kernel, plans from Stripe, demo data, one BFF for each product, demo people.
 * Does not own: ending it (`lifetime.ts`), and the program around it (`start.ts`).
 * Invariant: every part is in the lifetime and, if it is a process, in the home folder's record before the next one
 * starts.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildConsole } from './console-build.ts';
import { type Credentials, loadCredentials, writeKernelCredentials } from './credential.ts';
import { chargeDemoUsage, loadDemoTenant } from './demo-data.ts';
import { addDemoPeople, listDemoPeople, toDemoEmail } from './demo-people.ts';
import { loadDemoPromotion } from './demo-promotion.ts';
import { type DevFile, type DevProduct, type DevStripe, toDevFilePath, writeDevFile } from './dev-file.ts';
import { type Engine, startEngine } from './engine/engine.ts';
import { loadEngineChoice } from './engine/engine-choice.ts';
import { type Issuer, startIssuer } from './issuer/issuer.ts';
import { loadSigningKey } from './issuer/signing-key.ts';
import { createKernelClient, type KernelClient } from './kernel-client.ts';
import type { Lifetime } from './lifetime.ts';
import { type MailInbox, startMailInbox } from './mail-inbox/mail-inbox.ts';
import { assertPortsFree, type HeldPort, holdFreePort, LOOPBACK } from './port.ts';
import type { ManagedProcess } from './process/managed-process.ts';
import { DEMO_PRODUCTS, ROLES } from './product.ts';
import { type RunningKernel, seedCatalog, startBff, startKernel, startStripeSandbox } from './program.ts';
import { type Note, showStep } from './progress.ts';
import { claimHome, type RunRecord } from './run-record.ts';
import type { StackConfig } from './stack-config.ts';
import { StackError, toMessage } from './stack-error.ts';
import {
  hasStripeAccount,
  loadSandboxSecrets,
  type SandboxSecrets,
  setSandboxWebhook,
  toAccountSettings,
  toSandboxSettings,
} from './stripe-account.ts';
import { type StripePlans, syncStripePlans } from './stripe-plan.ts';

const DATABASE = 'wheelhouse';
const CONTACT_SALES_URL = 'mailto:sales@example.com';
const MAIL_SENDER = 'Wheelhouse <no-reply@example.com>';

/** Is a stack that runs. */
export interface RunningStack {
  readonly engine: Engine;
  readonly issuer: Issuer;
  /** Are the plans that came from Stripe. */
  readonly plans: StripePlans;
  readonly dev: DevFile;
}

/** Is what every step of the start works with. */
interface Start {
  readonly config: StackConfig;
  readonly environment: NodeJS.ProcessEnv;
  readonly lifetime: Lifetime;
  readonly record: RunRecord;
  readonly credentials: Credentials;
  /** Are the BFFs' URLs by product code: the issuer sends browsers back there, so it is told before they start. */
  readonly bffUrls: ReadonlyMap<string, string>;
  /** Are the ports that are held for those of them that may have any. */
  readonly heldPorts: ReadonlyMap<string, HeldPort>;
}

/**
 * Starts everything and writes `dev.json`.
 * Throws StackError where something can't start; what had started by then is in the lifetime.
 */
export async function startStack(
  config: StackConfig,
  environment: NodeJS.ProcessEnv,
  lifetime: Lifetime,
): Promise<RunningStack> {
  const start = await prepare(config, environment, lifetime);
  const consoleFolder = await showStep('Console', buildConsole, () => 'Console: built');
  const engine = await showStep('MongoDB', (note) => runEngine(start, note), describeEngine);
  const issuer = await showStep(
    'Token issuer',
    () => runIssuer(start),
    ({ url }) => `Token issuer on ${url}`,
  );
  const mail = await showStep(
    'Mail inbox',
    () => runMailInbox(start),
    ({ url }) => `Mail inbox on ${url}`,
  );
  await showStep('Demo products', () => seedCatalog(engine.uri, { environment }));
  const stripe = await showStep('Stripe', () => runStripe(start), describeStripe);
  const kernel = await showStep(
    'Kernel',
    () => runKernel(start, engine, { stripe, mail }),
    ({ grpc }) => `Kernel on ${grpc}`,
  );
  const { plans, tenantIds } = await loadDemo(start, kernel, { stripe, issuer });
  const products: Record<string, DevProduct> = {};
  for (const [code, tenantId] of tenantIds) {
    const run = () => runProduct(start, { code, tenantId, kernel, issuer, consoleFolder });
    products[code] = await showStep(`BFF of ${code}`, run, ({ bff }) => `BFF of ${code} on ${bff}`);
  }
  await showStep('Demo people', () => loadDemoPeople(start, kernel, issuer, products));
  const { internal, sysadmin, bff } = start.credentials;
  const dev: DevFile = {
    mongo: { engine: engine.kind, uri: engine.uri },
    kernel: { grpc: kernel.grpc, http: kernel.http, tokens: { internal, sysadmin, bff } },
    issuer: { url: issuer.url },
    mail: { inbox: mail.url, smtp: mail.smtpUrl },
    stripe: toDevStripe(stripe),
    products,
  };
  await writeDevFile(config.home, dev);
  return { engine, issuer, plans, dev };
}

async function prepare(config: StackConfig, environment: NodeJS.ProcessEnv, lifetime: Lifetime): Promise<Start> {
  await makeHome(config.home);
  const record = await claimHome(config.home);
  lifetime.add(() => record.release());
  if (record.ended.length > 0) console.log(`Ended what a killed run had left behind: ${record.ended.join(', ')}.`);
  const { mongo, grpc, http, issuer, stripe, smtp, inbox, products } = config.ports;
  const ownEngine = loadEngineChoice(environment).mongodbUri === undefined ? [mongo] : [];
  const ownStripe = hasStripeAccount(environment) ? [] : [stripe];
  await assertPortsFree([...products.values(), grpc, http, issuer, smtp, inbox, ...ownStripe, ...ownEngine]);
  await keepFormerLogs(join(config.home, 'logs'));
  // Whoever waits for the file shall not find the one of the last run.
  await rm(toDevFilePath(config.home), { force: true });
  const credentials = await loadCredentials(
    join(config.home, 'credentials.json'),
    DEMO_PRODUCTS.map(({ code }) => code),
  );
  return { config, environment, lifetime, record, credentials, ...(await chooseBffUrls(config, lifetime)) };
}

async function chooseBffUrls(
  { ports }: StackConfig,
  lifetime: Lifetime,
): Promise<Pick<Start, 'bffUrls' | 'heldPorts'>> {
  const bffUrls = new Map<string, string>();
  const heldPorts = new Map<string, HeldPort>();
  for (const [code, named] of ports.products) {
    const held = named.port === 0 ? await holdFreePort() : undefined;
    if (held !== undefined) {
      heldPorts.set(code, held);
      lifetime.add(() => held.release());
    }
    bffUrls.set(code, `http://${LOOPBACK}:${held?.port ?? named.port}`);
  }
  return { bffUrls, heldPorts };
}

function toClientId(productCode: string): string {
  return `wheelhouse-${productCode}`;
}

async function makeHome(home: string): Promise<void> {
  try {
    await mkdir(join(home, 'logs'), { recursive: true });
  } catch (error) {
    throw new StackError(`WHEELHOUSE_HOME (${home}) can't be used: ${toMessage(error)}. Set it to another folder.`);
  }
}

/** Puts the logs of the last run aside, so that each file is about one run and two runs are all that is kept. */
async function keepFormerLogs(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith('.log')) await rename(join(folder, name), join(folder, `${name}.1`));
  }
}

function toLogFile(start: Start, name: string): string {
  return join(start.config.home, 'logs', `${name}.log`);
}

async function takeOn(start: Start, child: ManagedProcess): Promise<void> {
  start.lifetime.addProcess(child);
  await start.record.add(child);
}

async function runEngine(start: Start, note: Note): Promise<Engine> {
  const { config, environment } = start;
  const engine = await startEngine({
    choice: loadEngineChoice(environment),
    dataFolder: join(config.home, 'data'),
    port: config.ports.mongo.port,
    database: DATABASE,
    environment,
    logFile: toLogFile(start, 'mongodb'),
    note,
  });
  if (engine.own !== undefined) await takeOn(start, engine.own.process);
  return engine;
}

function describeEngine(engine: Engine): string {
  return `MongoDB: ${engine.description}`;
}

async function runIssuer(start: Start): Promise<Issuer> {
  const key = await loadSigningKey(join(start.config.home, 'issuer-key.json'));
  const issuer = await startIssuer(key, start.config.ports.issuer.port, {
    people: listDemoPeople(start.credentials),
    bffs: [...start.bffUrls].map(([code, url]) => ({
      clientId: toClientId(code),
      redirectUri: `${url}/auth/callback`,
    })),
  });
  start.lifetime.add(() => issuer.stop());
  return issuer;
}

async function runMailInbox(start: Start): Promise<MailInbox> {
  const { smtp, inbox } = start.config.ports;
  const mail = await startMailInbox({ smtp: smtp.port, http: inbox.port });
  start.lifetime.add(() => mail.stop());
  return mail;
}

/** Is the Stripe that the kernel works with. */
type StackStripe =
  | { readonly kind: 'account' }
  | { readonly kind: 'sandbox'; readonly url: string; readonly secrets: SandboxSecrets };

async function runStripe(start: Start): Promise<StackStripe> {
  if (hasStripeAccount(start.environment)) return { kind: 'account' };
  const { home, ports } = start.config;
  const secrets = await loadSandboxSecrets(join(home, 'stripe-secrets.json'));
  const sandbox = await startStripeSandbox({
    environment: start.environment,
    folder: join(home, 'stripe'),
    secretKey: secrets.secretKey,
    port: ports.stripe.port,
    logFile: toLogFile(start, 'stripe-sandbox'),
  });
  await takeOn(start, sandbox.process);
  return { kind: 'sandbox', url: sandbox.url, secrets };
}

function describeStripe(stripe: StackStripe): string {
  return stripe.kind === 'sandbox' ? `Stripe sandbox on ${stripe.url}` : 'Stripe: your account (STRIPE_SECRET_KEY)';
}

function toDevStripe(stripe: StackStripe): DevStripe {
  if (stripe.kind === 'account') return stripe;
  const { kind, url, secrets } = stripe;
  return { kind, url, secret_key: secrets.secretKey, webhook_secret: secrets.webhookSecret };
}

async function runKernel(
  start: Start,
  engine: Engine,
  { stripe, mail }: { readonly stripe: StackStripe; readonly mail: MailInbox },
): Promise<RunningKernel> {
  const { home, ports } = start.config;
  const credentialsFile = join(home, 'kernel-credentials.json');
  await writeKernelCredentials(credentialsFile, start.credentials);
  const kernel = await startKernel({
    environment: start.environment,
    settings: {
      ...(stripe.kind === 'account'
        ? toAccountSettings(start.environment)
        : toSandboxSettings(stripe.url, stripe.secrets)),
      ...toMailSettings(start, mail),
    },
    mongodbUri: engine.uri,
    credentialsFile,
    grpcPort: ports.grpc.port,
    httpPort: ports.http.port,
    logFile: toLogFile(start, 'kernel'),
  });
  await takeOn(start, kernel.process);
  // Only now is it known where the kernel listens.
  if (stripe.kind === 'sandbox') await setSandboxWebhook(stripe.url, stripe.secrets, `${kernel.http}/stripe/webhook`);
  return kernel;
}

/** Has the kernel send its mails to the inbox of the stack, with links to the BFFs. */
function toMailSettings({ bffUrls }: Start, { smtpUrl }: MailInbox): Readonly<Record<string, string>> {
  const urls = [...bffUrls].map(([code, url]) => `${code}=${url}`);
  return { SMTP_URL: smtpUrl, MAIL_FROM: MAIL_SENDER, CONSOLE_URLS: urls.join(',') };
}

/** Brings the plans from Stripe, then the workspaces that begin on them. */
async function loadDemo(
  { credentials }: Start,
  { grpc }: RunningKernel,
  { stripe, issuer }: { readonly stripe: StackStripe; readonly issuer: Issuer },
) {
  const sysadmin = createKernelClient(grpc, credentials.sysadmin);
  try {
    const plans = await showStep(
      'Plans',
      (note) => syncStripePlans(sysadmin, note),
      (found) => describePlans(found, stripe),
    );
    const tenantIds = await showStep('Demo data', () => loadDemoTenants(sysadmin, issuer));
    return { plans, tenantIds };
  } finally {
    sysadmin.close();
  }
}

function describePlans({ countByProduct, problems }: StripePlans, { kind }: StackStripe): string {
  const count = [...countByProduct.values()].reduce((sum, each) => sum + each, 0);
  const from = kind === 'sandbox' ? 'sandbox' : 'your account';
  return `Plans: ${count} from Stripe (${from})${problems === 0 ? '' : `, problems there: ${problems}`}`;
}

async function loadDemoTenants(sysadmin: KernelClient, { url }: Issuer): Promise<ReadonlyMap<string, string>> {
  const tenantIds = new Map<string, string>();
  for (const { code } of DEMO_PRODUCTS) {
    tenantIds.set(code, await loadDemoTenant(sysadmin, code, url));
    await loadDemoPromotion(sysadmin, code);
  }
  return tenantIds;
}

interface ProductStart {
  readonly code: string;
  readonly tenantId: string;
  readonly kernel: RunningKernel;
  readonly issuer: Issuer;
  readonly consoleFolder: string;
}

async function runProduct(
  start: Start,
  { code, tenantId, kernel, issuer, consoleFolder }: ProductStart,
): Promise<DevProduct> {
  const publicUrl = start.bffUrls.get(code) ?? '';
  await start.heldPorts.get(code)?.release();
  const bff = await startBff({
    environment: start.environment,
    productCode: code,
    kernels: [kernel.grpc],
    kernelToken: start.credentials.bff[code] ?? '',
    issuer: issuer.url,
    browserSession: { clientId: toClientId(code), publicUrl, key: start.credentials.session[code] ?? '' },
    console: {
      folder: consoleFolder,
      productName: DEMO_PRODUCTS.find((product) => product.code === code)?.name ?? code,
      contactSalesUrl: CONTACT_SALES_URL,
    },
    port: Number(new URL(publicUrl).port),
    logFile: toLogFile(start, `bff-${code}`),
  });
  await takeOn(start, bff.process);
  return { bff: bff.url, tenant_id: tenantId, tokens: await mintRoleTokens(start, issuer, code) };
}

async function mintRoleTokens(start: Start, issuer: Issuer, productCode: string) {
  const mint = (role: (typeof ROLES)[number]): Promise<string> =>
    issuer.mint({ productCode, userId: start.credentials.people[role], email: toDemoEmail(role) });
  const [admin, contributor, viewer] = ROLES;
  return {
    [admin]: await mint(admin),
    [contributor]: await mint(contributor),
    [viewer]: await mint(viewer),
  };
}

async function loadDemoPeople(
  { credentials }: Start,
  { grpc }: RunningKernel,
  issuer: Issuer,
  products: Readonly<Record<string, DevProduct>>,
): Promise<void> {
  const sysadmin = createKernelClient(grpc, credentials.sysadmin);
  const internal = createKernelClient(grpc, credentials.internal);
  try {
    for (const [productCode, { bff, tenant_id: tenantId, tokens }] of Object.entries(products)) {
      const projectId = await addDemoPeople({
        ...{ tenantId, issuerUrl: issuer.url, people: credentials.people },
        ...{ sysadmin, bff, adminToken: tokens.tenant_admin },
      });
      await chargeDemoUsage(internal, { productCode, tenantId, projectId });
    }
  } finally {
    sysadmin.close();
    internal.close();
  }
}
