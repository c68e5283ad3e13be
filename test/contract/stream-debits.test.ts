// Debits over a stream: each answered by itself, whatever becomes of the others and of the stream.

import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '../../gen/wheelhouse/common/v1/error_reason.ts';
import { LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  LedgerStreamServiceService,
  type StreamDebitsResponse,
} from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import { STREAM_DEBITS_IN_FLIGHT_MAX, STREAM_DEBITS_PER_MESSAGE_MAX } from '../../kernel/grpc/handler/debit-window.ts';
import { STREAM_BOUNDS } from '../../kernel/grpc/stream-limit.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { startStallingProxy } from '../support/stalling-proxy.ts';
import { type DebitStream, openDebitStream, type StreamSettings } from '../support/stream-client.ts';
import { type Callers, CREDIT, callersOf, debitRequest, personIn } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { type Adaptation, composeKernel, type KernelFixture, openKernel } from './support/kernel-fixture.ts';
import { override } from './support/override.ts';
import { PLACEHOLDER, spoil } from './support/spoiled-text.ts';

let kernel: KernelFixture;
let callers: Callers;
const streams: DebitStream[] = [];

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterEach(() => {
  for (const stream of streams.splice(0)) {
    stream.cancel();
    stream.close();
  }
});
afterAll(() => kernel.close());

function open(
  settings: Partial<StreamSettings> = {},
  from: KernelFixture = kernel,
  address: string = from.address,
): DebitStream {
  const stream = openDebitStream(address, { token: from.tokens.internal, ...settings });
  streams.push(stream);
  return stream;
}

const METHOD = 'method="/wheelhouse.ledger.v1.LedgerStreamService/StreamDebits"';
const REASON_NAMES = new Map<number, string>(Object.entries(ErrorReason).map(([name, number]) => [number, name]));

/** What became of each debit: `ok`, `replayed`, or the reason. */
function outcomesOf(answers: readonly StreamDebitsResponse[]): Record<string, string> {
  return Object.fromEntries(answers.map(({ requestId, result }) => [requestId, outcomeOf(result)]));
}

function outcomeOf(result: StreamDebitsResponse['result']): string {
  const outcome = result?.outcome;
  if (outcome?.$case === 'error') return REASON_NAMES.get(outcome.value.reason) ?? 'unknown';
  return outcome?.value.replayed === true ? 'replayed' : 'ok';
}

async function failureOfStream(stream: DebitStream): ReturnType<typeof failureOf> {
  const { error } = await stream.ended;
  return failureOf(error === undefined ? Promise.resolve('OK') : Promise.reject(error));
}

/** A kernel whose debits wait at a gate. */
async function withGate(
  run: (gated: KernelFixture, gate: { readonly begun: () => number; open(): void }) => Promise<void>,
): Promise<void> {
  let begun = 0;
  let openGate = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    openGate = resolve;
  });
  const ledger: Adaptation['ledger'] = (real) =>
    override(real, {
      debit: async (...request) => {
        begun += 1;
        await passed;
        return real.debit(...request);
      },
    });
  const gated = await composeKernel({ mongodbUri: kernel.mongodbUri, ledger });
  try {
    await run(gated, { begun: () => begun, open: openGate });
  } finally {
    await gated.close();
  }
}

