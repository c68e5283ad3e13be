// Owns the settings of the kernel: the only reader of its environment. Does not own what they are used for.
// Invariant: a configuration that is wrong is reported whole, in one error, before anything is started; no secret is shown.

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { Ajv, type ErrorObject } from 'ajv';
import { messageOf } from './domain/error.ts';
import type { ProductCode } from './domain/id.ts';
import type { KillSwitchName } from './domain/kill-switch.ts';
import { present } from './domain/optional.ts';
import { INTERNAL_METHODS } from './grpc/access.ts';
import type { Credential } from './grpc/interceptors/authentication.ts';
import type { TlsPair } from './grpc/server.ts';
import { isNetwork } from './http/delivery-place.ts';
import { withDatabaseName } from './store/connection.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** What a program needs to reach the database. */
export interface DatabaseConfig {
  readonly mongodbUri: string;
  /** How long to look for a database that takes writes, in milliseconds. */
  readonly databaseTimeoutMs: number;
}

/** What an operator's command needs to call a kernel. */
export interface ClientConfig {
  /** `host:port`. */
  readonly kernelAddress: string;
  readonly kernelToken: string;
  /** The PEM of the authority of the kernel's certificate; absent: plain text. */
  readonly authority?: Buffer;
}

/** What the kernel needs to work with Stripe. */
export interface StripeConfig {
  readonly secretKey: string;
  /** Where Stripe's API is: scheme and host, perhaps a port. */
  readonly apiUrl: string;
  /** What events may be signed with: the new secret and the old one while they are rotated. Empty: no event is taken. */
  readonly webhookSecrets: readonly string[];
  /** How long between two syncs of the catalog, in milliseconds. */
  readonly syncIntervalMs: number;
}

/** What the kernel needs to send mail. */
export interface MailConfig {
  /** The mail server, `smtp://` or `smtps://`, perhaps with user and password. */
  readonly smtpUrl: string;
  /** The sender, as a mail's header has it. */
  readonly from: string;
}

/** What the kernel runs with. */
export interface KernelConfig extends DatabaseConfig {
  /** `host:port`; port 0 means any free one. */
  readonly grpcAddress: string;
  /** `host:port`; port 0 means any free one. */
  readonly httpAddress: string;
  /** Proxies before the HTTP address, as addresses or networks: they are believed whom they forward for. */
  readonly trustedProxies: readonly string[];
  readonly logLevel: LogLevel;
  readonly credentials: readonly Credential[];
  readonly tls?: TlsPair;
  /** Absent: Stripe is off. */
  readonly stripe?: StripeConfig;
  /** Absent: mails wait in the outbox. */
  readonly mail?: MailConfig;
  /** Where people of each product sign in, without a slash at the end. */
  readonly consoleUrls: ReadonlyMap<ProductCode, string>;
  /** Adds the offset that the local stack keeps in the database to the time. */
  readonly movableClock: boolean;
  /** Lets alerts be delivered to this machine itself, also without TLS. */
  readonly loopbackAlerts: boolean;
  readonly shutdownTimeoutMs: number;
  /** The first values of the kill switches. */
  readonly killSwitches: Readonly<Record<KillSwitchName, boolean>>;
}

