// Flows that a kernel carries out in several steps, and a kernel process that is killed between any two of them: after each write to
// the database or to Stripe, whose answer it never hears. Whoever comes after makes it whole, by itself or when the request is sent
// again: what was paid, given and made is what it is where nothing was killed, and the request is answered as if nothing had been.

import { once } from 'node:events';
import type { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SubscriptionChange } from '../../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import { sendCard } from '../../support/hosted-form.ts';
import { deliverEvent } from './delivery.ts';
import { advance, type DoomedShop, type Ground, type NextShop, openDoomedShop, openNextShop } from './doomed-shop.ts';
import { newRequestId, openSeededDatabase } from './kernel-fixture.ts';
import { cleanUpProcesses } from './kernel-process.ts';
import { openStripe } from './stripe.ts';
import { type Counter, expectSound, openWorkspace, type Workspace, workspaceOf } from './subscription.ts';

/** Longer than a killed kernel's claims hold. */
export const CLAIMS_MS = 200_000;
/** What begins dozens of things, kills and begins again takes its time on a machine that has other work. */
const KILL_TIMEOUT_MS = 120_000;
/** What is left of a test's time for the rest of it when a step is given up, so that the failure names the step. */
const REST_MS = 20_000;
export const PATH = { returnPath: '/settings/billing' };

export const RECORD = 'insert workspace_records';
export const AUDIT = 'insert audit_log';
export const INTENT = 'findAndModify stripe_intents';
export const CUSTOMER = 'findAndModify stripe_customers';
export const SENT = 'update stripe_intents';
const NOTE = 'update ledger_due';
export const COMMIT = 'insert ledger_commits';
export const SYNC_DUE = 'update stripe_customers';
const RESULT = 'findAndModify stripe_intent_results';
const ENDED = 'delete stripe_intents';
export const PLACE = 'insert promotion_redemptions';
export const REDEEMED = 'update promotion_redemptions';
export const EVENT = 'insert stripe_events';
export const EVENT_DONE = 'update stripe_events';
export const CREATE = 'POST /v1/subscriptions';
export const UPDATE = 'POST /v1/subscriptions/:id';
export const PAGE = 'POST /v1/checkout/sessions';
export const TOP_UP = 'findAndModify top_ups';
export const TOP_UP_NOTED = 'update top_ups';
export const PAY = 'POST /v1/invoices/:id/pay';
/** The collections whose writes are steps; the others keep hints and figures, which are made again. */
const STEP =
  /^[A-Z]|^(?!delete ledger_due)\w+ (workspace_records|audit_log|ledger_due|ledger_commits|promotion_redemptions|top_ups|stripe_\w+)$/;

/** What a kernel writes one after another, or few of at once: held before what follows, they keep nobody from their own. */
const SERIAL: readonly string[] = [AUDIT, EVENT, COMMIT];

/** An intent that is opened and taken, and sent; and what follows of it here. */
export const ASKED = [INTENT, INTENT, SENT];
export const APPLIED = [NOTE, COMMIT, SYNC_DUE];
export const KEPT = [RESULT, ENDED];
/** What begins has times of its own, which are noted; a change inside of a period has those that were noted with it. */
export const BEGUN = [...APPLIED, ...KEPT];
export const CHANGED = [COMMIT, SYNC_DUE, ...KEPT];

/** What a request was answered, without what differs from one workspace to another. */
export type Answer = Readonly<Record<string, unknown>>;

/** Something that a kernel carries out in several steps. */
export interface Flow {
  readonly name: string;
  /** What is written for it, in order. */
  readonly steps: readonly string[];
  /** The step by which money is taken. */
  readonly paidBy?: string;
  /** Says that a worker takes its intent, as soon as that is there. */
  readonly isByWorker?: boolean;
  /** The type of the event that it begins with, where one does. */
  readonly event?: string;
  /** Brings a workspace to where it begins. */
  readonly prepare: (workspace: Workspace, shop: Shop) => Promise<unknown>;
  /** Has it begin; the same again is a retry. */
  readonly begin: (workspace: Workspace, requestId: string, shop: Shop) => Promise<Answer>;
  /** What a person does after it was answered. */
  readonly finish?: (workspace: Workspace, shop: Shop) => Promise<unknown>;
}

export interface Shop extends Counter {
  readonly httpUrl: string;
}

let ground: Ground;

