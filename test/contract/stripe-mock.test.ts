// Every request that the kernel can send to Stripe passes Stripe's own strict validator, stripe-mock.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStripeCatalog } from '../../kernel/stripe/stripe-catalog.ts';
import { createStripeClient } from '../../kernel/stripe/stripe-client.ts';
import { type StripeMock, startStripeMock } from '../support/stripe-mock.ts';

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly version: string | undefined;
}

let mock: StripeMock | { readonly reason: string };
let recorder: Server;
const sent: Sent[] = [];

/** Passes requests on to stripe-mock, and notes them with the status of their answers. */
function record(target: string): Server {
  return createServer(async (request, response) => {
    const { method = '', url = '' } = request;
    const answer = await fetch(`${target}${url}`, {
      method,
      headers: { authorization: String(request.headers.authorization) },
    });
    const version = request.headers['stripe-version'];
    sent.push({ method, path: url, status: answer.status, version: typeof version === 'string' ? version : undefined });
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(await answer.text());
  });
}

beforeAll(async () => {
  mock = await startStripeMock(process.env);
  if (!('url' in mock)) return;
  recorder = record(mock.url);
  await new Promise<void>((resolve) => recorder.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  if (!('url' in mock)) return;
  recorder.close();
  await mock.stop();
});

test('reading Prices, in pages and one by one', async (context) => {
  if (!('url' in mock)) return context.skip(mock.reason);
  // A server that listens on a port has an address of that kind.
  const { port } = recorder.address() as AddressInfo;
  const statuses: number[] = [];
  const client = createStripeClient({
    secretKey: 'sk_test_mock',
    apiUrl: `http://127.0.0.1:${port}`,
    onResponse: (status) => statuses.push(status),
  });
  const catalog = createStripeCatalog(client);
  for (const active of [true, false]) {
    for await (const page of catalog.loadPages(active)) {
      expect(page.length).toBeGreaterThan(0);
      expect(page[0]).toMatchObject({ priceId: expect.any(String), currency: 'usd', minorUnits: expect.any(BigInt) });
    }
  }
  expect(await catalog.loadPrice('price_1')).toMatchObject({
    priceId: 'price_1',
    product: { name: expect.any(String) },
  });
  // What a page after the first asks for.
  await client.prices.list({ active: true, limit: 100, expand: ['data.product'], starting_after: 'price_1' });
  expect(sent.map(({ method, path }) => `${method} ${decodeURIComponent(path)}`)).toEqual([
    'GET /v1/prices?active=true&limit=100&expand[0]=data.product',
    'GET /v1/prices?active=false&limit=100&expand[0]=data.product',
    'GET /v1/prices/price_1?expand[0]=product',
    'GET /v1/prices?active=true&limit=100&expand[0]=data.product&starting_after=price_1',
  ]);
  expect(sent.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(statuses).toEqual([200, 200, 200, 200]);
  expect(new Set(sent.map(({ version }) => version))).toEqual(new Set(['2026-08-26.dahlia']));
});
