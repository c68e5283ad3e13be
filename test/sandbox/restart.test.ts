import { appendFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../dev/stripe-sandbox/sandbox.ts';
import { connectStripe } from '../support/stripe-fixture.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

describe('the sandbox after a restart', () => {
  let folder: string;
  const running: Sandbox[] = [];

  async function start(): Promise<Sandbox> {
    const sandbox = await startSandbox({ folder, retryBaseMs: 20 });
    running.push(sandbox);
    return sandbox;
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wheelhouse-sandbox-'));
  });
  afterAll(async () => {
    for (const sandbox of running) await sandbox.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('knows what it knew: objects, events, keys, its time', async () => {
    const first = await start();
    const before = connectStripe(first);
    const product = await before.products.create({ name: 'Kept' }, { idempotencyKey: 'kept' });
    await before.prices.update('price_agentruntime_pro', { active: false });
    const now = first.control.advance(10_000);
    await first.stop();
    // What a crash left half written was never answered.
    const [journal = ''] = await readdir(folder);
    await appendFile(join(folder, journal), '[{"table":"product","id":"prod_half","val');

    const second = await start();
    const after = connectStripe(second);
    expect(await after.products.retrieve(product.id)).toMatchObject({ name: 'Kept' });
    expect((await after.products.create({ name: 'Kept' }, { idempotencyKey: 'kept' })).id).toBe(product.id);
    expect((await after.prices.retrieve('price_agentruntime_pro')).active).toBe(false);
    expect((await after.events.list({ type: 'product.created' })).data).toHaveLength(1);
    expect(second.control.now()).toBeGreaterThanOrEqual(now);
    await second.stop();
  });

  it('goes on with what is due', async () => {
    const first = await start();
    const before = connectStripe(first);
    const customer = await before.customers.create({});
    const method = await before.paymentMethods.attach('pm_card_visa', { customer: customer.id });
    await before.customers.update(customer.id, { invoice_settings: { default_payment_method: method.id } });
    const subscription = await before.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_agentruntime_plus' }],
    });
    await first.stop();
    const second = await start();
    const after = connectStripe(second);
    second.control.advance(32 * 24 * 60 * 60);
    const { data } = await after.invoices.list({ subscription: subscription.id });
    expect(data.map(({ status, billing_reason: reason }) => [status, reason])).toEqual([
      ['paid', 'subscription_cycle'],
      ['paid', 'subscription_create'],
    ]);
    await second.stop();
  });

  it('delivers what it had not yet', async () => {
    const receiver = await startWebhookReceiver();
    try {
      const first = await start();
      first.control.setWebhook({ url: receiver.url, secrets: ['whsec_x'] });
      first.control.addDeliveryRule({ types: ['*'], action: { kind: 'delay', delayMs: 500 } });
      await connectStripe(first).products.create({ name: 'Late' });
      await first.stop();
      expect(receiver.received).toHaveLength(0);
      await start();
      await receiver.waitFor(1);
      expect(receiver.received[0]?.type).toBe('product.created');
    } finally {
      await receiver.stop();
    }
  });

  it('says which file is damaged', async () => {
    const damaged = await mkdtemp(join(tmpdir(), 'wheelhouse-sandbox-'));
    await writeFile(join(damaged, 'journal.jsonl'), '[]\nnonsense\n[]\n');
    await expect(startSandbox({ folder: damaged })).rejects.toThrow(/journal\.jsonl, line 2 is damaged/);
    await rm(damaged, { recursive: true });
  });
});
