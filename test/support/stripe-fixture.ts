/**
 * Owns: a sandbox for a test file, with the official SDK as its client and everything watched.
 * Does not own: what the test does with it.
 */
import Stripe from 'stripe';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../dev/stripe-sandbox/sandbox.ts';
import { type Absence, type StripeMock, startStripeMock } from './stripe-mock.ts';
import { StripeWatch } from './stripe-watch.ts';

const SECRET_KEY = 'sk_test_wheelhouse';

/** Is what a test works with. */
export interface StripeFixture {
  readonly sandbox: Sandbox;
  readonly stripe: Stripe;
  readonly watch: StripeWatch;
}

/** Makes a client of a sandbox: the official SDK, which does not retry by itself. */
export function connectStripe(sandbox: Sandbox, secretKey = SECRET_KEY): Stripe {
  const { port } = sandbox;
  return new Stripe(secretKey, { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0, telemetry: false });
}

/** Has a sandbox started before the tests of a `describe` block and ended after them; it is there inside of tests only. */
export function useSandbox(options: SandboxOptions = {}): StripeFixture {
  const watch = new StripeWatch();
  const started: { sandbox?: Sandbox; stripe?: Stripe } = {};
  beforeAll(async () => {
    started.sandbox = await startSandbox({ retryBaseMs: 20, ...options, observe: watch.observe });
    started.stripe = connectStripe(started.sandbox);
  });
  afterAll(async () => {
    await started.sandbox?.stop();
  });
  const need = <Value>(value: Value | undefined): Value => {
    if (value === undefined) throw new Error('The sandbox is started by beforeAll; use it inside of tests.');
    return value;
  };
  return {
    watch,
    get sandbox() {
      return need(started.sandbox);
    },
    get stripe() {
      return need(started.stripe);
    },
  };
}

/** Registers the tests that judge what the tests before them have sent and got. To be called last in a file. */
export function judgeExchanges(fixture: StripeFixture): void {
  it('answered by Stripe’s schemas, and made events by them', async () => {
    expect(fixture.watch.exchanges.length).toBeGreaterThan(0);
    expect(fixture.watch.judgeAnswers()).toEqual([]);
    expect(await fixture.watch.judgeEvents(fixture.sandbox)).toEqual([]);
  });

  it('was asked only what Stripe’s own mock takes, and refused only what that refuses', async (context) => {
    const mock: StripeMock | Absence = await startStripeMock(process.env);
    if ('reason' in mock) return context.skip(mock.reason);
    try {
      expect(await fixture.watch.compareWith(mock.url)).toEqual([]);
    } finally {
      await mock.stop();
    }
  });
}
