import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { at, Billing, DAY, HOUR, type Payer, START } from '../support/billing-fixture.ts';
import { judgeExchanges, useSandbox } from '../support/stripe-fixture.ts';

describe('subscriptions of the sandbox', () => {
  const fixture = useSandbox({ hasCatalog: false });
  const billing = new Billing(fixture);
  const { advance, payer, plan } = {
    advance: billing.advance.bind(billing),
    payer: billing.payer.bind(billing),
    plan: billing.plan.bind(billing),
  };

  async function subscribe(customer: string, price: string, more: object = {}): Promise<Stripe.Subscription> {
    return await fixture.stripe.subscriptions.create({ customer, items: [{ price }], ...more });
  }

  function periodOf({ items }: Stripe.Subscription): readonly [number, number] {
    const [item] = items.data;
    return [item?.current_period_start ?? 0, item?.current_period_end ?? 0];
  }

  it('bills the first period at once, and each further one an hour after it began', async () => {
    const { stripe } = fixture;
    const [who, pro] = [await payer(), await plan(4900)];
    const created = await subscribe(who.customer, pro.id, {
      metadata: { intent_id: 'int_1' },
      expand: ['latest_invoice.confirmation_secret', 'latest_invoice.payments'],
    });
    expect(created).toMatchObject({ status: 'active', currency: 'usd', metadata: { intent_id: 'int_1' } });
    expect(periodOf(created)).toEqual([START, at(2026, 2, 15)]);
    const invoice = created.latest_invoice as Stripe.Invoice;
    expect(invoice).toMatchObject({
      status: 'paid',
      billing_reason: 'subscription_create',
      amount_paid: 4900,
      confirmation_secret: { type: 'payment_intent' },
      parent: { subscription_details: { subscription: created.id, metadata: { intent_id: 'int_1' } } },
    });
    expect(invoice.payments?.data[0]).toMatchObject({
      status: 'paid',
      payment: { type: 'payment_intent', payment_intent: expect.stringMatching(/^pi_/) },
    });
    expect(invoice.lines.data[0]).toMatchObject({
      amount: 4900,
      period: { start: START, end: at(2026, 2, 15) },
      parent: { subscription_item_details: { proration: false, subscription: created.id } },
    });

    await advance(who, at(2026, 2, 15));
    const renewed = await stripe.subscriptions.retrieve(created.id, { expand: ['latest_invoice'] });
    expect(renewed.status).toBe('active');
    expect(periodOf(renewed)).toEqual([at(2026, 2, 15), at(2026, 3, 15)]);
    expect(renewed.latest_invoice).toMatchObject({
      status: 'draft',
      billing_reason: 'subscription_cycle',
      automatically_finalizes_at: at(2026, 2, 15) + HOUR,
    });
    await advance(who, at(2026, 2, 15) + HOUR);
    expect((await billing.invoices(created.id)).map(({ status }) => status)).toEqual(['paid', 'paid']);
    const renewal = (await billing.events(who.customer)).filter(({ created: time }) => time >= at(2026, 2, 15));
    expect(renewal.map(({ type, created: time }) => [type, time - at(2026, 2, 15)])).toEqual([
      ['invoice.created', 0],
      ['customer.subscription.updated', 0],
      ['invoice.finalized', HOUR],
      ['payment_intent.created', HOUR],
      ['charge.succeeded', HOUR],
      ['payment_intent.succeeded', HOUR],
      ['invoice.paid', HOUR],
      ['invoice.payment_succeeded', HOUR],
    ]);
    expect(renewal[1]?.data.previous_attributes).toMatchObject({ latest_invoice: invoice.id });
    // A year: each period in order, each with an invoice of its own.
    await advance(who, at(2027, 1, 15) + 2 * HOUR);
    const invoices = await billing.invoices(created.id);
    expect(invoices.map(({ status, amount_paid: paid }) => [status, paid])).toEqual(Array(13).fill(['paid', 4900]));
    const starts = invoices.map(({ lines }) => lines.data[0]?.period.start);
    expect(starts).toEqual(starts.toSorted());
    expect(new Set(starts).size).toBe(13);
  });

  it.each([
    [at(2024, 1, 31), 'month', [at(2024, 2, 29), at(2024, 3, 31), at(2024, 4, 30), at(2024, 5, 31)]],
    [at(2025, 1, 30), 'month', [at(2025, 2, 28), at(2025, 3, 30), at(2025, 4, 30), at(2025, 5, 30)]],
    [at(2025, 1, 29), 'month', [at(2025, 2, 28), at(2025, 3, 29), at(2025, 4, 29), at(2025, 5, 29)]],
    [at(2024, 2, 29), 'year', [at(2025, 2, 28), at(2026, 2, 28), at(2027, 2, 28), at(2028, 2, 29)]],
  ] as const)('keeps its anchor from %i on by the %s', async (start, interval, ends) => {
    const [who, price] = [await payer(start), await plan(1000, interval)];
    const { id } = await subscribe(who.customer, price.id);
    await advance(who, ends[3] - 1);
    const periods = (await billing.invoices(id)).map(({ lines }) => lines.data[0]?.period);
    expect(periods).toEqual([start, ...ends.slice(0, 3)].map((from, index) => ({ start: from, end: ends[index] })));
  });

  it('begins with a trial that is told of, then bills', async () => {
    const [who, pro] = [await payer(), await plan(4900)];
    const trial = await subscribe(who.customer, pro.id, { trial_period_days: 14 });
    expect(trial).toMatchObject({
      status: 'trialing',
      trial_end: START + 14 * DAY,
      billing_cycle_anchor: START + 14 * DAY,
    });
    expect(await billing.invoices(trial.id)).toMatchObject([
      { status: 'paid', amount_due: 0, number: expect.any(String) },
    ]);
    await advance(who, START + 14 * DAY + HOUR);
    expect((await fixture.stripe.subscriptions.retrieve(trial.id)).status).toBe('active');
    expect(await billing.invoices(trial.id)).toMatchObject([
      {},
      { status: 'paid', amount_paid: 4900, billing_reason: 'subscription_cycle' },
    ]);
    const events = (await billing.events(who.customer)).filter(({ type }) => type.startsWith('customer.subscription'));
    expect(events.map(({ type, created }) => [type, created])).toEqual([
      ['customer.subscription.created', START],
      ['customer.subscription.trial_will_end', START + 11 * DAY],
      ['customer.subscription.updated', START + 14 * DAY],
    ]);
    expect(events[2]?.data.previous_attributes).toMatchObject({ status: 'trialing' });
  });

  it.each([
    ['cancel', 'canceled'],
    ['pause', 'paused'],
  ] as const)('does as asked where a trial ends without a card: %s', async (behavior, status) => {
    const [who, pro] = [await payer(START, null), await plan(4900)];
    const trial = await subscribe(who.customer, pro.id, {
      trial_end: START + DAY,
      trial_settings: { end_behavior: { missing_payment_method: behavior } },
    });
    await advance(who, START + DAY);
    expect((await fixture.stripe.subscriptions.retrieve(trial.id)).status).toBe(status);
    if (status === 'canceled') {
      await expect(fixture.stripe.subscriptions.resume(trial.id)).rejects.toMatchObject({ statusCode: 400 });
      return;
    }
    await billing.giveCard(who.customer, 'pm_card_visa');
    const resumed = await fixture.stripe.subscriptions.resume(trial.id);
    expect(resumed).toMatchObject({ status: 'active', billing_cycle_anchor: START + DAY });
  });

  it('ends a trial early, and asks for a card that is to pay later', async () => {
    const [who, pro] = [await payer(START, null), await plan(4900)];
    const trial = await subscribe(who.customer, pro.id, {
      trial_period_days: 14,
      payment_behavior: 'default_incomplete',
    });
    const { stripe } = fixture;
    await stripe.setupIntents.confirm(String(trial.pending_setup_intent), { payment_method: 'pm_card_visa' });
    const ready = await stripe.subscriptions.retrieve(trial.id);
    expect(ready).toMatchObject({
      status: 'trialing',
      pending_setup_intent: null,
      default_payment_method: expect.any(String),
    });
    await advance(who, START + DAY);
    const ended = await stripe.subscriptions.update(trial.id, { trial_end: 'now', expand: ['latest_invoice'] });
    expect(ended).toMatchObject({ status: 'active', trial_end: START + DAY, latest_invoice: { amount_paid: 4900 } });
    expect(periodOf(ended)).toEqual([START + DAY, at(2026, 2, 16)]);
  });

  it('stays incomplete until the first payment, and expires after 23 hours', async () => {
    const { stripe } = fixture;
    const [who, pro] = [await payer(START, null), await plan(4900)];
    await expect(subscribe(who.customer, pro.id)).rejects.toMatchObject({ statusCode: 400, code: 'resource_missing' });
    const open = await subscribe(who.customer, pro.id, {
      payment_behavior: 'default_incomplete',
      payment_settings: { save_default_payment_method: 'on_subscription' },
      expand: ['latest_invoice.confirmation_secret'],
    });
    expect(open.status).toBe('incomplete');
    const secret = (open.latest_invoice as Stripe.Invoice).confirmation_secret?.client_secret ?? '';
    const [intent = ''] = secret.split('_secret_');
    await expect(stripe.paymentIntents.cancel(intent)).rejects.toMatchObject({ statusCode: 400 });
    await expect(stripe.subscriptions.update(open.id, { items: [{ price: pro.id }] })).rejects.toMatchObject({
      param: 'subscription',
    });
    await expect(
      stripe.paymentIntents.confirm(intent, { payment_method: 'pm_card_visa_chargeDeclined' }),
    ).rejects.toMatchObject({
      code: 'card_declined',
      decline_code: 'generic_decline',
    });
    expect((await stripe.subscriptions.retrieve(open.id)).status).toBe('incomplete');
    await stripe.paymentIntents.confirm(intent, { payment_method: 'pm_card_visa' });
    const paid = await stripe.subscriptions.retrieve(open.id);
    expect(paid).toMatchObject({ status: 'active', default_payment_method: expect.any(String) });

    const left = await subscribe(who.customer, pro.id, { payment_behavior: 'default_incomplete' });
    await advance(who, START + 23 * HOUR - 1);
    expect((await stripe.subscriptions.retrieve(left.id)).status).toBe('incomplete');
    await advance(who, START + 23 * HOUR);
    const expired = await stripe.subscriptions.retrieve(left.id, { expand: ['latest_invoice'] });
    expect(expired).toMatchObject({ status: 'incomplete_expired', latest_invoice: { status: 'void' } });
    // Of two cards, the one that paid is charged again while its owner is away.
    await advance(who, at(2026, 2, 15) + HOUR);
    expect((await billing.invoices(open.id)).at(-1)).toMatchObject({ status: 'paid' });
  });

  it.each([
    ['pm_card_chargeCustomerFail', 'allow_incomplete', 'incomplete'],
    ['pm_card_authenticationRequired', 'allow_incomplete', 'incomplete'],
    ['pm_card_chargeCustomerFail', 'error_if_incomplete', 'card_declined'],
    ['pm_card_authenticationRequired', 'error_if_incomplete', 'subscription_payment_intent_requires_action'],
  ] as const)('begins with %s and %s as %s', async (card, behavior, outcome) => {
    const [who, pro] = [await payer(START, card), await plan(4900)];
    const created = subscribe(who.customer, pro.id, { payment_behavior: behavior });
    if (behavior === 'error_if_incomplete') {
      await expect(created).rejects.toMatchObject({ statusCode: 402, code: outcome });
      expect((await fixture.stripe.subscriptions.list({ customer: who.customer, status: 'all' })).data).toEqual([]);
      return;
    }
    const { id, status } = await created;
    expect(status).toBe(outcome);
    const [invoice] = await billing.invoices(id);
    expect(invoice).toMatchObject({ status: 'open', attempted: true, attempt_count: 1, next_payment_attempt: null });
    const types = (await billing.events(who.customer)).map(({ type }) => type);
    const asked = card === 'pm_card_authenticationRequired';
    expect(types.includes('invoice.payment_action_required')).toBe(asked);
    expect(types).toContain('invoice.payment_failed');
    if (!asked) return;
    await expect(fixture.stripe.invoices.pay(invoice?.id ?? '')).rejects.toMatchObject({
      code: 'invoice_payment_intent_requires_action',
    });
  });

  it('is changed in the middle of a period: credit and charge to the second, later or at once', async () => {
    const { stripe } = fixture;
    const [pro, max, who] = [await plan(3000), await plan(9000), await payer(at(2026, 4, 1))];
    const { id, items } = await subscribe(who.customer, pro.id);
    const item = items.data[0]?.id ?? '';
    // April has 30 days: half of it is left.
    await advance(who, at(2026, 4, 16));
    const change = { items: [{ id: item, price: max.id }], proration_behavior: 'create_prorations' as const };
    const preview = await stripe.invoices.createPreview({ subscription: id, subscription_details: change });
    expect(preview).toMatchObject({
      billing_reason: 'upcoming',
      amount_due: 4500 - 1500 + 9000,
      created: at(2026, 5, 1),
    });
    const changed = await stripe.subscriptions.update(id, change);
    expect(periodOf(changed)).toEqual([at(2026, 4, 1), at(2026, 5, 1)]);
    expect(await billing.invoices(id)).toHaveLength(1);
    const pending = await stripe.invoiceItems.list({ customer: who.customer, pending: true });
    expect(pending.data.map(({ amount, proration }) => [amount, proration])).toEqual([
      [4500, true],
      [-1500, true],
    ]);
    await advance(who, at(2026, 5, 1) + HOUR);
    const renewal = (await billing.invoices(id)).at(-1);
    expect(renewal).toMatchObject({ status: 'paid', billing_reason: 'subscription_cycle', amount_paid: 12_000 });
    expect(
      renewal?.lines.data.map(({ amount, parent }) => [amount, parent?.subscription_item_details?.proration]),
    ).toEqual([
      [4500, true],
      [-1500, true],
      [9000, false],
    ]);
    // A downgrade that is invoiced at once leaves credit, which the next invoice takes.
    await advance(who, at(2026, 5, 20));
    const down = await stripe.subscriptions.update(id, {
      items: [{ id: item, price: pro.id }],
      proration_behavior: 'always_invoice',
      expand: ['latest_invoice'],
    });
    expect(down.latest_invoice).toMatchObject({
      status: 'paid',
      billing_reason: 'subscription_update',
      amount_due: 0,
      total: 1161 - 3484,
    });
    expect((await stripe.customers.retrieve(who.customer)) as Stripe.Customer).toMatchObject({ balance: -2323 });
    await advance(who, at(2026, 6, 1) + HOUR);
    expect((await billing.invoices(id)).at(-1)).toMatchObject({
      total: 3000,
      amount_due: 677,
      amount_paid: 677,
      starting_balance: -2323,
      ending_balance: 0,
    });
  });

  it('begins anew when the interval changes, or the anchor is set to now', async () => {
    const { stripe } = fixture;
    const [monthly, yearly, who] = [await plan(3000), await plan(30_000, 'year'), await payer(at(2026, 4, 1))];
    const { id, items } = await subscribe(who.customer, monthly.id);
    await advance(who, at(2026, 4, 16));
    const annual = await stripe.subscriptions.update(id, {
      items: [{ id: items.data[0]?.id ?? '', price: yearly.id }],
      expand: ['latest_invoice'],
    });
    expect(periodOf(annual)).toEqual([at(2026, 4, 16), at(2027, 4, 16)]);
    expect(annual.latest_invoice).toMatchObject({ amount_paid: 30_000 - 1500, billing_reason: 'subscription_update' });
    await advance(who, at(2026, 5, 16));
    const anew = await stripe.subscriptions.update(id, {
      billing_cycle_anchor: 'now',
      proration_behavior: 'none',
      expand: ['latest_invoice'],
    });
    expect(periodOf(anew)).toEqual([at(2026, 5, 16), at(2027, 5, 16)]);
    expect(anew.latest_invoice).toMatchObject({ amount_paid: 30_000 });
    // What was not given back then is not given back later either.
    const ended = await stripe.subscriptions.cancel(id, { prorate: true, invoice_now: true });
    expect(ended).toMatchObject({ status: 'canceled', cancellation_details: { reason: 'cancellation_requested' } });
    expect((await billing.invoices(id)).at(-1)).toMatchObject({ total: -30_000 });
  });

  it.each([
    ['allow_incomplete', 'past_due', 'open'],
    ['default_incomplete', 'past_due', 'open'],
    ['pending_if_incomplete', 'active', 'open'],
  ] as const)('is changed with a card that is declined: %s leaves it %s', async (behavior, status, invoiceStatus) => {
    const { stripe } = fixture;
    const [pro, max, who] = [await plan(3000), await plan(9000), await payer(at(2026, 4, 1))];
    const { id, items } = await subscribe(who.customer, pro.id);
    await billing.giveCard(who.customer, 'pm_card_chargeCustomerFail');
    await advance(who, at(2026, 4, 16));
    const change = {
      items: [{ id: items.data[0]?.id ?? '', price: max.id }],
      proration_behavior: 'always_invoice' as const,
    };
    await expect(
      stripe.subscriptions.update(id, { ...change, payment_behavior: 'error_if_incomplete' }),
    ).rejects.toMatchObject({
      statusCode: 402,
      code: 'card_declined',
    });
    const changed = await stripe.subscriptions.update(id, {
      ...change,
      payment_behavior: behavior,
      expand: ['latest_invoice'],
    });
    const isPending = behavior === 'pending_if_incomplete';
    expect(changed).toMatchObject({ status, latest_invoice: { status: invoiceStatus, amount_due: 3000 } });
    expect(changed.items.data[0]?.price.id).toBe(isPending ? pro.id : max.id);
    expect(changed.pending_update !== null).toBe(isPending);
    const invoice = (changed.latest_invoice as Stripe.Invoice).id ?? '';
    const card = await billing.giveCard(who.customer, 'pm_card_visa');
    await stripe.invoices.pay(invoice, { payment_method: card.id });
    const paid = await stripe.subscriptions.retrieve(id);
    expect(paid).toMatchObject({ status: 'active', pending_update: null });
    expect(paid.items.data[0]?.price.id).toBe(max.id);
  });

  it('lets a change wait with its metadata and nothing else, until another one takes its place', async () => {
    const { stripe } = fixture;
    const [pro, max, who] = [await plan(3000), await plan(9000), await payer(at(2026, 4, 1))];
    const { id, items } = await subscribe(who.customer, pro.id, { metadata: { plan_code: 'pro', tenant_id: 't1' } });
    await billing.giveCard(who.customer, 'pm_card_authenticationRequired');
    const change = {
      items: [{ id: items.data[0]?.id ?? '', price: max.id }],
      proration_behavior: 'always_invoice' as const,
      payment_behavior: 'pending_if_incomplete' as const,
    };
    for (const stray of [{ cancel_at_period_end: false }, { off_session: true }]) {
      await expect(stripe.subscriptions.update(id, { ...change, ...stray })).rejects.toMatchObject({
        statusCode: 400,
        param: Object.keys(stray)[0],
      });
    }
    const first = await stripe.subscriptions.update(id, { ...change, metadata: { plan_code: 'max' } });
    expect(first).toMatchObject({ metadata: { plan_code: 'pro' }, pending_update: { metadata: { plan_code: 'max' } } });
    await advance(who, at(2026, 4, 2) - HOUR);
    const second = await stripe.subscriptions.update(id, { ...change, metadata: { plan_code: 'max' } });
    expect((await stripe.invoices.retrieve(String(first.latest_invoice))).status).toBe('void');
    const card = await billing.giveCard(who.customer, 'pm_card_visa');
    await stripe.invoices.pay(String(second.latest_invoice), { payment_method: card.id });
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
      pending_update: null,
      metadata: { plan_code: 'max', tenant_id: 't1' },
    });
  });

  it.each([
    ['waits for a day', (who: Payer) => advance(who, at(2026, 4, 3))],
    ['is taken back', (_: Payer, invoice: string) => fixture.stripe.invoices.voidInvoice(invoice)],
  ])('drops a change that %s', async (_, drop) => {
    const { stripe } = fixture;
    const [pro, max, who] = [await plan(3000), await plan(9000), await payer(at(2026, 4, 1))];
    const { id, items } = await subscribe(who.customer, pro.id);
    await billing.giveCard(who.customer, 'pm_card_chargeCustomerFail');
    const waiting = await stripe.subscriptions.update(id, {
      items: [{ id: items.data[0]?.id ?? '', price: max.id }],
      proration_behavior: 'always_invoice',
      payment_behavior: 'pending_if_incomplete',
    });
    expect(waiting.pending_update?.expires_at).toBe(at(2026, 4, 1) + 23 * HOUR);
    await drop(who, String(waiting.latest_invoice));
    const dropped = await stripe.subscriptions.retrieve(id);
    expect(dropped).toMatchObject({ pending_update: null, status: 'active' });
    expect(dropped.items.data[0]?.price.id).toBe(pro.id);
    expect((await billing.invoices(id)).at(-1)?.status).toBe('void');
    expect((await billing.events(who.customer)).map(({ type }) => type)).toContain(
      'customer.subscription.pending_update_expired',
    );
  });

  it('ends with its period, or goes on, or ends at a time or at once', async () => {
    const { stripe } = fixture;
    const [pro, who] = [await plan(3000), await payer(at(2026, 4, 1))];
    const { id } = await subscribe(who.customer, pro.id);
    const ending = await stripe.subscriptions.update(id, {
      cancel_at_period_end: true,
      cancellation_details: { feedback: 'unused' },
    });
    expect(ending).toMatchObject({
      status: 'active',
      cancel_at: at(2026, 5, 1),
      canceled_at: at(2026, 4, 1),
      cancellation_details: { reason: 'cancellation_requested', feedback: 'unused' },
    });
    expect(await stripe.subscriptions.update(id, { cancel_at_period_end: false })).toMatchObject({
      cancel_at: null,
      canceled_at: null,
    });
    await stripe.subscriptions.update(id, { cancel_at_period_end: true });
    await expect(stripe.invoices.createPreview({ subscription: id })).rejects.toMatchObject({
      code: 'invoice_upcoming_none',
    });
    await advance(who, at(2026, 5, 1) + HOUR);
    const ended = await stripe.subscriptions.retrieve(id);
    expect(ended).toMatchObject({ status: 'canceled', ended_at: at(2026, 5, 1), cancel_at_period_end: true });
    expect(await billing.invoices(id)).toHaveLength(1);
    await expect(stripe.subscriptions.update(id, { description: 'Late' })).rejects.toMatchObject({ statusCode: 400 });
    await expect(stripe.subscriptions.cancel(id)).rejects.toMatchObject({ statusCode: 404 });
    expect((await stripe.subscriptions.list({ customer: who.customer })).data).toEqual([]);

    const timed = await subscribe(who.customer, pro.id, { cancel_at: at(2026, 5, 20) });
    await advance(who, at(2026, 5, 20));
    expect((await stripe.subscriptions.retrieve(timed.id)).ended_at).toBe(at(2026, 5, 20));
    const last = await subscribe(who.customer, pro.id);
    await stripe.customers.del(who.customer);
    expect((await stripe.subscriptions.retrieve(last.id)).status).toBe('canceled');
  });

  it('is retried over days when a renewal fails, and is set right by a payment', async () => {
    const { stripe } = fixture;
    const [pro, who] = [await plan(3000), await payer(at(2026, 4, 1))];
    const { id } = await subscribe(who.customer, pro.id);
    await billing.giveCard(who.customer, 'pm_card_chargeCustomerFail');
    await advance(who, at(2026, 5, 1) + HOUR);
    const first = await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] });
    expect(first).toMatchObject({
      status: 'past_due',
      latest_invoice: { status: 'open', attempt_count: 1, next_payment_attempt: at(2026, 5, 4) + HOUR },
    });
    expect((await stripe.customers.retrieve(who.customer)) as Stripe.Customer).toMatchObject({ delinquent: true });
    await advance(who, at(2026, 5, 4) + HOUR);
    expect((await billing.invoices(id)).at(-1)).toMatchObject({
      attempt_count: 2,
      next_payment_attempt: at(2026, 5, 9) + HOUR,
    });
    await billing.giveCard(who.customer, 'pm_card_visa');
    await advance(who, at(2026, 5, 9) + HOUR);
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({ status: 'active' });
    expect((await billing.invoices(id)).at(-1)).toMatchObject({ status: 'paid', attempt_count: 3 });
    expect((await stripe.customers.retrieve(who.customer)) as Stripe.Customer).toMatchObject({ delinquent: false });
  });

  it.each([
    ['cancel', 'canceled'],
    ['unpaid', 'unpaid'],
    ['past_due', 'past_due'],
  ] as const)('does what the account sets when all retries have failed: %s', async (afterRetries, status) => {
    const { stripe } = fixture;
    fixture.sandbox.control.setBilling({ retryDays: [1, 2], afterRetries });
    const [pro, who] = [await plan(3000), await payer(at(2026, 4, 1))];
    const { id } = await subscribe(who.customer, pro.id);
    await billing.giveCard(who.customer, 'pm_card_chargeCustomerFail');
    await advance(who, at(2026, 5, 4) + HOUR);
    const lost = await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] });
    fixture.sandbox.control.setBilling({ retryDays: [3, 5, 7], afterRetries: 'cancel' });
    expect(lost).toMatchObject({
      status,
      latest_invoice: { status: 'open', attempt_count: 3, next_payment_attempt: null },
    });
    if (status === 'canceled') {
      expect(lost.cancellation_details?.reason).toBe('payment_failed');
      return;
    }
    await advance(who, at(2026, 6, 1) + HOUR);
    const next = (await billing.invoices(id)).at(-1);
    // What is unpaid gets invoices, which are left as drafts.
    expect(next?.status).toBe(status === 'unpaid' ? 'draft' : 'open');
    await billing.giveCard(who.customer, 'pm_card_visa');
    await stripe.invoices.pay(next?.id ?? '');
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
  });

  it('changes later by a schedule, which can be released', async () => {
    const { stripe } = fixture;
    const [max, pro, who] = [await plan(9000), await plan(3000), await payer(at(2026, 4, 1))];
    const { id } = await subscribe(who.customer, max.id);
    const schedule = await stripe.subscriptionSchedules.create({ from_subscription: id });
    expect(schedule).toMatchObject({
      status: 'active',
      current_phase: { start_date: at(2026, 4, 1), end_date: at(2026, 5, 1) },
    });
    const planned = await stripe.subscriptionSchedules.update(schedule.id, {
      end_behavior: 'release',
      phases: [
        { start_date: at(2026, 4, 1), end_date: at(2026, 5, 1), items: [{ price: max.id, quantity: 1 }] },
        {
          items: [{ price: pro.id, quantity: 1 }],
          duration: { interval: 'month' },
          proration_behavior: 'none',
          metadata: { change: 'c1' },
        },
      ],
    });
    expect(planned.phases.map(({ end_date: end }) => end)).toEqual([at(2026, 5, 1), at(2026, 6, 1)]);
    await expect(stripe.subscriptions.update(id, { cancel_at_period_end: true })).rejects.toMatchObject({
      param: 'cancel_at_period_end',
    });
    expect((await stripe.invoices.createPreview({ subscription: id })).amount_due).toBe(3000);
    await advance(who, at(2026, 5, 1) + HOUR);
    const changed = await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice', 'schedule'] });
    expect(changed).toMatchObject({
      metadata: { change: 'c1' },
      latest_invoice: { amount_paid: 3000, billing_reason: 'subscription_cycle' },
      schedule: { current_phase: { start_date: at(2026, 5, 1) } },
    });
    expect(changed.items.data.map(({ price }) => price.id)).toEqual([pro.id]);
    await advance(who, at(2026, 6, 1) + HOUR);
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({ schedule: null, status: 'active' });
    expect(await stripe.subscriptionSchedules.retrieve(schedule.id)).toMatchObject({
      status: 'released',
      released_subscription: id,
    });
    expect((await billing.invoices(id)).map(({ total }) => total)).toEqual([9000, 3000, 3000]);

    const again = await stripe.subscriptionSchedules.create({ from_subscription: id });
    const released = await stripe.subscriptionSchedules.release(again.id);
    expect(released).toMatchObject({ status: 'released', subscription: null });
    const third = await stripe.subscriptionSchedules.create({ from_subscription: id });
    await stripe.subscriptionSchedules.cancel(third.id);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('canceled');
  });

  it('has in each phase of a schedule the discounts that the phase names', async () => {
    const { stripe } = fixture;
    const [max, pro, who] = [await plan(9000), await plan(3000), await payer(at(2026, 4, 1))];
    const coupon = await stripe.coupons.create({ percent_off: 50, duration: 'forever' });
    const { id } = await subscribe(who.customer, max.id, { discounts: [{ coupon: coupon.id }] });
    const schedule = await stripe.subscriptionSchedules.create({ from_subscription: id });
    const discount = String(schedule.phases[0]?.discounts[0]?.discount);
    expect(discount).toMatch(/^di_/);
    const present = { start_date: at(2026, 4, 1), end_date: at(2026, 5, 1), items: [{ price: max.id }] };
    const month = { interval: 'month' as const };
    const half = { items: [{ price: pro.id }], duration: month, discounts: [{ discount }] };
    await expect(stripe.subscriptionSchedules.update(schedule.id, { phases: [present, half] })).rejects.toMatchObject({
      code: 'sandbox_unsupported',
    });
    await stripe.subscriptionSchedules.update(schedule.id, {
      phases: [{ ...present, discounts: [{ discount }] }, half, { items: [{ price: pro.id }], duration: month }],
    });
    await advance(who, at(2026, 6, 1) + HOUR);
    expect((await billing.invoices(id)).map(({ total }) => total)).toEqual([4500, 1500, 3000]);
  });

  it('changes to another interval by a schedule, and from a yearly one back', async () => {
    const { stripe } = fixture;
    const [monthly, yearly, who] = [await plan(3000), await plan(30_000, 'year'), await payer(at(2026, 4, 1))];
    const { id } = await subscribe(who.customer, yearly.id);
    const schedule = await stripe.subscriptionSchedules.create({ from_subscription: id });
    await stripe.subscriptionSchedules.update(schedule.id, {
      phases: [
        { start_date: at(2026, 4, 1), end_date: at(2027, 4, 1), items: [{ price: yearly.id }] },
        { items: [{ price: monthly.id }], duration: { interval: 'month' } },
      ],
    });
    await advance(who, at(2027, 4, 1) + HOUR);
    const changed = await stripe.subscriptions.retrieve(id);
    expect(periodOf(changed)).toEqual([at(2027, 4, 1), at(2027, 5, 1)]);
    expect((await billing.invoices(id)).map(({ total }) => total)).toEqual([30_000, 3000]);
  });

  it('can be anchored to a later day, for a part of the price or for nothing', async () => {
    const [pro, who] = [await plan(3000), await payer(at(2026, 4, 16))];
    const part = await subscribe(who.customer, pro.id, {
      billing_cycle_anchor: at(2026, 5, 1),
      expand: ['latest_invoice'],
    });
    expect(part).toMatchObject({ status: 'active', latest_invoice: { amount_paid: 1500 } });
    expect(periodOf(part)).toEqual([at(2026, 4, 16), at(2026, 5, 1)]);
    const free = await subscribe(who.customer, pro.id, {
      billing_cycle_anchor: at(2026, 5, 1),
      proration_behavior: 'none',
      expand: ['latest_invoice'],
    });
    expect(free).toMatchObject({ status: 'active', latest_invoice: { amount_due: 0, status: 'paid' } });
    await advance(who, at(2026, 5, 1) + HOUR);
    for (const { id } of [part, free]) {
      expect((await billing.invoices(id)).at(-1)).toMatchObject({ amount_paid: 3000, status: 'paid' });
    }
  });

  it('can be paid by an invoice that is sent, and is past due after its date', async () => {
    const { stripe } = fixture;
    const [pro, who] = [await plan(300_000), await payer(at(2026, 4, 1), null)];
    const { id } = await subscribe(who.customer, pro.id, { collection_method: 'send_invoice', days_until_due: 30 });
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
    await advance(who, at(2026, 4, 1) + HOUR);
    const [sent] = await billing.invoices(id);
    expect(sent).toMatchObject({
      status: 'open',
      due_date: at(2026, 5, 1) + HOUR,
      hosted_invoice_url: expect.any(String),
    });
    await advance(who, at(2026, 5, 1) + HOUR);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('past_due');
    await stripe.invoices.pay(sent?.id ?? '', { paid_out_of_band: true });
    expect((await billing.events(who.customer)).map(({ type }) => type)).toContain('invoice.overdue');
  });

  it('is sent to nobody without an address', async () => {
    const { stripe } = fixture;
    const [pro, who] = [await plan(3000), await payer()];
    await stripe.customers.update(who.customer, { email: '' });
    const sent = { collection_method: 'send_invoice', days_until_due: 30 } as const;
    const refusal = { statusCode: 400, message: expect.stringMatching(/^Missing email/) };
    await expect(subscribe(who.customer, pro.id, sent)).rejects.toMatchObject(refusal);
    await expect(stripe.invoices.create({ customer: who.customer, ...sent })).rejects.toMatchObject(refusal);
  });

  it('shows a price as it is now, and gives it to whatever reads it', async () => {
    const { stripe } = fixture;
    const [pro, who] = [await plan(3000), await payer()];
    const { id } = await subscribe(who.customer, pro.id);
    await stripe.prices.update(pro.id, { active: false, metadata: { plan_code: 'pro' } });
    const { items } = await stripe.subscriptions.retrieve(id);
    expect(items.data[0]?.price).toMatchObject({ active: false, metadata: { plan_code: 'pro' } });
    await advance(who, at(2026, 2, 15) + HOUR);
    expect((await billing.invoices(id)).at(-1)).toMatchObject({ status: 'paid', amount_paid: 3000 });
    expect((await stripe.subscriptions.list({ price: pro.id, customer: who.customer })).data).toHaveLength(1);
  });

  it('follows the sandbox’s own time where there is no test clock', async () => {
    const { stripe, sandbox } = fixture;
    const customer = await stripe.customers.create({});
    await billing.giveCard(customer.id, 'pm_card_visa');
    const weekly = await plan(700, 'week');
    const { id } = await subscribe(customer.id, weekly.id, { billing_cycle_anchor: sandbox.control.now() });
    sandbox.control.advance(21 * DAY + HOUR);
    expect((await billing.invoices(id)).map(({ status }) => status)).toEqual(['paid', 'paid', 'paid', 'paid']);
  });

  it.each([
    [{ items: [] }, 'items'],
    [{ items: [{ price: 'price_none' }] }, 'items[0][price]'],
    [{ default_payment_method: 'pm_none' }, 'default_payment_method'],
    [{ trial_end: 1 }, 'trial_end'],
    [{ billing_cycle_anchor: 1 }, 'billing_cycle_anchor'],
    [{ payment_behavior: 'pending_if_incomplete' }, 'payment_behavior'],
    [{ billing_mode: { type: 'classic' } }, 'billing_mode[type]'],
    [{ days_until_due: 3 }, 'days_until_due'],
    [{ cancel_at: 1 }, 'cancel_at'],
    [{ pause_collection: { behavior: 'void' } }, 'pause_collection'],
    [{ discounts: [{ coupon: 'none' }] }, 'discounts[0][coupon]'],
    [{ transfer_data: { destination: 'acct_1' } }, 'transfer_data'],
  ])('refuses %o by name', async (parameters, param) => {
    const [pro, who] = [await plan(3000), await payer()];
    await expect(subscribe(who.customer, pro.id, parameters)).rejects.toMatchObject({ statusCode: 400, param });
  });

  judgeExchanges(fixture);
});
