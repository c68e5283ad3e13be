// What callers of streams keep when callers, kernels, networks and the database fail: every debit once, every balance in
// the end, and no kernel that can't end.

import { setTimeout as delay } from 'node:timers/promises';
import mongoose from 'mongoose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { KernelClient } from '../../dev/kernel-client.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { DebitRequest, GrantRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { WatchBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { createFundedTenant, listDebitRequestIds, readPaygCredits, sendDebit } from '../support/debit-driver.ts';
import { freshDatabaseUri, startEngine, type TestEngine } from '../support/engine.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { type StallingProxy, startStallingProxy } from '../support/stalling-proxy.ts';
import { type OpenStream, openDebitStream, openWatch } from '../support/stream-client.ts';
import { driveStream, type StreamDriver } from '../support/stream-driver.ts';

const CREDIT = 1_000_000n;
const FUNDS = 1_000_000n;
/** More than a window of them: some are not read yet when the first are answered. */
const DEBITS = 1_600;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

function watch(address: string, token: string, tenantId: string, resumeToken = ''): OpenStream<WatchBalanceResponse> {
  const opened = openWatch(address, { tenantId, resumeToken }, { token });
  cleanUps.push(() => {
    opened.cancel();
    opened.close();
  });
  return opened;
}

const creditsOf = (message: WatchBalanceResponse | undefined): bigint =>
  (message?.balance?.availableMicrocredits ?? -1n) / CREDIT;

async function proxyTo(address: string): Promise<StallingProxy> {
  const proxy = await startStallingProxy(address);
  cleanUps.push(() => proxy.stop());
  return proxy;
}

/** Holds what the caller was told against what the ledger has. */
async function expectEachOnce(client: KernelClient, tenantId: string, driver: StreamDriver, count = DEBITS) {
  const stored = await listDebitRequestIds(client, tenantId);
  expect(stored).toHaveLength(count);
  expect(new Set(stored).size).toBe(count);
  expect(new Set(stored)).toEqual(new Set(driver.entries.keys()));
  expect(new Set(driver.entries.values()).size).toBe(count);
  expect(await readPaygCredits(client, tenantId)).toBe(FUNDS - BigInt(count));
}

const idsOf = (name: string): string[] => Array.from({ length: DEBITS }, (_, index) => `${name}-${index}`);

describe('two kernel processes over one database', () => {
  let stack: TestStack;
  let client: KernelClient;
  let token: string;

  beforeAll(async () => {
    stack = await startStack({ mongodbUri: freshDatabaseUri(), kernelCount: 2, productCodes: [] });
    token = stack.credentials.internal;
    client = stack.connect(token, 1);
  });
  afterAll(() => stack.stop());

  const address = (index: number): string => stack.kernels[index]?.grpc ?? '';
  const both = (): string[] => [address(0), address(1)];
  const answered = (driver: StreamDriver, count: number) =>
    expect.poll(() => driver.entries.size, { timeout: 60_000, interval: 5 }).toBeGreaterThan(count);

  it('a kernel that is killed in the middle: what it did not answer is sent to the other, and happens once', async () => {
    const tenantId = await createFundedTenant(stack, FUNDS);
    const driver = driveStream(both(), token, tenantId, idsOf('kill'));
    await answered(driver, DEBITS / 10);
    await stack.kernels[0]?.kill9();
    await driver.done;
    expect(driver.streams()).toBeGreaterThan(1);
    await stack.kernels[0]?.restart();
    await expectEachOnce(client, tenantId, driver);
  });

  it('a kernel that is asked to end in the middle ends in time, having answered what it read', async () => {
    const tenantId = await createFundedTenant(stack, FUNDS);
    const driver = driveStream(both(), token, tenantId, idsOf('end'));
    await answered(driver, DEBITS / 10);
    const beganMs = performance.now();
    expect(await stack.kernels[0]?.terminate()).toBe(0);
    expect(performance.now() - beganMs).toBeLessThan(8_000);
    await driver.done;
    // What was read was answered, so that nothing of it had to be done again.
    expect(driver.replays()).toBe(0);
    expect(driver.streams()).toBeGreaterThan(1);
    await stack.kernels[0]?.restart();
    await expectEachOnce(client, tenantId, driver);
  });

  it('a caller that dies in the middle: its next one finds out what was done', async () => {
    const tenantId = await createFundedTenant(stack, FUNDS);
    const proxy = await proxyTo(address(0));
    const requestIds = idsOf('die').slice(0, 600);
    const driver = driveStream([proxy.address], token, tenantId, requestIds);
    for (const count of [60, 300]) {
      await answered(driver, count);
      proxy.cut();
    }
    await driver.done;
    expect(driver.streams()).toBeGreaterThan(1);
    expect(driver.replays()).toBeGreaterThan(0);
    await expectEachOnce(client, tenantId, driver, requestIds.length);
  });

  it('a network that falls silent for a while only delays', async () => {
    const tenantId = await createFundedTenant(stack, FUNDS);
    const proxy = await proxyTo(address(0));
    const driver = driveStream([proxy.address], token, tenantId, idsOf('stall'));
    await answered(driver, DEBITS / 10);
    proxy.stall();
    await delay(2_000);
    proxy.resume();
    await driver.done;
    expect([driver.streams(), driver.replays()]).toEqual([1, 0]);
    await expectEachOnce(client, tenantId, driver);
  });

  it('a network that falls silent for good does not keep a kernel from ending', async () => {
    const tenantId = await createFundedTenant(stack, FUNDS);
    const proxy = await proxyTo(address(0));
    const driver = driveStream([proxy.address, address(1)], token, tenantId, idsOf('silent'));
    const watched = watch(proxy.address, token, tenantId);
    await watched.arrived(1);
    await answered(driver, DEBITS / 10);
    proxy.stall();
    const beganMs = performance.now();
    expect(await stack.kernels[0]?.terminate()).toBe(0);
    expect(performance.now() - beganMs).toBeLessThan(8_000);
    proxy.cut();
    await driver.done;
    await stack.kernels[0]?.restart();
    await expectEachOnce(client, tenantId, driver);
  });

  it('a caller that does not read its answers costs the kernel a bounded amount of memory', async () => {
    const tenantId = await createFundedTenant(stack, FUNDS);
    const before = await readResidentBytes(stack, 0);
    const stream = openDebitStream(address(0), { token });
    cleanUps.push(() => {
      stream.cancel();
      stream.close();
    });
    stream.stall();
    // Each is answered with some 2 KB that tell what is wrong with it.
    const dimensions = new Map(Array.from({ length: 16 }, (_, index) => [`BAD ${index} ${'x'.repeat(60)}`, 'x']));
    const debit = { tenantId, action: 'nosuch', quantity: '1', dimensions };
    for (let index = 0; index < 60_000; index += 1) void stream.send(toDebit({ ...debit, requestId: `slow-${index}` }));
    await delay(5_000);
    expect((await readResidentBytes(stack, 0)) - before).toBeLessThan(100 * 1_048_576);
    expect(await sendDebit(client, tenantId, 'others-go-on')).toMatchObject({ replayed: false });
  });

  it('a watch at one kernel follows the other, and goes on there when its own is killed', async () => {
    const tenantId = await createFundedTenant(stack, 100n);
    const first = watch(address(0), token, tenantId);
    await first.arrived(1);
    await sendDebit(client, tenantId, 'followed');
    const { resumeToken } = (await first.arrived(2))[1] as WatchBalanceResponse;
    expect(creditsOf(first.received[1])).toBe(99n);
    await stack.kernels[0]?.kill9();
    await first.ended;
    const second = watch(address(1), token, tenantId, resumeToken);
    await delay(500);
    expect(second.received).toHaveLength(0);
    await stack.kernels[0]?.restart();
    await sendDebit(stack.connect(token, 0), tenantId, 'followed-again');
    await second.arrived(1);
    expect(creditsOf(second.received[0])).toBe(98n);
  });

  it('watches at both kernels see a grant expire at its time', async () => {
    const tenantId = await createFundedTenant(stack, 10n);
    const grant = { tenantId, bucket: Bucket.PAYG, microcredits: 5n * CREDIT, actor: 'test', reason: 'test' };
    const expireTime = new Date(Date.now() + 2_000);
    const request = GrantRequest.fromPartial({ requestId: 'expires', ...grant, expireTime });
    await stack.connect(stack.credentials.sysadmin).call(LedgerServiceService.grant, request);
    const watches = both().map((each) => watch(each, token, tenantId));
    for (const each of watches) expect(creditsOf((await each.arrived(1))[0])).toBe(15n);
    for (const each of watches) expect(creditsOf((await each.arrived(2))[1])).toBe(10n);
    expect(Date.now() - expireTime.getTime()).toBeLessThan(1_500);
    expect(Date.now()).toBeGreaterThanOrEqual(expireTime.getTime() - 50);
  });
});

describe('an engine of our own', () => {
  let engine: TestEngine;
  let stack: TestStack | undefined;

  beforeAll(async () => {
    engine = await startEngine();
  });
  afterEach(() => stack?.stop());
  afterAll(() => engine.stop());

  it('that is killed and comes back: debits happen once, watches go on by themselves', async (context) => {
    if (!engine.isOwn) context.skip('MONGODB_URI names a server that is not ours to kill');
    stack = await startStack({ mongodbUri: engine.freshDatabaseUri(), kernelCount: 2, productCodes: [] });
    const token = stack.credentials.internal;
    const [one = '', two = ''] = stack.kernels.map(({ grpc }) => grpc);
    const tenantId = await createFundedTenant(stack, FUNDS);
    const watched = watch(two, token, tenantId);
    await watched.arrived(1);
    const driver = driveStream([one], token, tenantId, idsOf('database'));
    await expect.poll(() => driver.entries.size, { timeout: 60_000, interval: 5 }).toBeGreaterThan(DEBITS / 10);
    await engine.kill9();
    await delay(2_000);
    await engine.restart();
    await driver.done;
    await expectEachOnce(stack.connect(token, 1), tenantId, driver);
    await expect.poll(() => creditsOf(watched.received.at(-1)), { timeout: 20_000 }).toBe(FUNDS - BigInt(DEBITS));
  });

  it('that has no change streams: watches ask every second', async (context) => {
    const uri = engine.freshDatabaseUri();
    stack = await startStack({ mongodbUri: uri, kernelCount: 2, productCodes: [] });
    const token = stack.credentials.internal;
    const [one = '', two = ''] = stack.kernels.map(({ grpc }) => grpc);
    const tenantId = await createFundedTenant(stack, 100n);
    if (!(await setChangeStreams(uri, false))) context.skip('the engine has no fail points');
    cleanUps.push(() => setChangeStreams(uri, true));
    const first = watch(one, token, tenantId);
    await first.arrived(1);
    for (let turn = 1; turn <= 3; turn += 1) {
      await sendDebit(stack.connect(token, 1), tenantId, `asked-${turn}`);
      const beganMs = performance.now();
      const messages = await first.arrived(turn + 1);
      expect(creditsOf(messages[turn])).toBe(100n - BigInt(turn));
      expect(performance.now() - beganMs).toBeLessThan(2_500);
    }
    expect(await readMetric(stack, 0, 'wheelhouse_balance_watch_polling')).toBe(1);
    // Its own commits need no asking, at either kernel.
    const own = watch(two, token, tenantId);
    await own.arrived(1);
    await sendDebit(stack.connect(token, 1), tenantId, 'own');
    expect(creditsOf((await own.arrived(2))[1])).toBe(96n);
  });
});

function toDebit(fields: Partial<DebitRequest>): DebitRequest {
  return { ...DebitRequest.fromPartial({}), ...fields };
}

async function readMetric(stack: TestStack, index: number, name: string): Promise<number> {
  const text = await (await fetch(`${stack.kernels[index]?.http}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

const readResidentBytes = (stack: TestStack, index: number): Promise<number> =>
  readMetric(stack, index, 'process_resident_memory_bytes');

/** Makes the engine a server without change streams, or one with them again; answers whether it can be made so. */
async function setChangeStreams(uri: string, isOn: boolean): Promise<boolean> {
  const connection = await mongoose.createConnection(uri).asPromise();
  const data = { failCommands: ['aggregate'], errorCode: 40_573 };
  const point = { configureFailPoint: 'failCommand', mode: isOn ? 'off' : 'alwaysOn', data };
  const isMade = await connection
    .getClient()
    .db('admin')
    .command(point)
    .then(
      () => true,
      () => false,
    );
  await connection.close();
  return isMade;
}
