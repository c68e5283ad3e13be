// The endpoints of top-ups and of the history of payments, to the letter.

import { AutoTopUpState, AutoTopUpStopReason } from '../../../gen/wheelhouse/payment/v1/auto_top_up.ts';
import { PaymentKind, PaymentStatus } from '../../../gen/wheelhouse/payment/v1/payment.ts';
import { ListPaymentsResponse } from '../../../gen/wheelhouse/payment/v1/payment_history_service.ts';
import { TopUpCause, TopUpStatus } from '../../../gen/wheelhouse/payment/v1/top_up.ts';
import {
  CancelTopUpResponse,
  CreateTopUpResponse,
  GetAutoTopUpResponse,
  GetTopUpResponse,
  ListTopUpPackagesResponse,
  ListTopUpsResponse,
  SetAutoTopUpResponse,
} from '../../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { type Case, KEY, TIME, TIME_TEXT } from './endpoint-case.ts';
import { TENANT_ID } from './issuer-peer.ts';

const PATH = '/v1/billing/topups';
const ALL_TIME = { startTime: undefined, endTime: undefined };
const usd = (minorUnits: bigint) => ({ minorUnits, currencyCode: 'usd' });

export const TOP_UP = {
  ...{ topUpId: 'pay_1', tenantId: TENANT_ID, cause: TopUpCause.PERSON, price: usd(1_000n) },
  ...{ status: TopUpStatus.REQUIRES_PAYMENT_METHOD, microcredits: 10_000_000n },
  ...{ stripeInvoiceId: 'in_1', paymentIntentId: 'pi_1', clientSecret: 'pi_1_secret_2' },
  ...{ checkoutUrl: 'https://invoice.stripe.com/i/1', createTime: TIME, pageExpireTime: TIME },
};
export const TOP_UP_JSON = {
  ...{ topup_id: 'pay_1', status: 'requires_payment_method', cause: 'person' },
  ...{ amount_cents: 1000, currency: 'usd', microcredits: 10000000, use_stored_card: false },
  ...{ payment_intent_id: 'pi_1', client_secret: 'pi_1_secret_2', checkout_url: 'https://invoice.stripe.com/i/1' },
  ...{ failure_code: null, returned_cents: 0, create_time: TIME_TEXT, page_expire_time: TIME_TEXT, end_time: null },
};
const PAID = {
  ...{ ...TOP_UP, status: TopUpStatus.SUCCEEDED, cause: TopUpCause.AUTO, usesStoredCard: true },
  ...{ clientSecret: '', checkoutUrl: '', returnedMinorUnits: 250n, endTime: TIME },
};
const PAID_JSON = {
  ...{ ...TOP_UP_JSON, status: 'succeeded', cause: 'auto', use_stored_card: true },
  ...{ client_secret: null, checkout_url: null, returned_cents: 250, end_time: TIME_TEXT },
};
const NEW = { amount_cents: 1_000, microcredits: 10_000_000, currency: 'usd' };
const ASKED = { tenantId: TENANT_ID, price: usd(1_000n), microcredits: 10_000_000n };

