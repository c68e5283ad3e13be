// What the environment must hold, and that everything wrong with it is told at once.

import { expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../bff/config.ts';

const GOOD = {
  PRODUCT_CODE: 'agentruntime',
  KERNEL_ADDRESS: '127.0.0.1:50051',
  KERNEL_TOKEN: 'a-token-of-some-length',
  OIDC_ISSUER: 'https://issuer.example.com',
};

function complaints(environment: Record<string, string | undefined>): string {
  try {
    loadConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error instanceof Error ? error.message : '';
  }
  throw new Error('the configuration was accepted');
}

test('fills in defaults', () => {
  expect(loadConfig(GOOD)).toEqual({
    productCode: 'agentruntime',
    httpAddress: { host: '127.0.0.1', port: 8080 },
    kernelAddresses: ['127.0.0.1:50051'],
    kernelToken: 'a-token-of-some-length',
    issuer: 'https://issuer.example.com',
    jwksUri: new URL('https://issuer.example.com/.well-known/jwks.json'),
    audience: 'wheelhouse:agentruntime',
    trustedProxies: [],
    corsOrigins: [],
    rateLimits: { perAddress: 6_000, perCaller: 1_200 },
    connectionsMax: 10_000,
    logLevel: 'info',
    arrivalTimeoutMs: 15_000,
    requestTimeoutMs: 10_000,
    drainNoticeMs: 0,
  });
});

test('takes every setting', () => {
  expect(
    loadConfig({
      ...GOOD,
      HTTP_ADDRESS: '[::1]:0',
      KERNEL_ADDRESS: 'kernel-1:50051, kernel-2:50051',
      OIDC_ISSUER: 'http://localhost:9000/',
      OIDC_JWKS_URI: 'https://keys.example.com/keys',
      OIDC_AUDIENCE: 'my-api',
      LOG_LEVEL: 'debug',
      HTTP_CORS_ORIGINS: 'https://app.example.com/, http://localhost:5173',
      HTTP_CONNECTIONS_MAX: '50',
      RATE_LIMIT_PER_ADDRESS: '0',
      RATE_LIMIT_PER_CALLER: '60',
      ARRIVAL_TIMEOUT_MS: '5000',
      REQUEST_TIMEOUT_MS: '2500',
      DRAIN_NOTICE_MS: '7000',
      SOMETHING_ELSE: 'is not ours',
    }),
  ).toMatchObject({
    httpAddress: { host: '::1', port: 0 },
    kernelAddresses: ['kernel-1:50051', 'kernel-2:50051'],
    issuer: 'http://localhost:9000/',
    jwksUri: new URL('https://keys.example.com/keys'),
    audience: 'my-api',
    logLevel: 'debug',
    corsOrigins: ['https://app.example.com', 'http://localhost:5173'],
    rateLimits: { perAddress: 0, perCaller: 60 },
    connectionsMax: 50,
    arrivalTimeoutMs: 5_000,
    requestTimeoutMs: 2_500,
    drainNoticeMs: 7_000,
  });
});

const KEYS = ['a'.repeat(43), 'B-_9'.padEnd(43, 'c')] as const;
const SESSIONS = { OIDC_CLIENT_ID: 'bff', PUBLIC_URL: 'https://console.example.com', SESSION_KEYS: KEYS.join(' , ') };

test('takes what browsers sign in with, and the proxies', () => {
  expect(
    loadConfig({ ...GOOD, ...SESSIONS, OIDC_CLIENT_SECRET: 's', HTTP_TRUSTED_PROXIES: '10.0.0.0/8, ::1' }),
  ).toMatchObject({
    browserSession: {
      clientId: 'bff',
      clientSecret: 's',
      publicUrl: new URL('https://console.example.com'),
      keys: KEYS.map((key) => Buffer.from(key, 'base64url')),
    },
    trustedProxies: ['10.0.0.0/8', '::1'],
  });
  expect(loadConfig({ ...GOOD, ...SESSIONS }).browserSession).not.toHaveProperty('clientSecret');
});

test.each(Object.keys(SESSIONS))('does not leave sessions off unsaid where %s is missing', (name) => {
  const lines = complaints({ ...GOOD, ...SESSIONS, [name]: undefined }).split('\n');
  expect(lines).toEqual([
    lines[0],
    expect.stringContaining(`- ${name} is not set; browsers sign in only where all of`),
  ]);
});

test('shows no key and no secret', () => {
  const text = complaints({
    ...GOOD,
    ...SESSIONS,
    OIDC_CLIENT_SECRET: 'two words',
    SESSION_KEYS: `${KEYS[0]},short-key`,
  });
  expect(text).toContain('OIDC_CLIENT_SECRET is malformed');
  expect(text).toContain('SESSION_KEYS is malformed');
  expect(text).not.toMatch(/two words|short-key|aaaa/);
});

test('does not double the slash of an issuer', () => {
  const { jwksUri } = loadConfig({ ...GOOD, OIDC_ISSUER: 'https://issuer.example.com/realm/' });
  expect(jwksUri.href).toBe('https://issuer.example.com/realm/.well-known/jwks.json');
});

test('lists all that is missing', () => {
  expect(complaints({}).split('\n')).toEqual([
    'The BFF can not start, because its environment is wrong:',
    expect.stringMatching(/^ {2}- PRODUCT_CODE is not set; set it to the slug/),
    expect.stringMatching(/^ {2}- KERNEL_ADDRESS is not set; set it to one `host:port`/),
    expect.stringMatching(/^ {2}- KERNEL_TOKEN is not set; set it to the token/),
    expect.stringMatching(/^ {2}- OIDC_ISSUER is not set; set it to the issuer/),
  ]);
});

test('lists all that is malformed, with its value', () => {
  const text = complaints({
    PRODUCT_CODE: 'Agent Runtime',
    HTTP_ADDRESS: '8080',
    KERNEL_ADDRESS: 'a:1,b',
    KERNEL_TOKEN: 'short secret',
    OIDC_ISSUER: 'http://issuer.example.com',
    OIDC_JWKS_URI: 'ftp://keys',
    OIDC_AUDIENCE: 'two words',
    LOG_LEVEL: 'loud',
    REQUEST_TIMEOUT_MS: '10s',
  });
  for (const shown of [
    '"Agent Runtime"',
    '"8080"',
    '"b"',
    '"http://issuer.example.com"',
    '"ftp://keys"',
    '"two words"',
    '"loud"',
    '"10s"',
  ]) {
    expect(text).toContain(shown);
  }
  expect(text.split('\n')).toHaveLength(10);
  expect(text).toContain('KERNEL_TOKEN is malformed');
  expect(text).not.toContain('short secret');
});

test.each([
  ['PRODUCT_CODE', ''],
  ['PRODUCT_CODE', '   '],
  ['HTTP_ADDRESS', '127.0.0.1:65536'],
  ['HTTP_ADDRESS', '127.0.0.1:'],
  ['KERNEL_ADDRESS', 'a:1,a:1'],
  ['KERNEL_ADDRESS', 'a:1,'],
  ['KERNEL_ADDRESS', 'http://a:1'],
  ['KERNEL_TOKEN', 'with\nline-break-in-the-token'],
  ['OIDC_ISSUER', 'issuer.example.com'],
  ['OIDC_ISSUER', 'https://user:password@issuer.example.com'],
  ['HTTP_TRUSTED_PROXIES', '10.0.0.0/33'],
  ['HTTP_TRUSTED_PROXIES', '10.0.0.0/0'],
  ['HTTP_TRUSTED_PROXIES', 'loopback'],
  ['HTTP_TRUSTED_PROXIES', '10.0.0.1,'],
  ['REQUEST_TIMEOUT_MS', '0'],
  ['REQUEST_TIMEOUT_MS', '-1'],
  ['REQUEST_TIMEOUT_MS', '1e3'],
  ['REQUEST_TIMEOUT_MS', '120001'],
  ['DRAIN_NOTICE_MS', '-1'],
  ['DRAIN_NOTICE_MS', '120001'],
])('refuses %s=%j, and complains of nothing else', (name, value) => {
  const lines = complaints({ ...GOOD, [name]: value }).split('\n');
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain(name);
});

test.each([
  ['PUBLIC_URL', 'http://console.example.com'],
  ['PUBLIC_URL', 'https://console.example.com/app'],
  ['PUBLIC_URL', 'https://console.example.com?a=b'],
  ['PUBLIC_URL', 'https://me@console.example.com'],
  ['PUBLIC_URL', 'console.example.com'],
  ['SESSION_KEYS', 'a'.repeat(42)],
  ['SESSION_KEYS', 'a'.repeat(44)],
  ['SESSION_KEYS', `${KEYS[0]},${KEYS[0]}`],
  ['SESSION_KEYS', Array.from({ length: 9 }, (_, index) => `${index}`.padEnd(43, 'k')).join()],
  ['OIDC_CLIENT_ID', 'two words'],
])('refuses %s=%j for browsers, and complains of nothing else', (name, value) => {
  const lines = complaints({ ...GOOD, ...SESSIONS, [name]: value }).split('\n');
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain(name);
});
