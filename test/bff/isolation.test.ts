// Nothing in a request chooses the product: the deployment's configuration does.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ListPlansResponse } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { Plan } from '../../gen/wheelhouse/catalog/v1/plan.ts';
import { GetBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { SUBJECT, TENANT_ID } from './support/issuer-peer.ts';
import { KERNEL_TOKEN, PRODUCT_CODE, Stage } from './support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => {
  stage.kernel.reset();
  stage.kernel.answers.listPlans = () =>
    ListPlansResponse.fromPartial({ plans: [{ productCode: PRODUCT_CODE, planCode: 'pro' }] });
  stage.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: {} });
});

const HOSTILE_HEADERS: readonly Record<string, string>[] = [
  { 'X-Product-Code': 'otherproduct' },
  { 'x-product-code': 'otherproduct', 'x-product_code': 'otherproduct', 'product-code': 'otherproduct' },
  { Host: 'console.otherproduct.io' },
  { 'X-Forwarded-Host': 'console.otherproduct.io', Forwarded: 'host=console.otherproduct.io' },
  { 'X-Tenant-Id': 'ten_other', 'X-Role': 'tenant_admin', 'X-Subject': 'usr_other' },
  { 'X-Original-URL': '/v1/billing/plans?product_code=otherproduct' },
  { 'grpc-metadata-x-product-code': 'otherproduct' },
];

test.each(HOSTILE_HEADERS)('headers %j change nothing', async (headers) => {
  const token = await stage.issuer.sign();
  const fields = Object.entries({ host: 'localhost', ...headers }).filter(
    ([name]) => name !== 'host' || !('Host' in headers),
  );
  const head = fields.map(([name, value]) => `${name}: ${value}`).join('\r\n');

  for (const path of ['/v1/billing/plans', '/v1/billing/usage']) {
    const answer = await stage.sendRaw(
      `GET ${path} HTTP/1.1\r\n${head}\r\nx-workspace-id: ${TENANT_ID}\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`,
    );
    expect(answer.status).toBe(200);
  }

  expect(stage.kernel.calls).toHaveLength(2);
  for (const { metadata } of stage.kernel.calls) {
    expect(metadata).toMatchObject({
      authorization: `Bearer ${KERNEL_TOKEN}`,
      'x-product-code': PRODUCT_CODE,
      'x-subject': SUBJECT,
      'x-tenant-id': TENANT_ID,
    });
    expect(metadata).not.toHaveProperty('x-role');
    expect(Object.values(metadata).join()).not.toContain('other');
  }
});

test('an absolute address of another host changes nothing', async () => {
  const token = await stage.issuer.sign();
  const answer = await stage.sendRaw(
    `GET http://console.otherproduct.io/v1/billing/plans HTTP/1.1\r\nhost: console.otherproduct.io\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`,
  );

  expect(answer.json()).toMatchObject({ plans: [{ plan_code: 'pro' }] });
  expect(stage.kernel.calls[0]?.metadata['x-product-code']).toBe(PRODUCT_CODE);
});

test.each(['product_code', 'productCode', 'tenant_id', 'x-product-code'])(
  'the parameter %s is refused',
  async (name) => {
    for (const path of [
      '/v1/billing/plans',
      '/v1/billing/usage',
      '/v1/billing/action-pricing',
      '/v1/billing/usage-history',
    ]) {
      expect((await stage.get(`${path}?${name}=otherproduct`)).problem()).toMatchObject({
        status: 400,
        errors: [{ field: name }],
      });
    }
    expect(stage.kernel.calls).toEqual([]);
  },
);

test.each(['/v1/billing/plans', '/v1/billing/usage'])('a body that names a product is refused: %s', async (path) => {
  const token = await stage.issuer.sign();
  const body = '{"product_code":"otherproduct"}';
  const lines = ['host: localhost', `authorization: Bearer ${token}`, 'connection: close'];
  const head = [...lines, 'content-type: application/json', `content-length: ${body.length}`].join('\r\n');

  const answer = await stage.sendRaw(`GET ${path} HTTP/1.1\r\n${head}\r\n\r\n${body}`);

  expect(answer.problem()).toMatchObject({ status: 400, errors: [{ field: 'body' }] });
  expect(stage.kernel.calls).toEqual([]);
});

test('a token for the other product is refused', async () => {
  const token = await stage.issuer.sign({ claims: { aud: 'wheelhouse:otherproduct' } });

  expect((await stage.get('/v1/billing/plans', { authorization: `Bearer ${token}` })).status).toBe(401);
  expect(stage.kernel.calls).toEqual([]);
});

test('a plan of another product is not shown, whoever sent it', async () => {
  const other = Plan.fromPartial({ productCode: 'otherproduct', planCode: 'secret-plan' });
  stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({ plans: [other] });

  const answer = await stage.get('/v1/billing/plans');

  expect(answer.status).toBe(500);
  expect(answer.text).not.toMatch(/otherproduct|secret-plan/);
});

test('no answer tells the product code', async () => {
  expect((await stage.get('/v1/billing/plans')).text).not.toContain('product_code');
});
