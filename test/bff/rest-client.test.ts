// The REST client against a BFF: it says who calls, repeats what failed for a time and nothing else, and a write with one key.

import { status as GrpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, expectTypeOf, test } from 'vitest';
import type { UsageEvent } from '../../clients/rest/billing-api.ts';
import { createBillingClient } from '../../clients/rest/client.ts';
import { GetBalanceResponse, ListEntriesResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { ApplyCodeResponse, RedemptionOutcome } from '../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { refusal } from './support/kernel-peer.ts';
import { Stage } from './support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => stage.kernel.reset());

async function makeClient(send?: (request: Request) => Promise<Response>) {
  const token = await stage.issuer.sign();
  return createBillingClient({ url: stage.url, token, workspaceId: TENANT_ID, ...(send && { fetch: send }) });
}

const BUSY = refusal({ code: GrpcStatus.UNAVAILABLE, reason: 'SHUTTING_DOWN', retryDelayMs: 1 });
const APPLIED = ApplyCodeResponse.fromPartial({
  ...{ promotionId: 'prm_1', code: 'WELCOME', outcome: RedemptionOutcome.DONE, credit: { microcredits: 5n } },
});

test('reads what is there, with its types', async () => {
  stage.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: { availableMicrocredits: 5n } });
  const { data } = await (await makeClient()).GET('/v1/billing/usage');
  expect(data?.available).toBe(5);
});

test('reads a list that can be had as CSV too as what it is in JSON', async () => {
  stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({});
  const { data } = await (await makeClient()).GET('/v1/billing/usage-history');
  expectTypeOf(data).toEqualTypeOf<{ events: UsageEvent[]; next_page_token: string | null } | undefined>();
  expect(data).toEqual({ events: [], next_page_token: null });
});

test('a write that failed for a time is repeated with the same key, and done once', async () => {
  let asked = 0;
  stage.kernel.answers.applyCode = () => {
    asked += 1;
    if (asked <= 3) throw BUSY;
    return APPLIED;
  };
  const { data } = await (await makeClient()).POST('/v1/billing/codes/apply', { body: { code: 'WELCOME' } });
  expect(data).toMatchObject({ outcome: 'done' });
  const keys = stage.kernel.calls.map(({ request }) => Object(request).requestId);
  expect(keys.length).toBeGreaterThan(1);
  expect(new Set(keys).size).toBe(1);
});

test('a request whose answer was lost is repeated', async () => {
  stage.kernel.answers.applyCode = () => APPLIED;
  let sent = 0;
  const client = await makeClient(async (request) => {
    sent += 1;
    const answer = await fetch(request);
    if (sent === 1) throw new TypeError('the connection was cut');
    return answer;
  });
  expect((await client.POST('/v1/billing/codes/apply', { body: { code: 'WELCOME' } })).data).toBeDefined();
  expect(new Set(stage.kernel.calls.map(({ request }) => Object(request).requestId)).size).toBe(1);
});

test('what is refused for good is told at once, by its reason', async () => {
  stage.kernel.answers.getBalance = () => {
    throw refusal({ code: GrpcStatus.PERMISSION_DENIED, reason: 'ROLE_REQUIRED' });
  };
  const { error, response } = await (await makeClient()).GET('/v1/billing/usage');
  expect([response.status, error?.reason]).toEqual([403, 'ROLE_REQUIRED']);
  expect(stage.kernel.calls).toHaveLength(1);
});

test('a program that can wait no longer has the last answer at once', async () => {
  stage.kernel.answers.getBalance = () => {
    throw BUSY;
  };
  let sent = 0;
  const client = createBillingClient({
    ...{ url: stage.url, token: await stage.issuer.sign(), workspaceId: TENANT_ID, repeatMs: 0 },
    fetch: (request) => {
      sent += 1;
      return fetch(request);
    },
  });
  const { response } = await client.GET('/v1/billing/usage');
  expect([response.status, sent]).toEqual([503, 1]);
});

test('whoever wants to be left alone for long is', async () => {
  stage.kernel.answers.getBalance = () => {
    throw refusal({ code: GrpcStatus.UNAVAILABLE, reason: 'SHUTTING_DOWN', retryDelayMs: 60_000 });
  };
  const { response } = await (await makeClient()).GET('/v1/billing/usage');
  expect(response.headers.get('retry-after')).toBe('60');
});

test('a proxy that names the time from which on it answers is left alone until then', async () => {
  let sent = 0;
  const headers = { 'Retry-After': new Date(Date.now() + 60_000).toUTCString() };
  const client = await makeClient(() => {
    sent += 1;
    return Promise.resolve(new Response('', { status: 503, headers }));
  });
  expect((await client.GET('/v1/billing/usage')).response.status).toBe(503);
  expect(sent).toBe(1);
});

test('a program that gives up while it waits for the next attempt is told so, and nothing more is sent', async () => {
  const giveUp = new AbortController();
  let sent = 0;
  const send = () => {
    sent += 1;
    // By then the client has taken the answer, and waits.
    setImmediate(() => giveUp.abort(new Error('enough')));
    return Promise.resolve(new Response('', { status: 503, headers: { 'Retry-After': '9' } }));
  };
  const call = (await makeClient(send)).GET('/v1/billing/usage', { signal: giveUp.signal });
  await expect(call).rejects.toThrow('enough');
  expect(sent).toBe(1);
});

test('a page of a browser’s session names its proof and its workspace, and no credential', async () => {
  let sent: Request | undefined;
  const client = createBillingClient({
    ...{ url: stage.url, csrfToken: 'proof', workspaceId: TENANT_ID },
    fetch: (request) => {
      sent = request;
      return fetch(request);
    },
  });
  await client.POST('/v1/billing/codes/apply', { body: { code: 'WELCOME' } });
  const names = ['x-csrf-token', 'x-workspace-id', 'authorization'];
  expect(names.map((name) => sent?.headers.get(name))).toEqual(['proof', TENANT_ID, null]);
});