export const PAYMENT = {
  ...{ paymentId: 'in_1', kind: PaymentKind.TOP_UP, status: PaymentStatus.SUCCEEDED, amount: usd(1_000n) },
  ...{ microcredits: 10_000_000n, description: '10 credits', topUpId: 'pay_1', createTime: TIME },
  ...{ invoiceUrl: 'https://invoice.stripe.com/i/1', receiptUrl: 'https://pay.stripe.com/receipts/1' },
};
export const PAYMENT_JSON = {
  ...{ payment_id: 'in_1', kind: 'topup', status: 'succeeded', amount: 1000, currency: 'usd' },
  ...{ microcredits: 10000000, description: '10 credits', topup_id: 'pay_1', paid_payment_id: null },
  ...{ invoice_url: 'https://invoice.stripe.com/i/1', receipt_url: 'https://pay.stripe.com/receipts/1' },
  create_time: TIME_TEXT,
};
const RULE = {
  ...{ state: AutoTopUpState.STOPPED, stopReason: AutoTopUpStopReason.DECLINED, failureCode: 'insufficient_funds' },
  ...{ thresholdMicrocredits: 5_000_000n, price: usd(1_000n), microcredits: 10_000_000n, cooldownSeconds: 600 },
  ...{ monthlyLimitMinorUnits: 3_000n, spentMinorUnits: 1_000n, restEndTime: TIME },
  ...{ consentedBy: 'usr_1', consentTime: TIME },
};
const RULE_JSON = {
  ...{ state: 'stopped', stop_reason: 'declined', failure_code: 'insufficient_funds' },
  ...{ threshold_microcredits: 5000000, amount_cents: 1000, currency: 'usd', microcredits: 10000000 },
  ...{ monthly_limit_cents: 3000, spent_cents: 1000, cooldown_seconds: 600, rest_end_time: TIME_TEXT },
  ...{ consented_by: 'usr_1', consent_time: TIME_TEXT },
};
const RULE_BODY = {
  ...{ enabled: true, consent: true, threshold_microcredits: 5_000_000, monthly_limit_cents: 3_000 },
  ...NEW,
};
const REFUND = {
  ...{ paymentId: 're_1', kind: PaymentKind.REFUND, status: PaymentStatus.PENDING, amount: usd(250n) },
  ...{ description: '10 credits', paidPaymentId: 'in_1', createTime: TIME },
};
const REFUND_JSON = {
  ...{ payment_id: 're_1', kind: 'refund', status: 'pending', amount: 250, currency: 'usd' },
  ...{ microcredits: null, description: '10 credits', topup_id: null, paid_payment_id: 'in_1' },
  ...{ invoice_url: null, receipt_url: null, create_time: TIME_TEXT },
};

