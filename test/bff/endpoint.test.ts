// The JSON of each endpoint, to the letter, and what the kernel is asked for it.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PriceRule } from '../../gen/wheelhouse/catalog/v1/action_price.ts';
import { GetActionPricingResponse, ListPlansResponse } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { BillingInterval, Plan } from '../../gen/wheelhouse/catalog/v1/plan.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import type { DeepPartial } from '../../gen/wheelhouse/ledger/v1/balance.ts';
import { type Debit, Entry, EntryType, RunStatus } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import { GetBalanceResponse, ListEntriesResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { SPEC_PRO_ROW } from '../support/spec-pro-row.ts';
import { SUBJECT, TENANT_ID } from './support/issuer-peer.ts';
import { KERNEL_TOKEN, PRODUCT_CODE, Stage } from './support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => stage.kernel.reset());

const PRO = Plan.fromPartial({
  productCode: PRODUCT_CODE,
  planCode: 'pro',
  productName: 'AgentRuntime Pro',
  stripePriceId: SPEC_PRO_ROW.stripe_price_id,
  price: { minorUnits: 4_900n, currencyCode: 'usd' },
  interval: BillingInterval.MONTH,
  intervalCount: 1,
  trialEnabled: true,
  trialDays: 14,
  trialMicrocreditsGranted: 5_000_000n,
  trialRequiresCard: false,
  onboardingDefault: true,
  includedMicrocreditsPerCycle: 49_000_000n,
  selfServe: true,
  rank: 10,
  memberLimit: 10,
});
const FREE = Plan.fromPartial({
  productCode: PRODUCT_CODE,
  planCode: 'free',
  productName: 'AgentRuntime Free',
  price: { minorUnits: 0n, currencyCode: 'usd' },
  selfServe: true,
  memberLimit: 3,
});
const ENTERPRISE = Plan.fromPartial({
  productCode: PRODUCT_CODE,
  planCode: 'enterprise',
  productName: 'AgentRuntime Enterprise',
  rank: 40,
});

describe('GET /v1/billing/plans', () => {
  test('answers the fields of the documented example and the additions, and nothing else', async () => {
    stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({ plans: [PRO] });

    const answer = await stage.get('/v1/billing/plans');

    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.text).toBe(
      JSON.stringify({
        plans: [
          {
            ...SPEC_PRO_ROW,
            included_microcredits_per_cycle: 49000000,
            self_serve: true,
            rank: 10,
            member_limit: 10,
          },
        ],
      }),
    );
  });

  test('shows no Stripe price and amount 0 for free, no amount for enterprise', async () => {
    stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({ plans: [FREE, ENTERPRISE] });

    const { plans } = (await stage.get('/v1/billing/plans')).json() as { plans: unknown[] };

    expect(plans).toMatchObject([
      { plan_code: 'free', stripe_price_id: null, amount: 0, currency: 'usd', interval: null, interval_count: null },
      { plan_code: 'enterprise', stripe_price_id: null, amount: null, currency: null, member_limit: null },
    ]);
  });

  test('shows what the kernel answers now, however often it answered with something else', async () => {
    for (const plans of [[PRO], [PRO], [FREE], [PRO], [PRO, FREE]]) {
      stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({ plans });
      const shown = (await stage.get('/v1/billing/plans')).json();
      expect(shown).toMatchObject({ plans: plans.map(({ planCode }) => ({ plan_code: planCode })) });
    }
    expect(stage.kernel.calls).toHaveLength(5);
  });

  test('spares who has the answer already its body, and nobody the question whether they may have it', async () => {
    stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({ plans: [PRO] });
    const { headers } = await stage.get('/v1/billing/plans');
    const tag = headers.get('etag') ?? '';
    expect(tag).toMatch(/^"[\w-]{43}"$/);
    expect(headers.get('cache-control')).toBe('private, no-cache');

    for (const known of [tag, `"other", ${tag}`, `W/${tag}`, '*']) {
      const again = await stage.get('/v1/billing/plans', { 'if-none-match': known });
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', tag]);
    }
    expect((await stage.send('/v1/billing/plans', { headers: { 'if-none-match': tag } })).status).toBe(401);
    expect((await stage.get('/v1/billing/plans', { 'if-none-match': '"other"' })).status).toBe(200);
    stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({ plans: [FREE] });
    const changed = await stage.get('/v1/billing/plans', { 'if-none-match': tag });
    expect([changed.status, changed.json()]).toMatchObject([200, { plans: [{ plan_code: 'free' }] }]);
    expect(changed.headers.get('etag')).not.toBe(tag);
  });

  test('shows the interval of annual plans', async () => {
    const annual = Plan.fromPartial({ ...PRO, planCode: 'pro_annual', interval: BillingInterval.YEAR });
    stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({ plans: [annual] });

    expect((await stage.get('/v1/billing/plans')).json()).toMatchObject({
      plans: [{ plan_code: 'pro_annual', interval: 'year', interval_count: 1 }],
    });
  });

  test('takes all pages of the kernel, and asks only for what is offered', async () => {
    stage.kernel.answers.listPlans = ({ pageToken }) =>
      pageToken === ''
        ? ListPlansResponse.fromPartial({ plans: [FREE], nextPageToken: 'more' })
        : ListPlansResponse.fromPartial({ plans: [PRO] });

    const answer = await stage.get('/v1/billing/plans');

    expect(answer.json()).toMatchObject({ plans: [{ plan_code: 'free' }, { plan_code: 'pro' }] });
    expect(stage.kernel.calls.map(({ request }) => request)).toEqual([
      { productCode: '', offeredOnly: true, includeArchived: false, pageSize: 1_000, pageToken: '' },
      { productCode: '', offeredOnly: true, includeArchived: false, pageSize: 1_000, pageToken: 'more' },
    ]);
  });

  test('gives up on a list that does not end', async () => {
    stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({ plans: [], nextPageToken: 'again' });

    expect((await stage.get('/v1/billing/plans')).problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
    expect(stage.kernel.calls).toHaveLength(10);
  });

  test('answers an empty catalog with an empty list', async () => {
    stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({});

    expect((await stage.get('/v1/billing/plans')).text).toBe('{"plans":[]}');
  });

  test('can be read by a person without a workspace', async () => {
    stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({ plans: [PRO] });

    const answer = await stage.getUnnamed('/v1/billing/plans');

    expect(answer.status).toBe(200);
    expect(stage.kernel.calls[0]?.metadata).toMatchObject({ 'x-subject': SUBJECT });
    expect(stage.kernel.calls[0]?.metadata).not.toHaveProperty('x-tenant-id');
  });
});

const BALANCE = {
  trialRemainingMicrocredits: 2_000_000n,
  includedRemainingMicrocredits: 0n,
  paygRemainingMicrocredits: 15_000_000n,
  heldMicrocredits: 1_000_000n,
  availableMicrocredits: 16_000_000n,
  deficitMicrocredits: 0n,
};

describe('GET /v1/billing/usage', () => {
  test('answers what the workspace holds', async () => {
    stage.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: BALANCE, planCode: 'pro' });

    const answer = await stage.get('/v1/billing/usage');

    expect(answer.status).toBe(200);
    expect(answer.text).toBe(
      JSON.stringify({
        trial_remaining: 2000000,
        included_remaining: 0,
        payg_remaining: 15000000,
        held: 1000000,
        available: 16000000,
        deficit: 0,
      }),
    );
    expect(stage.kernel.calls[0]?.request).toEqual({ tenantId: TENANT_ID, includeGrants: false, atTime: undefined });
  });

  test('passes on what the kernel has to know, and no more', async () => {
    stage.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: BALANCE });

    await stage.get('/v1/billing/usage', { 'x-request-id': 'req-1' });

    const { 'user-agent': _, ...metadata } = stage.kernel.calls[0]?.metadata ?? {};
    expect(metadata).toEqual({
      authorization: `Bearer ${KERNEL_TOKEN}`,
      'x-product-code': PRODUCT_CODE,
      'x-issuer': stage.issuer.url,
      'x-subject': SUBJECT,
      'x-email': 'ada%40example.com',
      'x-tenant-id': TENANT_ID,
      'x-remote-address': '127.0.0.1',
      'x-request-id': 'req-1',
    });
    const remainingMs = (stage.kernel.calls[0]?.deadlineMs ?? 0) - Date.now();
    expect(remainingMs).toBeGreaterThan(0);
    expect(remainingMs).toBeLessThanOrEqual(stage.config.requestTimeoutMs);
  });

  test('shows a negative and the largest exact figure', async () => {
    stage.kernel.answers.getBalance = () =>
      GetBalanceResponse.fromPartial({
        balance: {
          ...BALANCE,
          paygRemainingMicrocredits: 9_007_199_254_740_991n,
          availableMicrocredits: -9_007_199_254_740_991n,
        },
      });

    expect((await stage.get('/v1/billing/usage')).json()).toMatchObject({
      payg_remaining: 9007199254740991,
      available: -9007199254740991,
    });
  });

  test.each([9_007_199_254_740_992n, -9_007_199_254_740_992n, 9_223_372_036_854_775_807n])(
    'refuses to round %s',
    async (microcredits) => {
      stage.kernel.answers.getBalance = () =>
        GetBalanceResponse.fromPartial({ balance: { ...BALANCE, paygRemainingMicrocredits: microcredits } });

      const answer = await stage.get('/v1/billing/usage');

      expect(answer.status).toBe(500);
      expect(answer.problem()).toMatchObject({
        reason: 'INTERNAL',
        detail: expect.stringContaining(`payg_remaining: ${microcredits} is beyond ±(2^53 − 1)`),
        errors: [{ field: 'payg_remaining' }],
      });
    },
  );

  test('does not take an absent balance for an empty one', async () => {
    stage.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({});

    expect((await stage.get('/v1/billing/usage')).problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
  });
});