describe('a stream of debits', () => {
  test('answers each debit with its tenant and request id, and ends with OK after the last', async () => {
    const tenants = [await callers.openTenant(100n * CREDIT), await callers.openTenant(100n * CREDIT)];
    const stream = open();
    const sent = Array.from({ length: 60 }, (_, index) => debitRequest(tenants[index % 2] ?? ''));
    for (const debit of sent) await stream.send(debit);
    stream.halfClose();
    expect(await stream.ended).toEqual({ code: status.OK });
    expect(outcomesOf(stream.received)).toEqual(Object.fromEntries(sent.map(({ requestId }) => [requestId, 'ok'])));
    const tenantOf = new Map(sent.map(({ requestId, tenantId }) => [requestId, tenantId]));
    for (const { requestId, tenantId, result } of stream.received) {
      expect(tenantId).toBe(tenantOf.get(requestId));
      const entry = result?.outcome?.$case === 'debit' ? result.outcome.value.entry : undefined;
      expect([entry?.requestId, entry?.tenantId]).toEqual([requestId, tenantId]);
    }
    for (const tenantId of tenants) expect(await callers.availableOf(tenantId)).toBe(70n * CREDIT);
  });

  test('tells the error of a debit in its own answer, as a batch does, and goes on', async () => {
    const tenantId = await callers.openTenant(2n * CREDIT);
    const same = debitRequest(tenantId);
    const batched = await callers.internal.call(LedgerServiceService.batchDebit, {
      debits: [debitRequest(tenantId, { requestId: 'bad', quantity: 'x' })],
    });
    const debits = {
      first: same,
      again: same,
      reused: { ...same, quantity: '2' },
      quantity: debitRequest(tenantId, { quantity: 'x' }),
      action: debitRequest(tenantId, { action: 'nosuch' }),
      funds: debitRequest(tenantId, { quantity: '99' }),
      tenant: debitRequest('ten_missing'),
      empty: debitRequest('', { requestId: '' }),
    };
    const stream = open();
    const answers: StreamDebitsResponse[] = [];
    for (const [index, debit] of Object.values(debits).entries()) {
      await stream.send(debit);
      answers.push(...(await stream.arrived(index + 1)).slice(index));
    }
    expect(answers.map(({ result }) => outcomeOf(result))).toEqual([
      'ok',
      'replayed',
      'IDEMPOTENCY_KEY_REUSED',
      'INVALID_FIELD',
      'ACTION_NOT_FOUND',
      'INSUFFICIENT_CREDITS',
      'TENANT_NOT_FOUND',
      'INVALID_FIELD',
    ]);
    const shape = (result: StreamDebitsResponse['result']) =>
      result?.outcome?.$case === 'error' ? { ...result.outcome.value, message: '' } : undefined;
    expect(shape(answers[3]?.result)).toEqual(shape(batched.results[0]));
    await stream.send(undefined);
    const [missing] = (await stream.arrived(9)).slice(8);
    expect(missing?.result?.outcome).toMatchObject({ value: { message: 'debit: is required' } });
    await stream.send(debitRequest(tenantId));
    expect(outcomeOf((await stream.arrived(10))[9]?.result)).toBe('ok');
    expect(await callers.availableOf(tenantId)).toBe(0n);
  });

  test('bounds what it echoes of ids that can not be any', async () => {
    const stream = open();
    await stream.send(debitRequest('t'.repeat(100_000), { requestId: 'r'.repeat(100_000) }));
    const [answer] = await stream.arrived(1);
    expect([answer?.tenantId.length, answer?.requestId.length]).toEqual([256, 256]);
    expect(outcomeOf(answer?.result)).toBe('INVALID_FIELD');
  });

  test('ends with INVALID_FIELD at bytes that are no message, after what was read before is answered', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const stream = open();
    await stream.send(debitRequest(tenantId));
    stream.sendRaw(Buffer.from([0x0a, 0xff, 0xff]));
    const failure = await failureOfStream(stream);
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', code: status.INVALID_ARGUMENT, domain: 'wheelhouse' });
    expect(Object.keys(failure.violations)).toEqual(['request']);
    expect(stream.received.map(({ result }) => outcomeOf(result))).toEqual(['ok']);
  });

  test('ends with INVALID_FIELD at a text that is no UTF-8, and names it', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const stream = open();
    await stream.send(debitRequest(tenantId));
    const { requestSerialize } = spoil(LedgerStreamServiceService.streamDebits);
    stream.sendRaw(requestSerialize({ debit: debitRequest(tenantId, { projectId: PLACEHOLDER }), debits: [] }));
    const failure = await failureOfStream(stream);
    expect([failure.reason, Object.keys(failure.violations)]).toEqual(['INVALID_FIELD', ['debit.project_id']]);
    expect(stream.received.map(({ result }) => outcomeOf(result))).toEqual(['ok']);
    expect(await callers.availableOf(tenantId)).toBe(9n * CREDIT);
  });

  test('is for internal services alone', async () => {
    const reasonOf = async (settings: Partial<StreamSettings>) => {
      const failure = await failureOfStream(open(settings));
      expect(failure.requestId).toBe('trace-1');
      return failure.reason;
    };
    const metadata = { 'x-request-id': 'trace-1' };
    const tenantId = await callers.openTenant();
    const person = { ...personIn(tenantId, 'tenant_admin').metadata, ...metadata };
    const { tokens } = kernel;
    expect(await reasonOf({ token: undefined, metadata })).toBe('CREDENTIAL_INVALID');
    expect(await reasonOf({ token: 'wrong', metadata })).toBe('CREDENTIAL_INVALID');
    expect(await reasonOf({ token: tokens.sysadmin, metadata })).toBe('SCOPE_DENIED');
    expect(await reasonOf({ token: tokens.agentruntime, metadata: person })).toBe('SCOPE_DENIED');
    expect(await reasonOf({ token: tokens.checker, metadata })).toBe('SCOPE_DENIED');
    expect(await reasonOf({ metadata: { ...metadata, 'x-product-code': 'agentruntime' } })).toBe(
      'PRODUCT_SCOPE_MISMATCH',
    );
  });

  test('honours a deadline where one is stated', async () => {
    await withGate(async (gated) => {
      const tenantId = await callers.openTenant(CREDIT);
      const stream = open({ deadlineMs: 300 }, gated);
      await stream.send(debitRequest(tenantId));
      expect((await stream.ended).code).toBe(status.DEADLINE_EXCEEDED);
      expect(await callers.seqOf(tenantId)).toBe(2n);
    });
  });
});

