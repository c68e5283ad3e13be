// A threshold that is crossed while kernels see it at once, and one of them is killed between any two of its steps: one event, and one
// delivery that its receiver gets.

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type Callers, CREDIT, callersOf } from '../contract/support/account.ts';
import { openAlerted } from '../contract/support/alert.ts';
import { type Connection, openKernel, openSeededDatabase } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses, runKernel, writeCredentials } from '../contract/support/kernel-process.ts';
import { type HoldingProxy, startHoldingProxy } from '../support/holding-proxy.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

const SOON = { timeout: 40_000, interval: 100 };

let database: { readonly mongodbUri: string; readonly connection: Connection };
let proxy: HoldingProxy;
let receiver: WebhookReceiver;

beforeAll(async () => {
  database = await openSeededDatabase();
  proxy = await startHoldingProxy(database.mongodbUri);
  receiver = await startWebhookReceiver();
});
afterEach(cleanUpProcesses);
afterAll(async () => {
  await receiver.stop();
  await proxy.stop();
  await database.connection.dropDatabase();
  await database.connection.close();
});

const openAnother = () => openKernel({ mongodbUri: database.mongodbUri });

/** Has a kernel of its own, over the proxy, find what the others left, and kills it at a step. */
async function killAt(command: string, collection: string, prepare: () => Promise<unknown>): Promise<void> {
  await prepare();
  const reached = proxy.holdNext(command, collection);
  const doomed = runKernel({
    ...{ MONGODB_URI: proxy.uri, KERNEL_CREDENTIALS_FILE: writeCredentials(), MOVABLE_CLOCK: 'true' },
    ...{ GRPC_ADDRESS: '127.0.0.1:0', HTTP_ADDRESS: '127.0.0.1:0', LOOPBACK_ALERTS: 'true' },
  });
  await doomed.listening();
  await reached;
  doomed.child.kill('SIGKILL');
  await doomed.ended;
}

/** A workspace that is told at five credits, whose balance has just fallen below; no kernel has looked yet. */
async function openCrossed(): Promise<string> {
  const kernel = await openAnother();
  const callers: Callers = callersOf(kernel);
  const { tenantId, setThresholds, createEndpoint } = await openAlerted(callers, 10n * CREDIT);
  await createEndpoint({ url: receiver.url });
  await setThresholds([5n * CREDIT]);
  await kernel.close();
  // As if the kernel had died right after its commit: the debit stands, and nobody was told of it.
  const mark = await database.connection.collection<{ _id: string }>('balance_marks').findOne({ _id: tenantId });
  const before = await openAnother();
  await callersOf(before).debit(tenantId, { quantity: '6' });
  await before.close();
  if (mark === null) throw new Error('there is no mark');
  await database.connection.collection<{ _id: string }>('balance_marks').replaceOne({ _id: tenantId }, mark);
  await database.connection.collection('billing_events').deleteMany({ tenant_id: tenantId });
  await database.connection.collection('alert_deliveries').deleteMany({ tenant_id: tenantId });
  return tenantId;
}

const eventsOf = async (tenantId: string): Promise<readonly string[]> =>
  (await database.connection.collection('billing_events').find({ tenant_id: tenantId }).toArray()).map(
    ({ type }) => type,
  );

const receivedBy = (tenantId: string): number => receiver.received.filter(({ body }) => body.includes(tenantId)).length;

test.each([
  ['before the event', 'insert', 'billing_events'],
  ['between the event and its mark', 'update', 'balance_marks'],
  ['before the delivery of the event', 'insert', 'alert_deliveries'],
  ['between the delivery and its mark', 'update', 'alert_fan_out'],
  ['before it notes that the delivery is out', 'update', 'alert_deliveries'],
])(
  'a kernel that is killed %s leaves one event, over two others',
  async (_, command, collection) => {
    let tenantId = '';
    await killAt(command, collection, async () => {
      tenantId = await openCrossed();
    });
    const kernels = [await openAnother(), await openAnother()] as const;
    await vi.waitFor(async () => expect(await eventsOf(tenantId)).toEqual(['balance.low']), SOON);
    // A claim lapses after a minute: what was sent and not noted is sent once more by then, with the same id.
    await database.connection
      .collection('alert_deliveries')
      .updateMany({ tenant_id: tenantId, state: 'pending' }, { $set: { due_at: new Date(0) } });
    await vi.waitFor(async () => {
      const rows = await database.connection.collection('alert_deliveries').find({ tenant_id: tenantId }).toArray();
      expect(rows.map(({ state }) => state)).toEqual(['delivered']);
    }, SOON);
    expect(await eventsOf(tenantId)).toEqual(['balance.low']);
    expect(receivedBy(tenantId)).toBe(collection === 'alert_deliveries' && command === 'update' ? 2 : 1);
    for (const kernel of kernels) await kernel.close();
  },
  120_000,
);
