// What operators rely on: deadlines, drain, health, metrics, readiness, logs.

import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { Client, credentials, status } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createKernelClient } from '../../dev/kernel-client.ts';
import { HoldServiceService, SettleRequest } from '../../gen/wheelhouse/ledger/v1/hold_service.ts';
import {
  LedgerAuditServiceService,
  RedactEntryRequest,
  ReverseEntryRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import {
  GetBalanceRequest,
  LedgerServiceService,
  ListEntriesRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { LedgerStreamServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { openLog } from '../../kernel/log.ts';
import { openWatch } from '../support/stream-client.ts';
import { type Callers, CREDIT, callersOf, debitRequest, OPERATOR } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { holdCallsOf } from './support/hold.ts';
import { composeKernel, type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { override } from './support/override.ts';

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterAll(() => kernel.close());

/** A gate that calls wait at until the test opens it. */
function createGate(): {
  readonly passed: Promise<void>;
  readonly arrived: Promise<void>;
  arrive(): void;
  open(): void;
} {
  let open = (): void => undefined;
  let arrive = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  return { passed, arrived, open, arrive };
}

describe('deadlines', () => {
  // 2^31 ms are 24.9 days, and 50 days are a little more than 2^32 ms.
  test.each([24, 25, 50, 36_500])('of %i days are no deadline that has passed', async (days) => {
    const { internal } = callersOf(kernel);
    const tenantId = await callersOf(kernel).openTenant(2n * CREDIT);
    const deadlineMs = days * 86_400_000;
    const { entry } = await internal.call(LedgerServiceService.debit, debitRequest(tenantId), { deadlineMs });
    expect(entry?.tenantId).toBe(tenantId);
    const watch = openWatch(kernel.address, { tenantId }, { token: kernel.tokens.internal, deadlineMs });
    await watch.arrived(1);
    await callersOf(kernel).debit(tenantId);
    expect((await watch.arrived(2))[1]?.balance?.availableMicrocredits).toBe(0n);
    watch.cancel();
    watch.close();
  });

  test.each<readonly [string, readonly string[], string]>([
    ['pass', ['99999999n', '99999u', '50m', '0S'], String(status.DEADLINE_EXCEEDED)],
    ['last', ['99999999u', '60S', '1M', '1H', '99999999m', '2147484S', '35792M', '597H', '99999999H'], 'open'],
  ])('%s as they are stated in any unit', async (_, timeouts, outcome) => {
    const session = connect(`http://${kernel.address}`);
    try {
      const outcomes = await Promise.all(timeouts.map((timeout) => outcomeOf(session, timeout)));
      expect(outcomes).toEqual(timeouts.map((timeout) => [timeout, outcome]));
    } finally {
      session.destroy();
    }
  });

  test('a call is given up when its own deadline passes, and nothing is written', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    const gate = createGate();
    const slow = await composeKernel({
      mongodbUri: kernel.mongodbUri,
      priceStore: (real) =>
        override(real, {
          loadProductRules: async (productCode, since, afterRevision) => {
            gate.arrive();
            await gate.passed;
            return real.loadProductRules(productCode, since, afterRevision);
          },
        }),
    });
    const client = slow.connect(slow.tokens.internal);
    // Connecting is no part of what the deadline is for, and this read asks for no prices.
    await client.call(LedgerServiceService.listEntries, ListEntriesRequest.fromPartial({ tenantId }));
    const call = client.call(LedgerServiceService.debit, debitRequest(tenantId), { deadlineMs: 500 });
    await gate.arrived;
    expect((await failureOf(call)).code).toBe(status.DEADLINE_EXCEEDED);
    // The command reaches the ledger only now, when nobody waits for it any more: it is not begun.
    gate.open();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await callers.seqOf(tenantId)).toBe(2n);
    await slow.close();
  });

  test('a write that is cut off while it goes on has an unknown outcome', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    const never = (): Promise<never> => new Promise(() => undefined);
    const slow = await composeKernel({
      mongodbUri: kernel.mongodbUri,
      deadlineDefaultMs: 100,
      ledger: (real) => override(real, { debit: never }),
    });
    const client = slow.connect(slow.tokens.internal);
    const settings = { deadlineMs: Number.POSITIVE_INFINITY };
    const failure = await failureOf(client.call(LedgerServiceService.debit, debitRequest(tenantId), settings));
    expect(failure).toMatchObject({ reason: 'OUTCOME_UNKNOWN', code: status.UNAVAILABLE });
    await slow.close();
  });

  test('so has a part of a hold, and the retry of both answers it once', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const hold = await holdCallsOf(callers).hold(tenantId, '2');
    let isSlow = true;
    const slow = await composeKernel({
      mongodbUri: kernel.mongodbUri,
      deadlineDefaultMs: 1_500,
      ledger: (real) =>
        override(real, {
          settle: async (...request) => {
            const posting = await real.settle(...request);
            // The part is charged, and nobody hears of it in time.
            if (isSlow) await new Promise(() => undefined);
            return posting;
          },
        }),
    });
    const request = SettleRequest.fromPartial({ tenantId, holdId: hold.holdId, partId: 'p', quantity: '1' });
    const client = slow.connect(slow.tokens.internal);
    const ask = () => client.call(HoldServiceService.settle, request, { deadlineMs: Number.POSITIVE_INFINITY });
    expect(await failureOf(ask())).toMatchObject({ reason: 'OUTCOME_UNKNOWN', code: status.UNAVAILABLE });
    isSlow = false;
    expect(await ask()).toMatchObject({ replayed: true, hold: { settledMicrocredits: CREDIT } });
    expect(await callers.availableOf(tenantId)).toBe(3n * CREDIT);
    await slow.close();
  });
});