describe('debits that travel together', () => {
  const resultsOf = (stream: DebitStream) => stream.received.flatMap(({ results }) => results);
  const outcomesTogether = (stream: DebitStream): Record<string, string> =>
    Object.fromEntries(resultsOf(stream).map(({ requestId, result }) => [requestId, outcomeOf(result)]));

  test('are each answered by themselves, in few messages', async () => {
    const tenants = [await callers.openTenant(200n * CREDIT), await callers.openTenant(100n * CREDIT)];
    const stream = open();
    const sent = Array.from({ length: STREAM_DEBITS_PER_MESSAGE_MAX }, (_, index) =>
      debitRequest(tenants[index % 2] ?? ''),
    );
    await stream.sendTogether(sent);
    await stream.sendTogether(sent.slice(0, 1));
    stream.halfClose();
    expect(await stream.ended).toEqual({ code: status.OK });
    const outcomes = resultsOf(stream).map(
      ({ tenantId, result }) => `${tenants.indexOf(tenantId)} ${outcomeOf(result)}`,
    );
    const count = (outcome: string): number => outcomes.filter((other) => other === outcome).length;
    expect([count('0 ok'), count('0 replayed')]).toEqual([128, 1]);
    expect([count('1 ok'), count('1 INSUFFICIENT_CREDITS')]).toEqual([100, 28]);
    expect(stream.received.length).toBeLessThan(STREAM_DEBITS_PER_MESSAGE_MAX / 2);
    expect(stream.received.every(({ requestId, result }) => requestId === '' && result === undefined)).toBe(true);
    for (const { requestId, result } of resultsOf(stream)) {
      if (result?.outcome?.$case === 'debit') expect(result.outcome.value.entry?.requestId).toBe(requestId);
    }
  });

  test('tell what is wrong with one by its place, and go beside debits that come alone', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const [good, bad, alone] = [
      debitRequest(tenantId),
      debitRequest(tenantId, { quantity: 'x' }),
      debitRequest(tenantId),
    ];
    const stream = open();
    await stream.sendTogether([good, bad]);
    await stream.send(alone);
    stream.halfClose();
    expect(await stream.ended).toEqual({ code: status.OK });
    expect(outcomesTogether(stream)).toEqual({ [good.requestId]: 'ok', [bad.requestId]: 'INVALID_FIELD' });
    const refused = resultsOf(stream).find(({ requestId }) => requestId === bad.requestId)?.result?.outcome;
    expect(refused).toMatchObject({ value: { message: expect.stringMatching(/^debits\[1\]\.quantity/) } });
    const [single] = stream.received.filter(({ results }) => results.length === 0);
    expect([single?.requestId, outcomeOf(single?.result)]).toEqual([alone.requestId, 'ok']);
  });

  test.each([
    ['beside one that comes alone', 1, true, 'debit'],
    ['more than a message may have', STREAM_DEBITS_PER_MESSAGE_MAX + 1, false, 'debits'],
  ])('%s end the stream, and none of them is made', async (_, count, isBeside, field) => {
    const tenantId = await callers.openTenant(1_000n * CREDIT);
    const stream = open();
    await stream.sendTogether([debitRequest(tenantId)]);
    const more = Array.from({ length: count }, () => debitRequest(tenantId));
    void stream.sendTogether(more, isBeside ? debitRequest(tenantId) : undefined);
    const failure = await failureOfStream(stream);
    expect([failure.reason, Object.keys(failure.violations)]).toEqual(['INVALID_FIELD', [field]]);
    expect(Object.values(outcomesTogether(stream))).toEqual(['ok']);
    expect(await callers.availableOf(tenantId)).toBe(999n * CREDIT);
  });

  test('count one by one in the window', async () => {
    await withGate(async (gated, gate) => {
      const tenantId = await callers.openTenant(10_000n * CREDIT);
      const stream = open({}, gated);
      const together = 200;
      const messages = 12;
      for (let index = 0; index < messages; index += 1) {
        void stream.sendTogether(Array.from({ length: together }, () => debitRequest(tenantId)));
      }
      stream.halfClose();
      await expect.poll(gate.begun).toBeGreaterThanOrEqual(STREAM_DEBITS_IN_FLIGHT_MAX);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(gate.begun()).toBeLessThan(STREAM_DEBITS_IN_FLIGHT_MAX + together);
      gate.open();
      expect(await stream.ended).toEqual({ code: status.OK });
      expect(Object.values(outcomesTogether(stream))).toEqual(Array(messages * together).fill('ok'));
    });
  });

  test('whose answers are large come in messages that a client takes', async () => {
    const ledger: Adaptation['ledger'] = (real) =>
      override(real, {
        debit: async (...request) => {
          const posting = await real.debit(...request);
          const { entry } = posting.posted;
          if (entry.type !== 'debited') return posting;
          const draws = Array(1_000).fill(entry.draws[0]);
          return { ...posting, posted: { ...posting.posted, entry: { ...entry, draws } } };
        },
      });
    const large = await composeKernel({ mongodbUri: kernel.mongodbUri, ledger });
    const tenantId = await callers.openTenant(1_000n * CREDIT);
    const stream = open({}, large);
    await stream.sendTogether(Array.from({ length: STREAM_DEBITS_PER_MESSAGE_MAX }, () => debitRequest(tenantId)));
    stream.halfClose();
    expect(await stream.ended).toEqual({ code: status.OK });
    expect(Object.values(outcomesTogether(stream))).toEqual(Array(STREAM_DEBITS_PER_MESSAGE_MAX).fill('ok'));
    await large.close();
  });
});

