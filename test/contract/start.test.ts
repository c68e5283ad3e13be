// How the kernel starts and fails to: one message for people, exit code 1, no stack, nothing half started.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { loadKernelConfig } from '../../kernel/config.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { openSeededDatabase } from './support/kernel-fixture.ts';
import { cleanUpProcesses, type Ending, runKernel, writeCredentials } from './support/kernel-process.ts';

const servers: Server[] = [];

afterEach(() => {
  cleanUpProcesses();
  for (const server of servers.splice(0)) server.close();
});

function settings(changes: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    MONGODB_URI: freshDatabaseUri(),
    KERNEL_CREDENTIALS_FILE: writeCredentials(),
    GRPC_ADDRESS: '127.0.0.1:0',
    HTTP_ADDRESS: '127.0.0.1:0',
    ...changes,
  };
}

async function failsWith(changes: Readonly<Record<string, string>>): Promise<string> {
  const ending: Ending = await runKernel(settings(changes)).ended;
  expect(ending).toMatchObject({ code: 1, stdout: '' });
  expect(ending.stderr).not.toMatch(/\n\s+at |Error:/);
  return ending.stderr;
}

/** Takes a port as another program would. */
async function takePort(): Promise<string> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has an address of that kind.
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a wrong configuration', () => {
  test('is reported whole, with what to do and without secrets', async () => {
    const message = await failsWith({
      MONGODB_URI: 'postgres://user:hunter2@db/x',
      GRPC_ADDRESS: '127.0.0.1:70000',
      HTTP_ADDRESS: 'nowhere',
      LOG_LEVEL: 'loud',
      MOVABLE_CLOCK: 'perhaps',
      SHUTDOWN_TIMEOUT_MS: '10s',
      DATABASE_TIMEOUT_MS: '-1',
      GRPC_TLS_CERT_FILE: '/nowhere/cert.pem',
      STRIPE_SECRET_KEY: 'pk_live_hunter2',
      STRIPE_API_URL: 'http://api.stripe.com',
      STRIPE_WEBHOOK_SECRETS: 'whsec_a,hunter2',
      STRIPE_SYNC_INTERVAL_MS: '5m',
      SMTP_URL: 'http://user:hunter2@mail',
      MAIL_FROM: 'Us <a@b>, Them <c@d>',
      CONSOLE_URLS: 'agentruntime=http://console.example.com',
      KERNEL_CREDENTIALS_FILE: '/nowhere/credentials.json',
    });
    expect(message).toBe(
      [
        'The configuration has 16 problems.',
        '  - MONGODB_URI is malformed: set it to a connection string such as mongodb://127.0.0.1:27017/wheelhouse.',
        '  - DATABASE_TIMEOUT_MS is "-1": set it to milliseconds, such as 10000.',
        '  - GRPC_ADDRESS is "127.0.0.1:70000": set it to host:port, such as 0.0.0.0:50051.',
        '  - HTTP_ADDRESS is "nowhere": set it to host:port, such as 0.0.0.0:8090.',
        '  - LOG_LEVEL is "loud": set it to trace, debug, info, warn, error or fatal.',
        '  - MOVABLE_CLOCK is "perhaps": set it to true (local stack and tests only) or false.',
        '  - SHUTDOWN_TIMEOUT_MS is "10s": set it to milliseconds, such as 10000.',
        '  - STRIPE_SECRET_KEY is malformed: set it to a secret or restricted key (sk_… or rk_…), or leave it out to run without Stripe.',
        '  - STRIPE_API_URL is "http://api.stripe.com": set it to https://host, or http://127.0.0.1:port for a local one, without a path.',
        '  - STRIPE_WEBHOOK_SECRETS is malformed: set it to the signing secret of the webhook endpoint (whsec_…), or to several with commas between.',
        '  - STRIPE_SYNC_INTERVAL_MS is "5m": set it to milliseconds from 1000 on, such as 900000.',
        '  - SMTP_URL is malformed: set it to smtp://user:password@host:587 or smtps://…, or leave it out to have mails wait.',
        '  - MAIL_FROM is "Us <a@b>, Them <c@d>": set it to the sender of mails, such as Wheelhouse <no-reply@example.com>.',
        '  - CONSOLE_URLS is "agentruntime=http://console.example.com": set it to where people of each product sign in, such as agentruntime=https://console.example.com.',
        "  - KERNEL_CREDENTIALS_FILE names /nowhere/credentials.json, which can't be read (ENOENT): correct the path or its rights.",
        '  - GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE belong together: set both for TLS, or neither for plain text.',
        '',
      ].join('\n'),
    );
  });

  test('names each proxy that is none', async () => {
    const message = await failsWith({
      HTTP_TRUSTED_PROXIES: '10.0.0.0/8,10.0.0.0/33,1.2.3,2001:db8::/32,2001:db8::/129',
    });
    for (const network of ['10.0.0.0/33', '1.2.3', '2001:db8::/129']) {
      expect(message).toContain(`HTTP_TRUSTED_PROXIES names ${network}, which is no address or network: `);
    }
    expect(message.match(/which is no address/g)).toHaveLength(3);
    expect(await failsWith({ HTTP_TRUSTED_PROXIES: 'proxy.example.com' })).toContain('HTTP_TRUSTED_PROXIES is "proxy');
  });

  test('names webhook secrets without a key', async () => {
    expect(await failsWith({ STRIPE_WEBHOOK_SECRETS: 'whsec_a' })).toContain('is set without STRIPE_SECRET_KEY: ');
  });

  test('names what mail lacks', async () => {
    const message = await failsWith({ SMTP_URL: 'smtps://user:%zz@mail.example.com' });
    expect(message).toContain('SMTP_URL is malformed: correct its port, and percent-encode what is special ');
    expect(message).toContain('MAIL_FROM is not set, and SMTP_URL is: ');
    expect(message).toContain('CONSOLE_URLS is not set, and SMTP_URL is: ');
    expect(await failsWith({ CONSOLE_URLS: 'a=https://x,a=https://y' })).toContain(
      'CONSOLE_URLS names a product twice',
    );
  });

  test('takes a mail server, a sender and the addresses of Consoles', () => {
    const environment = settings({
      SMTP_URL: 'smtp://user:p%40ss@mail.example.com:587',
      MAIL_FROM: 'Wheelhouse <no-reply@example.com>',
      CONSOLE_URLS: 'agentruntime=https://console.example.com/,otherproduct=http://127.0.0.1:8081',
    });
    const { mail, consoleUrls } = loadKernelConfig(environment);
    expect(mail).toEqual({ smtpUrl: environment['SMTP_URL'], from: environment['MAIL_FROM'] });
    expect(consoleUrls).toEqual(
      new Map([
        ['agentruntime', 'https://console.example.com'],
        ['otherproduct', 'http://127.0.0.1:8081'],
      ]),
    );
    expect(loadKernelConfig(settings())).toMatchObject({ consoleUrls: new Map() });
    expect(loadKernelConfig(settings()).mail).toBeUndefined();
  });

  test('names what is not set', async () => {
    const message = await failsWith({ MONGODB_URI: '', KERNEL_CREDENTIALS_FILE: '' });
    expect(message).toContain('MONGODB_URI is not set: ');
    expect(message).toContain('KERNEL_CREDENTIALS_FILE is not set: ');
  });

  test.each([
    ['no JSON', 'token: abc', 'is not JSON'],
    ['no list', '{}', "the file must have required property 'credentials'"],
    ['an empty list', '{"credentials":[]}', 'credentials must NOT have fewer than 1 items'],
    [
      'a scope that nobody knows',
      '{"credentials":[{"scope":"root"}]}',
      'credentials[0] needs a scope: bff, internal or sysadmin',
    ],
    [
      'a BFF without a product',
      `{"credentials":[{"scope":"bff","name":"b","token_sha256":"${'0'.repeat(64)}"}]}`,
      "credentials[0] must have required property 'product_code'",
    ],
    [
      'a token in the place of its digest',
      '{"credentials":[{"scope":"sysadmin","name":"operator","token_sha256":"hunter2"}]}',
      'credentials[0].token_sha256 must match pattern',
    ],
    [
      'a method that internal services have not',
      `{"credentials":[{"scope":"internal","name":"i","token_sha256":"${'0'.repeat(64)}","methods":["LedgerService/Grant"]}]}`,
      'credentials[0].methods[0] must be one of ',
    ],
    [
      'an unknown field',
      `{"credentials":[{"scope":"sysadmin","name":"o","token_sha256":"${'0'.repeat(64)}","expires":1}]}`,
      'credentials[0] has the unknown field expires: remove it',
    ],
    [
      'a name with a colon, which would blur request keys',
      `{"credentials":[{"scope":"sysadmin","name":"a:b","token_sha256":"${'0'.repeat(64)}"}]}`,
      'credentials[0].name must match pattern',
    ],
    [
      'one token twice',
      `{"credentials":[${[1, 2].map((n) => `{"scope":"sysadmin","name":"o${n}","token_sha256":"${'0'.repeat(64)}"}`)}]}`,
      'credentials[1] has the token of credentials[0]',
    ],
  ])('names what is wrong with credentials: %s', (_, content, expected) => {
    const environment = settings({ KERNEL_CREDENTIALS_FILE: writeCredentials(content) });
    expect(() => loadKernelConfig(environment)).toThrow(expected);
    expect(() => loadKernelConfig(environment)).not.toThrow('hunter2');
  });
});

