// The client for services inside the platform against real kernels: each debit once and each caller their own answer, whatever becomes of
// kernels and networks; no more kept than the bounds allow.

import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ServiceClient, type ServiceClientOptions } from '../../clients/grpc/client.ts';
import { DebitNotTakenError, type DebitQueue, type DebitQueueOptions } from '../../clients/grpc/debit-queue.ts';
import { KernelError } from '../../clients/grpc/kernel-error.ts';
import type { KernelClient } from '../../dev/kernel-client.ts';
import type { DebitResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { createFundedTenant, expectEachOnce, readPaygCredits } from '../support/debit-driver.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { startStallingProxy } from '../support/stalling-proxy.ts';

const ACTION = 'memory_index_file_mb';
const FUNDS = 100_000n;
/** Nobody listens there. */
const NOBODY = '127.0.0.1:1';

let stack: TestStack;
let kernel: KernelClient;
const cleanUps: (() => unknown)[] = [];

beforeAll(async () => {
  stack = await startStack({ mongodbUri: freshDatabaseUri(), kernelCount: 2, productCodes: [] });
  kernel = stack.connect(stack.credentials.internal);
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});
afterAll(() => stack.stop());

const addressOf = (index: number): string => stack.kernels[index]?.grpc ?? '';

function connect(addresses: readonly string[], options: Partial<ServiceClientOptions> = {}): ServiceClient {
  const client = new ServiceClient({ addresses, token: stack.credentials.internal, ...options });
  cleanUps.push(() => client.close());
  return client;
}

function openDebits(addresses: readonly string[], options: DebitQueueOptions = {}): DebitQueue {
  return connect(addresses).openDebits(options);
}

/** Hands over so many debits of one credit each, all at once. */
function handOver(debits: DebitQueue, tenantId: string, name: string, count: number): Promise<DebitResponse>[] {
  return Array.from({ length: count }, (_, index) =>
    debits.debit({ requestId: `${name}-${index}`, tenantId, action: ACTION, quantity: '1' }),
  );
}

const toDriven = ({ entry, replayed }: DebitResponse) => ({
  ...{ requestId: entry?.requestId ?? '', entryId: entry?.entryId ?? '', replayed, attempts: 1 },
});

function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('it was answered'),
    (error: unknown) => error,
  );
}

async function stalledKernel() {
  const proxy = await startStallingProxy(addressOf(0));
  cleanUps.push(() => proxy.stop());
  return proxy;
}

test('single debits travel together, and each caller gets their own answer', async () => {
  const tenantId = await createFundedTenant(stack, FUNDS);
  const debits = openDebits([addressOf(0), addressOf(1)]);
  const answers = await Promise.all(handOver(debits, tenantId, 'together', 3_000));
  expect(answers.map(({ entry }) => entry?.requestId)).toEqual(answers.map((_, index) => `together-${index}`));
  await expectEachOnce(kernel, tenantId, answers.map(toDriven), FUNDS);
  await debits.close();
});

test('a debit that is refused fails with its reason, and those beside it are charged', async () => {
  const tenantId = await createFundedTenant(stack, 3n);
  const debits = openDebits([addressOf(0)]);
  const [first, unknown, large, last] = await Promise.allSettled([
    debits.debit({ tenantId, action: ACTION, quantity: '1' }),
    debits.debit({ tenantId, action: 'no.such.action', quantity: '1' }),
    debits.debit({ requestId: 'too-large', tenantId, action: ACTION, quantity: '5' }),
    debits.debit({ tenantId, action: ACTION, quantity: '2' }),
  ]);
  expect([first?.status, last?.status]).toEqual(['fulfilled', 'fulfilled']);
  expect(unknown).toMatchObject({ reason: { name: 'KernelError', reason: 'ACTION_NOT_FOUND' } });
  expect(large).toMatchObject({
    reason: {
      ...{ code: status.FAILED_PRECONDITION, reason: 'INSUFFICIENT_CREDITS', requestId: 'too-large' },
      metadata: { needed_microcredits: '5000000' },
    },
  });
  expect(await readPaygCredits(kernel, tenantId)).toBe(0n);
});