/** What outlives the kernels of this file's tests. */
export function groundOf(): Ground {
  return ground;
}

export const rowsOf = (name: string, filter: object) =>
  ground.connection.collection(name).find(filter).sort({ seq: 1 }).toArray();

export const countChanges = async (change: string): Promise<number> =>
  (await rowsOf('ledger_commits', { 'entries.change': change })).length;

export const answerOf = ({ change }: { readonly change?: SubscriptionChange | undefined }): Answer => ({
  outcome: change?.outcome,
  planCode: change?.planCode,
  status: change?.subscription?.status,
  cancels: change?.subscription?.cancelTime !== undefined,
  pending: change?.subscription?.pendingChange?.planCode,
});

export async function buy(workspace: Workspace, planCode = 'plus'): Promise<void> {
  await workspace.storeCard();
  await workspace.activate({ planCode });
}

/** Pays on the page that the answer has led to. */
export async function payOnPage(workspace: Workspace): Promise<void> {
  const { data } = await ground.stripe.stripe.checkout.sessions.list({
    ...{ customer: await workspace.customerId(), status: 'open' },
  });
  expect(data).toHaveLength(1);
  expect((await sendCard(data[0]?.url ?? '')).status).toBe(303);
}

/** The newest event of a type about a workspace. */
async function newestEvent(workspace: Workspace, type: string): Promise<Stripe.Event> {
  const customer = await workspace.customerId();
  const { stripe } = ground.stripe;
  const { data } = await stripe.events.list({ type, limit: 100 });
  const charges = (await stripe.charges.list({ customer, limit: 100 })).data.map(({ id }) => id);
  // A refund and a dispute name the charge alone.
  const isOurs = (object: Stripe.Event.Data.Object): boolean =>
    ('customer' in object && object.customer === customer) ||
    ('charge' in object && charges.includes(String(object.charge)));
  const event = data.find(({ data: { object } }) => isOurs(object));
  if (event === undefined) throw new Error(`${customer} has no event ${type}`);
  return event;
}

/** Delivers the newest event of a type, as Stripe does, and waits until what it asks for is done. */
export function delivering(type: string): Flow['begin'] {
  return async (workspace, _, { httpUrl }) => {
    const event = await newestEvent(workspace, type);
    const { code } = await deliverEvent(httpUrl, JSON.stringify(event));
    const isProcessed = async (): Promise<boolean> =>
      (await rowsOf('stripe_events', { _id: event.id, state: 'processed' })).length === 1;
    await expect.poll(isProcessed, { interval: 20 }).toBe(true);
    return { code };
  };
}
/** What is done to a kernel that carries out several flows, each for many workspaces. */
export interface Batch {
  readonly name: string;
  readonly flows: readonly Flow[];
  /** Which steps it is killed after. */
  readonly isPoint?: (step: string) => boolean;
  /** Lets time pass before anything begins. */
  readonly wait?: (shop: Shop) => Promise<unknown>;
  /** Lets time pass so that what was prepared last begins. */
  readonly pass?: () => Promise<unknown>;
  /** How much later the next kernel begins, in milliseconds. */
  readonly laterMs: number;
}
/** What an account and its Stripe have come to. */
interface Outcome {
  readonly planCode: string;
  readonly entries: readonly string[];
  readonly subscriptions: readonly string[];
  readonly topUps: readonly string[];
  /** Of top-ups. */
  readonly invoices: readonly string[];
  readonly customers: number;
  readonly openPages: number;
  /** Of each place that it has in a promotion, whether it is only claimed. */
  readonly places: readonly boolean[];
  /** What hangs on the second of a change: cents that were charged, and microcredits. */
  readonly figures: readonly number[];
}

async function customersOf(tenantId: string): Promise<readonly string[]> {
  const all = await ground.stripe.stripe.customers.list({ limit: 100 }).autoPagingToArray({ limit: 1_000 });
  return all.filter(({ metadata }) => metadata['tenant_id'] === tenantId).map(({ id }) => id);
}

/** How often a workspace has paid. */
async function countCharges(tenantId: string): Promise<number> {
  const found = await Promise.all(
    (await customersOf(tenantId)).map((customer) => ground.stripe.stripe.charges.list({ customer, limit: 100 })),
  );
  return found.flatMap(({ data }) => data.filter(({ paid }) => paid)).length;
}