/** What becomes of a stream with a timeout: the code that it ends with, or `open` while it is. */
async function outcomeOf(session: ClientHttp2Session, timeout: string): Promise<readonly [string, string]> {
  const stream = session.request({
    ':method': 'POST',
    ':path': LedgerStreamServiceService.streamDebits.path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${kernel.tokens.internal}`,
    'grpc-timeout': timeout,
  });
  const outcome = await new Promise<string>((resolve, reject) => {
    const take = (headers: IncomingHttpHeaders): void => {
      if (headers['grpc-status'] !== undefined) resolve(String(headers['grpc-status']));
    };
    stream.on('response', take).on('trailers', take).on('error', reject);
    setTimeout(resolve, 1_000, 'open');
  });
  stream.close();
  return [timeout, outcome];
}

describe('drain', () => {
  test('answers the calls that began, takes no new ones, and ends streams that nobody would end', async () => {
    const gate = createGate();
    const ending = await composeKernel({
      mongodbUri: kernel.mongodbUri,
      ledger: (real) =>
        override(real, {
          debit: async (...request) => {
            gate.arrive();
            await gate.passed;
            return real.debit(...request);
          },
        }),
    });
    const tenantId = await callers.openTenant(CREDIT);
    const watched = watchHealth(ending.address);
    await expect.poll(() => watched.statuses).toEqual(['SERVING']);
    const call = callersOf(ending).debit(tenantId);
    await gate.arrived;
    const drained = ending.drain();
    await expect.poll(() => watched.statuses).toEqual(['SERVING', 'NOT_SERVING']);
    const late = createKernelClient(ending.address, ending.tokens.internal);
    const request = GetBalanceRequest.fromPartial({ tenantId });
    const refused = failureOf(late.call(LedgerServiceService.getBalance, request, { deadlineMs: 2_000 }));
    expect((await refused).code).toBe(status.UNAVAILABLE);
    // Streams are cut off after a second; a call that began must outlast that.
    let isDrained = false;
    void drained.then(() => {
      isDrained = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(isDrained).toBe(false);
    gate.open();
    expect((await call).entry?.commitSeq).toBe(3n);
    await drained;
    late.close();
    watched.close();
    await ending.close();
  });

  test('of the whole kernel closes everything', async () => {
    const whole = await openKernel({ mongodbUri: kernel.mongodbUri });
    await whole.drain();
    await expect(fetch(`${whole.httpUrl}/healthz`)).rejects.toThrow();
    await whole.close();
  });
});

function watchHealth(address: string): { readonly statuses: string[]; close(): void } {
  const client = new Client(address, credentials.createInsecure());
  const watch = healthService['Watch'];
  if (watch === undefined) throw new Error('the health service has no Watch');
  const stream = client.makeServerStreamRequest(watch.path, watch.requestSerialize, watch.responseDeserialize, {
    service: '',
  });
  const statuses: string[] = [];
  stream.on('data', (answer: { status: string }) => statuses.push(answer.status));
  stream.on('error', () => undefined);
  return { statuses, close: () => client.close() };
}

describe('over HTTP', () => {
  test('it lives, and is ready', async () => {
    const health = await fetch(`${kernel.httpUrl}/healthz`);
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }]);
    const ready = await fetch(`${kernel.httpUrl}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: 'ok', checks: { database: 'ok', clock: 'ok', accepting: 'ok' } },
    ]);
  });

  test('it is not ready while it can not tell the time', async () => {
    // A wall clock that never agrees with the monotonic one: no measurement is good for long.
    let jumpMs = 0;
    const { now } = Date;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => {
      jumpMs += 3_600_000;
      return now.call(Date) + jumpMs;
    });
    try {
      const ready = await fetch(`${kernel.httpUrl}/readyz`);
      expect([ready.status, await ready.json()]).toMatchObject([
        503,
        { status: 'not ready', checks: { database: 'ok', accepting: 'ok' } },
      ]);
    } finally {
      clock.mockRestore();
    }
    await expect.poll(async () => (await fetch(`${kernel.httpUrl}/readyz`)).status).toBe(200);
  });

  test('other paths and methods are not known', async () => {
    expect((await fetch(`${kernel.httpUrl}/`)).status).toBe(404);
    expect((await fetch(`${kernel.httpUrl}/healthz`, { method: 'POST' })).status).toBe(405);
    const head = await fetch(`${kernel.httpUrl}/healthz`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('metrics count calls, commits, replays and database commands', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const before = await readMetrics();
    const request = debitRequest(tenantId);
    await callers.internal.call(LedgerServiceService.debit, request);
    await callers.internal.call(LedgerServiceService.debit, request);
    await failureOf(callers.debit(tenantId, { quantity: '-1' }));
    const after = await readMetrics();
    const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    const calls = (code: string) =>
      grown(`wheelhouse_grpc_call_seconds_count{method="/wheelhouse.ledger.v1.LedgerService/Debit",code="${code}"}`);
    expect([calls('OK'), calls('INVALID_ARGUMENT')]).toEqual([2, 1]);
    expect(grown('wheelhouse_ledger_commits_total')).toBe(1);
    expect(grown('wheelhouse_ledger_commit_entries_sum')).toBe(1);
    expect(grown('wheelhouse_ledger_replays_total')).toBe(1);
    // The replay is found by the insert that its key refuses.
    expect(grown('wheelhouse_db_commands_total{command="insert"}')).toBe(2);
    expect(after.get('wheelhouse_grpc_calls_in_flight')).toBe(0);
    expect(after.get('wheelhouse_ledger_queue_depth')).toBe(0);
    expect(Math.abs(after.get('wheelhouse_clock_offset_seconds') ?? 99)).toBeLessThan(5);
    expect(after.get('wheelhouse_clock_doubt_seconds')).toBeLessThan(2);
    expect(after.get('process_cpu_seconds_total')).toBeGreaterThan(0);
    for (const name of after.keys()) expect(name).not.toContain(tenantId);
  });
});

