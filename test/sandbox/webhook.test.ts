import Stripe from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { judgeExchanges, useSandbox } from '../support/stripe-fixture.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

const SECRET = 'whsec_sandbox';

describe('webhooks of the sandbox', () => {
  const fixture = useSandbox({ hasCatalog: false });
  let receiver: WebhookReceiver;

  beforeAll(async () => {
    receiver = await startWebhookReceiver();
    fixture.sandbox.control.setWebhook({ url: receiver.url, secrets: [SECRET] });
  });
  afterAll(() => receiver.stop());
  afterEach(() => fixture.sandbox.control.clearDeliveryRules());

  async function createProducts(...names: readonly string[]): Promise<void> {
    for (const name of names) await fixture.stripe.products.create({ name });
  }

  function receivedNames(from: number): readonly string[] {
    return receiver.received.slice(from).map(({ body }) => JSON.parse(body).data.object.name);
  }

  it('are signed so that the SDK takes them, with the object as it was then', async () => {
    await fixture.stripe.products.create({ name: 'signed' }, { idempotencyKey: 'signed-1' });
    await receiver.waitFor(1);
    const [{ body, signature } = { body: '', signature: '' }] = receiver.received;
    const event = Stripe.webhooks.constructEvent(body, signature, SECRET);
    expect(event).toMatchObject({
      type: 'product.created',
      api_version: fixture.sandbox.apiVersion,
      request: { id: expect.stringMatching(/^req_/), idempotency_key: 'signed-1' },
      data: { object: { name: 'signed' } },
    });
    expect(() => Stripe.webhooks.constructEvent(body, signature, 'whsec_other')).toThrow();
  });

  it('are signed with both secrets while one is rotated', async () => {
    fixture.sandbox.control.setWebhook({ url: receiver.url, secrets: ['whsec_new', SECRET] });
    const from = receiver.received.length;
    await createProducts('rotated');
    await receiver.waitFor(from + 1);
    const { body, signature } = receiver.received.at(-1) ?? { body: '', signature: '' };
    expect(signature.match(/v1=/g)).toHaveLength(2);
    for (const secret of ['whsec_new', SECRET]) Stripe.webhooks.constructEvent(body, signature, secret);
    fixture.sandbox.control.setWebhook({ url: receiver.url, secrets: [SECRET] });
  });

  it('come again until they are answered well', async () => {
    const from = receiver.received.length;
    receiver.answerNext(500, 302);
    await createProducts('again');
    await receiver.waitFor(from + 3);
    await fixture.sandbox.control.settle();
    expect(new Set(receiver.received.slice(from).map(({ id }) => id)).size).toBe(1);
    const delivery = fixture.sandbox.control.deliveries().at(-1);
    expect(delivery).toMatchObject({ state: 'delivered', attempts: 3 });
    const { data } = await fixture.stripe.events.list({ limit: 1 });
    expect(data[0]?.pending_webhooks).toBe(0);
  });

  it('come out of order when they are held and released so', async () => {
    const from = receiver.received.length;
    fixture.sandbox.control.addDeliveryRule({ types: ['product.created'], action: { kind: 'hold' } });
    await createProducts('first', 'second', 'third');
    await fixture.sandbox.control.settle();
    expect(receivedNames(from)).toEqual([]);
    expect(await fixture.sandbox.control.release('reverse')).toBe(3);
    expect(receivedNames(from)).toEqual(['third', 'second', 'first']);
  });

  it('come several times, late, or never, as rules say', async () => {
    const from = receiver.received.length;
    const { control } = fixture.sandbox;
    control.addDeliveryRule({ types: ['*'], times: 1, action: { kind: 'duplicate', copies: 3 } });
    control.addDeliveryRule({ types: ['*'], times: 1, action: { kind: 'drop' } });
    control.addDeliveryRule({ types: ['*'], times: 1, action: { kind: 'delay', delayMs: 100 } });
    await createProducts('thrice', 'never', 'late', 'plain');
    await receiver.waitFor(from + 5);
    const names = receivedNames(from);
    expect(names.filter((name) => name === 'thrice')).toHaveLength(3);
    expect(names).not.toContain('never');
    expect(names.indexOf('late')).toBeGreaterThan(names.indexOf('plain'));
    const [never] = (await fixture.stripe.events.list({ limit: 3 })).data.slice(2);
    expect(control.resend(never?.id ?? '')).toBe(1);
    await receiver.waitFor(from + 6);
    expect(receivedNames(from).at(-1)).toBe('never');
  });

  it('go to endpoints that the API made, for the events that they enabled', async () => {
    const other = await startWebhookReceiver();
    try {
      const endpoint = await fixture.stripe.webhookEndpoints.create({
        url: other.url,
        enabled_events: ['product.updated'],
      });
      expect(endpoint.secret).toMatch(/^whsec_/);
      expect((await fixture.stripe.webhookEndpoints.retrieve(endpoint.id)).secret).toBeUndefined();
      const product = await fixture.stripe.products.create({ name: 'before' });
      await fixture.stripe.products.update(product.id, { name: 'after' });
      await other.waitFor(1);
      const { body, signature, type } = other.received[0] ?? { body: '', signature: '', type: '' };
      expect(type).toBe('product.updated');
      Stripe.webhooks.constructEvent(body, signature, endpoint.secret ?? '');
      await fixture.stripe.webhookEndpoints.update(endpoint.id, { disabled: true });
      await fixture.stripe.products.update(product.id, { name: 'later' });
      await fixture.sandbox.control.settle();
      expect(other.received).toHaveLength(1);
      await fixture.stripe.webhookEndpoints.del(endpoint.id);
      expect((await fixture.stripe.webhookEndpoints.list()).data.map(({ id }) => id)).toEqual(['we_local']);
    } finally {
      await other.stop();
    }
  });

  it('never leave this machine', async () => {
    const url = 'https://example.com/hook';
    await expect(fixture.stripe.webhookEndpoints.create({ url, enabled_events: ['*'] })).rejects.toMatchObject({
      param: 'url',
    });
    expect(() => fixture.sandbox.control.setWebhook({ url, secrets: ['whsec_x'] })).toThrow(/beyond this machine/);
  });

  it('lists events by type, newest first', async () => {
    const { data } = await fixture.stripe.events.list({ types: ['product.updated'], limit: 2 });
    expect(data.map(({ type }) => type)).toEqual(['product.updated', 'product.updated']);
    expect((await fixture.stripe.events.list({ type: 'product.*', limit: 100 })).data.length).toBeGreaterThan(2);
    const [first] = data;
    expect((await fixture.stripe.events.retrieve(first?.id ?? '')).id).toBe(first?.id);
  });

  judgeExchanges(fixture);
});
