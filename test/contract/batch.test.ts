// BatchDebit: many debits, each with a result of its own, in the order of the request.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { ErrorReason } from '../../gen/wheelhouse/common/v1/error_reason.ts';
import {
  type BatchDebitResult,
  type DebitRequest,
  LedgerServiceService,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { type Callers, CREDIT, callersOf, debitRequest } from './support/account.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterAll(() => kernel.close());

async function batch(debits: DebitRequest[]): Promise<BatchDebitResult[]> {
  return (await callers.internal.call(LedgerServiceService.batchDebit, { debits })).results;
}

function reasonOf({ outcome }: BatchDebitResult): ErrorReason | undefined {
  return outcome?.$case === 'error' ? outcome.value.reason : undefined;
}

function replayedOf({ outcome }: BatchDebitResult): boolean | undefined {
  return outcome?.$case === 'debit' ? outcome.value.replayed : undefined;
}

test('charges 1,000 debits of many tenants in one call', async () => {
  const tenants = await Promise.all(Array.from({ length: 10 }, () => callers.openTenant(200n * CREDIT)));
  const debits = Array.from({ length: 1_000 }, (_, index) => debitRequest(tenants[index % 10] ?? ''));
  const results = await batch(debits);
  expect(results.map(reasonOf).filter((reason) => reason !== undefined)).toEqual([]);
  const requestIds = results.map(({ outcome }) => (outcome?.$case === 'debit' ? outcome.value.entry?.requestId : ''));
  expect(requestIds).toEqual(debits.map(({ requestId }) => requestId));
  for (const tenantId of tenants) expect(await callers.availableOf(tenantId)).toBe(100n * CREDIT);
});

test('decides the debits of one tenant in their order', async () => {
  const tenantId = await callers.openTenant(5n * CREDIT);
  const results = await batch(['3', '3', '2', '1'].map((quantity) => debitRequest(tenantId, { quantity })));
  expect(results.map(reasonOf)).toEqual([
    undefined,
    ErrorReason.INSUFFICIENT_CREDITS,
    undefined,
    ErrorReason.INSUFFICIENT_CREDITS,
  ]);
  expect(await callers.availableOf(tenantId)).toBe(0n);
});

test('gives the figures of a refusal', async () => {
  const tenantId = await callers.openTenant(CREDIT);
  const [result] = await batch([debitRequest(tenantId, { quantity: '2' })]);
  if (result?.outcome?.$case !== 'error') throw new Error('the debit was not refused');
  expect(Object.fromEntries(result.outcome.value.metadata)).toMatchObject({
    needed_microcredits: '2000000',
    available_microcredits: '1000000',
  });
});

test('takes the same request twice as one debit, and other content under its id as a reuse', async () => {
  const tenantId = await callers.openTenant(10n * CREDIT);
  const once = debitRequest(tenantId, { requestId: newRequestId() });
  const results = await batch([once, once, { ...once, quantity: '2' }]);
  expect(results.map(replayedOf)).toEqual([false, true, undefined]);
  expect(results.map(reasonOf)).toEqual([undefined, undefined, ErrorReason.IDEMPOTENCY_KEY_REUSED]);
  expect(await callers.availableOf(tenantId)).toBe(9n * CREDIT);
  const again = await batch([once]);
  expect(again.map(replayedOf)).toEqual([true]);
  // A debit by itself and one in a batch are the same operation.
  expect((await callers.internal.call(LedgerServiceService.debit, once)).replayed).toBe(true);
});

test('of the largest size is answered in what a client takes by default, also when it is repeated', async () => {
  const tenantId = await callers.openTenant(5_000n * CREDIT);
  const dimensions = new Map(
    Array.from({ length: 16 }, (_, index): [string, string] => [`d${index}`, 'x'.repeat(210)]),
  );
  const debits = Array.from({ length: 1_000 }, () => debitRequest(tenantId, { dimensions }));
  for (const replayed of [false, true]) {
    const results = await batch(debits);
    const answers = results.flatMap(({ outcome }) => (outcome?.$case === 'debit' ? [outcome.value] : []));
    expect(answers).toHaveLength(1_000);
    expect(answers.every((answer) => answer.replayed === replayed)).toBe(true);
    const details = answers.flatMap(({ entry }) => (entry?.detail?.$case === 'debit' ? [entry.detail.value] : []));
    expect(details[0]?.dimensions.size).toBe(16);
    expect(details.at(-1)?.dimensions.size).toBe(0);
    expect(details.every(({ costMicrocredits }) => costMicrocredits > 0n)).toBe(true);
  }
});
