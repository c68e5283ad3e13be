// Payment methods as a kernel keeps them at the sandbox: storing a card, choosing the default, the portal, and what a card or an
// agreement to be charged means to a trial.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import { LedgerServiceService, ListEntriesRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  ListPaymentMethodsRequest,
  PaymentMethodServiceService,
} from '../../gen/wheelhouse/payment/v1/payment_method_service.ts';
import { startStepProxy } from '../support/step-proxy.ts';
import { type Callers, callersOf, newcomer, PERSON } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { newRequestId, openKernel } from './support/kernel-fixture.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { operatorCallsOf } from './support/operator.ts';
import { workspaceOperatorOf } from './support/people.ts';
import { openShop, openWorkspace, type Shop, type Workspace, workspaceOf } from './support/subscription.ts';
import { trialCallsOf } from './support/trial.ts';

const CARD = { card: '4242 4242 4242 4242', expiry: '12 / 40', cvc: '123', name: 'Ada', email: 'ada@example.com' };

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterEach(() => {
  shop.stripe.sandbox.control.clearFaults();
  shop.stripe.sandbox.control.clearDeliveryRules();
});
afterEach(() => expectLedgerClean(shop.callers));
afterAll(() => shop.close());

/** Fills a page of Stripe in, as a person does; answers where it leads. */
async function fillIn(url: string): Promise<string | null> {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(CARD), redirect: 'manual' });
  await answer.body?.cancel();
  return answer.headers.get('location');
}

const consentTimeOf = async (workspace: Workspace): Promise<Date | undefined> =>
  (await workspace.get()).trial?.consentTime;

async function entryTypesOf({ tenantId }: Workspace): Promise<readonly EntryType[]> {
  const request = ListEntriesRequest.fromPartial({ tenantId });
  return (await shop.callers.internal.call(LedgerServiceService.listEntries, request)).entries.map(({ type }) => type);
}

