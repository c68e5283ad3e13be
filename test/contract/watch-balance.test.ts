// Watches of balances: what is told, when, to whom, and what a watch goes on from.

import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import {
  GetBalanceRequest,
  GrantRequest,
  LedgerServiceService,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type {
  WatchBalanceRequest,
  WatchBalanceResponse,
} from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import { type OpenStream, openWatch, type StreamSettings } from '../support/stream-client.ts';
import { admitPeople, type Callers, CREDIT, callersOf, newcomer, OPERATOR, personIn } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import {
  type Adaptation,
  composeKernel,
  type KernelFixture,
  newRequestId,
  openKernel,
} from './support/kernel-fixture.ts';
import { override } from './support/override.ts';

type Watch = OpenStream<WatchBalanceResponse>;

/** Long enough that a message which must not come would have come. */
const QUIET_MS = 400;

let kernel: KernelFixture;
let callers: Callers;
const watches: Watch[] = [];

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterEach(() => {
  for (const watch of watches.splice(0)) {
    watch.cancel();
    watch.close();
  }
});
afterAll(() => kernel.close());

interface WatchSettings extends Partial<StreamSettings> {
  readonly from?: KernelFixture;
  readonly resumeToken?: string;
}

function watch(tenantId: string, settings: WatchSettings = {}): Watch {
  const { from = kernel, resumeToken = '', ...rest } = settings;
  const request: WatchBalanceRequest = { tenantId, resumeToken };
  const opened = openWatch(from.address, request, { token: from.tokens.internal, ...rest });
  watches.push(opened);
  return opened;
}

async function failureOfWatch(opened: Watch): ReturnType<typeof failureOf> {
  const { error } = await opened.ended;
  return failureOf(error === undefined ? Promise.resolve('OK') : Promise.reject(error));
}

const availableOf = ({ balance }: WatchBalanceResponse): bigint => balance?.availableMicrocredits ?? -1n;

async function nth(opened: Watch, count: number): Promise<WatchBalanceResponse> {
  const message = (await opened.arrived(count))[count - 1];
  if (message === undefined) throw new Error(`there is no message ${count}`);
  return message;
}

const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, QUIET_MS));

/** Gives PAYG credit for a time. */
const give = (from: Callers, tenantId: string, credits: bigint, times: { effectiveTime?: Date; expireTime?: Date }) => {
  const grant = { requestId: newRequestId(), tenantId, bucket: Bucket.PAYG, microcredits: credits * CREDIT };
  return from.sysadmin.call(LedgerServiceService.grant, GrantRequest.fromPartial({ ...grant, ...OPERATOR, ...times }));
};

const inMs = (ms: number): Date => new Date(Date.now() + ms);

async function withKernel(adapt: Adaptation, run: (other: KernelFixture) => Promise<void>): Promise<void> {
  const other = await composeKernel({ mongodbUri: kernel.mongodbUri, ...adapt });
  try {
    await run(other);
  } finally {
    await other.close();
  }
}