describe('flow control', () => {
  test('no more than a window of debits is under way, and all are answered', async () => {
    await withGate(async (gated, gate) => {
      const tenantId = await callers.openTenant(10_000n * CREDIT);
      const stream = open({}, gated);
      const count = 3 * STREAM_DEBITS_IN_FLIGHT_MAX;
      const sent = Array.from({ length: count }, () => debitRequest(tenantId));
      for (const debit of sent) void stream.send(debit);
      stream.halfClose();
      await expect.poll(gate.begun, { timeout: 20_000 }).toBe(STREAM_DEBITS_IN_FLIGHT_MAX);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(gate.begun()).toBe(STREAM_DEBITS_IN_FLIGHT_MAX);
      gate.open();
      expect(await stream.ended).toEqual({ code: status.OK });
      expect(new Set(Object.values(outcomesOf(stream.received)))).toEqual(new Set(['ok']));
      expect(stream.received).toHaveLength(count);
      expect(await callers.availableOf(tenantId)).toBe(BigInt(10_000 - count) * CREDIT);
    });
  });

  test('while the caller does not read, nothing more is read of it', async () => {
    let begun = 0;
    const refusal = new DomainError('TENANT_NOT_FOUND', 'x'.repeat(4_000));
    const ledger: Adaptation['ledger'] = (real) =>
      override(real, {
        debit: () => {
          begun += 1;
          return Promise.reject(refusal);
        },
      });
    const quick = await composeKernel({ mongodbUri: kernel.mongodbUri, ledger });
    const tenantId = await callers.openTenant();
    const stream = open({}, quick);
    stream.stall();
    const count = 20_000;
    for (let index = 0; index < count; index += 1) void stream.send(debitRequest(tenantId));
    stream.halfClose();
    await expect.poll(() => begun, { timeout: 20_000 }).toBeGreaterThan(STREAM_DEBITS_IN_FLIGHT_MAX - 1);
    // What the transport of both sides holds is taken off the window; then it stands still.
    let last = -1;
    await expect
      .poll(
        () => {
          const isStill = begun === last;
          last = begun;
          return isStill;
        },
        { interval: 500, timeout: 20_000 },
      )
      .toBe(true);
    expect(begun).toBeLessThan(count / 2);
    stream.resume();
    expect(await stream.ended).toEqual({ code: status.OK });
    expect(stream.received).toHaveLength(count);
    await quick.close();
  });
});

