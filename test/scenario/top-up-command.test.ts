// The operators' commands about purchases of credits, as an operator runs them: the real program, a real kernel with a stand-in in the
// place of what works with Stripe, tables, lines of JSON and exit codes.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { TopUp } from '../../kernel/app/payment/ports.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import type { Fingerprint, IdempotencyKey, ProductCode, TenantId, TopUpId } from '../../kernel/domain/id.ts';
import { callersOf } from '../contract/support/account.ts';
import { composeKernel, type KernelFixture } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses } from '../contract/support/kernel-process.ts';
import { operatorProgramOf } from '../contract/support/operator-program.ts';
import { override } from '../contract/support/override.ts';

const WHO = ['--actor', 'usr_alice', '--reason', 'because'];
const AT = Date.UTC(2026, 0, 31);
const TOP_UP: TopUp = {
  ...{ topUpId: 'pay_1' as TopUpId, tenantId: 'ten_1' as TenantId, productCode: 'agentruntime' as ProductCode },
  ...{ key: 'k' as IdempotencyKey, fingerprint: 'f' as Fingerprint, cause: 'person', usesStoredCard: true },
  ...{
    status: 'failed',
    minorUnits: 1_000n,
    currency: 'usd',
    microcredits: 10_000_000n,
    attempt: 1,
    storedFailures: 0,
  },
  ...{ tries: 0, isCharged: true, isClosing: false, returnedMinorUnits: 0n, createdAt: AT, pageExpiresAt: AT },
  ...{ stripeInvoiceId: 'in_1', stripePaymentIntentId: 'pi_1', pageUrl: 'https://invoice.stripe.com/i/1' },
  failureCode: 'insufficient_funds',
};

const CANCELED: TopUp = { ...TOP_UP, status: 'canceled' };

let kernel: KernelFixture;
let tenantId: string;
let answer: TopUp | DomainError;
const asked: unknown[] = [];

beforeAll(async () => {
  kernel = await composeKernel({
    topUps: (real) =>
      override(real, {
        get: () => Promise.resolve({ ...TOP_UP, clientSecret: 'pi_1_secret_2' }),
        list: (_, request) => {
          asked.push(request);
          const topUpId = `pay_${asked.length}` as TopUpId;
          return Promise.resolve({ topUps: [{ ...TOP_UP, topUpId }], nextPageToken: asked.length < 3 ? 'more' : '' });
        },
        cancel: (_, topUpId, by) => {
          asked.push({ topUpId, by });
          return answer instanceof DomainError ? Promise.reject(answer) : Promise.resolve(answer);
        },
      }),
  });
  tenantId = await callersOf(kernel).openTenant();
});
beforeEach(() => {
  asked.length = 0;
  answer = CANCELED;
});
afterEach(cleanUpProcesses);
afterAll(() => kernel.close());

const { run, printed } = operatorProgramOf(() => kernel, 'topup');

test('top-ups are listed over all pages, as many as asked for', async () => {
  const all = await printed('list', tenantId);
  expect(all).toMatch(
    /^TOP UP ID +STATUS +PRICE +MICROCREDITS .*\npay_1 +failed +1000 usd +10000000 .*\npay_2 .*\npay_3 .*\n$/,
  );
  expect(asked).toHaveLength(3);
  asked.length = 0;
  const lines = (await printed('list', tenantId, '--limit', '2', '--json')).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).top_up_id)).toEqual(['pay_1', 'pay_2']);
});

test('those of a status and of a range of time are listed', async () => {
  await printed('list', tenantId, '--status', 'requires_action', '--since', '2026-01-01', '--until', '2026-02-01');
  const filter = { status: 'requires_action', startAt: Date.UTC(2026, 0, 1), endAt: Date.UTC(2026, 1, 1) };
  expect(asked).toContainEqual({ filter, pageSize: 100, pageToken: 'more' });
  const { code, stderr } = await run('list', tenantId, '--status', 'paid');
  expect(code).toBe(1);
  expect(stderr).toContain('give one of pending, ');
});

test('one is shown with its page, and without what pays it', async () => {
  const text = await printed('show', tenantId, 'pay_1', '--json');
  expect(JSON.parse(text)).toMatchObject({
    ...{ top_up_id: 'pay_1', status: 'failed', failure_code: 'insufficient_funds', use_stored_card: true },
    ...{ stripe_invoice_id: 'in_1', checkout_url: 'https://invoice.stripe.com/i/1', returned: '0' },
  });
  expect(text).not.toContain('secret');
});

test('one is canceled in an operator’s name, or is told to be under way', async () => {
  expect(await printed('cancel', tenantId, 'pay_1', ...WHO)).toBe('It is canceled.\n');
  expect(asked).toEqual([{ topUpId: 'pay_1', by: { actor: 'usr_alice', reason: 'because' } }]);
  answer = TOP_UP;
  expect(await printed('cancel', tenantId, 'pay_1', ...WHO)).toMatch(/^It is being canceled/);
});

test('what can’t be canceled is refused in words', async () => {
  answer = new DomainError('TOPUP_NOT_CANCELABLE', 'pay_1 is paid');
  const { code, stdout, stderr } = await run('cancel', tenantId, 'pay_1', ...WHO);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('pay_1 is paid');
});
