// A kernel process is killed amid what operators and Stripe asked of it: between a recorded change and its target, amid a sync,
// and before an event is stored. Another kernel finds all of it as it was recorded, and each thing is done once.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createKernelClient } from '../../dev/kernel-client.ts';
import { AuditOutcome } from '../../gen/wheelhouse/operator/v1/audit_record.ts';
import { KillSwitchName } from '../../gen/wheelhouse/operator/v1/kill_switch.ts';
import { OperatorServiceService, SetKillSwitchRequest } from '../../gen/wheelhouse/operator/v1/operator_service.ts';
import { RedriveWebhookEventRequest, WebhookServiceService } from '../../gen/wheelhouse/operator/v1/webhook_service.ts';
import { type Callers, callersOf, OPERATOR } from '../contract/support/account.ts';
import { deliverEvent, eventBody, idOf } from '../contract/support/delivery.ts';
import {
  type Connection,
  type KernelFixture,
  newRequestId,
  openKernel,
  openSeededDatabase,
} from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses, runKernel, SYSADMIN_TOKEN, writeCredentials } from '../contract/support/kernel-process.ts';
import { operatorCallsOf } from '../contract/support/operator.ts';
import {
  createPlan,
  openStripe,
  SECRET_KEY,
  type StripeFixture,
  syncCatalog,
  WEBHOOK_SECRET,
} from '../contract/support/stripe.ts';
import { type HoldingProxy, startHoldingProxy } from '../support/holding-proxy.ts';

const IDS = { switch: newRequestId(), redrive: newRequestId(), sync: newRequestId() };
const SWITCH = SetKillSwitchRequest.fromPartial({
  ...{ requestId: IDS.switch, name: KillSwitchName.TOPUPS_ENABLED, enabled: false, ...OPERATOR },
});
/** An event that died, and one that the killed kernel was about to store. */
const DEAD = eventBody('price.updated');
const LOST = eventBody('price.updated');
const REDRIVE = RedriveWebhookEventRequest.fromPartial({ requestId: IDS.redrive, eventId: idOf(DEAD), ...OPERATOR });

let stripe: StripeFixture;
let database: { mongodbUri: string; connection: Connection };
let proxy: HoldingProxy;
let kernel: KernelFixture;
let callers: Callers;
/** What stood in the database when the kernel was dead, and no other had begun. */
let left: Awaited<ReturnType<typeof lookAt>>;

const collection = (name: string) => database.connection.collection<{ _id: string; [field: string]: unknown }>(name);
const recordsOf = (requestId: string) => collection('audit_log').find({ request_id: requestId }).toArray();
const switchOff = () => collection('kill_switches').findOne({ name: 'TOPUPS_ENABLED' });
const eventOf = (body: string) => collection('stripe_events').findOne({ _id: idOf(body) });

async function lookAt() {
  const [killSwitch, dead, lost, plan] = await Promise.all([
    ...[switchOff(), eventOf(DEAD), eventOf(LOST), collection('plans').findOne({ plan_code: 'cut' })],
  ]);
  const policy = await collection('plan_policies').findOne({ plan_code: 'cut' });
  return { killSwitch, dead, lost, plan, policy };
}

beforeAll(async () => {
  stripe = await openStripe({ hasCatalog: true });
  database = await openSeededDatabase();
  proxy = await startHoldingProxy(database.mongodbUri);
  await killAmidAll();
  left = await lookAt();
  kernel = await openKernel({ mongodbUri: database.mongodbUri, stripe: stripe.config });
  callers = callersOf(kernel);
}, 120_000);
afterAll(async () => {
  await kernel.close();
  await database.connection.dropDatabase();
  await database.connection.close();
  cleanUpProcesses();
  await proxy.stop();
  await stripe.stop();
});