describe('StartSetup', () => {
  test('leads to a page, whose card becomes the default, and back to the Console', async () => {
    const workspace = await openWorkspace(shop);
    const requestId = newRequestId();
    const { url, clientSecret } = await workspace.startSetup({
      requestId,
      hostedPage: true,
      returnPath: '/billing?x=1',
    });
    expect(url).toContain(shop.stripe.sandbox.url);
    expect(clientSecret).toBe('');
    // A retry is the same page.
    expect(await workspace.startSetup({ requestId, hostedPage: true, returnPath: '/billing?x=1' })).toMatchObject({
      url,
    });
    expect(await workspace.listMethods()).toEqual([]);
    expect(await fillIn(url)).toMatch(/\/billing\?x=1$/);
    await expect
      .poll(() => workspace.listMethods())
      .toMatchObject([{ type: 'card', cardBrand: 'visa', cardLast4: '4242', isDefault: true }]);
    expect(await workspace.get()).toMatchObject({ planCode: 'free', subscription: undefined });
    expect(await workspace.charged()).toEqual([]);
  });

  test('gives the secret of a setup intent, whose card becomes the default', async () => {
    const workspace = await openWorkspace(shop);
    const { url, clientSecret } = await workspace.startSetup();
    expect(url).toBe('');
    expect(clientSecret).toMatch(/^seti_\w+_secret_/);
    const [setupIntentId = ''] = clientSecret.split('_secret_');
    await shop.stripe.stripe.setupIntents.confirm(setupIntentId, {
      payment_method: 'pm_card_visa',
      return_url: 'http://127.0.0.1:1/back',
    });
    await expect.poll(() => workspace.listMethods()).toMatchObject([{ type: 'card', isDefault: true }]);
  });

  test('makes one customer of a workspace, however many ask at once', async () => {
    const workspace = await openWorkspace(shop);
    await Promise.all(Array.from({ length: 10 }, () => workspace.startSetup()));
    const { data } = await shop.stripe.stripe.customers.list({ limit: 100 });
    const own = data.filter(({ metadata }) => metadata['tenant_id'] === workspace.tenantId);
    expect(own.map(({ id }) => id)).toEqual([await workspace.customerId()]);
  });

  test.each([
    ['another path', { hostedPage: true, returnPath: '/elsewhere' }],
    ['a setup intent instead of a page', {}],
  ])('refuses a request id that was used before for %s', async (_, other) => {
    const workspace = await openWorkspace(shop);
    const requestId = newRequestId();
    await workspace.startSetup({ requestId, hostedPage: true, returnPath: '/billing' });
    const failure = await failureOf(workspace.startSetup({ requestId, ...other }));
    expect(failure).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED' });
  });

  test('records the consent to be charged for a trial that runs when the card is stored, once', async () => {
    const workspace = await openWorkspace(shop);
    await shop.trials.startByOperator(workspace.tenantId);
    const request = { requestId: newRequestId(), hostedPage: true, consentToCharge: true };
    const { url } = await workspace.startSetup(request);
    expect((await workspace.startSetup(request)).url).toBe(url);
    const other = await workspace.startSetup({ ...request, requestId: newRequestId() });
    await shop.settle();
    expect(await consentTimeOf(workspace)).toBeUndefined();
    await fillIn(url);
    await expect.poll(() => consentTimeOf(workspace)).toBeInstanceOf(Date);
    const consentTime = await consentTimeOf(workspace);
    await fillIn(other.url);
    await shop.settle();
    await workspace.refresh();
    expect(await consentTimeOf(workspace)).toEqual(consentTime);
    const types = await entryTypesOf(workspace);
    expect(types.filter((type) => type === EntryType.TRIAL_CONSENTED)).toHaveLength(1);
    const records = await workspaceOperatorOf(shop.callers).records(workspace.tenantId);
    const notes = records.filter(({ method }) => method === 'PaymentMethodService/StartSetup');
    // One of each request: the retry is none of its own.
    expect(notes).toHaveLength(2);
  });

  test('answers a retry as the first time, also after the trial was canceled that it agreed to pay for', async () => {
    const workspace = await openWorkspace(shop);
    await shop.trials.startByOperator(workspace.tenantId);
    const request = { requestId: newRequestId(), hostedPage: true, consentToCharge: true };
    const answer = await workspace.startSetup(request);
    await shop.trials.cancelByOperator(workspace.tenantId);
    expect(await workspace.startSetup(request)).toEqual(answer);
    const other = workspace.startSetup({ ...request, requestId: newRequestId() });
    expect(await failureOf(other)).toMatchObject({ reason: 'TRIAL_NOT_ACTIVE' });
    await fillIn(answer.url);
    await shop.settle();
    expect(await consentTimeOf(workspace)).toBeUndefined();
  });

  test('records no consent where nobody gives it', async () => {
    const workspace = await openWorkspace(shop);
    await shop.trials.startByOperator(workspace.tenantId);
    const { url } = await workspace.startSetup({ hostedPage: true });
    await fillIn(url);
    await shop.settle();
    await workspace.refresh();
    expect(await consentTimeOf(workspace)).toBeUndefined();
  });

  test('records no consent of a card that is stored after the trial was canceled', async () => {
    const workspace = await openWorkspace(shop);
    await shop.trials.startByOperator(workspace.tenantId);
    const { url } = await workspace.startSetup({ hostedPage: true, consentToCharge: true });
    await shop.trials.cancelByOperator(workspace.tenantId);
    await fillIn(url);
    await shop.settle();
    await workspace.refresh();
    expect(await consentTimeOf(workspace)).toBeUndefined();
  });

  test.each([
    ['on the way back', async ({ refresh }: Workspace) => void (await refresh())],
    ['though nobody comes back', async () => shop.advance(3 * 60_000)],
  ])('records consent %s where no event tells of the card', async (_, look) => {
    const workspace = await openWorkspace(shop);
    await shop.trials.startByOperator(workspace.tenantId);
    const { url } = await workspace.startSetup({ hostedPage: true, consentToCharge: true });
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
    await fillIn(url);
    expect(await consentTimeOf(workspace)).toBeUndefined();
    await look(workspace);
    await expect.poll(() => consentTimeOf(workspace)).toBeInstanceOf(Date);
    expect(await workspace.listMethods()).toMatchObject([{ isDefault: true }]);
  });

  test('makes the card the default also without consent, though no event tells of it and nobody comes back', async () => {
    const workspace = await openWorkspace(shop);
    const { url } = await workspace.startSetup({ hostedPage: true });
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
    await fillIn(url);
    await shop.advance(3 * 60_000);
    await expect.poll(() => workspace.listMethods()).toMatchObject([{ isDefault: true }]);
  });

  test('refuses consent where no trial runs, and makes no customer for it', async () => {
    const workspace = await openWorkspace(shop);
    const failure = await failureOf(workspace.startSetup({ hostedPage: true, consentToCharge: true }));
    expect(failure).toMatchObject({ reason: 'TRIAL_NOT_ACTIVE' });
    const customers = shop.kernel.connection.collection<{ _id: string }>('stripe_customers');
    expect(await customers.countDocuments({ _id: workspace.tenantId })).toBe(0);
  });
});