async function outcomeOf(workspace: Workspace): Promise<Outcome> {
  const { stripe } = ground.stripe;
  const { tenantId } = workspace;
  const customer = await workspace.customerId();
  const subscriptions = await stripe.subscriptions.list({ customer, status: 'all' });
  const pages = await stripe.checkout.sessions.list({ customer, status: 'open' });
  const commits = await rowsOf('ledger_commits', { tenant_id: tenantId });
  const { planCode, ...balance } = await workspace.balance();
  const { trialRemainingMicrocredits, includedRemainingMicrocredits, paygRemainingMicrocredits } = balance;
  const buckets = [trialRemainingMicrocredits, includedRemainingMicrocredits, paygRemainingMicrocredits];
  return {
    planCode,
    entries: commits.flatMap(({ entries }) => entries.map(nameOf)),
    subscriptions: subscriptions.data.map(nameSubscription),
    topUps: (await rowsOf('top_ups', { tenant_id: tenantId })).map(({ status }) => String(status)),
    places: (await rowsOf('promotion_redemptions', { tenant_id: tenantId })).map((row) => 'claimed_until' in row),
    invoices: (await stripe.invoices.list({ customer })).data
      .filter(({ metadata }) => metadata?.['purpose'] === 'topup')
      .map(({ status }) => String(status)),
    customers: (await customersOf(tenantId)).length,
    openPages: pages.data.filter(({ mode }) => mode === 'subscription').length,
    figures: [...(await workspace.charged()), ...buckets.map(Number)],
  };
}

function nameSubscription({ status, cancel_at: at, discounts }: Stripe.Subscription): string {
  return [status, ...(at === null ? [] : ['to end']), ...discounts.map(() => 'a discount')].join(', ');
}

function nameOf({ type, change }: { readonly type: string; readonly change?: string }): string {
  return change === undefined ? type : `${type}: ${change}`;
}

/** A workspace for which something is begun and not ended. */
interface Victim {
  readonly workspace: Workspace;
  readonly requestId: string;
  /** The step that is the last one which is done; -1 where not even the first one is. */
  readonly point: number;
  /** What its steps name. */
  subject: readonly string[];
}

/** Stands for the one that nothing happens to, and for the one of which nothing is done. */
const UNHARMED = Number.POSITIVE_INFINITY;
const BEFORE_ALL = -1;

const labelOf = ({ steps }: Flow, point: number): string =>
  point === BEFORE_ALL ? 'nothing' : `${point + 1} ${steps[point]}`;

/** Lists what a kernel is killed after, in turn. */
function listPoints({ steps }: Flow, { isPoint }: Batch): readonly number[] {
  // What is written one after another can't be held before it is done: others would wait.
  const isSerial = (point: number): boolean => SERIAL.includes(steps[point] ?? '');
  const points = [BEFORE_ALL, ...steps.keys()].filter(
    (point) => !isSerial(point + 1) || (point !== BEFORE_ALL && !isSerial(point)),
  );
  return isPoint === undefined ? points : points.filter((point) => isPoint(steps[point] ?? ''));
}

async function prepareVictim(flow: Flow, shop: DoomedShop, point: number): Promise<Victim> {
  const workspace = await openWorkspace(shop);
  await flow.prepare(workspace, shop);
  return { workspace, point, requestId: newRequestId(), subject: [workspace.tenantId] };
}

/** Everything by which a step may name a workspace. */
async function learnSubject({ event }: Flow, { workspace }: Victim): Promise<readonly string[]> {
  const { tenantId } = workspace;
  const [row] = await rowsOf('stripe_customers', { _id: tenantId });
  const customer = row?.['stripe_customer_id'];
  if (typeof customer !== 'string') return [tenantId];
  const { stripe } = ground.stripe;
  const { data } = await stripe.subscriptions.list({ customer, status: 'all' });
  const { data: payments } = await stripe.paymentIntents.list({ customer, limit: 100 });
  const events = event === undefined ? [] : [(await newestEvent(workspace, event)).id];
  return [tenantId, customer, ...[...data, ...payments].map(({ id }) => id), ...events];
}

/** A flow, the workspace that nothing happened to, and those for which the kernel was killed. */
interface Played {
  readonly flow: Flow;
  readonly whole: Whole;
  readonly victims: readonly Victim[];
}