/** Waits for something before the tests begin. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitFor(async () => expect(await isSo()).toBe(true), { timeout: 30_000, interval: 50 });
}

/** Has a kernel begin everything, and kills it when each thing has come to its middle. */
async function killAmidAll(): Promise<void> {
  const doomed = runKernel({
    ...{ MONGODB_URI: proxy.uri, KERNEL_CREDENTIALS_FILE: writeCredentials(), LOG_LEVEL: 'debug' },
    ...{ GRPC_ADDRESS: '127.0.0.1:0', HTTP_ADDRESS: '127.0.0.1:0', STRIPE_API_URL: stripe.config.apiUrl },
    ...{ STRIPE_SECRET_KEY: SECRET_KEY, STRIPE_WEBHOOK_SECRETS: WEBHOOK_SECRET },
  });
  const { grpc, http } = await doomed.listening();
  const messages = () => doomed.logLines().map(({ msg }) => String(msg));
  await until(() => messages().some((text) => text.startsWith('the catalog ')));
  // An event of before that failed too often.
  expect(await deliverEvent(`http://${http}`, DEAD)).toMatchObject({ code: 200 });
  await until(async () => (await eventOf(DEAD))?.['state'] === 'processed');
  const died = { $set: { state: 'dead', attempts: 20 }, $unset: { processed_at: '', expires_at: '' } } as const;
  await collection('stripe_events').updateOne({ _id: idOf(DEAD) }, died);
  await createPlan(stripe.stripe, 'cut');
  const moments = [
    ...[proxy.holdNext('update', 'kill_switches'), proxy.holdNext('update', 'stripe_events')],
    ...[proxy.holdNext('insert', 'stripe_events'), proxy.holdNext('update', 'plans')],
  ];
  const client = createKernelClient(grpc, SYSADMIN_TOKEN);
  const begun = [
    client.call(OperatorServiceService.setKillSwitch, SWITCH),
    client.call(WebhookServiceService.redriveWebhookEvent, REDRIVE),
    deliverEvent(`http://${http}`, LOST),
    syncCatalog(
      {
        address: grpc,
        tokens: { sysadmin: SYSADMIN_TOKEN, internal: '', checker: '', agentruntime: '', otherproduct: '' },
      },
      { requestId: IDS.sync },
    ),
  ];
  const outcomes = Promise.allSettled(begun);
  await Promise.all(moments);
  doomed.child.kill('SIGKILL');
  await doomed.ended;
  expect((await outcomes).map(({ status }) => status)).toEqual(begun.map(() => 'rejected'));
  client.close();
}

describe('a kernel that is killed', () => {
  test('between a recorded change and its target leaves what another one does, once', async () => {
    expect(left.killSwitch).toMatchObject({ enabled: true });
    await expect.poll(async () => (await switchOff())?.['enabled'], { timeout: 20_000 }).toBe(false);
    const again = await callers.sysadmin.call(OperatorServiceService.setKillSwitch, SWITCH);
    expect(again).toMatchObject({ replayed: true, killSwitch: { enabled: false } });
    expect(await switchOff()).toMatchObject({ revision: 1 });
    expect(await recordsOf(IDS.switch)).toHaveLength(1);
  });

  test('between a recorded redrive and its event leaves what another one drives, once', async () => {
    expect(left.dead).toMatchObject({ state: 'dead' });
    await expect.poll(async () => (await eventOf(DEAD))?.['state'], { timeout: 20_000 }).toBe('processed');
    const again = await callers.sysadmin.call(WebhookServiceService.redriveWebhookEvent, REDRIVE);
    expect(again).toMatchObject({ replayed: true });
    expect(await eventOf(DEAD)).toMatchObject({ state: 'processed', attempts: 1, revision: 1 });
    expect(await recordsOf(IDS.redrive)).toHaveLength(1);
  });

  test('before it has stored an event has not answered, and the next delivery is the one event', async () => {
    expect(left.lost).toBeNull();
    expect(await deliverEvent(kernel.httpUrl, LOST)).toEqual({ code: 200, status: 'stored' });
    expect(await deliverEvent(kernel.httpUrl, LOST)).toEqual({ code: 200, status: 'duplicate' });
    await expect.poll(async () => (await eventOf(LOST))?.['state'], { timeout: 20_000 }).toBe('processed');
    expect(await eventOf(LOST)).toMatchObject({ attempts: 1 });
  });

  test('amid a sync leaves a part, which stands in the log as a part until its retry has done the rest', async () => {
    expect(left).toMatchObject({ plan: null, policy: { plan_code: 'cut', revision: 0 } });
    const outcomes = async () => {
      const records = await operatorCallsOf(callers).audit({ method: 'CatalogSyncService/SyncCatalog' });
      return records.map(({ requestId, outcome }) => [requestId, outcome]);
    };
    expect(await outcomes()).toEqual([[IDS.sync, AuditOutcome.PARTLY_APPLIED]]);
    expect(await syncCatalog(kernel, { requestId: IDS.sync })).toMatchObject({ replayed: false, badRows: [] });
    expect(await outcomes()).toEqual([[IDS.sync, AuditOutcome.APPLIED]]);
    expect(await syncCatalog(kernel, { requestId: IDS.sync })).toMatchObject({ replayed: true });
    for (const name of ['plans', 'plan_policies']) {
      expect(await collection(name).countDocuments({ plan_code: 'cut' })).toBe(1);
    }
  });
});