describe('what is stored', () => {
  test('is listed with the default first, and another one becomes the default, also of what is paid for already', async () => {
    const workspace = await openWorkspace(shop);
    const first = await workspace.storeCard('pm_card_visa');
    const second = await workspace.storeCard('pm_card_mastercard', false);
    expect(await workspace.listMethods()).toMatchObject([
      { stripePaymentMethodId: first.id, cardBrand: 'visa', isDefault: true },
      { stripePaymentMethodId: second.id, cardBrand: 'mastercard', isDefault: false },
    ]);
    await workspace.activate({ planCode: 'pro' });
    const requestId = newRequestId();
    const { paymentMethod } = await workspace.setDefault(second.id, requestId);
    expect(paymentMethod).toMatchObject({ stripePaymentMethodId: second.id, isDefault: true });
    expect(await workspace.setDefault(second.id, requestId)).toMatchObject({ paymentMethod });
    expect((await workspace.listMethods()).map(({ stripePaymentMethodId }) => stripePaymentMethodId)).toEqual([
      ...[second.id, first.id],
    ]);
    await workspace.changePlan({ planCode: 'plus' });
    const { data } = await shop.stripe.stripe.charges.list({ customer: await workspace.customerId(), limit: 1 });
    expect(data[0]?.payment_method).toBe(second.id);
  });

  describe('is chosen by a request', () => {
    /** A subscriber with two cards, and what is charged for it at Stripe. */
    async function openChooser() {
      const workspace = await openWorkspace(shop);
      const visa = await workspace.storeCard('pm_card_visa');
      const mastercard = await workspace.storeCard('pm_card_mastercard', false);
      await workspace.activate({ planCode: 'pro' });
      const defaultAtStripe = async () => {
        const customer = await shop.stripe.stripe.customers.retrieve(await workspace.customerId());
        return customer.deleted === true ? undefined : customer.invoice_settings.default_payment_method;
      };
      return { workspace, visa: visa.id, mastercard: mastercard.id, defaultAtStripe };
    }

    test('once: a retry that comes late is answered as before, and takes no later choice back', async () => {
      const { workspace, visa, mastercard, defaultAtStripe } = await openChooser();
      const [first, second] = [newRequestId(), newRequestId()];
      const answer = await workspace.setDefault(visa, first);
      expect(answer.paymentMethod).toMatchObject({ stripePaymentMethodId: visa, cardBrand: 'visa', isDefault: true });
      await workspace.setDefault(mastercard, second);
      expect(await workspace.setDefault(visa, first)).toEqual(answer);
      expect(await defaultAtStripe()).toBe(mastercard);
      expect(await workspace.listMethods()).toMatchObject([{ stripePaymentMethodId: mastercard, isDefault: true }, {}]);
      // Nor one that was made at Stripe.
      await shop.stripe.stripe.customers.update(await workspace.customerId(), {
        invoice_settings: { default_payment_method: visa },
      });
      await workspace.setDefault(mastercard, second);
      expect(await defaultAtStripe()).toBe(visa);
      // What was answered is answered, whatever became of the card.
      await shop.stripe.stripe.paymentMethods.detach(mastercard);
      expect((await workspace.setDefault(mastercard, second)).paymentMethod).toMatchObject({ isDefault: true });
      expect(await failureOf(workspace.setDefault(mastercard))).toMatchObject({ reason: 'PAYMENT_METHOD_NOT_FOUND' });
    });

    test('whose id means one card', async () => {
      const { workspace, visa, mastercard, defaultAtStripe } = await openChooser();
      const requestId = newRequestId();
      await workspace.setDefault(visa, requestId);
      const failure = await failureOf(workspace.setDefault(mastercard, requestId));
      expect(failure).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED' });
      expect(await defaultAtStripe()).toBe(visa);
    });

    const dropEvents = () => shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });

    /** Another kernel of the same database, whose calls to Stripe can be held up. */
    async function openSlow() {
      const proxy = await startStepProxy(shop.kernel.mongodbUri, shop.stripe.sandbox.url);
      const slow = await openKernel(
        { mongodbUri: shop.kernel.mongodbUri, stripe: { ...shop.stripe.config, apiUrl: proxy.stripeUrl } },
        { hasSoldPlans: false },
      );
      const callers = callersOf(slow);
      const there = { kernel: slow, callers, stripe: shop.stripe, trials: trialCallsOf(callers) };
      const close = async () => {
        await slow.close();
        await proxy.stop();
      };
      return { proxy, workspaceOfId: (tenantId: string) => workspaceOf(there, tenantId), close };
    }

    test('and the choice that came last holds, in however many kernels they are made at once', async () => {
      const { proxy, workspaceOfId, close } = await openSlow();
      try {
        const { workspace, visa, mastercard, defaultAtStripe } = await openChooser();
        await workspace.setDefault(mastercard);
        const bySlow = await workspaceOfId(workspace.tenantId);
        const customer = await workspace.customerId();
        const requestId = newRequestId();
        const sending = proxy.hold('POST /v1/customers/:id', 'before', () => [customer]);
        const chosen = bySlow.setDefault(visa, requestId);
        await sending.reached;
        // The same request by another kernel, and then another choice, while the first one's call is on its way to Stripe.
        const answer = await workspace.setDefault(visa, requestId);
        expect(answer.paymentMethod).toMatchObject({ stripePaymentMethodId: visa, isDefault: true });
        await workspace.setDefault(mastercard);
        sending.release();
        expect(await chosen).toEqual(answer);
        expect(await defaultAtStripe()).toBe(mastercard);
        const ids = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? visa : mastercard));
        await Promise.all(ids.map((id, index) => (index % 3 === 0 ? bySlow : workspace).setDefault(id)));
        const row = await shop.kernel.connection
          .collection<{ _id: string; card_choices: { stripe_payment_method_id: string }[] }>('stripe_customers')
          .findOne({ _id: workspace.tenantId });
        expect(await defaultAtStripe()).toBe(row?.card_choices.at(-1)?.stripe_payment_method_id);
      } finally {
        await close();
      }
    });

    test('that was cut off after it had reached Stripe behind a later one: its retry has that one charged again', async () => {
      dropEvents();
      const { proxy, workspaceOfId, close } = await openSlow();
      try {
        const { workspace, visa, mastercard, defaultAtStripe } = await openChooser();
        const bySlow = await workspaceOfId(workspace.tenantId);
        const customer = await workspace.customerId();
        const requestId = newRequestId();
        const sending = proxy.hold('POST /v1/customers/:id', 'before', () => [customer]);
        const repairing = proxy.hold('POST /v1/customers/:id', 'before', () => [customer]);
        const chosen = bySlow.setDefault(visa, requestId).catch(() => undefined);
        await sending.reached;
        const later = await workspace.setDefault(mastercard);
        expect(later.paymentMethod).toMatchObject({ stripePaymentMethodId: mastercard, isDefault: true });
        sending.release();
        // Its kernel gets no further than to the end of its own call.
        await repairing.reached;
        expect(await defaultAtStripe()).toBe(visa);
        const retry = await workspace.setDefault(visa, requestId);
        expect(retry.paymentMethod).toMatchObject({ stripePaymentMethodId: visa, isDefault: false });
        expect(await defaultAtStripe()).toBe(mastercard);
        repairing.release();
        await chosen;
        expect(await defaultAtStripe()).toBe(mastercard);
      } finally {
        await close();
      }
    });

    /** Has a call that chooses the visa land at Stripe after the mastercard was chosen, by a kernel that gets no further. */
    async function landLate(look: (chooser: Awaited<ReturnType<typeof openChooser>>) => Promise<unknown>) {
      const { proxy, workspaceOfId, close } = await openSlow();
      try {
        const chooser = await openChooser();
        const { workspace, visa, mastercard } = chooser;
        const bySlow = await workspaceOfId(workspace.tenantId);
        const customer = await workspace.customerId();
        const sending = proxy.hold('POST /v1/customers/:id', 'before', () => [customer]);
        const landed = proxy.hold('POST /v1/customers/:id', 'before', () => [customer]);
        const chosen = bySlow.setDefault(visa).catch(() => undefined);
        await sending.reached;
        await workspace.setDefault(mastercard);
        sending.release();
        await landed.reached;
        await look(chooser);
        landed.release();
        await chosen;
      } finally {
        await close();
      }
    }

    /** How often the default of a customer was set at Stripe. */
    async function settingsOf(workspace: Workspace): Promise<number> {
      const { data } = await shop.stripe.stripe.events.list({ type: 'customer.updated', limit: 100 });
      const customer = await workspace.customerId();
      return data.filter(({ data: { object } }) => 'id' in object && object.id === customer).length;
    }

    test.each([
      ['once an event tells of it', () => undefined, async () => undefined],
      ['when somebody looks', dropEvents, async ({ refresh }: Workspace) => void (await refresh())],
      ['minutes later, though no event tells and nobody looks', dropEvents, async () => shop.advance(3 * 60_000)],
    ])('that reached Stripe behind a later one, and is never retried: that one is charged again %s', async (...row) => {
      const [, prepare, look] = row;
      prepare();
      await landLate(async ({ workspace, mastercard, defaultAtStripe }) => {
        await look(workspace);
        await expect.poll(defaultAtStripe).toBe(mastercard);
        await shop.settle();
        const settings = await settingsOf(workspace);
        await workspace.refresh();
        await workspace.refresh();
        expect(await settingsOf(workspace)).toBe(settings);
      });
    });

    test('that reached the subscription behind a later one: what pays for that follows the later one again', async () => {
      dropEvents();
      const { proxy, workspaceOfId, close } = await openSlow();
      try {
        const { workspace, visa, mastercard, defaultAtStripe } = await openChooser();
        const { stripe } = shop.stripe;
        const bySlow = await workspaceOfId(workspace.tenantId);
        const customer = await workspace.customerId();
        const { stripeSubscriptionId = '' } = (await workspace.get()).subscription ?? {};
        const other = await workspace.storeCard('pm_card_amex', false);
        await stripe.subscriptions.update(stripeSubscriptionId, { default_payment_method: other.id });
        const payer = async () => (await stripe.subscriptions.retrieve(stripeSubscriptionId)).default_payment_method;
        const sending = proxy.hold('POST /v1/subscriptions/:id', 'before', () => [stripeSubscriptionId]);
        const landed = proxy.hold('POST /v1/customers/:id', 'before', () => [customer], 2);
        const chosen = bySlow.setDefault(visa).catch(() => undefined);
        await sending.reached;
        await workspace.setDefault(mastercard);
        sending.release();
        // Its kernel gets no further than to the end of its own call.
        await landed.reached;
        expect([await defaultAtStripe(), await payer()]).toEqual([mastercard, visa]);
        await workspace.refresh();
        expect(await payer()).toBe(mastercard);
        landed.release();
        await chosen;
      } finally {
        await close();
      }
    });

    test('and then another one at Stripe: that one stays, also behind a call that has landed late', async () => {
      dropEvents();
      const choose = async ({ workspace, defaultAtStripe }: Awaited<ReturnType<typeof openChooser>>, id: string) => {
        await shop.stripe.stripe.customers.update(await workspace.customerId(), {
          invoice_settings: { default_payment_method: id },
        });
        await workspace.refresh();
        await shop.advance(3 * 60_000);
        await workspace.refresh();
        expect(await defaultAtStripe()).toBe(id);
      };
      await landLate(async (chooser) => {
        const other = await chooser.workspace.storeCard('pm_card_amex', false);
        await choose(chooser, other.id);
      });
      const chooser = await openChooser();
      await chooser.workspace.setDefault(chooser.visa);
      await chooser.workspace.setDefault(chooser.mastercard);
      await choose(chooser, chooser.visa);
    });

    test('that so many have followed that it is remembered no more: its retry chooses nothing', async () => {
      const { workspace, visa, mastercard, defaultAtStripe } = await openChooser();
      const requestId = newRequestId();
      await workspace.setDefault(visa, requestId);
      await workspace.setDefault(mastercard);
      const choices = shop.kernel.connection.collection<{ _id: string; card_choices: object[] }>('stripe_customers');
      const own = { _id: workspace.tenantId };
      const last = (await choices.findOne(own))?.card_choices.at(-1);
      const others = Array.from({ length: 48 }, (_, index) => ({ ...last, mark: `mark_${index}` }));
      await choices.updateOne(own, { $push: { card_choices: { $each: others } } });
      // One more than are remembered, the first of which is forgotten by it.
      await workspace.setDefault(mastercard);
      const { paymentMethod } = await workspace.setDefault(visa, requestId);
      expect(paymentMethod).toMatchObject({ stripePaymentMethodId: visa, isDefault: false });
      expect(await defaultAtStripe()).toBe(mastercard);
      // What is asked for anew is done.
      await workspace.setDefault(visa);
      expect(await defaultAtStripe()).toBe(visa);
    });

    test('that was cut off before it was answered: it is not carried out after a later one', async () => {
      const { workspace, visa, mastercard, defaultAtStripe } = await openChooser();
      const requestId = newRequestId();
      const path = `/v1/customers/${await workspace.customerId()}`;
      shop.stripe.sandbox.control.addFault({ method: 'POST', path, outcome: 'refused', status: 503 });
      expect(await failureOf(workspace.setDefault(visa, requestId))).toMatchObject({ reason: 'STRIPE_UNAVAILABLE' });
      shop.stripe.sandbox.control.clearFaults();
      await workspace.setDefault(mastercard);
      const { paymentMethod } = await workspace.setDefault(visa, requestId);
      expect(paymentMethod).toMatchObject({ stripePaymentMethodId: visa, isDefault: false });
      expect(await defaultAtStripe()).toBe(mastercard);
    });
  });

  test('by one workspace is nothing to another: it can neither be seen nor chosen there', async () => {
    const [own, other] = [await openWorkspace(shop), await openWorkspace(shop)];
    const method = await own.storeCard();
    await other.storeCard();
    expect((await other.listMethods()).map(({ stripePaymentMethodId }) => stripePaymentMethodId)).not.toContain(
      method.id,
    );
    const failure = await failureOf(other.setDefault(method.id));
    expect(failure).toMatchObject({ reason: 'PAYMENT_METHOD_NOT_FOUND' });
    expect(await failureOf(other.setDefault('pm_x'))).toMatchObject({ reason: 'PAYMENT_METHOD_NOT_FOUND' });
    expect(await failureOf((await openWorkspace(shop)).setDefault(method.id))).toMatchObject({
      reason: 'PAYMENT_METHOD_NOT_FOUND',
    });
  });

  test('is for administrators of the workspace: others of the product, and the other product, find none', async () => {
    const workspace = await openWorkspace(shop);
    const { tenantId } = workspace;
    const request = ListPaymentMethodsRequest.fromPartial({ tenantId });
    const stranger = { metadata: { ...newcomer('agentruntime', 'somebody').metadata, 'x-tenant-id': tenantId } };
    const ofOther = { metadata: { ...newcomer('otherproduct', PERSON).metadata, 'x-tenant-id': tenantId } };
    const { bff, otherBff } = shop.callers;
    const list = PaymentMethodServiceService.listPaymentMethods;
    expect(await failureOf(bff.call(list, request, stranger))).toMatchObject({ reason: 'TENANT_NOT_FOUND' });
    expect(await failureOf(otherBff.call(list, request, ofOther))).toMatchObject({ reason: 'TENANT_NOT_FOUND' });
  });
});