/** Has everything begin, and kills the kernel when each workspace has come to its point. */
async function killAmid(batch: Batch): Promise<readonly Played[]> {
  const late = AbortSignal.timeout(KILL_TIMEOUT_MS - REST_MS);
  const shop = await openDoomedShop(ground);
  try {
    return await beginAll(batch, shop, late);
  } finally {
    await shop.kill();
  }
}

async function beginAll(batch: Batch, shop: DoomedShop, late: AbortSignal): Promise<readonly Played[]> {
  const { flows, wait, pass } = batch;
  const isByWorker = flows.some((flow) => flow.isByWorker === true);
  shop.proxy.stallWorkers('stripe_customers', 'top_ups', ...(isByWorker ? [] : ['stripe_intents']));
  const unharmed = await Promise.all(flows.map((flow) => prepareVictim(flow, shop, UNHARMED)));
  await pass?.();
  const victims: (readonly Victim[])[] = [];
  // One flow after another, which is as much at once as a small engine answers in time.
  for (const flow of flows) {
    const points = listPoints(flow, batch);
    victims.push(await Promise.all(points.map((point) => prepareVictim(flow, shop, point))));
  }
  await pass?.();
  await wait?.(shop);
  const played: Played[] = [];
  for (const [index, flow] of flows.entries()) {
    const [one, others = []] = [unharmed[index], victims[index]];
    if (one === undefined) throw new RangeError(`nothing was prepared for ${flow.name}`);
    for (const victim of [one, ...others]) victim.subject = await learnSubject(flow, victim);
    played.push({ flow, victims: others, whole: await playUnharmed(flow, shop, one, pass) });
  }
  const held = played.flatMap(({ flow, victims: all }) => all.map((victim) => stopAt(flow, shop, victim, late)));
  for (const { flow, victims: all } of played) {
    // That it dies with its kernel is how a call ends here.
    for (const { workspace, requestId } of all) flow.begin(workspace, requestId, shop).catch(() => undefined);
  }
  await pass?.();
  await Promise.all(held);
  return played;
}

/** Waits for a step to come until it is late. Throws Error with its name where it does not. */
export async function before(late: AbortSignal, reached: Promise<void>, label: string): Promise<void> {
  const passed = late.aborted ? Promise.resolve() : once(late, 'abort');
  const missed = passed.then(() => Promise.reject(new Error(`nothing came to step ${label}`)));
  await Promise.race([reached, missed]);
}

/** Has a workspace come to its point and no further; resolves when it has. */
function stopAt(flow: Flow, { proxy }: DoomedShop, { point, subject }: Victim, late: AbortSignal): Promise<void> {
  const { steps } = flow;
  const serial = flow.isByWorker === true ? [...SERIAL, INTENT] : SERIAL;
  const isBefore = point === BEFORE_ALL || serial.includes(steps[point] ?? '');
  const at = isBefore ? point + 1 : point;
  const step = steps[at] ?? '';
  const number = steps.slice(0, at + 1).filter((other) => other === step).length;
  const reached = proxy.stopAt(step, isBefore ? 'before' : 'after', () => subject, number);
  return before(late, reached, `${flow.name}: ${labelOf(flow, point)}`);
}

/** What comes of it where nothing is killed. */
async function playUnharmed(
  flow: Flow,
  shop: DoomedShop,
  { workspace, requestId, subject }: Victim,
  pass: Batch['pass'],
) {
  const { tenantId } = workspace;
  const writesOf = () => shop.proxy.writesAbout(() => subject).filter((write) => STEP.test(write));
  const { isByWorker = false } = flow;
  const before = writesOf().length;
  const chargedBefore = await countCharges(tenantId);
  const begun = flow.begin(workspace, requestId, shop);
  await pass?.();
  const answer = await begun;
  const stepsOf = (): readonly string[] =>
    writesOf()
      .slice(before)
      .filter((write, index, writes) => write !== NOTE || writes[index - 1] !== NOTE)
      // Whoever has things begin at their time asks for the same again as long as it is under way.
      .filter((write, index, writes) => !isByWorker || write !== INTENT || writes.indexOf(INTENT) === index)
      .slice(-flow.steps.length);
  await expect.poll(stepsOf, { interval: 20 }).toEqual(flow.steps);
  const results = (await rowsOf('stripe_intent_results', { tenant_id: tenantId })).length;
  await flow.finish?.(workspace, shop);
  return { answer, chargedBefore, results, outcome: await outcomeOf(workspace) };
}

