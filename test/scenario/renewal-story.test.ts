// Renewals that are late or fail: nobody who pays is refused, what is made up for in time changes nothing, what is not ends the plan.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HoldServiceService, ReserveRequest } from '../../gen/wheelhouse/ledger/v1/hold_service.ts';
import { CheckFundsRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { GOOD_CARD, sendCard, sendForm, UNCHARGEABLE_CARD } from '../support/hosted-form.ts';
import type { TakenMail } from '../support/mail-server.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, openStage, type StoryStage } from '../support/story-stage.ts';
import { CREDIT, StoryWorkspace } from '../support/story-workspace.ts';

const GRACE_DAYS = 7;
const CARD_THAT_ASKS = '4000 0027 6000 3184';

let stage: StoryStage;
let workspace: StoryWorkspace;
let periodEnd: string;

beforeAll(async () => {
  stage = await openStage();
});
beforeEach(async () => {
  workspace = await StoryWorkspace.free(stage);
  await workspace.grantPayg(7 * CREDIT);
  await workspace.storeCard();
  await workspace.post('/subscription', { plan_code: 'plus' });
  await workspace.expectState({ plan_code: 'plus', included_remaining: 20 * CREDIT });
  periodEnd = String((await workspace.state()).subscription?.period_end_time);
});
afterEach(() => workspace.expectSound());
afterAll(() => stage.stop());

test('a renewal whose invoice is finalised an hour late refuses no work meanwhile', async () => {
  await workspace.use(15);
  await stage.advanceTo(periodEnd, 30 * MINUTE_MS);
  await workspace.expectState({
    ...{ plan_code: 'plus', included_remaining: 5 * CREDIT, payg_remaining: 7 * CREDIT },
    subscription: { status: 'renewal_pending', period_end_time: periodEnd },
  });
  const work = { tenantId: workspace.tenantId, action: 'memory_index_file_mb', quantity: '12' };
  const funds = await stage.internal.call(LedgerServiceService.checkFunds, CheckFundsRequest.fromPartial(work));
  expect(funds).toMatchObject({ allowed: true, availableMicrocredits: BigInt(12 * CREDIT) });
  const expireTime = new Date((await stage.now()) + 12 * HOUR_MS);
  const request = ReserveRequest.fromPartial({ requestId: `reserve:${workspace.tenantId}`, ...work, expireTime });
  const { hold } = await stage.internal.call(HoldServiceService.reserve, request);
  expect(hold?.heldMicrocredits).toBe(BigInt(12 * CREDIT));

  await stage.advance(HOUR_MS);
  // What is held of the old cycle stays until the work is done.
  await workspace.expectState({
    ...{ plan_code: 'plus', included_remaining: 25 * CREDIT, payg_remaining: 7 * CREDIT, held: 12 * CREDIT },
    subscription: { status: 'active', period_start_time: periodEnd },
  });
  expect(await workspace.charged()).toEqual([14_900, 14_900]);
  await workspace.expectSound();
});

test('a renewal whose bank wants to see the person waits for them, and nothing is lost meanwhile', async () => {
  await workspace.storeCard(CARD_THAT_ASKS, {}, (page) => sendForm(page, { outcome: 'complete' }));
  await workspace.payWith('3184');
  await stage.advanceTo(periodEnd, 2 * HOUR_MS);
  await workspace.expectState({
    ...{ plan_code: 'plus', included_remaining: 20 * CREDIT },
    subscription: { status: 'past_due', payment_failure_code: 'authentication_required' },
  });
  const asked = await sendCard(String((await workspace.state()).subscription?.payment_url), CARD_THAT_ASKS);
  await workspace.expectState({ plan_code: 'plus', subscription: { status: 'past_due' } });
  await sendForm(String(asked.location), { outcome: 'complete' });
  await workspace.expectState({
    ...{ plan_code: 'plus', included_remaining: 20 * CREDIT },
    subscription: { status: 'active', period_start_time: periodEnd, payment_url: null },
  });
  expect(await workspace.charged()).toEqual([14_900, 14_900]);
  await workspace.expectSound();
});

describe('a renewal that the bank declines', () => {
  beforeEach(async () => {
    await workspace.addAdmin();
    await workspace.storeCard(UNCHARGEABLE_CARD);
    await workspace.payWith('0341');
    await workspace.use(4);
    await stage.advanceTo(periodEnd, 2 * HOUR_MS);
    const graceEnd = new Date(Date.parse(periodEnd) + GRACE_DAYS * DAY_MS).toISOString();
    await workspace.expectState({
      ...{ plan_code: 'plus', included_remaining: 16 * CREDIT, payg_remaining: 7 * CREDIT },
      subscription: {
        ...{ status: 'past_due', grace_end_time: graceEnd, payment_failure_code: 'generic_decline' },
        payment_url: expect.stringContaining(stage.stripe.sandbox.url),
      },
    });
    await expect.poll(() => failureMails().length).toBe(2);
  });

  /** What the administrators were told of the payment. */
  function failureMails(): readonly TakenMail[] {
    const own = stage.mails.taken.filter(({ to }) => workspace.emails.some((email) => to.includes(email)));
    return own.filter(({ mail }) => mail.subject?.includes('payment'));
  }

  /** One mail for each administrator, and no more of them. */
  async function expectToldOnce(): Promise<void> {
    expect(
      failureMails()
        .flatMap(({ to }) => to)
        .toSorted(),
    ).toEqual(workspace.emails.toSorted());
    await workspace.expectSound();
  }

  async function expectRecovered(): Promise<void> {
    await workspace.expectState({
      ...{ plan_code: 'plus', included_remaining: 20 * CREDIT, payg_remaining: 7 * CREDIT },
      subscription: {
        ...{ status: 'active', period_start_time: periodEnd, grace_end_time: null, payment_url: null },
        payment_failure_code: null,
      },
    });
    expect(await workspace.charged()).toEqual([14_900, 14_900]);
    await expectToldOnce();
  }

  test('is made up for on the page that the mail leads to, and all is as before', async () => {
    const [, link = ''] = /(http:\/\/\S+)/.exec(failureMails()[0]?.mail.text ?? '') ?? [];
    expect(link).toBe((await workspace.state()).subscription?.payment_url);
    expect(await sendCard(link, UNCHARGEABLE_CARD)).toMatchObject({ status: 402 });
    await workspace.expectState({ plan_code: 'plus', subscription: { status: 'past_due' } });
    expect(await sendCard(link)).toMatchObject({ status: 303 });
    await expectRecovered();
  });

  test('is made up for by another card when Stripe tries again, and no one has to do more', async () => {
    await workspace.payWith(GOOD_CARD.slice(-4));
    await workspace.expectState({ plan_code: 'plus', subscription: { status: 'past_due' } });
    await stage.advance(3 * DAY_MS);
    await expectRecovered();
  });

  test('can be left: what is canceled then ends, and the payment is waited for no more', async () => {
    const canceled = await workspace.post('/subscription/cancel');
    expect(canceled).toMatchObject({ outcome: 'done', plan_code: 'plus' });
    await stage.advance(GRACE_DAYS * DAY_MS);
    await workspace.expectState({
      ...{ plan_code: 'free', included_remaining: 0, payg_remaining: 7 * CREDIT },
      subscription: { status: 'ended' },
    });
    await expect.poll(() => workspace.statesAtStripe()).toEqual(['canceled']);
    expect(await workspace.charged()).toEqual([14_900]);
    await expectToldOnce();
  });

  test('keeps plan and credits until grace is over, and then loses the plan alone: PAYG stays', async () => {
    await stage.advanceTo(periodEnd, (GRACE_DAYS - 1) * DAY_MS);
    await workspace.use(1);
    await workspace.expectState({
      ...{ plan_code: 'plus', included_remaining: 15 * CREDIT, payg_remaining: 7 * CREDIT },
      subscription: { status: 'past_due' },
    });
    expect(await workspace.refused('/subscription/change-plan', { plan_code: 'max' })).toMatchObject({
      ...{ status: 402, reason: 'SUBSCRIPTION_UNPAID' },
    });
    await stage.advance(DAY_MS);
    await workspace.expectState({
      ...{ plan_code: 'free', included_remaining: 0, payg_remaining: 7 * CREDIT },
      subscription: { status: 'ended' },
    });
    await expect.poll(() => workspace.statesAtStripe()).toEqual(['canceled']);
    // Nothing can be paid any more for a plan that is gone.
    await stage.advance(10 * DAY_MS);
    await workspace.expectState({ plan_code: 'free', included_remaining: 0, payg_remaining: 7 * CREDIT });
    expect(await workspace.charged()).toEqual([14_900]);
    const { data: invoices } = await stage.stripe.stripe.invoices.list({
      customer: (await workspace.customer())?.id ?? '',
    });
    expect(invoices.map(({ status }) => status)).toEqual(['void', 'paid']);
    await expectToldOnce();

    await workspace.payWith(GOOD_CARD.slice(-4));
    expect(await workspace.post('/subscription', { plan_code: 'plus' })).toMatchObject({ outcome: 'done' });
    await workspace.expectState({ plan_code: 'plus', included_remaining: 20 * CREDIT, payg_remaining: 7 * CREDIT });
    await workspace.expectSound();
  });
});