describe('OpenPortal', () => {
  test('answers a page of the workspace’s own customer that leads back', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    const { url } = await workspace.openPortal({ returnPath: '/settings/billing' });
    const page = await fetch(url);
    const text = await page.text();
    expect(page.status).toBe(200);
    expect(text).toContain('4242');
    expect(text).toContain('/settings/billing');
    // Each call opens another page.
    expect((await workspace.openPortal({ returnPath: '/settings/billing' })).url).not.toBe(url);
  });
});

describe('a trial that needs a card', () => {
  test('is refused without one, and starts with one', async () => {
    const carded = { productCode: 'agentruntime', planCode: 'max', trialDays: 7, trialEnabled: true };
    await operatorCallsOf(shop.callers).upsertPolicy({ ...carded, trialRequiresCard: true }, [
      ...['trial_enabled', 'trial_days', 'trial_requires_card'],
    ]);
    const workspace = await openWorkspace(shop);
    const start = () => shop.trials.start(workspace.tenantId, { planCode: 'max' }, { subject: 'owner-of-a-card' });
    expect(await failureOf(start())).toMatchObject({ reason: 'TRIAL_CARD_REQUIRED', metadata: { plan_code: 'max' } });
    // One that is stored but is not charged by default would not do.
    const method = await workspace.storeCard('pm_card_visa', false);
    expect(await failureOf(start())).toMatchObject({ reason: 'TRIAL_CARD_REQUIRED' });
    await workspace.setDefault(method.id);
    const { trial } = await start();
    expect(trial).toMatchObject({ planCode: 'max', consentTime: undefined });
    expect(await workspace.charged()).toEqual([]);
  });
});

