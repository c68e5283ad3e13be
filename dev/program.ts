/**
 * Owns: running the kernel's, the BFF's and the Stripe sandbox's programs with an environment, and knowing when they
 * listen.
 * Does not own: in which order, and on which ports; the stack and the tests decide.
 * Invariant: settings of these programs that lie in our own environment don't reach them; the stack's are the only ones.
 */
import { join } from 'node:path';
import { isRecord } from './json-file.ts';
import { LOOPBACK } from './port.ts';
import { type ManagedProcess, runProcess, startProcess } from './process/managed-process.ts';
import { REPOSITORY } from './stack-config.ts';
import { StackError } from './stack-error.ts';

const READY_TIMEOUT_MS = 60_000;
const SEED_TIMEOUT_MS = 120_000;

/** As production starts it: see docs/operations.md, "Memory". */
const KERNEL_NODE_FLAGS = ['--max-semi-space-size=16'];

const PROGRAM_SETTINGS = [
  ...['MONGODB_URI', 'GRPC_ADDRESS', 'HTTP_ADDRESS', 'KERNEL_CREDENTIALS_FILE', 'MOVABLE_CLOCK', 'SHUTDOWN_TIMEOUT_MS'],
  'LOOPBACK_ALERTS',
  ...['PRODUCT_CODE', 'KERNEL_ADDRESS', 'KERNEL_TOKEN', 'REQUEST_TIMEOUT_MS'],
  ...['DATABASE_TIMEOUT_MS', 'GRPC_TLS_CERT_FILE', 'GRPC_TLS_KEY_FILE', 'KERNEL_CA_FILE'],
  ...['OIDC_ISSUER', 'OIDC_JWKS_URI', 'OIDC_AUDIENCE', 'LOG_LEVEL', 'HTTP_TRUSTED_PROXIES'],
  ...['HTTP_CORS_ORIGINS', 'HTTP_CONNECTIONS_MAX', 'ARRIVAL_TIMEOUT_MS'],
  ...['RATE_LIMIT_PER_ADDRESS', 'RATE_LIMIT_PER_CALLER'],
  ...['OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET', 'PUBLIC_URL', 'SESSION_KEYS'],
  ...['CONSOLE_FOLDER', 'PRODUCT_NAME', 'CONTACT_SALES_URL'],
  ...['STRIPE_SECRET_KEY', 'STRIPE_API_URL', 'STRIPE_WEBHOOK_SECRETS', 'STRIPE_SYNC_INTERVAL_MS'],
  ...['SMTP_URL', 'MAIL_FROM', 'CONSOLE_URLS'],
  ...['STRIPE_SANDBOX_PORT', 'STRIPE_SANDBOX_FOLDER', 'STRIPE_SANDBOX_SECRET_KEY'],
];

/** Is what all programs need. */
export interface ProgramOptions {
  /** Is our own environment, of which the programs get what is no setting of theirs. */
  readonly environment: NodeJS.ProcessEnv;
  /** Are further settings; they win over all others. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Is what messages call it; default what it is. */
  readonly name?: string;
  readonly logFile?: string | undefined;
}

/** Says how a kernel shall run. */
export interface KernelOptions extends ProgramOptions {
  readonly mongodbUri: string;
  readonly credentialsFile: string;
  /** Are its ports; 0 means any free one. */
  readonly grpcPort: number;
  readonly httpPort: number;
}

/** Is a kernel that listens. */
export interface RunningKernel {
  readonly process: ManagedProcess;
  /** Is where it listens for gRPC, `host:port`. */
  readonly grpc: string;
  /** Is its HTTP address as a URL. */
  readonly http: string;
}

/** Says how a BFF shall run. */
export interface BffOptions extends ProgramOptions {
  readonly productCode: string;
  /** Are the kernels to call, each `host:port`. */
  readonly kernels: readonly string[];
  readonly kernelToken: string;
  readonly issuer: string;
  /** Says how browsers sign in; default they can't. */
  readonly browserSession?: BffBrowserSession;
  /** Is the web app that it serves; default none. */
  readonly console?: BffConsole;
  /** Is its port; 0 means any free one. */
  readonly port: number;
}

/** Says how browsers sign in to a BFF. */
export interface BffBrowserSession {
  readonly clientId: string;
  /** Is where browsers find the BFF. */
  readonly publicUrl: string;
  /** Is the key of its cookies. */
  readonly key: string;
}

/** Says which web app a BFF serves. */
export interface BffConsole {
  /** Is where its bundle lies. */
  readonly folder: string;
  readonly productName: string;
  readonly contactSalesUrl: string;
}

/** Is a BFF that listens. */
export interface RunningBff {
  readonly process: ManagedProcess;
  /** Is its address as a URL. */
  readonly url: string;
}

/** Says how a Stripe sandbox shall run. */
export interface StripeSandboxOptions extends ProgramOptions {
  /** Is the folder that it keeps what it knows in. */
  readonly folder: string;
  readonly secretKey: string;
  /** Is its port; 0 means any free one. */
  readonly port: number;
}