async function metricOf(name: string): Promise<number> {
  const text = await (await fetch(`${kernel.httpUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

describe('a watch', () => {
  test('begins with the balance as GetBalance has it', async () => {
    const tenantId = await callers.openTenant(7n * CREDIT);
    const first = await nth(watch(tenantId), 1);
    const read = await callers.internal.call(
      LedgerServiceService.getBalance,
      GetBalanceRequest.fromPartial({ tenantId }),
    );
    expect(first).toEqual({ balance: read.balance, commitSeq: read.commitSeq, resumeToken: expect.any(String) });
    expect(first.resumeToken).not.toBe('');
  });

  test('tells each change of this kernel, and is silent without one', async () => {
    const tenantId = await callers.openTenant(7n * CREDIT);
    const other = await callers.openTenant(7n * CREDIT);
    const opened = watch(tenantId);
    await opened.arrived(1);
    await callers.debit(tenantId);
    expect(availableOf(await nth(opened, 2))).toBe(6n * CREDIT);
    await callers.grant(tenantId, CREDIT);
    const third = await nth(opened, 3);
    expect([availableOf(third), third.commitSeq]).toEqual([7n * CREDIT, await callers.seqOf(tenantId)]);
    await callers.debit(other);
    await quiet();
    expect(opened.received).toHaveLength(3);
  });

  test('tells what another kernel commits, within moments', async () => {
    await withKernel({}, async (second) => {
      const tenantId = await callers.openTenant(7n * CREDIT);
      const opened = watch(tenantId);
      await opened.arrived(1);
      await callersOf(second).debit(tenantId);
      const beganMs = performance.now();
      expect(availableOf(await nth(opened, 2))).toBe(6n * CREDIT);
      expect(performance.now() - beganMs).toBeLessThan(1_500);
      // The stream of changes stands by now: the next one comes as soon as it is made.
      await callersOf(second).debit(tenantId);
      const nextMs = performance.now();
      expect(availableOf(await nth(opened, 3))).toBe(5n * CREDIT);
      expect(performance.now() - nextMs).toBeLessThan(700);
    });
  });

  test('tells what time alone changes: an expiry and a beginning, without a commit', async () => {
    // A kernel that is composed has no worker that would record what falls due.
    const alone = await composeKernel({});
    const there = callersOf(alone);
    const tenantId = await there.openTenant(CREDIT);
    await give(there, tenantId, 2n, { expireTime: inMs(1_200) });
    await give(there, tenantId, 4n, { effectiveTime: inMs(2_400) });
    const opened = watch(tenantId, { from: alone });
    const messages = await opened.arrived(3);
    expect(messages.map(availableOf)).toEqual([3n * CREDIT, CREDIT, 5n * CREDIT]);
    expect(new Set(messages.map(({ commitSeq }) => commitSeq)).size).toBe(1);
    await alone.close();
  });

  test('tells what falls due when the clock is moved', async () => {
    const moved = await composeKernel({});
    const there = callersOf(moved);
    const tenantId = await there.openTenant(CREDIT);
    await give(there, tenantId, 1n, { expireTime: inMs(24 * 3_600_000) });
    const opened = watch(tenantId, { from: moved });
    expect(availableOf(await nth(opened, 1))).toBe(2n * CREDIT);
    const clock = moved.connection.collection<{ _id: string; offset_ms: number }>('clock');
    await clock.updateOne({ _id: 'offset' }, { $set: { offset_ms: 25 * 3_600_000 } }, { upsert: true });
    expect(availableOf(await nth(opened, 2))).toBe(CREDIT);
    await moved.close();
  });

  test('asks every second where there is no feed, and says so once', async () => {
    let asked = 0;
    const feed: Adaptation['feed'] = (real) =>
      override(real, {
        open: (listener) => {
          listener.feedUnsupported(new Error('injected: The $changeStream stage is only supported on replica sets'));
          return { close: () => Promise.resolve() };
        },
        findFollowed: (places) => {
          asked += 1;
          return real.findFollowed(places);
        },
      });
    await withKernel({ feed }, async (lonely) => {
      const tenantId = await callers.openTenant(7n * CREDIT);
      for (let round = 0n; round < 2n; round += 1n) {
        const opened = watch(tenantId, { from: lonely });
        await opened.arrived(1);
        await callers.debit(tenantId);
        expect(availableOf(await nth(opened, 2))).toBe((6n - round) * CREDIT);
        opened.cancel();
        await opened.ended;
      }
      expect(asked).toBeGreaterThan(0);
      const after = asked;
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(asked).toBeLessThanOrEqual(after + 1);
      expect(lonely.logLines.filter((line) => line.includes('no change streams'))).toHaveLength(1);
    });
  });

  test('merges changes that are faster than its reader, and always ends at the newest', async () => {
    const tenantId = await callers.openTenant(1_000n * CREDIT);
    const opened = watch(tenantId);
    await opened.arrived(1);
    opened.stall();
    for (let round = 0; round < 30; round += 1) {
      await Promise.all(Array.from({ length: 10 }, () => callers.debit(tenantId)));
    }
    opened.resume();
    await expect.poll(() => availableOf(opened.received.at(-1) as WatchBalanceResponse)).toBe(700n * CREDIT);
    expect(opened.received.length).toBeLessThan(150);
    const seqs = opened.received.map(({ commitSeq }) => Number(commitSeq));
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  });

  test('shares one read among all who watch the account', async () => {
    let reads = 0;
    const ledger: Adaptation['ledger'] = (real) =>
      override(real, {
        readBalance: (...query) => {
          reads += 1;
          return real.readBalance(...query);
        },
      });
    await withKernel({ ledger }, async (counted) => {
      const tenantId = await callers.openTenant(7n * CREDIT);
      const opened = Array.from({ length: 40 }, () => watch(tenantId, { from: counted }));
      await Promise.all(opened.map((one) => one.arrived(1)));
      await quiet();
      const before = reads;
      await callersOf(counted).debit(tenantId);
      const told = await Promise.all(opened.map((one) => nth(one, 2)));
      expect(new Set(told.map(availableOf))).toEqual(new Set([6n * CREDIT]));
      expect(reads - before).toBeLessThanOrEqual(3);
    });
  });

  test('keeps one feed of commits while somebody watches, and none before or after', async () => {
    let opened = 0;
    let closed = 0;
    const feed: Adaptation['feed'] = (real) =>
      override(real, {
        open: (listener) => {
          opened += 1;
          const inner = real.open(listener);
          return {
            close: () => {
              closed += 1;
              return inner.close();
            },
          };
        },
      });
    await withKernel({ feed }, async (counted) => {
      const tenants = [await callers.openTenant(CREDIT), await callers.openTenant(CREDIT)];
      expect(opened).toBe(0);
      const first = tenants.map((tenantId) => watch(tenantId, { from: counted }));
      await Promise.all(first.map((one) => one.arrived(1)));
      expect([opened, closed]).toEqual([1, 0]);
      for (const one of first) one.cancel();
      await expect.poll(() => closed).toBe(1);
      const again = watch(tenants[0] ?? '', { from: counted });
      await again.arrived(1);
      expect([opened, closed]).toEqual([2, 1]);
    });
  });
});

describe('who may watch', () => {
  test('contributors of the workspace, internal services, operators; the same as may read the balance', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    await admitPeople(callers, tenantId);
    const { tokens } = kernel;
    for (const settings of [
      { token: tokens.internal },
      { token: tokens.sysadmin },
      { token: tokens.agentruntime, ...personIn(tenantId, 'project_contributor') },
      { token: tokens.agentruntime, ...personIn(tenantId, 'tenant_admin') },
    ]) {
      expect(availableOf(await nth(watch(tenantId, settings), 1))).toBe(CREDIT);
    }
  });

  test('nobody else, and no one learns of a tenant that is not theirs', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    await admitPeople(callers, tenantId);
    const foreign = await callers.openTenant(CREDIT);
    const { tokens } = kernel;
    const reasonOf = async (settings: Partial<StreamSettings>, of = tenantId) =>
      (await failureOfWatch(watch(of, settings))).reason;
    const asPerson = (role: string, workspace = tenantId) => ({
      token: tokens.agentruntime,
      ...personIn(workspace, role),
    });
    expect(await reasonOf({ token: undefined })).toBe('CREDENTIAL_INVALID');
    expect(await reasonOf({ token: tokens.checker })).toBe('SCOPE_DENIED');
    expect(await reasonOf(asPerson('project_viewer'))).toBe('ROLE_REQUIRED');
    expect(await reasonOf({ token: tokens.agentruntime, ...newcomer() })).toBe('WORKSPACE_REQUIRED');
    expect(await reasonOf(asPerson('tenant_admin'), foreign)).toBe('TENANT_NOT_FOUND');
    expect(await reasonOf({ token: tokens.agentruntime })).toBe('PRODUCT_SCOPE_MISMATCH');
    const elsewhere = { token: tokens.otherproduct, ...personIn(tenantId, 'tenant_admin', 'otherproduct') };
    expect(await reasonOf(elsewhere)).toBe('TENANT_NOT_FOUND');
    expect(await reasonOf({}, 'ten_missing')).toBe('TENANT_NOT_FOUND');
  });

  test('nobody without saying whom', async () => {
    expect(await failureOfWatch(watch(''))).toMatchObject({
      reason: 'INVALID_FIELD',
      code: status.INVALID_ARGUMENT,
      violations: { tenant_id: 'is required' },
    });
  });
});

describe('a resume token', () => {
  test('goes on with the next change where nothing changed since', async () => {
    const tenantId = await callers.openTenant(7n * CREDIT);
    const { resumeToken } = await nth(watch(tenantId), 1);
    const resumed = watch(tenantId, { resumeToken });
    await quiet();
    expect(resumed.received).toHaveLength(0);
    await callers.debit(tenantId);
    expect(availableOf(await nth(resumed, 1))).toBe(6n * CREDIT);
  });

  test('goes on at once where a commit came since, at another kernel too', async () => {
    const tenantId = await callers.openTenant(7n * CREDIT);
    const { resumeToken } = await nth(watch(tenantId), 1);
    await callers.debit(tenantId);
    await withKernel({}, async (second) => {
      const resumed = watch(tenantId, { resumeToken, from: second });
      expect(availableOf(await nth(resumed, 1))).toBe(6n * CREDIT);
      await quiet();
      expect(resumed.received).toHaveLength(1);
    });
  });

  test('goes on at once where time alone changed the balance since', async () => {
    const alone = await composeKernel({});
    const there = callersOf(alone);
    const tenantId = await there.openTenant(CREDIT);
    await give(there, tenantId, 1n, { expireTime: inMs(1_000) });
    const before = await nth(watch(tenantId, { from: alone }), 1);
    await expect.poll(() => there.availableOf(tenantId)).toBe(CREDIT);
    const after = await nth(watch(tenantId, { from: alone, resumeToken: before.resumeToken }), 1);
    expect([availableOf(before), availableOf(after)]).toEqual([2n * CREDIT, CREDIT]);
    expect(after.commitSeq).toBe(before.commitSeq);
    await alone.close();
  });

  test('that is none, or another tenant’s, is refused', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    const { resumeToken } = await nth(watch(await callers.openTenant(CREDIT)), 1);
    for (const token of ['nonsense', resumeToken, 'x'.repeat(1_000), Buffer.from('1.a.b.c').toString('base64url')]) {
      const failure = await failureOfWatch(watch(tenantId, { resumeToken: token }));
      expect([failure.reason, Object.keys(failure.violations)]).toEqual(['INVALID_FIELD', ['resume_token']]);
    }
  });

  test('of a commit that the account does not have is expired', async () => {
    const tenantId = await callers.openTenant(7n * CREDIT);
    await callers.debit(tenantId);
    const { resumeToken, commitSeq } = await nth(watch(tenantId), 1);
    // As after the restore of a backup: a kernel that knows nothing finds the account shorter than it was.
    await kernel.connection.collection('ledger_commits').deleteOne({ tenant_id: tenantId, seq: commitSeq });
    await withKernel({}, async (fresh) => {
      const failure = await failureOfWatch(watch(tenantId, { resumeToken, from: fresh }));
      expect(failure).toMatchObject({
        reason: 'RESUME_TOKEN_EXPIRED',
        code: status.OUT_OF_RANGE,
        metadata: { commit_seq: String(commitSeq - 1n) },
      });
      expect(availableOf(await nth(watch(tenantId, { from: fresh }), 1))).toBe(7n * CREDIT);
    });
  });
});

describe('bounds and ends', () => {
  test('a kernel carries so many watches, and takes another when one has ended', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    await withKernel({ streamBound: { kernel: 2, credential: 2 } }, async (small) => {
      const [one, two] = [watch(tenantId, { from: small }), watch(tenantId, { from: small })];
      await Promise.all([one.arrived(1), two.arrived(1)]);
      const failure = await failureOfWatch(watch(tenantId, { from: small }));
      expect(failure).toMatchObject({
        reason: 'QUEUE_FULL',
        code: status.RESOURCE_EXHAUSTED,
        metadata: { limit: '2' },
      });
      expect(failure.retryDelayMs).toBeGreaterThan(0);
      one.cancel();
      await expect
        .poll(() => {
          const next = watch(tenantId, { from: small });
          return Promise.race([next.arrived(1).then(() => 'told'), next.ended.then(({ code }) => code)]);
        })
        .toBe('told');
    });
  });

  test('one credential can not take all watches of a kernel', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    await withKernel({ streamBound: { kernel: 3, credential: 2 } }, async (small) => {
      const { tokens } = small;
      const from = (token: string): Watch => watch(tenantId, { from: small, token });
      await Promise.all([from(tokens.internal), from(tokens.internal)].map((one) => one.arrived(1)));
      const greedy = await failureOfWatch(from(tokens.internal));
      expect(greedy).toMatchObject({ reason: 'QUEUE_FULL', metadata: { limit: '2' } });
      expect(greedy.message).toMatch(/^this credential has 2 streams of LedgerStreamService\/WatchBalance open/);
      await from(tokens.sysadmin).arrived(1);
      expect(await failureOfWatch(from(tokens.sysadmin))).toMatchObject({ metadata: { limit: '3' } });
    });
  });

  test('one account can not take all watches of a kernel', async () => {
    const [greedy, other] = [await callers.openTenant(CREDIT), await callers.openTenant(CREDIT)];
    const opened = Array.from({ length: 256 }, () => watch(greedy));
    await Promise.all(opened.map((one) => one.arrived(1)));
    expect(await failureOfWatch(watch(greedy))).toMatchObject({ reason: 'QUEUE_FULL', metadata: { limit: '256' } });
    await watch(other).arrived(1);
  });

  test('the end of the kernel ends watches with SHUTTING_DOWN, also for one that does not read', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    const ending = await composeKernel({ mongodbUri: kernel.mongodbUri });
    const [reading, stalled] = [watch(tenantId, { from: ending }), watch(tenantId, { from: ending })];
    await Promise.all([reading.arrived(1), stalled.arrived(1)]);
    stalled.stall();
    const beganMs = performance.now();
    await ending.drain();
    expect(performance.now() - beganMs).toBeLessThan(2_500);
    expect(await failureOfWatch(reading)).toMatchObject({
      reason: 'SHUTTING_DOWN',
      code: status.UNAVAILABLE,
      retryDelayMs: 0,
    });
    await ending.close();
  });

  test('a caller that has gone is not watched for any more, and a stated deadline ends a watch', async () => {
    await expect.poll(() => metricOf('wheelhouse_balance_watches')).toBe(0);
    const tenantId = await callers.openTenant(CREDIT);
    const opened = watch(tenantId);
    await opened.arrived(1);
    expect(await metricOf('wheelhouse_balance_watches')).toBe(1);
    opened.cancel();
    await expect.poll(() => metricOf('wheelhouse_balance_watches')).toBe(0);
    const limited = watch(tenantId, { deadlineMs: 400 });
    await limited.arrived(1);
    expect((await limited.ended).code).toBe(status.DEADLINE_EXCEEDED);
    await expect.poll(() => metricOf('wheelhouse_balance_watches')).toBe(0);
  });

  test('a failure that can not pass by itself ends the watches of the account; one of the database only new ones', async () => {
    const tenantId = await callers.openTenant(7n * CREDIT);
    let failure: DomainError | undefined;
    const ledger: Adaptation['ledger'] = (real) =>
      override(real, {
        readBalance: (...query) => (failure === undefined ? real.readBalance(...query) : Promise.reject(failure)),
      });
    await withKernel({ ledger }, async (failing) => {
      const opened = watch(tenantId, { from: failing });
      await opened.arrived(1);
      failure = new DomainError('DATABASE_UNAVAILABLE', 'injected');
      await callersOf(failing).debit(tenantId);
      expect((await failureOfWatch(watch(tenantId, { from: failing }))).reason).toBe('DATABASE_UNAVAILABLE');
      await quiet();
      expect(opened.received).toHaveLength(1);
      failure = undefined;
      expect(availableOf(await nth(opened, 2))).toBe(6n * CREDIT);
      failure = new DomainError('LEDGER_CORRUPT', 'injected');
      await callersOf(failing).debit(tenantId);
      expect((await failureOfWatch(opened)).reason).toBe('LEDGER_CORRUPT');
    });
  });

  test('a tenant without an account can not be watched', async () => {
    const tenantId = await callers.openTenant();
    await kernel.connection.collection('ledger_commits').deleteMany({ tenant_id: tenantId });
    await withKernel({}, async (fresh) => {
      expect((await failureOfWatch(watch(tenantId, { from: fresh }))).reason).toBe('ACCOUNT_NOT_OPEN');
    });
  });
});