describe('how many streams', () => {
  test('one credential may open is bounded, and each that ends makes room for another', async () => {
    const tenantId = await callers.openTenant(1_000n * CREDIT);
    const most = STREAM_BOUNDS['/wheelhouse.ledger.v1.LedgerStreamService/StreamDebits']?.credential ?? 0;
    await expect.poll(() => openStreams()).toBe(0);
    const opened = Array.from({ length: most }, () => open());
    await expect.poll(() => openStreams(), { timeout: 20_000 }).toBe(most);
    const failure = await failureOfStream(open());
    expect(failure).toMatchObject({
      ...{ reason: 'QUEUE_FULL', code: status.RESOURCE_EXHAUSTED, retryDelayMs: 1_000 },
      metadata: { limit: String(most) },
    });
    expect(await openStreams()).toBe(most);
    // Those that are open go on, and what others ask is answered.
    for (const stream of opened.slice(0, 3)) await stream.send(debitRequest(tenantId));
    await Promise.all(opened.slice(0, 3).map((stream) => stream.arrived(1)));
    expect(await callers.availableOf(tenantId)).toBe(997n * CREDIT);
    opened[0]?.halfClose();
    opened[1]?.cancel();
    await expect.poll(() => openStreams()).toBe(most - 2);
    for (const stream of [open(), open()]) {
      await stream.send(debitRequest(tenantId));
      await stream.arrived(1);
    }
    expect((await failureOfStream(open())).reason).toBe('QUEUE_FULL');
  });

  test('a kernel carries is bounded, whoever opens them', async () => {
    const small = await composeKernel({
      mongodbUri: kernel.mongodbUri,
      streamBound: { kernel: 1, credential: 2 },
    });
    const tenantId = await callers.openTenant(CREDIT);
    const stream = open({}, small);
    await stream.send(debitRequest(tenantId));
    await stream.arrived(1);
    const failure = await failureOfStream(open({}, small));
    expect(failure).toMatchObject({ reason: 'QUEUE_FULL', metadata: { limit: '1' } });
    expect(failure.message).toMatch(/^this kernel has 1 streams of LedgerStreamService\/StreamDebits open/);
    await small.close();
  });
});

test('a message beyond 4 MiB ends the stream by gRPC’s own status, which says the limit', async () => {
  const tenantId = await callers.openTenant(10n * CREDIT);
  const [stream, other] = [open(), open()];
  for (const one of [stream, other]) await one.send(debitRequest(tenantId));
  await Promise.all([stream.arrived(1), other.arrived(1)]);
  const dimensions = new Map([['d', 'x'.repeat(4 * 1_024 * 1_024)]]);
  void stream.send(debitRequest(tenantId, { dimensions }));
  const { code, error } = await stream.ended;
  expect(code).toBe(status.RESOURCE_EXHAUSTED);
  expect(error?.details).toMatch(/^Received message larger than max \(\d+ vs 4194304\)$/);
  await other.send(debitRequest(tenantId));
  await other.arrived(2);
  expect(await callers.availableOf(tenantId)).toBe(7n * CREDIT);
});

