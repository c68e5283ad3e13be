// Owns the configuration of a BFF: the only reader of the environment.
// Invariants: nothing is read elsewhere or later; everything that is wrong is told at once; no secret is ever told.

import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONSOLE_DOCUMENT } from './console-host.ts';
import { compileSchema, parseHostPort, quote, type Schema, type Violation } from './schema.ts';

/** What one deployment of the BFF is told at its start. */
export interface Config {
  /** Is the product that this deployment serves; no request can change it. */
  readonly productCode: string;
  readonly httpAddress: { readonly host: string; readonly port: number };
  /** Are the kernels to call, each `host:port`. */
  readonly kernelAddresses: readonly string[];
  /** Is the credential that the kernel knows this BFF by; secret. */
  readonly kernelToken: string;
  /** Is the PEM of the authority that vouches for the kernels' certificates; absent means plain text. */
  readonly kernelAuthority?: Buffer;
  readonly issuer: string;
  readonly jwksUri: URL;
  readonly audience: string;
  /** Is how browsers sign in; absent where they can't. */
  readonly browserSession?: BrowserSessionConfig;
  /** Is the web app that browsers are served; absent where there is none. */
  readonly console?: ConsoleConfig;
  /** Are the proxies before this deployment, addresses or networks, whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** Are the origins whose pages may read answers across sites. */
  readonly corsOrigins: readonly string[];
  /** Is how many requests one address, and one caller, may send in a minute; 0 for any number. */
  readonly rateLimits: { readonly perAddress: number; readonly perCaller: number };
  /** Is how many connections may be open at once. */
  readonly connectionsMax: number;
  readonly logLevel: LogLevel;
  /** Is how long the head of a request, and a whole request, may take to arrive. */
  readonly arrivalTimeoutMs: number;
  /** Is how long a request may take, the kernel's part included. */
  readonly requestTimeoutMs: number;
  /** Is how long requests are still taken after `/readyz` says that this process ends. */
  readonly drainNoticeMs: number;
}

/** What a deployment that browsers sign in to is told beside. */
export interface BrowserSessionConfig {
  /** Is who this deployment is for the issuer. */
  readonly clientId: string;
  /** Is secret; absent for a client that has none. */
  readonly clientSecret?: string;
  /** Is where browsers find this deployment: scheme, host and port. */
  readonly publicUrl: URL;
  /** Are the keys of the cookies, 32 bytes each; secret. The first one seals, each one opens. */
  readonly keys: readonly Uint8Array[];
}

