// How alerts go out: what is signed how, by the words of the reference library; where nothing is ever sent, in whatever form the
// address is written and whatever a name leads to when; and endpoints that hang, redirect, or answer without end.

import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, test } from 'vitest';
import type { Resolve } from '../../kernel/alert/alert-target.ts';
import { isPublicAddress } from '../../kernel/alert/public-address.ts';
import { createWebhookTransport, type WebhookTransportSettings } from '../../kernel/alert/webhook-transport.ts';
import type { AlertMessage } from '../../kernel/app/alert/ports.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OLD_SECRET = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Serves on this machine; answers the address. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const transportOf = (settings: Partial<WebhookTransportSettings> = {}) =>
  createWebhookTransport({ allowsLoopback: true, timeoutMs: 5_000, ...settings });

const messageTo = (url: string, fields: Partial<AlertMessage> = {}): AlertMessage => ({
  ...{ url, eventId: 'balance-low:ten_1:5:7', body: '{"type":"balance.low"}', sentAt: Date.now(), secrets: [SECRET] },
  ...fields,
});

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe('a message', () => {
  test('is signed so that the reference library accepts it, with each secret, and no other', async () => {
    const received = Promise.withResolvers<{ body: string; headers: Record<string, string> }>();
    const url = await serve(async (request, response) => {
      received.resolve({ body: await readAll(request), headers: request.headers as Record<string, string> });
      response.writeHead(204).end();
    });
    expect(await transportOf().send(messageTo(`${url}/hook?a=b`, { secrets: [SECRET, OLD_SECRET] }))).toBe(204);
    const { body, headers } = await received.promise;
    expect(body).toBe('{"type":"balance.low"}');
    expect(headers['webhook-id']).toBe('balance-low:ten_1:5:7');
    expect(headers['content-type']).toMatch('application/json');
    for (const secret of [SECRET, OLD_SECRET]) {
      expect(new Webhook(secret).verify(body, headers)).toEqual({ type: 'balance.low' });
    }
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(2);
    const stranger = new Webhook(`whsec_${Buffer.alloc(32, 9).toString('base64')}`);
    expect(() => stranger.verify(body, headers)).toThrow();
    expect(() => new Webhook(SECRET).verify(`${body} `, headers)).toThrow();
  });

  test('that is answered with a redirect is followed nowhere', async () => {
    let followed = 0;
    const elsewhere = await serve((_request, response) => {
      followed += 1;
      response.end();
    });
    const url = await serve((_request, response) => response.writeHead(302, { location: elsewhere }).end());
    expect(await transportOf().send(messageTo(url))).toBe(302);
    expect(followed).toBe(0);
  });

  test('is not waited for beyond its time, whether the endpoint says nothing, or half of its head again and again', async () => {
    const silent = await serve(() => undefined);
    const transport = transportOf({ timeoutMs: 300 });
    await expect(transport.send(messageTo(silent))).rejects.toThrow('no answer within 300 ms');
    const dripping = await serve((request) => {
      const timer = setInterval(() => request.socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 20);
      request.socket.on('close', () => clearInterval(timer));
    });
    await expect(transport.send(messageTo(dripping))).rejects.toThrow('no answer within 300 ms');
  });

  test('whose answer has no end is answered by its head, and the connection is gone', async () => {
    const closed = Promise.withResolvers<void>();
    let sent = 0;
    const url = await serve((_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => {
        sent += 65_536;
        response.write(Buffer.alloc(65_536));
      }, 1);
      response.on('close', () => {
        clearInterval(timer);
        closed.resolve();
      });
    });
    expect(await transportOf().send(messageTo(url))).toBe(200);
    await closed.promise;
    expect(sent).toBeLessThan(64 * 1_048_576);
  });

  test('to an endpoint that is not there fails in a sentence, and so does one with a head without end', async () => {
    await expect(transportOf().send(messageTo('http://127.0.0.1:1/'))).rejects.toThrow("it can't be reached");
    const url = await serve((request) => request.socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`));
    await expect(transportOf().send(messageTo(url))).rejects.toThrow("it can't be reached");
  });
});

const FORBIDDEN = [
  ...['127.0.0.1', '127.255.255.254', '0.0.0.0', '10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255'],
  ...['192.168.0.1', '169.254.169.254', '100.64.0.1', '100.127.255.255', '192.0.0.1', '192.0.2.1', '198.18.0.1'],
  ...['198.51.100.1', '203.0.113.1', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
  ...['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:a9fe:a9fe', '::127.0.0.1', '64:ff9b::7f00:1'],
  ...['fc00::1', 'fd00:ec2::254', 'fe80::1', 'fec0::1', 'ff02::1', '2001:db8::1', '2001::1', '2002:7f00:1::'],
  ...['100::1', '3fff::1', 'not an address', ''],
];
const PUBLIC = ['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'];

describe('the addresses of the public internet', () => {
  test.each(FORBIDDEN)('do not have %s among them', (address) => expect(isPublicAddress(address)).toBe(false));
  test.each(PUBLIC)('have %s among them', (address) => expect(isPublicAddress(address)).toBe(true));
});

/** A resolver that answers these addresses, one set for each time that it is asked. */
function resolverOf(...answers: readonly (readonly string[])[]): { resolve: Resolve; readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    resolve: (name) => {
      const addresses = answers[Math.min(asked.length, answers.length - 1)] ?? [];
      asked.push(name);
      return Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
    },
  };
}

describe('nothing is sent', () => {
  test.each([
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://127.1/',
    'https://0/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[0:0:0:0:0:ffff:10.0.0.1]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://[fd00:ec2::254]/',
    'https://１２７.0.0.1/',
    'https://192.168.1.1:8443/',
  ])('to %s, and an endpoint there is objected to', async (url) => {
    const { resolve, asked } = resolverOf(['8.8.8.8']);
    const transport = transportOf({ allowsLoopback: false, resolve });
    expect(await transport.findObjection(url)).toMatch('is no public address');
    await expect(transport.send(messageTo(url))).rejects.toThrow('is no public address');
    expect(asked).toEqual([]);
  });

  test.each([
    ['a private address', ['10.0.0.5']],
    ['a public and a private one', ['8.8.8.8', '192.168.0.5']],
    ['a private one of IPv6', ['fd00::5']],
    ['a mapped one', ['::ffff:127.0.0.1']],
  ])('to a name that leads to %s', async (_, addresses) => {
    const transport = transportOf({ allowsLoopback: false, resolve: resolverOf(addresses).resolve });
    expect(await transport.findObjection('https://evil.example/')).toMatch(/^evil\.example leads to .+ is no public/);
    await expect(transport.send(messageTo('https://evil.example/'))).rejects.toThrow('is no public address');
  });

  test('without TLS, but on this machine where that is allowed', async () => {
    const { resolve } = resolverOf(['8.8.8.8']);
    for (const allowsLoopback of [true, false]) {
      const transport = transportOf({ allowsLoopback, resolve });
      expect(await transport.findObjection('http://example.com/')).toBe('it is not https');
      await expect(transport.send(messageTo('http://example.com/'))).rejects.toThrow('it is not https');
      expect((await transport.findObjection('http://127.0.0.1/')) === undefined).toBe(allowsLoopback);
      expect(await transport.findObjection('https://example.com/')).toBeUndefined();
    }
  });

  test('to what a name leads to later: it is looked up once, and connected to what was judged', async () => {
    let calls = 0;
    const url = await serve((_request, response) => {
      calls += 1;
      response.writeHead(200).end();
    });
    const port = new URL(url).port;
    // First this machine, which this transport allows; from then on an address that must never be connected to.
    const { resolve, asked } = resolverOf(['127.0.0.1'], ['10.0.0.1']);
    const transport = transportOf({ resolve });
    expect(await transport.send(messageTo(`http://rebinding.example:${port}/`))).toBe(200);
    expect([calls, asked]).toEqual([1, ['rebinding.example']]);
    await expect(transport.send(messageTo(`http://rebinding.example:${port}/`))).rejects.toThrow('10.0.0.1');
    expect(calls).toBe(1);
  });

  test('where the name is not found in time, and that is no objection', async () => {
    const transport = transportOf({ timeoutMs: 100, resolve: () => new Promise(() => undefined) });
    await expect(transport.send(messageTo('https://slow.example/'))).rejects.toThrow('no answer within 100 ms');
    const missing = transportOf({ resolve: () => Promise.reject(new Error('ENOTFOUND')) });
    expect(await missing.findObjection('https://missing.example/')).toBeUndefined();
    expect(await missing.findObjection('http://missing.example/')).toBe('it is not https');
    await expect(missing.send(messageTo('https://missing.example/'))).rejects.toThrow('ENOTFOUND');
  });
});
