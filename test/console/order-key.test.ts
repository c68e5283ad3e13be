// What somebody asks for again goes out by the key of the first time, until they know what became of it.

import { describe, expect, it } from 'vitest';
import { createOrderKeys } from '../../bff/console/src/api/order-key.ts';
import { createBillingClient } from '../../clients/rest/client.ts';

const ORDER = { amount_cents: 1_000, currency: 'usd', microcredits: 10_000_000, use_stored_card: true };

/** Says what becomes of a request: an answer with a status, or none. */
type Fate = number | 'lost';

/** Makes a client of a server whose answers are these, one after the other; each request is sent once. */
function stand(fates: readonly Fate[]) {
  const keys: (string | null)[] = [];
  const left = [...fates];
  const client = createBillingClient({
    url: 'http://127.0.0.1:1',
    repeatMs: 0,
    fetch: (request) => {
      keys.push(request.headers.get('Idempotency-Key'));
      const fate = left.shift();
      if (fate === undefined || fate === 'lost') return Promise.reject(new TypeError('the line is cut'));
      return Promise.resolve(Response.json({}, { status: fate }));
    },
  });
  client.use(createOrderKeys());
  const buy = (order = ORDER) => client.POST('/v1/billing/topups/payg/intent', { body: order });
  return { client, keys, buy };
}

describe('an order that is made again', () => {
  it.each<[string, Fate]>([
    ['no answer came', 'lost'],
    ['the service failed', 500],
    ['something before the service failed', 502],
    ['the service was too slow', 504],
    ['there were too many requests', 429],
  ])('has the same key where %s', async (_why, fate) => {
    const { buy, keys } = stand([fate, 201]);
    await buy().catch(() => undefined);
    await buy();
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  it.each<[string, Fate]>([
    ['it was done', 201],
    ['it was refused', 402],
  ])('has a key of its own where %s', async (_why, fate) => {
    const { buy, keys } = stand([fate, 201]);
    await buy();
    await buy();
    expect(new Set(keys).size).toBe(2);
  });

  it('has a key of its own where it is another', async () => {
    const { buy, keys } = stand(['lost', 201]);
    await buy().catch(() => undefined);
    await buy({ ...ORDER, amount_cents: 2_000 });
    expect(new Set(keys).size).toBe(2);
  });

  it('has a key of its own after something else was done, which the first may have been for', async () => {
    const { client, buy, keys } = stand(['lost', 200, 201]);
    await buy().catch(() => undefined);
    await client.POST('/v1/billing/subscription/resume');
    await buy();
    expect(new Set(keys).size).toBe(3);
  });

  it('has the same key though something was forecast meanwhile', async () => {
    const { client, buy, keys } = stand(['lost', 200, 201]);
    await buy().catch(() => undefined);
    await client.POST('/v1/billing/subscription/preview', { body: { plan_code: 'pro' } });
    await buy();
    expect(keys[2]).toBe(keys[0]);
    expect(keys[1]).not.toBe(keys[0]);
  });

  it('has the same key while the first is under way', async () => {
    const { buy, keys } = stand([201, 201]);
    await Promise.all([buy(), buy()]);
    expect(keys[1]).toBe(keys[0]);
  });
});

describe('what is told where no answer came', () => {
  it('says of a write that it may be done, and of a read that there is no way', async () => {
    const { client, buy } = stand(['lost', 'lost']);
    await expect(buy()).rejects.toThrow(/may have done this, or not/);
    await expect(client.GET('/v1/billing/usage')).rejects.toThrow('the line is cut');
  });

  it('gives no key to what only reads', async () => {
    const { client, keys } = stand([200]);
    await client.GET('/v1/billing/usage');
    expect(keys).toEqual([null]);
  });
});