/** Says everything that is wrong with a configuration. */
class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    super(`The configuration has ${count}.\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** One variable: the form that it must have, and what to tell who sets it otherwise. */
interface Setting {
  readonly pattern: string;
  readonly advice: string;
  /** Absent: the variable is required. */
  readonly fallback?: string;
  /** Says that the value may hold a password. */
  readonly isSecret?: boolean;
}

const ADDRESS =
  '^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+):([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$';
const MILLISECONDS = '^[0-9]{1,6}$';
const ABSENT = '';
const TRUSTED_PROXIES_ADVICE =
  'set it to the addresses or networks of the proxies before HTTP_ADDRESS, such as 10.0.0.0/8,192.0.2.7';
const WEBHOOK_SECRET = 'whsec_[A-Za-z0-9+/=_-]+';
/** A key in plain text may not leave the machine. */
const API_URL = '^(https://[A-Za-z0-9.-]+|http://(127\\.[0-9.]+|localhost|\\[::1\\]))(:[0-9]{1,5})?/?$';

/** A mail server; where it is not this machine, mail goes there over TLS or not at all. */
const SMTP_URL = '^(smtps?://([^\\s@/]+@)?(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?/?)?$';
/** An address, or a name and an address in angle brackets. */
const MAIL_FROM =
  '^(([^<>@\\r\\n"]{1,100} )?<[^\\s<>@]{1,64}@[A-Za-z0-9.-]{1,190}>|[^\\s<>@]{1,64}@[A-Za-z0-9.-]{1,190})?$';
const LAST_SLASH = /\/+$/;
const CONSOLE_URL =
  '[a-z][a-z0-9_-]{0,62}=(https://[A-Za-z0-9.-]+|http://(127\\.[0-9.]+|localhost|\\[::1\\]))(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?';

/** Only the first value of a switch: what operators store outlives it. */
const KILL_SWITCH = { pattern: '^(true|false)$', fallback: 'true', advice: 'set it to true or false' } as const;

const DATABASE_SETTINGS = {
  MONGODB_URI: {
    pattern: '^mongodb(\\+srv)?://[^\\s/]+(/[^\\s]*)?$',
    advice: 'set it to a connection string such as mongodb://127.0.0.1:27017/wheelhouse',
    isSecret: true,
  },
  DATABASE_TIMEOUT_MS: { pattern: MILLISECONDS, fallback: '10000', advice: 'set it to milliseconds, such as 10000' },
} as const satisfies Record<string, Setting>;

const CLIENT_SETTINGS = {
  KERNEL_ADDRESS: { pattern: ADDRESS, advice: 'set it to host:port of a kernel, such as 127.0.0.1:50051' },
  KERNEL_TOKEN: {
    pattern: '^[\\x21-\\x7e]{1,1024}$',
    advice: "set it to the token of an operator's credential (scope sysadmin)",
    isSecret: true,
  },
  KERNEL_CA_FILE: { pattern: '', fallback: ABSENT, advice: 'set it to the path of a PEM file' },
} as const satisfies Record<string, Setting>;

const KERNEL_SETTINGS = {
  ...DATABASE_SETTINGS,
  GRPC_ADDRESS: { pattern: ADDRESS, fallback: '127.0.0.1:50051', advice: 'set it to host:port, such as 0.0.0.0:50051' },
  HTTP_ADDRESS: { pattern: ADDRESS, fallback: '127.0.0.1:8090', advice: 'set it to host:port, such as 0.0.0.0:8090' },
  HTTP_TRUSTED_PROXIES: {
    pattern: '^([0-9A-Fa-f:.]+(/[0-9]{1,3})?(,[0-9A-Fa-f:.]+(/[0-9]{1,3})?)*)?$',
    fallback: ABSENT,
    advice: TRUSTED_PROXIES_ADVICE,
  },
  LOG_LEVEL: {
    pattern: '^(trace|debug|info|warn|error|fatal)$',
    fallback: 'info',
    advice: 'set it to trace, debug, info, warn, error or fatal',
  },
  KERNEL_CREDENTIALS_FILE: {
    pattern: '.',
    advice: 'set it to the path of the JSON file with the credentials of callers',
  },
  GRPC_TLS_CERT_FILE: { pattern: '', fallback: ABSENT, advice: 'set it to the path of a PEM file' },
  GRPC_TLS_KEY_FILE: { pattern: '', fallback: ABSENT, advice: 'set it to the path of a PEM file' },
  MOVABLE_CLOCK: {
    pattern: '^(true|false)$',
    fallback: 'false',
    advice: 'set it to true (local stack and tests only) or false',
  },
  LOOPBACK_ALERTS: {
    pattern: '^(true|false)$',
    fallback: 'false',
    advice: 'set it to true (local stack and tests only) or false',
  },
  SHUTDOWN_TIMEOUT_MS: { pattern: MILLISECONDS, fallback: '10000', advice: 'set it to milliseconds, such as 10000' },
  TRIALS_ENABLED: KILL_SWITCH,
  TOPUPS_ENABLED: KILL_SWITCH,
  SIGNUPS_ENABLED: KILL_SWITCH,
  STRIPE_SECRET_KEY: {
    pattern: '^((sk|rk)_(test|live)_[A-Za-z0-9_]{1,250})?$',
    fallback: ABSENT,
    advice: 'set it to a secret or restricted key (sk_… or rk_…), or leave it out to run without Stripe',
    isSecret: true,
  },
  STRIPE_API_URL: {
    pattern: API_URL,
    fallback: 'https://api.stripe.com',
    advice: 'set it to https://host, or http://127.0.0.1:port for a local one, without a path',
  },
  STRIPE_WEBHOOK_SECRETS: {
    pattern: `^(${WEBHOOK_SECRET}(,${WEBHOOK_SECRET})*)?$`,
    fallback: ABSENT,
    advice: 'set it to the signing secret of the webhook endpoint (whsec_…), or to several with commas between',
    isSecret: true,
  },
  STRIPE_SYNC_INTERVAL_MS: {
    pattern: '^[1-9][0-9]{3,8}$',
    fallback: '900000',
    advice: 'set it to milliseconds from 1000 on, such as 900000',
  },
  SMTP_URL: {
    pattern: SMTP_URL,
    fallback: ABSENT,
    advice: 'set it to smtp://user:password@host:587 or smtps://…, or leave it out to have mails wait',
    isSecret: true,
  },
  MAIL_FROM: {
    pattern: MAIL_FROM,
    fallback: ABSENT,
    advice: 'set it to the sender of mails, such as Wheelhouse <no-reply@example.com>',
  },
  CONSOLE_URLS: {
    pattern: `^(${CONSOLE_URL}(,${CONSOLE_URL})*)?$`,
    fallback: ABSENT,
    advice: 'set it to where people of each product sign in, such as agentruntime=https://console.example.com',
  },
} as const satisfies Record<string, Setting>;

const NAME = '^[a-z0-9][a-z0-9._-]{0,62}$';
const CREDENTIAL_BASE = {
  name: { type: 'string', pattern: NAME },
  token_sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
};
const CREDENTIALS_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['credentials'],
  properties: {
    credentials: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        discriminator: { propertyName: 'scope' },
        oneOf: [
          credentialSchema('bff', { product_code: { type: 'string', pattern: '^[a-z][a-z0-9_-]{0,62}$' } }, [
            'product_code',
          ]),
          credentialSchema('internal', {
            methods: { type: 'array', minItems: 1, uniqueItems: true, items: { enum: [...INTERNAL_METHODS] } },
          }),
          credentialSchema('sysadmin', {}),
        ],
      },
    },
  },
};

function credentialSchema(scope: Credential['scope'], properties: object, required: readonly string[] = []): object {
  return {
    type: 'object',
    additionalProperties: false,
    required: ['scope', 'name', 'token_sha256', ...required],
    properties: { scope: { const: scope }, ...CREDENTIAL_BASE, ...properties },
  };
}

/** One credential as the file has it, once the schema has passed it. */
interface CredentialEntry {
  readonly name: string;
  readonly scope: Credential['scope'];
  readonly token_sha256: string;
  readonly product_code?: string;
  readonly methods?: readonly string[];
}

const ajv = new Ajv({ allErrors: true, discriminator: true, strict: true });
const isCredentialsFile = ajv.compile<{ readonly credentials: readonly CredentialEntry[] }>(CREDENTIALS_SCHEMA);

/** Reads the settings of the kernel. Throws ConfigError that lists everything that is wrong. */
export function loadKernelConfig(environment: NodeJS.ProcessEnv = process.env): KernelConfig {
  const problems: string[] = [];
  const values = readSettings(environment, KERNEL_SETTINGS, problems);
  const credentials = readCredentials(values.KERNEL_CREDENTIALS_FILE, problems);
  const tls = readTls(values.GRPC_TLS_CERT_FILE, values.GRPC_TLS_KEY_FILE, problems);
  const stripe = readStripe(values, problems);
  const mail = readMail(values, problems);
  const consoleUrls = readConsoleUrls(values.CONSOLE_URLS, problems);
  const trustedProxies = readTrustedProxies(values.HTTP_TRUSTED_PROXIES, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    ...toDatabaseConfig(values),
    grpcAddress: values.GRPC_ADDRESS,
    httpAddress: values.HTTP_ADDRESS,
    trustedProxies,
    // The pattern allows nothing else.
    logLevel: values.LOG_LEVEL as LogLevel,
    credentials,
    consoleUrls,
    ...present({ tls, stripe, mail }),
    movableClock: values.MOVABLE_CLOCK === 'true',
    loopbackAlerts: values.LOOPBACK_ALERTS === 'true',
    shutdownTimeoutMs: Number(values.SHUTDOWN_TIMEOUT_MS),
    killSwitches: {
      TRIALS_ENABLED: values.TRIALS_ENABLED === 'true',
      TOPUPS_ENABLED: values.TOPUPS_ENABLED === 'true',
      SIGNUPS_ENABLED: values.SIGNUPS_ENABLED === 'true',
    },
  };
}

/** Reads what a command of the operators needs. Throws ConfigError that lists everything that is wrong. */
export function loadDatabaseConfig(environment: NodeJS.ProcessEnv = process.env): DatabaseConfig {
  const problems: string[] = [];
  const values = readSettings(environment, DATABASE_SETTINGS, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return toDatabaseConfig(values);
}

/** Reads what a command needs to call a kernel. Throws ConfigError that lists everything that is wrong. */
export function loadClientConfig(environment: NodeJS.ProcessEnv = process.env): ClientConfig {
  const problems: string[] = [];
  const values = readSettings(environment, CLIENT_SETTINGS, problems);
  const authority = readAuthority(values.KERNEL_CA_FILE, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const { KERNEL_ADDRESS: kernelAddress, KERNEL_TOKEN: kernelToken } = values;
  return { kernelAddress, kernelToken, ...(authority === undefined ? {} : { authority }) };
}

function readAuthority(path: string, problems: string[]): Buffer | undefined {
  if (path === ABSENT) return undefined;
  const authority = readFile('KERNEL_CA_FILE', path, problems);
  if (authority === undefined) return undefined;
  try {
    createSecureContext({ ca: authority });
    return authority;
  } catch (error) {
    const detail = messageOf(error);
    problems.push(`KERNEL_CA_FILE ${path} is no certificate in PEM (${detail}): correct the file.`);
    return undefined;
  }
}

/** Reads proxies; the pattern lets addresses pass that are none. */
function readTrustedProxies(text: string, problems: string[]): readonly string[] {
  const networks = text === ABSENT ? [] : text.split(',');
  for (const network of networks.filter((candidate) => !isNetwork(candidate))) {
    problems.push(`HTTP_TRUSTED_PROXIES names ${network}, which is no address or network: ${TRUSTED_PROXIES_ADVICE}.`);
  }
  return networks;
}

function readStripe(
  values: Readonly<Record<keyof typeof KERNEL_SETTINGS, string>>,
  problems: string[],
): StripeConfig | undefined {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_WEBHOOK_SECRETS: secrets } = values;
  if (secretKey === ABSENT) {
    if (secrets !== ABSENT) {
      problems.push(
        'STRIPE_WEBHOOK_SECRETS is set without STRIPE_SECRET_KEY: set the key too, or leave both out to run without Stripe.',
      );
    }
    return undefined;
  }
  return {
    secretKey,
    apiUrl: values.STRIPE_API_URL,
    webhookSecrets: secrets === ABSENT ? [] : secrets.split(','),
    syncIntervalMs: Number(values.STRIPE_SYNC_INTERVAL_MS),
  };
}

function readMail(
  values: Readonly<Record<keyof typeof KERNEL_SETTINGS, string>>,
  problems: string[],
): MailConfig | undefined {
  const { SMTP_URL: smtpUrl, MAIL_FROM: from, CONSOLE_URLS: urls } = values;
  if (smtpUrl === ABSENT) return undefined;
  if (!isSmtpUrl(smtpUrl) && !problems.some((problem) => problem.startsWith('SMTP_URL '))) {
    problems.push('SMTP_URL is malformed: correct its port, and percent-encode what is special in user and password.');
  }
  if (from === ABSENT) problems.push('MAIL_FROM is not set, and SMTP_URL is: mails need a sender.');
  if (urls === ABSENT) problems.push('CONSOLE_URLS is not set, and SMTP_URL is: the links of mails need an address.');
  return { smtpUrl, from };
}

function readConsoleUrls(urls: string, problems: string[]): ReadonlyMap<ProductCode, string> {
  const pairs = urls === ABSENT ? [] : urls.split(',').map((pair) => pair.split('=', 2));
  const consoleUrls = new Map(
    pairs.map(([code = '', url = '']) => [code as ProductCode, url.replace(LAST_SLASH, '')] as const),
  );
  if (consoleUrls.size < pairs.length) problems.push('CONSOLE_URLS names a product twice: give each one address.');
  return consoleUrls;
}

/** The pattern lets texts pass that can't be decoded. */
function isSmtpUrl(text: string): boolean {
  try {
    const { username, password } = new URL(text);
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

function toDatabaseConfig(values: Readonly<Record<keyof typeof DATABASE_SETTINGS, string>>): DatabaseConfig {
  return { mongodbUri: withDatabaseName(values.MONGODB_URI), databaseTimeoutMs: Number(values.DATABASE_TIMEOUT_MS) };
}

/** Reads variables and checks their forms; a wrong one is noted, and answered as an empty text. */
function readSettings<Name extends string>(
  environment: NodeJS.ProcessEnv,
  settings: Readonly<Record<Name, Setting>>,
  problems: string[],
): Record<Name, string> {
  const names = Object.keys(settings) as Name[];
  const given = names.flatMap((name) => {
    // An empty variable counts as one that is not set: that is what shells and unit files make of "no value".
    const value = environment[name] || settings[name].fallback;
    return value === undefined ? [] : [[name, value] as const];
  });
  const values: Partial<Record<string, string>> = Object.fromEntries(given);
  const properties = Object.fromEntries(
    names.map((name) => [name, { type: 'string', pattern: settings[name].pattern }]),
  );
  const isValid = ajv.compile({ type: 'object', required: names, properties });
  if (!isValid(values)) {
    for (const error of isValid.errors ?? []) problems.push(explainSetting(error, settings, values));
  }
  return Object.fromEntries(names.map((name) => [name, values[name] ?? ABSENT])) as Record<Name, string>;
}

function explainSetting(
  error: ErrorObject,
  settings: Readonly<Record<string, Setting>>,
  values: Readonly<Partial<Record<string, string>>>,
): string {
  const name = error.keyword === 'required' ? String(error.params['missingProperty']) : error.instancePath.slice(1);
  const setting = settings[name];
  const advice = setting?.advice ?? 'correct it';
  if (error.keyword === 'required') return `${name} is not set: ${advice}.`;
  const shown = setting?.isSecret === true ? 'malformed' : JSON.stringify(values[name]?.slice(0, 200));
  return `${name} is ${shown}: ${advice}.`;
}

function readCredentials(path: string, problems: string[]): readonly Credential[] {
  if (path === ABSENT) return [];
  const text = readFile('KERNEL_CREDENTIALS_FILE', path, problems)?.toString('utf8');
  if (text === undefined) return [];
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // The parser's own words quote the file, which holds digests of secrets.
    problems.push(`KERNEL_CREDENTIALS_FILE ${path} is not JSON: write { "credentials": [ … ] }.`);
    return [];
  }
  if (!isCredentialsFile(content)) {
    for (const problem of new Set(isCredentialsFile.errors?.map(explainCredential))) {
      problems.push(`KERNEL_CREDENTIALS_FILE ${path}: ${problem}.`);
    }
    return [];
  }
  const { credentials } = content;
  for (const [index, { token_sha256: digest }] of credentials.entries()) {
    const first = credentials.findIndex((other) => other.token_sha256 === digest);
    if (first !== index) {
      problems.push(
        `KERNEL_CREDENTIALS_FILE ${path}: credentials[${index}] has the token of credentials[${first}]: give each its own.`,
      );
    }
  }
  return credentials.map(toCredential);
}

function explainCredential({ instancePath, keyword, message = 'is wrong', params }: ErrorObject): string {
  const place =
    instancePath
      .slice(1)
      .replaceAll(/\/(\d+)/g, '[$1]')
      .replaceAll('/', '.') || 'the file';
  if (keyword === 'additionalProperties')
    return `${place} has the unknown field ${params['additionalProperty']}: remove it`;
  if (keyword === 'discriminator') return `${place} needs a scope: bff, internal or sysadmin`;
  if (keyword === 'enum') return `${place} must be one of ${params['allowedValues']}`;
  return `${place} ${message}`;
}

function toCredential(entry: CredentialEntry): Credential {
  const base = { name: entry.name, tokenDigest: Buffer.from(entry.token_sha256, 'hex') };
  switch (entry.scope) {
    case 'bff':
      // The schema requires the product of a BFF.
      return { ...base, scope: 'bff', productCode: entry.product_code as ProductCode };
    case 'internal':
      return {
        ...base,
        scope: 'internal',
        ...(entry.methods === undefined ? {} : { methods: new Set(entry.methods) }),
      };
    case 'sysadmin':
      return { ...base, scope: 'sysadmin' };
  }
}

function readTls(certificatePath: string, keyPath: string, problems: string[]): TlsPair | undefined {
  if (certificatePath === ABSENT && keyPath === ABSENT) return undefined;
  if (certificatePath === ABSENT || keyPath === ABSENT) {
    problems.push(
      'GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE belong together: set both for TLS, or neither for plain text.',
    );
    return undefined;
  }
  const certificate = readFile('GRPC_TLS_CERT_FILE', certificatePath, problems);
  const key = readFile('GRPC_TLS_KEY_FILE', keyPath, problems);
  if (certificate === undefined || key === undefined) return undefined;
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    const detail = messageOf(error);
    problems.push(
      `GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE are no certificate and its key in PEM (${detail}): correct the files.`,
    );
  }
  return { certificate, key };
}

function readFile(variable: string, path: string, problems: string[]): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    problems.push(`${variable} names ${path}, which can't be read (${code}): correct the path or its rights.`);
    return undefined;
  }
}