describe('GET /v1/billing/action-pricing', () => {
  test('answers the prices of the workspace', async () => {
    const effectiveTime = new Date('2026-01-01T00:00:00Z');
    stage.kernel.answers.getActionPricing = () =>
      GetActionPricingResponse.fromPartial({
        actionPrices: [
          {
            action: 'memory_extract_bulk',
            microcreditsPerUnit: 2_000_000n,
            unit: 'job',
            rule: PriceRule.PLAN,
            effectiveTime,
          },
          {
            action: 'memory_index_file_mb',
            microcreditsPerUnit: 1n,
            unit: 'MiB',
            rule: PriceRule.TENANT,
            effectiveTime,
          },
          {
            action: 'workflow.step.execute',
            microcreditsPerUnit: 5_000_000n,
            unit: 'step',
            rule: PriceRule.DEFAULT,
            effectiveTime,
          },
        ],
      });

    const answer = await stage.get('/v1/billing/action-pricing');

    const effective_time = '2026-01-01T00:00:00.000Z';
    expect(answer.text).toBe(
      JSON.stringify({
        action_prices: [
          { action: 'memory_extract_bulk', microcredits_per_unit: 2000000, unit: 'job', rule: 'plan', effective_time },
          { action: 'memory_index_file_mb', microcredits_per_unit: 1, unit: 'MiB', rule: 'tenant', effective_time },
          {
            action: 'workflow.step.execute',
            microcredits_per_unit: 5000000,
            unit: 'step',
            rule: 'default',
            effective_time,
          },
        ],
      }),
    );
    expect(stage.kernel.calls[0]?.request).toEqual({ tenantId: TENANT_ID, atTime: undefined });
  });
});