async function readMetrics(): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${kernel.httpUrl}/metrics`)).text();
  const samples = text.split('\n').flatMap((line): [string, number][] => {
    const end = line.lastIndexOf(' ');
    return line.startsWith('#') || end === -1 ? [] : [[line.slice(0, end), Number(line.slice(end + 1))]];
  });
  return new Map(samples);
}

describe('the log', () => {
  test('shows no secret, even where one is logged by mistake', () => {
    const lines: string[] = [];
    const { logger } = openLog('info', { write: (line) => void lines.push(line) });
    const secret = {
      authorization: 'Bearer s3cret',
      token: 's3cret',
      password: 's3cret',
      uri: 'mongodb://u:s3cret@db',
    };
    logger.info({ ...secret, metadata: secret }, 'by mistake');
    logger.error({ err: new Error('mongodb://u:s3cret@db/x refused: mongodb+srv://u:s3cret@db') }, 'failed');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).not.toContain('s3cret');
    expect(lines[1]).toContain('mongodb://db/x refused: mongodb+srv://db');
  });

  test('at level info says nothing of calls that went well, and names operators’ writes', async () => {
    const quiet = await openKernel({ logLevel: 'info', mongodbUri: kernel.mongodbUri });
    const there = callersOf(quiet);
    // A kernel says by itself that Stripe is off.
    const { length: saidAtStart } = quiet.logLines;
    const tenantId = await callers.openTenant(10n * CREDIT);
    await there.debit(tenantId);
    await failureOf(there.debit(tenantId, { quantity: '-1' }));
    expect(quiet.logLines.slice(saidAtStart)).toEqual([]);
    await there.grant(tenantId, 5n);
    expect(quiet.logLines).toHaveLength(saidAtStart + 1);
    expect(JSON.parse(quiet.logLines.at(-1) ?? '')).toMatchObject({
      level: 'info',
      msg: 'operator call',
      caller: 'sysadmin/operator',
      tenantId,
    });
    // What they write about people is theirs, and no part of it.
    const { entry } = await there.debit(tenantId);
    const correction = { requestId: newRequestId(), tenantId, entryId: entry?.entryId ?? '', ...OPERATOR };
    const { redactEntry, reverseEntry } = LedgerAuditServiceService;
    const about = { ...correction, reason: 'Jane Doe 4711' };
    await there.sysadmin.call(reverseEntry, ReverseEntryRequest.fromPartial(about));
    await there.sysadmin.call(redactEntry, RedactEntryRequest.fromPartial(about));
    expect(quiet.logLines.map((line): unknown => JSON.parse(line)).slice(saidAtStart + 1)).toMatchObject([
      { msg: 'operator call', path: reverseEntry.path, tenantId },
      { msg: 'operator call', path: redactEntry.path, tenantId },
    ]);
    expect(quiet.logLines.join('')).not.toContain('Jane Doe');
    await quiet.close();
  });

  test('takes over a well-formed request id, makes one for any other, and bounds lines of one kind', async () => {
    const trace = async (requestId: string): Promise<string> => {
      const method = LedgerServiceService.getBalance;
      const settings = { metadata: { 'x-request-id': requestId } };
      return (await failureOf(callers.nobody.call(method, GetBalanceRequest.fromPartial({}), settings))).requestId;
    };
    expect(await trace('web-4711')).toBe('web-4711');
    expect(await trace('not "well" formed')).toMatch(/^[0-9a-f-]{36}$/);
    const before = kernel.logLines.length;
    await Promise.all(Array.from({ length: 100 }, () => trace('flood')));
    expect(kernel.logLines.length - before).toBeLessThanOrEqual(20);
  });
});
