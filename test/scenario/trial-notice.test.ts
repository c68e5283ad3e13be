// The mail before a trial ends, with the clock moved: put in at its time, once for each administrator, over two kernels, and also
// where a kernel is killed just before it.

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Callers, callersOf } from '../contract/support/account.ts';
import { moveClock } from '../contract/support/hold.ts';
import {
  type Connection,
  type KernelFixture,
  openKernel,
  openSeededDatabase,
} from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses, runKernel, writeCredentials } from '../contract/support/kernel-process.ts';
import { expectLedgerClean } from '../contract/support/ledger-audit.ts';
import { emailOf, joinAs, openWorkspace, stranger } from '../contract/support/people.ts';
import { trialCallsOf } from '../contract/support/trial.ts';
import { type HoldingProxy, startHoldingProxy } from '../support/holding-proxy.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;
/** A trial of fourteen days is told of three days before its end. */
const NOTICE_AFTER_MS = 11 * DAY_MS;
const SOON = { timeout: 40_000, interval: 100 };

let database: { readonly mongodbUri: string; readonly connection: Connection };
let proxy: HoldingProxy;

beforeAll(async () => {
  database = await openSeededDatabase();
  proxy = await startHoldingProxy(database.mongodbUri);
});
afterEach(cleanUpProcesses);
afterAll(async () => {
  await proxy.stop();
  await database.connection.dropDatabase();
  await database.connection.close();
});

interface Mail {
  readonly _id: string;
  readonly to: string;
}

const addressesTold = async (tenantId: string): Promise<readonly string[]> => {
  const mails = database.connection
    .collection<Mail>('mail_outbox')
    .find({ _id: { $regex: `^trial-ending:${tenantId}:` } });
  return (await mails.toArray()).map(({ to }) => to).sort();
};
const noteCount = (tenantId: string): Promise<number> =>
  database.connection.collection<{ _id: string }>('ledger_due').countDocuments({ _id: { $regex: `^${tenantId}/` } });

/** A workspace of an operator's making, whose trial has begun, and the addresses of its two administrators. */
async function openTrial(callers: Callers, trialDays: number) {
  const trials = trialCallsOf(callers);
  const tenantId = await trials.openWorkspace();
  const admins = [stranger('first'), stranger('second')];
  for (const admin of admins) await joinAs(callers, tenantId, { tenantAdmin: true }, admin);
  await joinAs(callers, tenantId, {}, stranger('member'));
  await trials.startByOperator(tenantId, { trialDays });
  return { tenantId, trials, addresses: admins.map(emailOf).sort() };
}

const openAnother = (): Promise<KernelFixture> => openKernel({ mongodbUri: database.mongodbUri });

describe('the mail before a trial ends', () => {
  test('is put in by the next kernel where one is killed just before it, and once over two', async () => {
    const setUp = await openAnother();
    const long = await openTrial(callersOf(setUp), 14);
    const short = await openTrial(callersOf(setUp), 1);
    const canceled = await openTrial(callersOf(setUp), 14);
    await canceled.trials.cancelByOperator(canceled.tenantId);
    // Its trial began by itself.
    const own = await openWorkspace(callersOf(setUp));

    // Half of a trial of a day, which is the first that is told of.
    await moveClock(setUp, callersOf(setUp), long.tenantId, DAY_MS / 2 + MINUTE_MS);
    await vi.waitFor(async () => expect(await addressesTold(short.tenantId)).toEqual(short.addresses), SOON);
    expect(await addressesTold(long.tenantId)).toEqual([]);
    await setUp.close();

    await database.connection
      .collection<{ _id: string; offset_ms: number }>('clock')
      .updateOne({ _id: 'offset' }, { $set: { offset_ms: NOTICE_AFTER_MS + 5_000 } });
    const reached = proxy.holdNext('insert', 'mail_outbox');
    const doomed = runKernel({
      ...{ MONGODB_URI: proxy.uri, KERNEL_CREDENTIALS_FILE: writeCredentials(), MOVABLE_CLOCK: 'true' },
      ...{ GRPC_ADDRESS: '127.0.0.1:0', HTTP_ADDRESS: '127.0.0.1:0' },
    });
    await doomed.listening();
    await reached;
    doomed.child.kill('SIGKILL');
    await doomed.ended;

    const kernels = [await openAnother(), await openAnother()] as const;
    const callers = callersOf(kernels[0]);
    await vi.waitFor(async () => expect(await addressesTold(long.tenantId)).toEqual(long.addresses), SOON);
    await vi.waitFor(async () => expect(await addressesTold(own.tenantId)).toEqual([emailOf(own.admin)]), SOON);
    // Well past its time the note goes, after everything was looked at once more.
    await moveClock(kernels[0], callers, long.tenantId, NOTICE_AFTER_MS + 3 * MINUTE_MS);
    await vi.waitFor(async () => expect(await noteCount(long.tenantId)).toBe(1), SOON);
    expect(await addressesTold(long.tenantId)).toEqual(long.addresses);
    expect(await addressesTold(short.tenantId)).toEqual(short.addresses);
    expect(await addressesTold(canceled.tenantId)).toEqual([]);
    await expectLedgerClean(callers);
    for (const kernel of kernels) await kernel.close();
  }, 180_000);
});