type Whole = Awaited<ReturnType<typeof playUnharmed>>;

/** How often it was charged when the kernel was dead. */
async function expectLeft(flow: Flow, victim: Victim, { chargedBefore }: Whole): Promise<void> {
  const paidBy = flow.paidBy === undefined ? UNHARMED : flow.steps.indexOf(flow.paidBy);
  const label = labelOf(flow, victim.point);
  const charges = [label, await countCharges(victim.workspace.tenantId)];
  expect(charges).toEqual([label, chargedBefore + (victim.point >= paidBy ? 1 : 0)]);
}

/** Waits until nothing is left to do, where anything was noted. */
async function waitForWhole({ workspace: { tenantId }, subject }: Victim, { results }: Whole): Promise<void> {
  const unfinished = {
    $or: [{ status: 'pending' }, { is_closing: true }, { uses_stored_card: true, is_charged: false }],
  };
  const waiting = { tenant_id: tenantId, ended_at: { $exists: false }, ...unfinished };
  await expect.poll(async () => (await rowsOf('top_ups', waiting)).length, { interval: 200 }).toBe(0);
  const open = await rowsOf('stripe_intents', { _id: tenantId });
  if (open.length === 0) return;
  const isWhole = async (): Promise<boolean> => {
    const ended = await rowsOf('stripe_intent_results', { tenant_id: tenantId });
    const left = await rowsOf('stripe_intents', { _id: tenantId });
    return ended.length === results && left.length === 0;
  };
  await expect.poll(isWhole, { interval: 200 }).toBe(true);
  expect(await rowsOf('stripe_events', { _id: { $in: subject }, state: 'pending' })).toEqual([]);
}

/** Expects that the kernel that came after has come, or comes, to what is there where nothing is killed. */
async function expectWhole(flow: Flow, victim: Victim, whole: Whole, shop: Shop): Promise<void> {
  const workspace = await workspaceOf(shop, victim.workspace.tenantId);
  const label = labelOf(flow, victim.point);
  const answer = await flow.begin(workspace, victim.requestId, shop);
  await flow.finish?.(workspace, shop);
  const { figures, ...outcome } = await outcomeOf(workspace);
  const { figures: wanted, ...rest } = whole.outcome;
  expect({ label, answer, ...outcome }).toEqual({ label, answer: whole.answer, ...rest });
  expect([label, figures.length]).toEqual([label, wanted.length]);
  // Minutes lie between them, of a month.
  for (const [index, figure] of figures.entries()) {
    expect(Math.abs(figure - (wanted[index] ?? 0)), `${label}: ${figures}`).toBeLessThanOrEqual(figure / 1_000);
  }
  await expectSound(shop, workspace);
}
/** Makes the tests of batches of flows; to be called once in a file. */
export function testKilledFlows(batches: readonly Batch[]): void {
  beforeAll(async () => {
    const stripe = await openStripe({ hasCatalog: true });
    ground = { stripe, ...(await openSeededDatabase(undefined, { hasSoldPlans: false })) };
  });
  afterAll(async () => {
    cleanUpProcesses();
    await ground.connection.close();
    await ground.stripe.stop();
  });
  describe.each(batches)('$name: a kernel that is killed after any step', (batch) => {
    let played: readonly Played[] = [];
    let next: NextShop | undefined;

    afterAll(() => next?.close());

    test(
      'has taken money once, or not yet',
      async () => {
        played = await killAmid(batch);
        for (const { flow, victims, whole } of played) {
          for (const victim of victims) await expectLeft(flow, victim, whole);
        }
        await advance(ground, batch.laterMs);
        next = await openNextShop(ground);
      },
      KILL_TIMEOUT_MS,
    );

    test.each(batch.flows)('of $name leaves what comes to the same', async (flow) => {
      const one = played.find((other) => other.flow === flow);
      if (one === undefined || next === undefined) throw new RangeError(`${flow.name} was not played`);
      const [shop, { victims, whole }] = [next, one];
      // The others are asked for again at once.
      for (const [index, victim] of victims.entries()) if (index % 2 === 0) await waitForWhole(victim, whole);
      await Promise.all(victims.map((victim) => expectWhole(flow, victim, whole, shop)));
    });
  });
}