describe('a trial that somebody agrees to be charged after', () => {
  test('says when, from its start, and a second yes changes nothing', async () => {
    const workspace = await openWorkspace(shop);
    const request = { requestId: newRequestId(), planCode: 'pro', consentToCharge: true };
    const asker = { subject: 'payer' };
    const { trial } = await shop.trials.start(workspace.tenantId, request, asker);
    expect(trial?.consentTime).toBeInstanceOf(Date);
    expect((await shop.trials.start(workspace.tenantId, request, asker)).trial).toEqual(trial);
    await workspace.startSetup({ hostedPage: true, consentToCharge: true });
    expect((await workspace.get()).trial).toEqual(trial);
    const types = await entryTypesOf(workspace);
    expect(types.filter((type) => type === EntryType.TRIAL_CONSENTED)).toHaveLength(1);
  });
});

describe('without Stripe', () => {
  let bare: Awaited<ReturnType<typeof openKernel>>;
  let callers: Callers;

  beforeAll(async () => {
    bare = await openKernel();
    callers = callersOf(bare);
  });
  afterAll(() => bare.close());

  test('no card can be stored, listed or chosen, and a trial that needs one can’t start', async () => {
    const trials = trialCallsOf(callers);
    const tenantId = await trials.openWorkspace();
    const settings = await trials.settingsOf(tenantId);
    const write = { requestId: newRequestId(), tenantId };
    const { bff } = callers;
    const setup = { ...write, hostedPage: true, consentToCharge: false, returnPath: '/' };
    const P = PaymentMethodServiceService;
    const calls = [
      bff.call(P.startSetup, setup, settings),
      bff.call(P.listPaymentMethods, { tenantId }, settings),
      bff.call(P.setDefaultPaymentMethod, { ...write, stripePaymentMethodId: 'pm_x' }, settings),
      bff.call(P.openPortal, { ...write, returnPath: '/' }, settings),
    ];
    for (const call of calls) expect(await failureOf(call)).toMatchObject({ reason: 'STRIPE_OFF' });
    await operatorCallsOf(callers).upsertPolicy(
      { productCode: 'agentruntime', planCode: 'pro', trialRequiresCard: true },
      ['trial_requires_card'],
    );
    expect(await failureOf(trials.start(tenantId))).toMatchObject({ reason: 'TRIAL_CARD_REQUIRED' });
  });
});