test('no debit is lost or charged twice when the kernel is killed amid them and comes back', async () => {
  const tenantId = await createFundedTenant(stack, FUNDS);
  const debits = openDebits([addressOf(1)], { timeoutMs: 120_000 });
  const answers = handOver(debits, tenantId, 'killed', 3_000);
  // It dies after it has answered some, and before it has answered all.
  await answers[0];
  expect(debits.size.pending).toBeGreaterThan(0);
  await stack.kernels[1]?.kill9();
  await stack.kernels[1]?.restart();
  await expectEachOnce(kernel, tenantId, (await Promise.all(answers)).map(toDriven), FUNDS);
}, 180_000);

test('another kernel takes over while one is away', async () => {
  const tenantId = await createFundedTenant(stack, FUNDS);
  const client = connect([NOBODY, addressOf(0)]);
  for (let call = 0; call < 4; call += 1) {
    const { entry } = await client.calls.debit({ tenantId, action: ACTION, quantity: '1' });
    expect(entry?.requestId).not.toBe('');
  }
  // Whichever of the two the stream is opened at first.
  for (let queue = 0; queue < 4; queue += 1) {
    const debits = client.openDebits();
    await Promise.all(handOver(debits, tenantId, `queue-${queue}`, 10));
    await debits.close();
  }
  expect(await readPaygCredits(kernel, tenantId)).toBe(FUNDS - 44n);
});

test('callers wait where the queue is full, and it keeps no more than its bounds', async () => {
  const tenantId = await createFundedTenant(stack, FUNDS);
  const proxy = await stalledKernel();
  proxy.stall();
  const debits = openDebits([proxy.address], { pendingMax: 8, waitingMax: 12, timeoutMs: 60_000 });
  const answers = handOver(debits, tenantId, 'bounded', 20);
  expect(debits.size).toEqual({ pending: 8, waiting: 12 });
  const refused = await failureOf(debits.debit({ requestId: 'beyond', tenantId, action: ACTION, quantity: '1' }));
  expect(refused).toBeInstanceOf(DebitNotTakenError);
  expect(refused).toMatchObject({ requestId: 'beyond', message: expect.stringContaining('the queue is full') });
  proxy.resume();
  await expectEachOnce(kernel, tenantId, (await Promise.all(answers)).map(toDriven), FUNDS);
  expect(debits.size).toEqual({ pending: 0, waiting: 0 });
});

test('callers are refused where the queue is full and they asked for that', async () => {
  const tenantId = await createFundedTenant(stack, FUNDS);
  const proxy = await stalledKernel();
  proxy.stall();
  const debits = openDebits([proxy.address], { pendingMax: 8, whenFull: 'refuse', timeoutMs: 60_000 });
  const results = Promise.allSettled(handOver(debits, tenantId, 'refused', 20));
  proxy.resume();
  const settled = await results;
  expect(settled.filter(({ status: outcome }) => outcome === 'fulfilled')).toHaveLength(8);
  expect(await readPaygCredits(kernel, tenantId)).toBe(FUNDS - 8n);
});