/** What a deployment that serves the Console is told beside. */
export interface ConsoleConfig {
  /** Is where its bundle lies. */
  readonly folder: string;
  /** Is the name of the product, as people know it. */
  readonly productName: string;
  /** Is where people reach sales; absent where there is no such address. */
  readonly contactSalesUrl?: string;
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

const RATE_MAX = 10_000_000;
const CONNECTIONS_MAX = 1_000_000;
const REQUEST_TIMEOUT_MS_MIN = 100;
const REQUEST_TIMEOUT_MS_MAX = 120_000;
const DRAIN_NOTICE_MS_MAX = 120_000;
const INTEGER_PATTERN = /^\d+$/;
const TRAILING_SLASH_PATTERN = /\/$/;
const SECRETS: ReadonlySet<string> = new Set(['KERNEL_TOKEN', 'OIDC_CLIENT_SECRET', 'SESSION_KEYS']);
/** What browsers need to sign in: all of these, or none. */
const SESSION_SETTINGS = ['OIDC_CLIENT_ID', 'PUBLIC_URL', 'SESSION_KEYS'] as const;

/** The environment with its defaults, apart from those that follow from other variables. */
interface Settings {
  PRODUCT_CODE: string;
  HTTP_ADDRESS: string;
  KERNEL_ADDRESS: string[];
  KERNEL_TOKEN: string;
  KERNEL_CA_FILE?: string;
  OIDC_ISSUER: string;
  OIDC_JWKS_URI?: string;
  OIDC_AUDIENCE?: string;
  OIDC_CLIENT_ID?: string;
  OIDC_CLIENT_SECRET?: string;
  PUBLIC_URL?: string;
  SESSION_KEYS?: string[];
  CONSOLE_FOLDER?: string;
  PRODUCT_NAME?: string;
  CONTACT_SALES_URL?: string;
  HTTP_TRUSTED_PROXIES: string[];
  HTTP_CORS_ORIGINS: string[];
  HTTP_CONNECTIONS_MAX: number;
  RATE_LIMIT_PER_ADDRESS: number;
  RATE_LIMIT_PER_CALLER: number;
  LOG_LEVEL: LogLevel;
  ARRIVAL_TIMEOUT_MS: number;
  REQUEST_TIMEOUT_MS: number;
  DRAIN_NOTICE_MS: number;
}

/** The variables that are whole numbers, with what they are where nobody sets them. */
const NUMBERS = {
  HTTP_CONNECTIONS_MAX: 10_000,
  RATE_LIMIT_PER_ADDRESS: 6_000,
  RATE_LIMIT_PER_CALLER: 1_200,
  ARRIVAL_TIMEOUT_MS: 15_000,
  REQUEST_TIMEOUT_MS: 10_000,
  DRAIN_NOTICE_MS: 0,
} as const satisfies Partial<Record<keyof Settings, number>>;

const URL_EXPECTED = 'an https URL without user, password or fragment (http only for localhost, 127.0.0.1 and [::1])';

const SESSION_KEYS_EXPECTED =
  'up to 8 different keys with commas between, each 32 random bytes in base64url (43 characters), the newest first';
const ORIGINS_EXPECTED =
  'origins of pages that may read answers, such as https://app.example.com, with commas between (http only for loopback)';
const PROXIES_EXPECTED = 'addresses or networks of the proxies before HTTP_ADDRESS, such as 10.0.0.0/8,192.0.2.7';

const TIMEOUT = {
  type: 'integer',
  minimum: REQUEST_TIMEOUT_MS_MIN,
  maximum: REQUEST_TIMEOUT_MS_MAX,
  description: `a whole number of milliseconds from ${REQUEST_TIMEOUT_MS_MIN} to ${REQUEST_TIMEOUT_MS_MAX}`,
} as const;

function rateOf(whom: string) {
  const description = `how many requests ${whom} may send in a minute, a whole number from 0 (any number) to ${RATE_MAX}`;
  return { type: 'integer', minimum: 0, maximum: RATE_MAX, description } as const;
}

const SETTINGS_SCHEMA: Schema<Settings> = {
  type: 'object',
  properties: {
    PRODUCT_CODE: {
      type: 'string',
      pattern: '^[a-z0-9][a-z0-9_-]{0,62}$',
      description: 'the slug of the product that this deployment serves, such as `agentruntime`',
    },
    HTTP_ADDRESS: {
      type: 'string',
      format: 'host-port',
      description: '`host:port` to listen on, such as `127.0.0.1:8080`; port 0 takes a free one',
    },
    KERNEL_ADDRESS: {
      type: 'array',
      minItems: 1,
      maxItems: 64,
      uniqueItems: true,
      items: { type: 'string', format: 'host-port', description: '`host:port` of a kernel, such as `127.0.0.1:50051`' },
      description: 'one `host:port` of a kernel, or several different ones with commas between them',
    },
    KERNEL_TOKEN: {
      type: 'string',
      pattern: '^[\\x21-\\x7e]{16,512}$',
      description: 'the token of a kernel credential with scope `bff`, 16 to 512 visible ASCII characters',
    },
    KERNEL_CA_FILE: { type: 'string', nullable: true, description: 'the path of a PEM file' },
    OIDC_ISSUER: { type: 'string', format: 'http-url', description: `the issuer of access tokens, ${URL_EXPECTED}` },
    OIDC_JWKS_URI: {
      type: 'string',
      nullable: true,
      format: 'http-url',
      description: `where the issuer's keys are, ${URL_EXPECTED}`,
    },
    OIDC_AUDIENCE: {
      type: 'string',
      nullable: true,
      pattern: '^[\\x21-\\x7e]{1,256}$',
      description: 'the audience that access tokens must name, 1 to 256 visible ASCII characters',
    },
    OIDC_CLIENT_ID: {
      type: 'string',
      nullable: true,
      pattern: '^[\\x21-\\x7e]{1,256}$',
      description: 'who this deployment is for the issuer, 1 to 256 visible ASCII characters',
    },
    OIDC_CLIENT_SECRET: {
      type: 'string',
      nullable: true,
      pattern: '^[\\x21-\\x7e]{1,512}$',
      description: 'the secret that the issuer knows this deployment by, 1 to 512 visible ASCII characters',
    },
    PUBLIC_URL: {
      type: 'string',
      nullable: true,
      format: 'http-origin',
      description: 'where browsers find this deployment, an https URL without path (http only for loopback)',
    },
    SESSION_KEYS: {
      type: 'array',
      nullable: true,
      minItems: 1,
      maxItems: 8,
      uniqueItems: true,
      items: { type: 'string', pattern: '^[A-Za-z0-9_-]{43}$', description: SESSION_KEYS_EXPECTED },
      description: SESSION_KEYS_EXPECTED,
    },
    CONSOLE_FOLDER: {
      type: 'string',
      nullable: true,
      description: 'the folder of a built Console (`npm run build` says where it is)',
    },
    PRODUCT_NAME: {
      type: 'string',
      nullable: true,
      minLength: 1,
      maxLength: 64,
      description: 'the name of the product, as people know it, at most 64 characters',
    },
    CONTACT_SALES_URL: {
      type: 'string',
      nullable: true,
      pattern: '^(mailto:|https://)[\\x21-\\x7e]{1,512}$',
      description: 'where people reach sales, a `mailto:` or `https:` address',
    },
    HTTP_TRUSTED_PROXIES: {
      type: 'array',
      maxItems: 64,
      items: { type: 'string', format: 'network', description: PROXIES_EXPECTED },
      description: PROXIES_EXPECTED,
    },
    HTTP_CORS_ORIGINS: {
      type: 'array',
      maxItems: 64,
      uniqueItems: true,
      items: { type: 'string', format: 'http-origin', description: ORIGINS_EXPECTED },
      description: ORIGINS_EXPECTED,
    },
    HTTP_CONNECTIONS_MAX: {
      type: 'integer',
      minimum: 1,
      maximum: CONNECTIONS_MAX,
      description: `a whole number of connections from 1 to ${CONNECTIONS_MAX}`,
    },
    RATE_LIMIT_PER_ADDRESS: rateOf('one address'),
    RATE_LIMIT_PER_CALLER: rateOf('one access token or person'),
    LOG_LEVEL: { type: 'string', enum: LOG_LEVELS, description: `one of ${LOG_LEVELS.join(', ')}` },
    ARRIVAL_TIMEOUT_MS: TIMEOUT,
    REQUEST_TIMEOUT_MS: TIMEOUT,
    DRAIN_NOTICE_MS: {
      type: 'integer',
      minimum: 0,
      maximum: DRAIN_NOTICE_MS_MAX,
      description: `a whole number of milliseconds from 0 to ${DRAIN_NOTICE_MS_MAX}`,
    },
  },
  required: [
    'PRODUCT_CODE',
    'HTTP_ADDRESS',
    'KERNEL_ADDRESS',
    'KERNEL_TOKEN',
    'OIDC_ISSUER',
    'HTTP_TRUSTED_PROXIES',
    'HTTP_CORS_ORIGINS',
    'HTTP_CONNECTIONS_MAX',
    'RATE_LIMIT_PER_ADDRESS',
    'RATE_LIMIT_PER_CALLER',
    'LOG_LEVEL',
    'ARRIVAL_TIMEOUT_MS',
    'REQUEST_TIMEOUT_MS',
    'DRAIN_NOTICE_MS',
  ],
  additionalProperties: false,
};

const checkSettings = compileSchema(SETTINGS_SCHEMA);

/** Says that the BFF can't start with this environment, and lists all that is wrong with it. */
export class ConfigError extends Error {
  constructor(complaints: readonly string[]) {
    super(
      `The BFF can not start, because its environment is wrong:\n${complaints.map((line) => `  - ${line}`).join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}

/** Reads the configuration. Throws ConfigError when a variable is missing or malformed; it lists every one. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const raw = readSettings(environment);
  const checked = checkSettings(raw);
  const complaints = 'violations' in checked ? checked.violations.map(describe) : [];
  const kernelAuthority = readAuthority(raw['KERNEL_CA_FILE'], complaints);
  complaints.push(...complainOfHalfSessions(raw), ...complainOfConsole(raw));
  if (complaints.length > 0 || 'violations' in checked) {
    throw new ConfigError(complaints);
  }
  const settings = checked.value;
  const httpAddress = parseHostPort(settings.HTTP_ADDRESS);
  if (!httpAddress) {
    throw new ConfigError([`HTTP_ADDRESS is ${quote(settings.HTTP_ADDRESS)}, which is no \`host:port\``]);
  }
  const browserSession = toBrowserSession(settings);
  return {
    productCode: settings.PRODUCT_CODE,
    httpAddress,
    kernelAddresses: settings.KERNEL_ADDRESS,
    kernelToken: settings.KERNEL_TOKEN,
    ...(kernelAuthority && { kernelAuthority }),
    issuer: settings.OIDC_ISSUER,
    jwksUri: new URL(
      settings.OIDC_JWKS_URI ?? `${settings.OIDC_ISSUER.replace(TRAILING_SLASH_PATTERN, '')}/.well-known/jwks.json`,
    ),
    audience: settings.OIDC_AUDIENCE ?? `wheelhouse:${settings.PRODUCT_CODE}`,
    ...(browserSession && { browserSession }),
    ...toConsole(settings),
    trustedProxies: settings.HTTP_TRUSTED_PROXIES,
    // As browsers send an origin: without the slash of a path.
    corsOrigins: settings.HTTP_CORS_ORIGINS.map((text) => new URL(text).origin),
    rateLimits: { perAddress: settings.RATE_LIMIT_PER_ADDRESS, perCaller: settings.RATE_LIMIT_PER_CALLER },
    connectionsMax: settings.HTTP_CONNECTIONS_MAX,
    logLevel: settings.LOG_LEVEL,
    arrivalTimeoutMs: settings.ARRIVAL_TIMEOUT_MS,
    requestTimeoutMs: settings.REQUEST_TIMEOUT_MS,
    drainNoticeMs: settings.DRAIN_NOTICE_MS,
  };
}