const DEBIT = {
  action: 'workflow.step.execute',
  quantity: '2.5',
  price: { action: 'workflow.step.execute', microcreditsPerUnit: 5_000_000n, unit: 'step', rule: PriceRule.DEFAULT },
  costMicrocredits: 12_500_000n,
  draws: [
    { grantId: 'grt_1', bucket: Bucket.TRIAL, microcredits: 1_000_000n },
    { grantId: 'grt_2', bucket: Bucket.TRIAL, microcredits: 2_000_000n },
    { grantId: 'grt_3', bucket: Bucket.PAYG, microcredits: 9_000_000n },
  ],
  deficitMicrocredits: 500_000n,
  projectId: 'prj_1',
  workflowId: 'wf_1',
  runId: 'run_1',
  runStatus: RunStatus.SUCCEEDED,
  dimensions: new Map([
    ['model', 'large'],
    ['region', 'eu'],
  ]),
  alreadyPerformed: true,
} satisfies DeepPartial<Debit>;

function entryOf(debit: DeepPartial<Debit>, changes: DeepPartial<Entry> = {}): Entry {
  return Entry.fromPartial({
    entryId: 'ent_1',
    tenantId: TENANT_ID,
    type: EntryType.DEBITED,
    createTime: new Date('2026-02-03T04:05:06.789Z'),
    commitSeq: 7n,
    requestId: 'req_1',
    detail: { $case: 'debit', value: debit },
    balanceAfter: BALANCE,
    ...changes,
  });
}

