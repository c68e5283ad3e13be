// Top-ups and the history of payments over REST: where they stand, which input is refused, and which answers are.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type PaymentKind as Kind,
  PaymentKind,
  type PaymentStatus as PaymentState,
  PaymentStatus,
} from '../../gen/wheelhouse/payment/v1/payment.ts';
import { ListPaymentsResponse } from '../../gen/wheelhouse/payment/v1/payment_history_service.ts';
import {
  type TopUpCause as Cause,
  type TopUpStatus as Status,
  TopUpCause,
  TopUpStatus,
} from '../../gen/wheelhouse/payment/v1/top_up.ts';
import { CreateTopUpResponse, GetTopUpResponse } from '../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { type HttpAnswer, Stage } from './support/stage.ts';
import { PAYMENT, PAYMENT_JSON, TOP_UP, TOP_UP_JSON } from './support/top-up-case.ts';

const PATH = '/v1/billing/topups';
const NEW = { amount_cents: 1_000, microcredits: 10_000_000, currency: 'usd' };
const BEYOND = 2n ** 53n;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => stage.kernel.reset());

function create(body: object, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
  stage.kernel.answers.createTopUp = () => CreateTopUpResponse.fromPartial({ topUp: TOP_UP, replayed: true });
  return stage.write('POST', `${PATH}/payg/intent`, body, { 'x-workspace-id': TENANT_ID, ...headers });
}