describe('what is missing or taken', () => {
  test('a database that is not there', async () => {
    const uri = 'mongodb://user:hunter2@127.0.0.1:1/wheelhouse';
    const message = await failsWith({ MONGODB_URI: uri, DATABASE_TIMEOUT_MS: '300' });
    expect(message).toMatch(/^The database at mongodb:\/\/127\.0\.0\.1:1\/wheelhouse can't be reached within 300 ms/);
    expect(message.trim().split('\n')).toHaveLength(1);
    expect(message).not.toContain('hunter2');
  });

  test('a port that another program has', async () => {
    const taken = await takePort();
    expect(await failsWith({ GRPC_ADDRESS: taken })).toBe(
      `The gRPC address ${taken} is in use: end the program that has it, or set GRPC_ADDRESS to another one.\n`,
    );
    expect(await failsWith({ HTTP_ADDRESS: taken })).toBe(
      `The HTTP address ${taken} is in use: end the program that has it, or set HTTP_ADDRESS to another one.\n`,
    );
  });

  test('a unique index that can’t be proven', async () => {
    const { mongodbUri, connection } = await openSeededDatabase();
    await connection.collection('tenants').createIndex({ request_key: 1 }, { name: 'request_key' });
    const message = await failsWith({ MONGODB_URI: mongodbUri });
    expect(message).toMatch(
      /^The index \{"request_key":1\} of collection tenants .*: drop an index of the same name or key that differs/,
    );
    await connection.dropDatabase();
    await connection.close();
  });

  test('a certificate that is none', async () => {
    const file = writeCredentials('no certificate');
    const message = await failsWith({ GRPC_TLS_CERT_FILE: file, GRPC_TLS_KEY_FILE: file });
    expect(message).toContain('GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE are no certificate and its key in PEM');
  });
});

describe('the seed', () => {
  test('adds the demo products once, and keeps what an operator has changed', async () => {
    const { mongodbUri, connection } = await openSeededDatabase();
    await connection.collection('plans').deleteOne({ product_code: 'agentruntime', plan_code: 'free' });
    await connection.collection('plan_policies').updateOne({ plan_code: 'enterprise' }, { $set: { member_limit: 50 } });
    const run = () => runKernel({ MONGODB_URI: mongodbUri }, 'kernel/cli/main.ts', 'seed').ended;
    const first = await run();
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('  added plans agentruntime/free\n');
    expect(first.stdout).toContain(
      '  kept  plan_policies agentruntime/enterprise as it is (differs in member_limit)\n',
    );
    expect(first.stdout).toContain('Added 1 rows, left 15 as they were.');
    const second = await run();
    expect(second.stdout).toContain('Nothing changed: all 16 rows were there.');
    const enterprise = await connection.collection('plan_policies').findOne({ plan_code: 'enterprise' });
    expect(enterprise?.['member_limit']).toBe(50);
    await connection.dropDatabase();
    await connection.close();
  });

  test('without a database says so in one sentence', async () => {
    const failed = await runKernel(
      { MONGODB_URI: 'mongodb://127.0.0.1:1/x', DATABASE_TIMEOUT_MS: '300' },
      'kernel/cli/main.ts',
      'seed',
    ).ended;
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/^The database at mongodb:\/\/127\.0\.0\.1:1\/x can't be reached/);
    const unset = await runKernel({}, 'kernel/cli/main.ts', 'seed').ended;
    expect(unset.stderr).toContain('MONGODB_URI is not set');
  });
});