/** Picks the variables of the BFF and fills in defaults. An empty variable counts as one that is not set. */
function readSettings(environment: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const read = (name: keyof Settings): string | undefined => environment[name]?.trim() || undefined;
  const readList = (name: keyof Settings): string[] | undefined =>
    read(name)
      ?.split(',')
      .map((item) => item.trim());
  const readNumber = (name: keyof typeof NUMBERS): unknown => {
    const text = read(name) ?? String(NUMBERS[name]);
    return INTEGER_PATTERN.test(text) ? Number(text) : text;
  };
  const settings = {
    PRODUCT_CODE: read('PRODUCT_CODE'),
    HTTP_ADDRESS: read('HTTP_ADDRESS') ?? '127.0.0.1:8080',
    KERNEL_ADDRESS: readList('KERNEL_ADDRESS'),
    KERNEL_TOKEN: read('KERNEL_TOKEN'),
    KERNEL_CA_FILE: read('KERNEL_CA_FILE'),
    OIDC_ISSUER: read('OIDC_ISSUER'),
    OIDC_JWKS_URI: read('OIDC_JWKS_URI'),
    OIDC_AUDIENCE: read('OIDC_AUDIENCE'),
    OIDC_CLIENT_ID: read('OIDC_CLIENT_ID'),
    OIDC_CLIENT_SECRET: read('OIDC_CLIENT_SECRET'),
    PUBLIC_URL: read('PUBLIC_URL'),
    SESSION_KEYS: readList('SESSION_KEYS'),
    CONSOLE_FOLDER: read('CONSOLE_FOLDER'),
    PRODUCT_NAME: read('PRODUCT_NAME'),
    CONTACT_SALES_URL: read('CONTACT_SALES_URL'),
    HTTP_TRUSTED_PROXIES: readList('HTTP_TRUSTED_PROXIES') ?? [],
    HTTP_CORS_ORIGINS: readList('HTTP_CORS_ORIGINS') ?? [],
    HTTP_CONNECTIONS_MAX: readNumber('HTTP_CONNECTIONS_MAX'),
    RATE_LIMIT_PER_ADDRESS: readNumber('RATE_LIMIT_PER_ADDRESS'),
    RATE_LIMIT_PER_CALLER: readNumber('RATE_LIMIT_PER_CALLER'),
    LOG_LEVEL: read('LOG_LEVEL') ?? 'info',
    ARRIVAL_TIMEOUT_MS: readNumber('ARRIVAL_TIMEOUT_MS'),
    REQUEST_TIMEOUT_MS: readNumber('REQUEST_TIMEOUT_MS'),
    DRAIN_NOTICE_MS: readNumber('DRAIN_NOTICE_MS'),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

/** Sessions that are half set would be off without a word. */
function complainOfHalfSessions(raw: Readonly<Record<string, unknown>>): readonly string[] {
  const missing = SESSION_SETTINGS.filter((name) => raw[name] === undefined);
  const isAskedFor = missing.length < SESSION_SETTINGS.length || raw['OIDC_CLIENT_SECRET'] !== undefined;
  const names = [...SESSION_SETTINGS].join(', ');
  return isAskedFor
    ? missing.map((name) => `${name} is not set; browsers sign in only where all of ${names} are, or set none of them`)
    : [];
}

/** A Console that nobody can sign in to, or that is not there, would show at the first visit only. */
function complainOfConsole(raw: Readonly<Record<string, unknown>>): readonly string[] {
  const folder = raw['CONSOLE_FOLDER'];
  if (typeof folder !== 'string') return [];
  const names = [...SESSION_SETTINGS].join(', ');
  return [
    ...(existsSync(join(folder, CONSOLE_DOCUMENT))
      ? []
      : [`CONSOLE_FOLDER is ${quote(folder)}, where no ${CONSOLE_DOCUMENT} is; \`npm run build\` makes one`]),
    ...(raw['OIDC_CLIENT_ID'] === undefined ? [`CONSOLE_FOLDER is set without ${names}; nobody could sign in`] : []),
  ];
}

function toConsole({
  CONSOLE_FOLDER: folder,
  PRODUCT_NAME: name,
  PRODUCT_CODE: code,
  CONTACT_SALES_URL: contactSalesUrl,
}: Settings): Pick<Config, 'console'> {
  if (folder === undefined) return {};
  return { console: { folder, productName: name ?? code, ...(contactSalesUrl && { contactSalesUrl }) } };
}

function toBrowserSession(settings: Settings): BrowserSessionConfig | undefined {
  const { OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret, PUBLIC_URL: url, SESSION_KEYS: keys } = settings;
  if (clientId === undefined || url === undefined || keys === undefined) return undefined;
  return {
    clientId,
    ...(clientSecret && { clientSecret }),
    publicUrl: new URL(url),
    keys: keys.map((key) => Buffer.from(key, 'base64url')),
  };
}

/** Reads the authority of the kernels, and makes sure that it is one: a file of something else would trust nobody. */
function readAuthority(path: unknown, complaints: string[]): Buffer | undefined {
  if (typeof path !== 'string') {
    return undefined;
  }
  try {
    const pem = readFileSync(path);
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    complaints.push(`KERNEL_CA_FILE is ${quote(path)}, which is no readable PEM file of a certificate: ${cause}`);
    return undefined;
  }
}

function describe({ field, problem, expected, value }: Violation): string {
  const name = field.split('.')[0] ?? field;
  if (problem === 'missing') {
    return `${name} is not set; set it to ${expected}`;
  }
  const shown = SECRETS.has(name) ? 'malformed' : quote(value);
  return `${name} is ${shown}; it must be ${expected}`;
}