describe('GET /v1/billing/usage-history', () => {
  test('answers metered events', async () => {
    stage.kernel.answers.listEntries = () =>
      ListEntriesResponse.fromPartial({ entries: [entryOf(DEBIT)], nextPageToken: 'next' });

    const answer = await stage.get('/v1/billing/usage-history');

    expect(answer.text).toBe(
      JSON.stringify({
        events: [
          {
            entry_id: 'ent_1',
            create_time: '2026-02-03T04:05:06.789Z',
            action: 'workflow.step.execute',
            quantity: '2.5',
            unit: 'step',
            microcredits_per_unit: 5000000,
            price_rule: 'default',
            cost_microcredits: 12500000,
            draws: { trial: 3000000, included: 0, payg: 9000000 },
            deficit_microcredits: 500000,
            already_performed: true,
            hold_id: null,
            reversed_by_entry_id: null,
            project_id: 'prj_1',
            workflow_id: 'wf_1',
            run_id: 'run_1',
            run_status: 'succeeded',
            dimensions: { model: 'large', region: 'eu' },
            balance_after: {
              trial_remaining: 2000000,
              included_remaining: 0,
              payg_remaining: 15000000,
              held: 1000000,
              available: 16000000,
              deficit: 0,
            },
          },
        ],
        next_page_token: 'next',
      }),
    );
  });

  test('shows null for what a caller did not name, and at the end of the list', async () => {
    const bare = {
      ...DEBIT,
      projectId: '',
      workflowId: '',
      runId: '',
      runStatus: RunStatus.UNSPECIFIED,
      dimensions: new Map(),
    };
    stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({ entries: [entryOf(bare)] });

    expect((await stage.get('/v1/billing/usage-history')).json()).toMatchObject({
      events: [{ project_id: null, workflow_id: null, run_id: null, run_status: null, dimensions: {} }],
      next_page_token: null,
    });
  });

  test('shows a charge that was undone, with what undid it', async () => {
    const entry = Entry.fromPartial({ ...entryOf(DEBIT), reversedByEntryId: 'ent_2' });
    stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({ entries: [entry] });

    expect((await stage.get('/v1/billing/usage-history')).json()).toMatchObject({
      events: [{ entry_id: 'ent_1', reversed_by_entry_id: 'ent_2' }],
    });
  });

  test('shows work that was charged through a hold', async () => {
    const hold = { holdId: 'hld_1', tenantId: TENANT_ID };
    const detail = { $case: 'settlement' as const, value: { hold, partId: 'a', charge: DEBIT, final: true } };
    const entry = Entry.fromPartial({ ...entryOf(DEBIT), type: EntryType.SETTLED, detail });
    stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({ entries: [entry] });

    expect((await stage.get('/v1/billing/usage-history')).json()).toMatchObject({
      events: [{ hold_id: 'hld_1', cost_microcredits: 12500000, run_status: 'succeeded' }],
    });
  });

  test.each([
    [RunStatus.RUNNING, 'running'],
    [RunStatus.FAILED, 'failed'],
    [RunStatus.CANCELED, 'canceled'],
  ])('shows run status %s as %s', async (runStatus, shown) => {
    stage.kernel.answers.listEntries = () =>
      ListEntriesResponse.fromPartial({ entries: [entryOf({ ...DEBIT, runStatus })] });

    expect((await stage.get('/v1/billing/usage-history')).json()).toMatchObject({ events: [{ run_status: shown }] });
  });

  test('asks for charges only, with the default page size', async () => {
    stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({});

    const answer = await stage.get('/v1/billing/usage-history');

    expect(answer.text).toBe('{"events":[],"next_page_token":null}');
    expect(stage.kernel.calls[0]?.request).toEqual({
      tenantId: TENANT_ID,
      filter: {
        types: [EntryType.DEBITED, EntryType.SETTLED],
        action: '',
        projectId: '',
        workflowId: '',
        startTime: undefined,
        endTime: undefined,
      },
      pageSize: 50,
      pageToken: '',
    });
  });

  test('passes every filter on', async () => {
    stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({});

    await stage.get(
      '/v1/billing/usage-history?action=workflow.step.execute&project_id=prj_1&start_time=2026-01-01T00:00:00%2B02:00' +
        '&end_time=2026-02-01T00:00:00.5Z&page_size=7&page_token=abc_-%3D',
    );

    expect(stage.kernel.calls[0]?.request).toMatchObject({
      filter: {
        action: 'workflow.step.execute',
        projectId: 'prj_1',
        startTime: new Date('2025-12-31T22:00:00Z'),
        endTime: new Date('2026-02-01T00:00:00.500Z'),
      },
      pageSize: 7,
      pageToken: 'abc_-=',
    });
  });

  test.each([
    ['1', 1],
    ['0', 50],
    ['1000', 1_000],
    ['1001', 1_000],
    ['99999999999999999999', 1_000],
  ])('takes page_size=%s as %i', async (text, pageSize) => {
    stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({});

    expect((await stage.get(`/v1/billing/usage-history?page_size=${text}`)).status).toBe(200);
    expect(stage.kernel.calls[0]?.request).toMatchObject({ pageSize });
  });

  test.each(['Büro 7 💸', 'a b', `${'💸'.repeat(128)}`])('passes on the name %j that a caller chose', async (name) => {
    stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({});

    const query = new URLSearchParams({ action: name, project_id: name });
    expect((await stage.get(`/v1/billing/usage-history?${query}`)).status).toBe(200);
    expect(stage.kernel.calls[0]?.request).toMatchObject({ filter: { action: name, projectId: name } });
  });

  test('takes an empty page_token as the first page', async () => {
    stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({});

    expect((await stage.get('/v1/billing/usage-history?page_token=')).status).toBe(200);
  });

  test.each([
    ['an entry of another workspace', entryOf(DEBIT, { tenantId: 'ten_other' })],
    ['an entry that is no debit', entryOf(DEBIT, { detail: { $case: 'grantStart', value: {} } })],
    ['a debit without price', entryOf({ ...DEBIT, price: undefined })],
    [
      'a bucket that is not known',
      entryOf({ ...DEBIT, draws: [{ grantId: 'g', bucket: 9 as Bucket, microcredits: 1n }] }),
    ],
    ['a run status that is not known', entryOf({ ...DEBIT, runStatus: 9 as RunStatus })],
    ['a price without rule', entryOf({ ...DEBIT, price: { ...DEBIT.price, rule: PriceRule.UNSPECIFIED } })],
    ['no time', entryOf(DEBIT, { createTime: undefined })],
    ['no balance', entryOf(DEBIT, { balanceAfter: undefined })],
    ['a cost too large for JSON', entryOf({ ...DEBIT, costMicrocredits: 2n ** 53n })],
  ])('shows nothing rather than something wrong: %s', async (_, entry) => {
    stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({ entries: [entry] });

    const answer = await stage.get('/v1/billing/usage-history');

    expect(answer.status).toBe(500);
    expect(answer.problem()).toMatchObject({ reason: 'INTERNAL', errors: [{ field: expect.any(String) }] });
  });

  test('carries a page of 1,000 events with all their dimensions', async () => {
    const dimensions = new Map(
      Array.from({ length: 16 }, (_, index): [string, string] => [`dimension_${index}`, 'x'.repeat(256)]),
    );
    const entry = entryOf({ ...DEBIT, dimensions });
    stage.kernel.answers.listEntries = () =>
      ListEntriesResponse.fromPartial({ entries: Array.from({ length: 1_000 }, () => entry) });

    const { events } = (await stage.get('/v1/billing/usage-history?page_size=1000')).json() as { events: unknown[] };

    expect(events).toHaveLength(1_000);
  });
});
