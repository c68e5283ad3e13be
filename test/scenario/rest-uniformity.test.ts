// What is promised of REST as a whole holds from end to end, over real programs: the id of a request reaches the kernel's log, lists are
// paged to their end without a gap, an entry explains itself, and answers are told apart, zipped and spared.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFundedTenant, sendDebit } from '../support/debit-driver.ts';
import { fetchDocumented } from '../support/documented-answer.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const PRODUCT = 'agentruntime';
const DEBITS = 25;

let stack: TestStack;
let token: string;

beforeAll(async () => {
  stack = await startStack({
    ...{ mongodbUri: freshDatabaseUri(), productCodes: [PRODUCT] },
    kernelSettings: { LOG_LEVEL: 'debug' },
  });
  const tenantId = await createFundedTenant(stack, 100n);
  token = await stack.mint(PRODUCT, 'tenant_admin', tenantId);
  const internal = stack.connect(stack.credentials.internal);
  for (let index = 0; index < DEBITS; index += 1) await sendDebit(internal, tenantId, `page-${index}`);
});
afterAll(() => stack.stop());

async function get(path: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetchDocumented(`${stack.bffs.get(PRODUCT)}/v1/billing${path}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
  const text = await response.text();
  return { response, body: text === '' ? undefined : JSON.parse(text) };
}

test('the id that a client gives a request stands in the kernel’s log, and comes back', async () => {
  const { response } = await get('/usage', { 'x-request-id': 'from-the-client' });
  expect(response.headers.get('x-request-id')).toBe('from-the-client');
  const linesOf = () => (stack.kernels[0]?.lastLines() ?? []).filter((line) => line.includes('from-the-client'));
  await expect.poll(linesOf).toContainEqual(expect.stringContaining('LedgerService/GetBalance'));
});

test('a list is read page by page to its end, newest first, and each entry explains itself', async () => {
  const ids: string[] = [];
  const times: string[] = [];
  for (let pageToken = ''; ; ) {
    const { body } = await get(`/usage-history?page_size=7${pageToken && `&page_token=${pageToken}`}`);
    for (const { entry_id, create_time } of body.events) {
      ids.push(entry_id);
      times.push(create_time);
    }
    if (body.next_page_token === null) break;
    pageToken = body.next_page_token;
  }
  expect(new Set(ids).size).toBe(DEBITS);
  expect(ids).toHaveLength(DEBITS);
  expect(times).toEqual([...times].sort().reverse());
  for (const id of ids.slice(0, 3)) {
    const { body } = await get(`/usage-history/${id}`);
    expect(body.event).toMatchObject({ entry_id: id, action: 'memory_index_file_mb', cost_microcredits: 1_000_000 });
  }
});

test('plans have a tag, by which who has them already is spared them, and long answers are zipped', async () => {
  const { response } = await get('/plans');
  const tag = response.headers.get('etag') ?? '';
  expect(tag).not.toBe('');
  expect(response.headers.get('content-encoding')).toBe('gzip');
  expect((await get('/plans', { 'if-none-match': tag })).response.status).toBe(304);
});

test('where the kernel is away, the answer says when to come again, and all is well when it is back', async () => {
  await stack.kernels[0]?.kill9();
  const { response, body } = await get('/usage');
  expect([response.status, body.reason]).toEqual([503, 'KERNEL_UNAVAILABLE']);
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  await stack.kernels[0]?.restart();
  await expect.poll(async () => (await get('/usage')).response.status).toBe(200);
});