export const TOP_UP_CASES: readonly Case[] = [
  {
    request: ['GET', `${PATH}/packages`],
    rpc: 'listTopUpPackages',
    asked: { tenantId: TENANT_ID },
    answered: ListTopUpPackagesResponse.fromPartial({
      ...{ offered: true, currencyCode: 'usd', minorUnitsPerCredit: '99.5', minorUnitsMin: 500n },
      ...{ packages: [{ price: usd(1_000n), microcredits: 10_000_000n }], minorUnitsMax: 100_000n },
    }),
    status: 200,
    json: {
      ...{ offered: true, currency: 'usd', packages: [{ amount_cents: 1000, microcredits: 10000000 }] },
      ...{ cents_per_credit: '99.5', amount_cents_min: 500, amount_cents_max: 100000 },
    },
  },
  {
    request: ['GET', `${PATH}/packages`],
    rpc: 'listTopUpPackages',
    asked: { tenantId: TENANT_ID },
    answered: ListTopUpPackagesResponse.fromPartial({}),
    status: 200,
    json: {
      ...{ offered: false, currency: null, packages: [] },
      ...{ cents_per_credit: null, amount_cents_min: null, amount_cents_max: null },
    },
  },
  {
    request: ['POST', `${PATH}/payg/intent`, NEW],
    rpc: 'createTopUp',
    asked: { requestId: KEY, ...ASKED, useStoredCard: false },
    answered: CreateTopUpResponse.fromPartial({ topUp: TOP_UP }),
    status: 200,
    json: TOP_UP_JSON,
  },
  {
    request: ['POST', `${PATH}/payg/intent`, { ...NEW, use_stored_card: true }],
    rpc: 'createTopUp',
    asked: { requestId: KEY, ...ASKED, useStoredCard: true },
    answered: CreateTopUpResponse.fromPartial({
      topUp: { ...TOP_UP, status: TopUpStatus.PENDING, clientSecret: '', checkoutUrl: '', paymentIntentId: '' },
    }),
    status: 202,
    json: { ...TOP_UP_JSON, status: 'pending', client_secret: null, checkout_url: null, payment_intent_id: null },
  },
  {
    request: ['GET', `${PATH}?page_size=2&page_token=abc`],
    rpc: 'listTopUps',
    asked: { tenantId: TENANT_ID, pageSize: 2, pageToken: 'abc', status: 0, ...ALL_TIME },
    answered: ListTopUpsResponse.fromPartial({ topUps: [TOP_UP, PAID], nextPageToken: 'def' }),
    status: 200,
    json: { topups: [TOP_UP_JSON, PAID_JSON], next_page_token: 'def' },
  },
  {
    request: ['GET', `${PATH}/auto`],
    rpc: 'getAutoTopUp',
    asked: { tenantId: TENANT_ID },
    answered: GetAutoTopUpResponse.fromPartial({ autoTopUp: { state: AutoTopUpState.OFF } }),
    status: 200,
    json: {
      ...{ state: 'off', stop_reason: null, failure_code: null, threshold_microcredits: null, amount_cents: null },
      ...{ currency: null, microcredits: null, monthly_limit_cents: null, spent_cents: null, cooldown_seconds: null },
      ...{ rest_end_time: null, consented_by: null, consent_time: null },
    },
  },
  {
    request: ['GET', `${PATH}/auto`],
    rpc: 'getAutoTopUp',
    asked: { tenantId: TENANT_ID },
    answered: GetAutoTopUpResponse.fromPartial({
      autoTopUp: { ...RULE, stopReason: AutoTopUpStopReason.RETURNED, failureCode: '' },
    }),
    status: 200,
    json: { ...RULE_JSON, stop_reason: 'returned', failure_code: null },
  },
  {
    request: ['PUT', `${PATH}/auto`, RULE_BODY],
    rpc: 'setAutoTopUp',
    asked: {
      ...{ requestId: KEY, ...ASKED, enabled: true, consent: true, thresholdMicrocredits: 5_000_000n },
      ...{ monthlyLimitMinorUnits: 3_000n, cooldownSeconds: 0 },
    },
    answered: SetAutoTopUpResponse.fromPartial({ autoTopUp: RULE }),
    status: 200,
    json: RULE_JSON,
  },
  {
    request: ['GET', `${PATH}/pay_1`],
    rpc: 'getTopUp',
    asked: { tenantId: TENANT_ID, topUpId: 'pay_1' },
    answered: GetTopUpResponse.fromPartial({ topUp: PAID }),
    status: 200,
    json: PAID_JSON,
  },
  {
    request: ['POST', `${PATH}/pay_1/cancel`],
    rpc: 'cancelTopUp',
    asked: { requestId: KEY, tenantId: TENANT_ID, topUpId: 'pay_1', actor: '', reason: '' },
    answered: CancelTopUpResponse.fromPartial({ topUp: { ...PAID, status: TopUpStatus.CANCELED } }),
    status: 200,
    json: { ...PAID_JSON, status: 'canceled' },
  },
  {
    request: ['POST', `${PATH}/pay_1/cancel`],
    rpc: 'cancelTopUp',
    asked: { requestId: KEY, tenantId: TENANT_ID, topUpId: 'pay_1', actor: '', reason: '' },
    answered: CancelTopUpResponse.fromPartial({ topUp: TOP_UP }),
    status: 202,
    json: TOP_UP_JSON,
  },
  {
    request: ['GET', '/v1/billing/payment-history?page_size=2'],
    rpc: 'listPayments',
    asked: { tenantId: TENANT_ID, pageSize: 2, pageToken: '', kind: 0, status: 0, ...ALL_TIME },
    answered: ListPaymentsResponse.fromPartial({ payments: [PAYMENT, REFUND], nextPageToken: 'abc' }),
    status: 200,
    json: { payments: [PAYMENT_JSON, REFUND_JSON], next_page_token: 'abc' },
  },
  {
    request: ['GET', `${PATH}?status=succeeded&start_time=${TIME_TEXT}&end_time=2030-01-01T01:00:00%2B01:00`],
    rpc: 'listTopUps',
    asked: {
      ...{ tenantId: TENANT_ID, pageSize: 50, pageToken: '', status: TopUpStatus.SUCCEEDED },
      ...{ startTime: TIME, endTime: new Date('2030-01-01T00:00:00Z') },
    },
    answered: ListTopUpsResponse.fromPartial({ topUps: [PAID] }),
    status: 200,
    json: { topups: [PAID_JSON], next_page_token: null },
  },
  {
    request: ['GET', `/v1/billing/payment-history?kind=topup&status=succeeded&end_time=${TIME_TEXT}`],
    rpc: 'listPayments',
    asked: {
      ...{ tenantId: TENANT_ID, pageSize: 50, pageToken: '', kind: PaymentKind.TOP_UP },
      ...{ status: PaymentStatus.SUCCEEDED, startTime: undefined, endTime: TIME },
    },
    answered: ListPaymentsResponse.fromPartial({ payments: [PAYMENT] }),
    status: 200,
    json: { payments: [PAYMENT_JSON], next_page_token: null },
  },
];