describe('a top-up', () => {
  const get = (changes: object): Promise<HttpAnswer> => {
    stage.kernel.answers.getTopUp = () => GetTopUpResponse.fromPartial({ topUp: { ...TOP_UP, ...changes } });
    return stage.get(`${PATH}/pay_1`);
  };

  test.each([
    [TopUpStatus.PENDING, 'pending'],
    [TopUpStatus.REQUIRES_PAYMENT_METHOD, 'requires_payment_method'],
    [TopUpStatus.REQUIRES_ACTION, 'requires_action'],
    [TopUpStatus.PROCESSING, 'processing'],
    [TopUpStatus.SUCCEEDED, 'succeeded'],
    [TopUpStatus.FAILED, 'failed'],
    [TopUpStatus.CANCELED, 'canceled'],
  ] as const)('of status %i is %s', async (status, text) => {
    expect((await get({ status })).json()).toEqual({ ...TOP_UP_JSON, status: text });
  });

  test.each([
    ['no status', { status: TopUpStatus.UNSPECIFIED }],
    ['a status that nobody knows', { status: 77 as Status }],
    ['no cause', { cause: TopUpCause.UNSPECIFIED }],
    ['a cause that nobody knows', { cause: 77 as Cause }],
    ['no price', { price: undefined }],
    ['a price beyond what a number holds', { price: { minorUnits: BEYOND, currencyCode: 'usd' } }],
    ['credits beyond what a number holds', { microcredits: BEYOND }],
    ['a page that is none', { checkoutUrl: 'javascript:alert(1)' }],
    ['no time', { createTime: undefined }],
  ])('with %s is not shown', async (_, changes) => {
    expect((await get(changes)).problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
  });

  test('that is absent is not shown', async () => {
    stage.kernel.answers.getTopUp = () => GetTopUpResponse.fromPartial({});
    expect((await stage.get(`${PATH}/pay_1`)).problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
  });
});

describe('a payment', () => {
  const get = (changes: object): Promise<HttpAnswer> => {
    stage.kernel.answers.listPayments = () =>
      ListPaymentsResponse.fromPartial({ payments: [{ ...PAYMENT, ...changes }] });
    return stage.get('/v1/billing/payment-history');
  };

  test.each([
    [PaymentKind.TOP_UP, 'topup'],
    [PaymentKind.SUBSCRIPTION, 'subscription'],
    [PaymentKind.OTHER, 'other'],
    [PaymentKind.REFUND, 'refund'],
    [PaymentKind.DISPUTE, 'dispute'],
  ] as const)('of kind %i is %s', async (kind, text) => {
    const payments = [{ ...PAYMENT_JSON, kind: text }];
    expect((await get({ kind })).json()).toEqual({ payments, next_page_token: null });
  });

  test.each([
    [PaymentStatus.PENDING, 'pending'],
    [PaymentStatus.SUCCEEDED, 'succeeded'],
    [PaymentStatus.FAILED, 'failed'],
    [PaymentStatus.CANCELED, 'canceled'],
  ] as const)('of status %i is %s', async (status, text) => {
    expect((await get({ status })).json()).toMatchObject({ payments: [{ status: text }] });
  });

  test.each([
    ['no kind', { kind: PaymentKind.UNSPECIFIED }],
    ['a kind that nobody knows', { kind: 77 as Kind }],
    ['no status', { status: PaymentStatus.UNSPECIFIED }],
    ['a status that nobody knows', { status: 77 as PaymentState }],
    ['no amount', { amount: undefined }],
    ['credits beyond what a number holds', { microcredits: BEYOND }],
    ['a page that is none', { receiptUrl: 'javascript:alert(1)' }],
    ['no time', { createTime: undefined }],
  ])('with %s is not shown', async (_, changes) => {
    expect((await get(changes)).problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
  });
});

describe('the key of a request', () => {
  test.each([
    ['the header', {}, { 'idempotency-key': 'k1' }, 'k1'],
    ['the body', { idempotency_key: 'k2' }, {}, 'k2'],
    ['both, which agree', { idempotency_key: 'k3' }, { 'idempotency-key': 'k3' }, 'k3'],
  ])('is that of %s', async (_, more, headers, key) => {
    const answer = await create({ ...NEW, ...more }, headers);
    expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(stage.kernel.calls.at(-1)?.request).toMatchObject({ requestId: key });
  });

  test('is not two: body and header must agree', async () => {
    const answer = await create({ ...NEW, idempotency_key: 'k1' }, { 'idempotency-key': 'k2' });
    const errors = [{ field: 'idempotency_key', message: expect.stringContaining('"k2"') }];
    expect(answer.problem()).toMatchObject({ status: 400, reason: 'INVALID_FIELD', errors });
  });
});

describe('what is asked for', () => {
  test.each([
    ['no money', { amount_cents: 0 }, 'amount_cents'],
    ['less than none', { amount_cents: -1_000 }, 'amount_cents'],
    ['a part of a cent', { amount_cents: 999.5 }, 'amount_cents'],
    ['money as a text', { amount_cents: '1000' }, 'amount_cents'],
    ['more than a number holds', { amount_cents: 2 ** 53 }, 'amount_cents'],
    ['credits below zero', { microcredits: -1 }, 'microcredits'],
    ['more credits than a number holds', { microcredits: 1e300 }, 'microcredits'],
    ['an operator of a database', { currency: { $ne: 'usd' } }, 'currency'],
    ['a currency that can be none', { currency: 'dollars' }, 'currency'],
    ['a key that is none', { idempotency_key: 'a b' }, 'idempotency_key'],
    ['somebody else’s workspace', { tenant_id: 'ten_x' }, 'tenant_id'],
    ['a balance', { balance: 1 }, 'balance'],
  ])('is refused where it is %s', async (_, more, field) => {
    const answer = await create({ ...NEW, ...more });
    expect(answer.problem()).toMatchObject({
      ...{ status: 400, reason: 'INVALID_FIELD', errors: [expect.objectContaining({ field })] },
    });
    expect(stage.kernel.calls).toEqual([]);
  });

  test.each(['amount_cents', 'microcredits', 'currency'])('is refused without %s', async (field) => {
    const { [field]: _, ...rest }: Record<string, unknown> = NEW;
    expect((await create(rest)).problem()).toMatchObject({ reason: 'INVALID_FIELD', errors: [{ field }] });
  });
});