/** Is a Stripe sandbox that listens. */
export interface RunningStripeSandbox {
  readonly process: ManagedProcess;
  /** Is its address as a URL. */
  readonly url: string;
}

/**
 * Writes what operators set of the demo products' catalog; again is no harm. Throws StackError with the seed's last words
 * when it fails.
 */
export async function seedCatalog(mongodbUri: string, options: ProgramOptions): Promise<void> {
  const program = toNodeProgram('catalog seed', 'kernel/cli/main.ts', options, { MONGODB_URI: mongodbUri }, ['seed']);
  await runProcess(program, SEED_TIMEOUT_MS);
}

/** Starts a kernel and waits until it listens. Throws StackError with its last words when it doesn't. */
export async function startKernel(options: KernelOptions): Promise<RunningKernel> {
  const program = toNodeProgram('kernel', 'kernel/main.ts', options, {
    MONGODB_URI: options.mongodbUri,
    KERNEL_CREDENTIALS_FILE: options.credentialsFile,
    GRPC_ADDRESS: `${LOOPBACK}:${options.grpcPort}`,
    HTTP_ADDRESS: `${LOOPBACK}:${options.httpPort}`,
    MOVABLE_CLOCK: 'true',
    LOOPBACK_ALERTS: 'true',
  });
  const kernel = await startProcess({ ...program, args: [...KERNEL_NODE_FLAGS, ...program.args] });
  const { grpc, http } = await waitUntilListening(kernel);
  if (grpc === undefined || http === undefined) throw unclearAddress(kernel);
  return { process: kernel, grpc, http: `http://${http}` };
}

/** Starts a BFF and waits until it listens. Throws StackError with its last words when it doesn't. */
export async function startBff(options: BffOptions): Promise<RunningBff> {
  const bff = await startProcess(
    toNodeProgram(`BFF of ${options.productCode}`, 'bff/main.ts', options, {
      PRODUCT_CODE: options.productCode,
      HTTP_ADDRESS: `${LOOPBACK}:${options.port}`,
      KERNEL_ADDRESS: options.kernels.join(','),
      KERNEL_TOKEN: options.kernelToken,
      OIDC_ISSUER: options.issuer,
      ...toBrowserSettings(options.browserSession),
      ...toConsoleSettings(options.console),
    }),
  );
  const { http } = await waitUntilListening(bff);
  if (http === undefined) throw unclearAddress(bff);
  return { process: bff, url: `http://${http}` };
}

function toBrowserSettings(session: BffBrowserSession | undefined): Record<string, string> {
  if (session === undefined) return {};
  return { OIDC_CLIENT_ID: session.clientId, PUBLIC_URL: session.publicUrl, SESSION_KEYS: session.key };
}

function toConsoleSettings(console: BffConsole | undefined): Record<string, string> {
  if (console === undefined) return {};
  const { folder, productName, contactSalesUrl } = console;
  return { CONSOLE_FOLDER: folder, PRODUCT_NAME: productName, CONTACT_SALES_URL: contactSalesUrl };
}

/** Starts a Stripe sandbox and waits until it listens. Throws StackError with its last words when it doesn't. */
export async function startStripeSandbox(options: StripeSandboxOptions): Promise<RunningStripeSandbox> {
  const sandbox = await startProcess(
    toNodeProgram('Stripe sandbox', 'dev/stripe-sandbox/main.ts', options, {
      STRIPE_SANDBOX_PORT: String(options.port),
      STRIPE_SANDBOX_FOLDER: options.folder,
      STRIPE_SANDBOX_SECRET_KEY: options.secretKey,
    }),
  );
  const { http } = await waitUntilListening(sandbox);
  if (http === undefined) throw unclearAddress(sandbox);
  return { process: sandbox, url: `http://${http}` };
}

function toNodeProgram(
  name: string,
  file: string,
  options: ProgramOptions,
  settings: Record<string, string>,
  args: readonly string[] = [],
) {
  const inherited = Object.entries(options.environment).filter(([variable]) => !PROGRAM_SETTINGS.includes(variable));
  return {
    name: options.name ?? name,
    command: process.execPath,
    args: [join(REPOSITORY, file), ...args],
    environment: { ...Object.fromEntries(inherited), ...settings, ...options.settings },
    ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
  };
}

interface ListeningLine {
  readonly grpc: string | undefined;
  readonly http: string | undefined;
}

async function waitUntilListening(program: ManagedProcess): Promise<ListeningLine> {
  try {
    return await program.waitForLine(readListeningLine, READY_TIMEOUT_MS);
  } catch (error) {
    await program.stop();
    throw error;
  }
}

function readListeningLine(text: string): ListeningLine | undefined {
  if (!text.startsWith('{')) return undefined;
  const line = parseJson(text);
  if (!isRecord(line) || line['msg'] !== 'listening') return undefined;
  const toAddress = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return { grpc: toAddress(line['grpc']), http: toAddress(line['http']) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unclearAddress(program: ManagedProcess): StackError {
  return new StackError(`${program.name} listens but did not say where.`);
}