test('a debit without an answer in time says so, and is charged once when it is sent again', async () => {
  const tenantId = await createFundedTenant(stack, FUNDS);
  const proxy = await stalledKernel();
  const debits = openDebits([proxy.address], { timeoutMs: 2_000 });
  await Promise.all(handOver(debits, tenantId, 'before', 1));
  proxy.stall();
  const error = await failureOf(debits.debit({ requestId: 'late', tenantId, action: ACTION, quantity: '1' }));
  expect(error).toBeInstanceOf(KernelError);
  expect(error).toMatchObject({ code: status.DEADLINE_EXCEEDED, requestId: 'late', isRetriable: true });
  // The answer that is still to come would be taken for that of another debit of the same id.
  const other = debits.debit({ requestId: 'late', tenantId, action: ACTION, quantity: '2' });
  expect(await failureOf(other)).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED', requestId: 'late' });
  const client = connect([proxy.address], { timeoutMs: 300 });
  expect(await failureOf(client.calls.getBalance({ tenantId }))).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  proxy.resume();
  await expect
    .poll(() =>
      Promise.all(handOver(debits, tenantId, 'again', 1)).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  await connect([addressOf(1)]).calls.debit({ requestId: 'late', tenantId, action: ACTION, quantity: '1' });
  expect(await readPaygCredits(kernel, tenantId)).toBe(FUNDS - 3n);
});

test('a credential that the kernel does not know fails at once, with its reason', async () => {
  const client = connect([addressOf(0)], { token: 'wrong' });
  const expected = { code: status.UNAUTHENTICATED, reason: 'CREDENTIAL_INVALID', isRetriable: false };
  expect(await failureOf(client.calls.checkFunds({ tenantId: 'ten_1' }))).toMatchObject(expected);
  const debits = client.openDebits({ pendingMax: 5 });
  const results = await Promise.allSettled(handOver(debits, 'ten_1', 'wrong', 10));
  for (const [index, result] of results.entries()) {
    const requestId = `wrong-${index}`;
    // What waited for room was never sent.
    const notTaken = { name: 'DebitNotTakenError', requestId, cause: expected };
    expect(result).toMatchObject({ reason: index < 5 ? { ...expected, requestId } : notTaken });
  }
  expect(debits.size).toEqual({ pending: 0, waiting: 0 });
});

test('closing lets what was handed over be answered, and takes nothing more', async () => {
  const tenantId = await createFundedTenant(stack, FUNDS);
  const debits = openDebits([addressOf(0)], { pendingMax: 50 });
  const answers = Promise.all(handOver(debits, tenantId, 'drained', 300));
  const closing = debits.close();
  expect(await failureOf(debits.debit({ tenantId, action: ACTION, quantity: '1' }))).toBeInstanceOf(DebitNotTakenError);
  await closing;
  expect(debits.size).toEqual({ pending: 0, waiting: 0 });
  await expectEachOnce(kernel, tenantId, (await answers).map(toDriven), FUNDS);
});

test('the same debit twice at once is one; another one under its request id is refused', async () => {
  const tenantId = await createFundedTenant(stack, FUNDS);
  const debits = openDebits([addressOf(0)]);
  const same = { requestId: 'same', tenantId, action: ACTION, quantity: '1' };
  const [first, second, other] = await Promise.allSettled([
    debits.debit(same),
    debits.debit(same),
    debits.debit({ ...same, quantity: '2' }),
  ]);
  expect(first.status).toBe('fulfilled');
  expect(second).toEqual(first);
  expect(other).toMatchObject({ reason: { reason: 'IDEMPOTENCY_KEY_REUSED' } });
  expect(await readPaygCredits(kernel, tenantId)).toBe(FUNDS - 1n);
});

test.each<[string, object]>([
  ['debit', { dimensions: new Map([['note', 'x'.repeat(5_000_000)]]) }],
  ['request_id', { requestId: 'x'.repeat(1_000) }],
  ['debit', { runId: 'run', runStatus: 1e12 }],
  // These no compiler lets through; a caller without types can hand them over.
  ['debit', { runId: 'run', runStatus: 'succeeded' }],
  ['debit', { dimensions: { note: 'x' } }],
  ['tenant_id', { tenantId: 5 }],
  ['request_id', { requestId: 5 }],
])(
  'what no kernel could read is refused by the client, and hurts nothing beside it: %s of %o',
  async (field, wrong) => {
    const tenantId = await createFundedTenant(stack, FUNDS);
    const debits = openDebits([addressOf(0)]);
    const good = { tenantId, action: ACTION, quantity: '1' };
    const malformed = Object.assign({ ...good }, wrong);
    const results = await Promise.allSettled([debits.debit(good), debits.debit(malformed), debits.debit(good)]);
    expect(results).toMatchObject([
      { status: 'fulfilled' },
      {
        reason: {
          name: 'KernelError',
          code: status.INVALID_ARGUMENT,
          reason: 'INVALID_FIELD',
          violations: [{ field }],
        },
      },
      { status: 'fulfilled' },
    ]);
    expect(await readPaygCredits(kernel, tenantId)).toBe(FUNDS - 2n);
  },
);
