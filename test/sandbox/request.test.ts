import { request as httpRequest } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { judgeExchanges, useSandbox } from '../support/stripe-fixture.ts';

describe('requests to the sandbox', () => {
  const fixture = useSandbox({ hasCatalog: false });

  interface Sent {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  }

  async function send(path: string, { method = 'GET', headers = {}, body }: Sent = {}) {
    const response = await fetch(`${fixture.sandbox.url}${path}`, {
      method,
      headers: {
        authorization: 'Bearer sk_test_x',
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    const answer = (await response.json()) as { id?: string; error?: Record<string, unknown> };
    return { status: response.status, headers: response.headers, answer };
  }

  function post(path: string, body: string, key?: string) {
    return send(path, { method: 'POST', body, headers: key === undefined ? {} : { 'idempotency-key': key } });
  }

  it.each([
    ['name=a&nmae=b', { code: 'parameter_unknown', param: 'nmae', message: 'Received unknown parameter: nmae' }],
    ['description=a', { code: 'parameter_missing', param: 'name', message: 'Missing required param: name.' }],
    ['name=a&active=yes', { param: 'active', message: 'Invalid boolean: yes' }],
    ['name=a&metadata=b', { param: 'metadata' }],
    ['name=a&images[0][b]=c', { param: 'images[0]' }],
    ['name=', { code: 'parameter_invalid_empty', param: 'name' }],
    ['name=a&default_price_data[currency]=usd&default_price_data[foo]=1', { param: 'default_price_data[foo]' }],
    ['name=a&default_price_data[unit_amount]=1', { param: 'default_price_data[currency]', code: 'parameter_missing' }],
    [
      'name=a&default_price_data[currency]=usd&default_price_data[unit_amount]=1.5',
      {
        code: 'parameter_invalid_integer',
        param: 'default_price_data[unit_amount]',
      },
    ],
    [
      'name=a&default_price_data[currency]=usd&default_price_data[recurring][interval]=hour',
      {
        message: 'Invalid default_price_data[recurring][interval]: must be one of day, month, week, or year',
      },
    ],
    ['name=a&name[b]=c', { param: 'name[b]' }],
    ['name=a&default_price_data[currency]=zzz&default_price_data[unit_amount]=1', { param: 'currency' }],
  ])('refuses %s as Stripe does', async (body, expected) => {
    const { status, answer } = await post('/v1/products', body);
    expect(status).toBe(400);
    expect(answer.error).toMatchObject({ type: 'invalid_request_error', ...expected });
  });

  it.each([
    ['a key of 41 characters', `metadata[${'k'.repeat(41)}]=b`],
    ['a value of 501 characters', `metadata[k]=${'v'.repeat(501)}`],
    ['51 keys', Array.from({ length: 51 }, (_, index) => `metadata[k${index}]=v`).join('&')],
  ])('refuses metadata with %s', async (_, metadata) => {
    const { status, answer } = await post('/v1/products', `name=a&${metadata}`);
    expect([status, answer.error?.['param']]).toEqual([400, 'metadata']);
  });

  it('refuses what Stripe knows and it does not, and says so', async () => {
    const { status, answer } = await post(
      '/v1/products',
      'name=a&default_price_data[custom_unit_amount][enabled]=true&default_price_data[currency]=usd',
    );
    expect(status).toBe(400);
    expect(answer.error).toMatchObject({
      code: 'sandbox_unsupported',
      param: 'default_price_data[custom_unit_amount]',
      message: expect.stringContaining(
        'The local Stripe sandbox does not know the parameter default_price_data.custom',
      ),
    });
    expect((await fixture.stripe.products.list()).data).toEqual([]);
  });

  it('takes a prototype’s name as any other text', async () => {
    const { status, answer } = await post('/v1/products', 'name=a&metadata[__proto__]=b&metadata[constructor]=c');
    expect(status).toBe(200);
    expect(Object.entries((answer as Record<string, object>)['metadata'] ?? {})).toEqual([
      ['__proto__', 'b'],
      ['constructor', 'c'],
    ]);
    expect((await post('/v1/products', '__proto__[a]=b&name=a')).status).toBe(400);
  });

  it('asks for the key of a test account', async () => {
    expect((await send('/v1/products', { headers: { authorization: '' } })).status).toBe(401);
    expect((await send('/v1/products', { headers: { authorization: 'Bearer sk_live_x' } })).status).toBe(401);
    const basic = `Basic ${Buffer.from('sk_test_x:').toString('base64')}`;
    expect((await send('/v1/products', { headers: { authorization: basic } })).status).toBe(200);
  });

  it('speaks one version of the API, and names it', async () => {
    expect((await send('/v1/products', { headers: { 'stripe-version': '2020-08-27' } })).status).toBe(400);
    const { headers } = await send('/v1/products');
    expect(headers.get('stripe-version')).toBe(fixture.sandbox.apiVersion);
    expect(headers.get('request-id')).toMatch(/^req_/);
  });

  it('knows no other address', async () => {
    const { status, answer } = await send('/v1/prodcts');
    expect([status, answer.error?.['type']]).toEqual([404, 'invalid_request_error']);
    expect(String(answer.error?.['message'])).toContain('Unrecognized request URL (GET: /v1/prodcts)');
  });

  it('expands nested ids and those in lists, and refuses what can’t be', async () => {
    const terms = { currency: 'usd', unit_amount: 1, product_data: { name: 'Expanded' }, lookup_key: 'expanded' };
    const price = await fixture.stripe.prices.create({ ...terms, expand: ['product'] });
    expect(price.product).toMatchObject({ name: 'Expanded' });
    const list = await fixture.stripe.prices.list({
      lookup_keys: ['expanded'],
      expand: ['data.product.default_price'],
    });
    expect(list.data[0]?.product).toMatchObject({ default_price: null });
    for (const path of ['currency', 'nothing', 'product.name', 'recurring', 'constructor', '__proto__.a']) {
      await expect(fixture.stripe.prices.retrieve(price.id, { expand: [path] })).rejects.toMatchObject({
        message: `This property cannot be expanded (${path}).`,
      });
    }
    await expect(fixture.stripe.prices.retrieve(price.id, { expand: ['tiers'] })).rejects.toMatchObject({
      code: 'sandbox_unsupported',
    });
    await expect(
      fixture.stripe.subscriptions.list({ expand: ['data.items.data.price.product'] }),
    ).rejects.toMatchObject({
      code: 'property_expansion_max_depth',
      message: expect.stringContaining('more than 4 levels'),
    });
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['starting_after=prod_none', 'starting_after'],
  ])('refuses a page with %s', async (query, param) => {
    const { status, answer } = await send(`/v1/products?${query}`);
    expect([status, answer.error?.['param']]).toEqual([400, param]);
  });

  it('filters lists by the time of creation', async () => {
    const now = fixture.sandbox.control.now();
    const { data } = await fixture.stripe.products.list({ created: { gte: now - 600, lt: now + 1 } });
    expect(data.length).toBeGreaterThan(0);
    expect((await fixture.stripe.products.list({ created: { gt: now + 1 } })).data).toEqual([]);
  });

  describe('with an idempotency key', () => {
    it('answer the same again, and do it once', async () => {
      const first = await post('/v1/products', 'name=once', 'key-once');
      const again = await post('/v1/products', 'name=once', 'key-once');
      expect(again.answer).toEqual(first.answer);
      expect(again.headers.get('idempotent-replayed')).toBe('true');
      expect(again.headers.get('original-request')).toBe(first.headers.get('request-id'));
      expect(first.headers.get('idempotent-replayed')).toBeNull();
      const named = (await fixture.stripe.products.list({ limit: 100 })).data.filter(({ name }) => name === 'once');
      expect(named).toHaveLength(1);
    });

    it('are refused for another request', async () => {
      await post('/v1/products', 'name=a', 'key-other');
      for (const other of [
        await post('/v1/products', 'name=b', 'key-other'),
        await post('/v1/prices', 'name=a', 'key-other'),
      ]) {
        expect([other.status, other.answer.error?.['type']]).toEqual([400, 'idempotency_error']);
      }
    });

    it('leave the key free when they were refused for their form', async () => {
      expect((await post('/v1/products', 'nmae=a', 'key-form')).status).toBe(400);
      expect((await post('/v1/products', 'name=a', 'key-form')).status).toBe(200);
    });

    it('fail the same way again for what the operation found', async () => {
      const terms = 'currency=usd&unit_amount=1&product=prod_later';
      expect((await post('/v1/prices', terms, 'key-failed')).status).toBe(400);
      await post('/v1/products', 'id=prod_later&name=later');
      const again = await post('/v1/prices', terms, 'key-failed');
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([400, 'true']);
      expect((await post('/v1/prices', terms)).status).toBe(200);
    });

    it('conflict while the first is not done', async () => {
      fixture.sandbox.control.addFault({ path: '/v1/products', times: 1, delayMs: 300 });
      const first = post('/v1/products', 'name=slow', 'key-slow');
      const second = await post('/v1/products', 'name=slow', 'key-slow');
      expect([second.status, second.answer.error?.['code']]).toEqual([409, 'idempotency_key_in_use']);
      expect((await first).status).toBe(200);
      expect((await post('/v1/products', 'name=slow', 'key-slow')).headers.get('idempotent-replayed')).toBe('true');
    });

    it('are new after a day', async () => {
      const first = await post('/v1/products', 'name=daily', 'key-daily');
      fixture.sandbox.control.advance(24 * 60 * 60);
      const second = await post('/v1/products', 'name=other', 'key-daily');
      expect(second.status).toBe(200);
      expect(second.answer.id).not.toBe(first.answer.id);
    });
  });

  describe('that go wrong on request', () => {
    const { addFault, countNamed } = {
      addFault: (outcome: 'refused' | 'failed' | 'done_but_failed' | 'done_but_lost', status?: number) =>
        fixture.sandbox.control.addFault({
          method: 'POST',
          times: 1,
          outcome,
          ...(status === undefined ? {} : { status }),
        }),
      countNamed: async (wanted: string) =>
        (await fixture.stripe.products.list({ limit: 100 })).data.filter(({ name }) => name === wanted).length,
    };

    it('are refused before anything is done, and may be sent again', async () => {
      addFault('refused', 429);
      expect((await post('/v1/products', 'name=refused', 'key-refused')).status).toBe(429);
      expect((await post('/v1/products', 'name=refused', 'key-refused')).status).toBe(200);
    });

    it('fail without effect, for as long as the key is kept', async () => {
      addFault('failed');
      expect((await post('/v1/products', 'name=failed', 'key-500')).status).toBe(500);
      expect((await post('/v1/products', 'name=failed', 'key-500')).status).toBe(500);
      expect(await countNamed('failed')).toBe(0);
    });

    it('have their effect and fail, for as long as the key is kept', async () => {
      addFault('done_but_failed', 503);
      expect((await post('/v1/products', 'name=done', 'key-done')).status).toBe(503);
      expect((await post('/v1/products', 'name=done', 'key-done')).status).toBe(503);
      expect(await countNamed('done')).toBe(1);
    });

    it('have their effect and lose their answer, which the key finds again', async () => {
      addFault('done_but_lost');
      await expect(post('/v1/products', 'name=lost', 'key-lost')).rejects.toThrow();
      expect((await post('/v1/products', 'name=lost', 'key-lost')).status).toBe(200);
      expect(await countNamed('lost')).toBe(1);
    });
  });

  it('may be made to go wrong over HTTP, by who has the key', async () => {
    const body = JSON.stringify({ path: '/v1/products', times: 1, outcome: 'refused', status: 503 });
    expect((await send('/_sandbox/faults', { method: 'POST', body, headers: { authorization: '' } })).status).toBe(401);
    expect((await send('/_sandbox/faults', { method: 'POST', body: '{"outcome":"exploded"}' })).status).toBe(400);
    expect((await send('/_sandbox/faults', { method: 'POST', body })).status).toBe(200);
    expect((await send('/v1/products')).status).toBe(503);
    expect((await send('/v1/products')).status).toBe(200);
  });

  it('leave the time where it is rather than move it beyond all dates', async () => {
    const now = fixture.sandbox.control.now();
    for (const seconds of [-1, 0.5, 1e15, 1e300]) {
      const body = JSON.stringify({ advance_seconds: seconds });
      expect((await send('/_sandbox/clock', { method: 'POST', body })).status).toBe(400);
    }
    expect(fixture.sandbox.control.now()).toBeLessThan(now + 60);
  });

  it('may have banks and failed payments do as is asked for', async () => {
    const ask = async (path: string, body: object, method = 'POST') =>
      await send(`/_sandbox/${path}`, { method, body: JSON.stringify(body) });
    const setting = { retry_days: [1], after_retries: 'unpaid' };
    expect((await ask('billing', setting, 'PUT')).status).toBe(200);
    expect((await ask('billing', { ...setting, after_retries: 'never' }, 'PUT')).status).toBe(400);
    const pay = async (): Promise<string> => {
      const { latest_charge: charge } = await fixture.stripe.paymentIntents.create({
        amount: 900,
        currency: 'usd',
        payment_method: 'pm_card_visa',
        payment_method_types: ['card'],
        confirm: true,
      });
      return String(charge);
    };
    const refund = await fixture.stripe.refunds.create({ charge: await pay() });
    expect((await ask(`refunds/${refund.id}/fail`, {})).status).toBe(200);
    expect((await ask(`refunds/${refund.id}/fail`, {})).status).toBe(400);
    const charge = await pay();
    expect((await ask(`charges/${charge}/dispute`, { reason: 'general' })).status).toBe(200);
    const [dispute] = (await fixture.stripe.disputes.list({ charge })).data;
    expect((await ask(`disputes/${dispute?.id}/close`, { outcome: 'lost' })).status).toBe(200);
    expect((await fixture.stripe.disputes.retrieve(dispute?.id ?? '')).status).toBe('lost');
    expect((await ask(`disputes/${dispute?.id}/close`, { outcome: 'drawn' })).status).toBe(400);
  });

  it('are refused as Stripe refuses when they are too large', async () => {
    const [status, text] = await new Promise<[number | undefined, string]>((resolve, reject) => {
      const { port } = fixture.sandbox;
      const large = httpRequest({ host: '127.0.0.1', port, path: '/v1/products', method: 'POST' }, (response) => {
        readText(response).then((body) => resolve([response.statusCode, body]), reject);
      });
      large.on('error', reject);
      large.end(`name=${'a'.repeat(1024 * 1024)}`);
    });
    expect(status).toBe(413);
    expect(JSON.parse(text)).toMatchObject({
      error: { type: 'invalid_request_error', message: 'The body is larger than 1048576 bytes.' },
    });
  });

  judgeExchanges(fixture);
});