describe('a stream and the end of the kernel', () => {
  test('every debit that was read is answered, then it ends with SHUTTING_DOWN', async () => {
    await withGate(async (gated, gate) => {
      const tenantId = await callers.openTenant(100n * CREDIT);
      const stream = open({}, gated);
      const sent = Array.from({ length: 20 }, () => debitRequest(tenantId));
      for (const debit of sent) await stream.send(debit);
      await expect.poll(gate.begun).toBe(20);
      const drained = gated.drain();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(stream.received).toHaveLength(0);
      gate.open();
      const failure = await failureOfStream(stream);
      expect(failure).toMatchObject({ reason: 'SHUTTING_DOWN', code: status.UNAVAILABLE, retryDelayMs: 0 });
      expect(Object.values(outcomesOf(stream.received))).toEqual(Array.from({ length: 20 }, () => 'ok'));
      await drained;
      expect(await callers.availableOf(tenantId)).toBe(80n * CREDIT);
    });
  });

  test('an idle stream is ended at once', async () => {
    const ending = await composeKernel({ mongodbUri: kernel.mongodbUri });
    const stream = open({}, ending);
    const tenantId = await callers.openTenant(CREDIT);
    await stream.send(debitRequest(tenantId));
    await stream.arrived(1);
    const beganMs = performance.now();
    await ending.drain();
    expect(performance.now() - beganMs).toBeLessThan(1_500);
    expect(await failureOfStream(stream)).toMatchObject({ reason: 'SHUTTING_DOWN' });
    await ending.close();
  });

  test('a caller that does not read holds it up for a bounded time', async () => {
    const refusal = new DomainError('TENANT_NOT_FOUND', 'x'.repeat(4_000));
    const ledger: Adaptation['ledger'] = (real) => override(real, { debit: () => Promise.reject(refusal) });
    const ending = await composeKernel({ mongodbUri: kernel.mongodbUri, ledger });
    const stream = open({}, ending);
    stream.stall();
    const tenantId = await callers.openTenant();
    for (let index = 0; index < 5_000; index += 1) void stream.send(debitRequest(tenantId));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const beganMs = performance.now();
    await ending.drain();
    expect(performance.now() - beganMs).toBeLessThan(6_000);
    await ending.close();
  });

  test('a caller that has gone holds it up not at all', async () => {
    await withGate(async (gated, gate) => {
      const tenantId = await callers.openTenant(10n * CREDIT);
      const cancelled = open({}, gated);
      const proxy = await startStallingProxy(gated.address);
      const vanished = open({}, gated, proxy.address);
      for (const stream of [cancelled, vanished]) await stream.send(debitRequest(tenantId));
      await expect.poll(gate.begun).toBe(2);
      cancelled.cancel();
      await proxy.stop();
      expect((await cancelled.ended).code).toBe(status.CANCELLED);
      const beganMs = performance.now();
      await gated.drain();
      expect(performance.now() - beganMs).toBeLessThan(3_000);
      gate.open();
      // What was taken is done; only nobody was told.
      await expect.poll(() => callers.availableOf(tenantId)).toBe(8n * CREDIT);
    });
  });
});

test.each(['before the database', 'before the answer'] as const)(
  'an insert of the stream that is cut off %s still happens once',
  async (where) => {
    const tenantId = await callers.openTenant(1_000n * CREDIT);
    const proxy = await startCuttingProxy(kernel.mongodbUri);
    const cut = await composeKernel({ mongodbUri: proxy.uri });
    const stream = open({}, cut);
    const sent = Array.from({ length: 400 }, () => debitRequest(tenantId));
    proxy.cutNext(4, where);
    for (const debit of sent) await stream.send(debit);
    stream.halfClose();
    expect(await stream.ended).toEqual({ code: status.OK });
    expect(proxy.reset()).toBeLessThan(4);
    expect(Object.keys(outcomesOf(stream.received))).toHaveLength(400);
    expect(stream.received.map(({ result }) => outcomeOf(result)).filter((outcome) => outcome !== 'ok')).toEqual([]);
    expect(await callers.availableOf(tenantId)).toBe(600n * CREDIT);
    await cut.close();
    await proxy.stop();
  },
);

describe('what is counted', () => {
  test('streams begun, ended and open, and their messages', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    await expect.poll(() => openStreams()).toBe(0);
    const before = await readMetrics();
    const stream = open();
    for (let index = 0; index < 3; index += 1) await stream.send(debitRequest(tenantId));
    await stream.arrived(3);
    expect(await openStreams()).toBe(1);
    stream.halfClose();
    await stream.ended;
    const gone = open();
    await gone.send(debitRequest(tenantId));
    await gone.arrived(1);
    gone.cancel();
    await expect.poll(() => openStreams()).toBe(0);
    const after = await readMetrics();
    const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(grown(`wheelhouse_grpc_streams_begun_total{${METHOD}}`)).toBe(2);
    expect(grown(`wheelhouse_grpc_streams_ended_total{${METHOD},code="OK"}`)).toBeGreaterThanOrEqual(1);
    expect(grown(`wheelhouse_grpc_stream_messages_total{${METHOD},direction="received"}`)).toBe(4);
    expect(grown(`wheelhouse_grpc_stream_messages_total{${METHOD},direction="sent"}`)).toBe(4);
  });
});

async function openStreams(): Promise<number | undefined> {
  return (await readMetrics()).get(`wheelhouse_grpc_streams_open{${METHOD}}`);
}

async function readMetrics(): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${kernel.httpUrl}/metrics`)).text();
  const samples = text.split('\n').flatMap((line): [string, number][] => {
    const end = line.lastIndexOf(' ');
    return line.startsWith('#') || end === -1 ? [] : [[line.slice(0, end), Number(line.slice(end + 1))]];
  });
  return new Map(samples);
}
