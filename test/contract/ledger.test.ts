// LedgerService: what each method answers. The rules themselves are proven in test/domain and test/store.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PriceRule } from '../../gen/wheelhouse/catalog/v1/action_price.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { ErrorReason } from '../../gen/wheelhouse/common/v1/error_reason.ts';
import { type Entry, EntryType, RunStatus } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import {
  AdjustRequest,
  CheckFundsRequest,
  type EntryFilter,
  GetBalanceRequest,
  GrantRequest,
  LedgerServiceService,
  ListEntriesRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { ACTION, admitPeople, type Callers, CREDIT, callersOf, OPERATOR, personIn } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';

const { getBalance, checkFunds, grant, adjust, listEntries } = LedgerServiceService;

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterAll(() => kernel.close());

/** The detail of an entry, once it is the one that the test expects. */
function detailOf(entry: Entry | undefined, name: NonNullable<Entry['detail']>['$case']): unknown {
  if (entry?.detail?.$case !== name) throw new Error(`the entry has no ${name}`);
  return entry.detail.value;
}

describe('Debit', () => {
  test('answers what was charged, by which price, and who paid', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const requestId = newRequestId();
    const { entry, replayed } = await callers.debit(tenantId, {
      requestId,
      quantity: '2.50',
      projectId: 'prj_1',
      workflowId: 'wf/1',
      runId: 'run 1',
      runStatus: RunStatus.SUCCEEDED,
      dimensions: new Map([
        ['region', 'eu'],
        ['model.name', 'x'],
      ]),
    });
    expect(replayed).toBe(false);
    expect(entry).toMatchObject({ tenantId, type: EntryType.DEBITED, commitSeq: 3n, requestId });
    expect(entry?.entryId).toMatch(/^ent_/);
    const debit = detailOf(entry, 'debit');
    expect(debit).toMatchObject({
      action: ACTION,
      quantity: '2.5',
      price: { action: ACTION, microcreditsPerUnit: CREDIT, unit: 'MiB', rule: PriceRule.DEFAULT },
      costMicrocredits: 2_500_000n,
      deficitMicrocredits: 0n,
      projectId: 'prj_1',
      workflowId: 'wf/1',
      runId: 'run 1',
      runStatus: RunStatus.SUCCEEDED,
      dimensions: new Map([
        ['region', 'eu'],
        ['model.name', 'x'],
      ]),
      alreadyPerformed: false,
    });
    expect(debit).toHaveProperty('draws', [
      { grantId: expect.stringMatching(/^grt_/), bucket: Bucket.PAYG, microcredits: 2_500_000n },
    ]);
    expect(entry?.balanceAfter).toMatchObject({
      paygRemainingMicrocredits: 7_500_000n,
      availableMicrocredits: 7_500_000n,
    });
  });

  test('answers a retry with the first answer, and refuses the id for other content', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const requestId = newRequestId();
    const first = await callers.debit(tenantId, { requestId });
    expect(await callers.debit(tenantId, { requestId })).toEqual({ ...first, replayed: true });
    const other = await failureOf(callers.debit(tenantId, { requestId, quantity: '2' }));
    expect(other).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED', code: status.ALREADY_EXISTS });
    expect(await callers.availableOf(tenantId)).toBe(9n * CREDIT);
  });

  test('rounds a fraction of a microcredit up', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    await kernel.connection.collection('action_prices').insertOne({
      product_code: 'agentruntime',
      rule: 'default',
      plan_code: null,
      tenant_id: null,
      action: 'penny',
      microcredits_per_unit: 3n,
      unit: 'piece',
      effective_at: new Date(0),
      created_at: new Date(),
    });
    // An action that is not known yet makes the kernel read the prices again before it refuses.
    const { entry } = await callers.debit(tenantId, { action: 'penny', quantity: '0.333334' });
    expect(detailOf(entry, 'debit')).toMatchObject({ costMicrocredits: 2n, quantity: '0.333334' });
  });

  test('refuses what the account can’t pay, with the figures, and charges it where the work is done', async () => {
    const tenantId = await callers.openTenant(3n * CREDIT);
    const seq = await callers.seqOf(tenantId);
    const failure = await failureOf(callers.debit(tenantId, { quantity: '5' }));
    expect(failure).toMatchObject({
      reason: 'INSUFFICIENT_CREDITS',
      code: status.FAILED_PRECONDITION,
      domain: 'wheelhouse',
      metadata: {
        needed_microcredits: '5000000',
        available_microcredits: '3000000',
        overdraft_remaining_microcredits: '0',
      },
    });
    expect(await callers.seqOf(tenantId)).toBe(seq);
    const { entry } = await callers.debit(tenantId, { quantity: '5', alreadyPerformed: true });
    expect(entry?.balanceAfter).toMatchObject({ availableMicrocredits: 0n, deficitMicrocredits: 2n * CREDIT });
  });
});

describe('Grant and Adjust', () => {
  test('give and correct, with the operator in the entry', async () => {
    const tenantId = await callers.openTenant();
    const request = { requestId: newRequestId(), tenantId, ...OPERATOR };
    const expireTime = new Date(Date.now() + 3_600_000);
    const given = await callers.sysadmin.call(
      grant,
      GrantRequest.fromPartial({ ...request, bucket: Bucket.TRIAL, microcredits: 5n, expireTime }),
    );
    expect(detailOf(given.entry, 'granting')).toMatchObject({
      grant: {
        bucket: Bucket.TRIAL,
        grantedMicrocredits: 5n,
        remainingMicrocredits: 5n,
        expireTime,
        source: 'operator',
      },
      ...OPERATOR,
    });
    const corrected = await callers.sysadmin.call(
      adjust,
      AdjustRequest.fromPartial({ ...request, bucket: Bucket.TRIAL, deltaMicrocredits: -2n }),
    );
    expect(corrected.entry).toMatchObject({ type: EntryType.ADJUSTED });
    expect(detailOf(corrected.entry, 'adjustment')).toMatchObject({ deltaMicrocredits: -2n, ...OPERATOR });
    expect(await callers.availableOf(tenantId)).toBe(3n);
    const again = await callers.sysadmin.call(
      adjust,
      AdjustRequest.fromPartial({ ...request, bucket: Bucket.TRIAL, deltaMicrocredits: -2n }),
    );
    expect(again).toEqual({ ...corrected, replayed: true });
    const tooMuch = AdjustRequest.fromPartial({
      ...request,
      requestId: newRequestId(),
      bucket: Bucket.TRIAL,
      deltaMicrocredits: -4n,
    });
    expect((await failureOf(callers.sysadmin.call(adjust, tooMuch))).reason).toBe('INSUFFICIENT_CREDITS');
  });

  test('refuse an expiry in the past or before the beginning', async () => {
    const tenantId = await callers.openTenant();
    const give = (fields: Partial<GrantRequest>) =>
      callers.sysadmin.call(
        grant,
        GrantRequest.fromPartial({
          requestId: newRequestId(),
          tenantId,
          bucket: Bucket.PAYG,
          microcredits: 1n,
          ...OPERATOR,
          ...fields,
        }),
      );
    const past = await failureOf(give({ expireTime: new Date(Date.now() - 60_000) }));
    expect(Object.keys(past.violations)).toEqual(['expire_time']);
    const soon = new Date(Date.now() + 60_000);
    const reversed = await failureOf(give({ effectiveTime: new Date(Date.now() + 120_000), expireTime: soon }));
    expect(Object.keys(reversed.violations)).toEqual(['expire_time']);
    expect(await callers.seqOf(tenantId)).toBe(1n);
  });
});

describe('GetBalance', () => {
  test('answers the balance now, its grants where asked, and the one of a past time', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const full = await callers.internal.call(
      getBalance,
      GetBalanceRequest.fromPartial({ tenantId, includeGrants: true }),
    );
    expect(full).toMatchObject({ planCode: 'pro', overdraftLimitMicrocredits: 0n, commitSeq: 2n });
    expect(full.grants).toHaveLength(1);
    await callers.debit(tenantId);
    const after = await callers.internal.call(getBalance, GetBalanceRequest.fromPartial({ tenantId }));
    expect(after.balance).toMatchObject({ paygRemainingMicrocredits: 9n * CREDIT });
    expect(after.grants).toEqual([]);
    const request = GetBalanceRequest.fromPartial({ tenantId, atTime: full.asOfTime });
    const past = await callers.internal.call(getBalance, request);
    expect(past.balance).toEqual(full.balance);
  });

  test('refuses a time in the future, or one that is none', async () => {
    const tenantId = await callers.openTenant();
    for (const atTime of [new Date(Date.now() + 60_000), new Date(-1)]) {
      const call = callers.internal.call(getBalance, GetBalanceRequest.fromPartial({ tenantId, atTime }));
      expect(Object.keys((await failureOf(call)).violations)).toEqual(['at_time']);
    }
  });

  test('answers a contributor of the workspace', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    await admitPeople(callers, tenantId);
    const person = personIn(tenantId, 'project_contributor');
    const answer = await callers.bff.call(getBalance, GetBalanceRequest.fromPartial({ tenantId }), person);
    expect(answer.balance?.availableMicrocredits).toBe(CREDIT);
  });
});

describe('CheckFunds', () => {
  const check = (tenantId: string, fields: Partial<CheckFundsRequest> = {}) =>
    callers.internal.call(checkFunds, CheckFundsRequest.fromPartial({ tenantId, ...fields }));

  test('says whether anything, an amount, or a quantity of an action is covered', async () => {
    const tenantId = await callers.openTenant(4n * CREDIT);
    expect(await check(tenantId)).toMatchObject({
      allowed: true,
      neededMicrocredits: 0n,
      availableMicrocredits: 4n * CREDIT,
    });
    expect(await check(tenantId, { microcredits: 4n * CREDIT })).toMatchObject({
      allowed: true,
      shortfallMicrocredits: 0n,
    });
    expect(await check(tenantId, { action: 'workflow.step.execute', quantity: '1' })).toMatchObject({
      allowed: false,
      neededMicrocredits: 5n * CREDIT,
      shortfallMicrocredits: CREDIT,
      reason: ErrorReason.INSUFFICIENT_CREDITS,
    });
    expect(await check(await callers.openTenant())).toMatchObject({ allowed: false });
  });

  test('refuses half a question, and two at once', async () => {
    const tenantId = await callers.openTenant();
    const fieldsOf = async (fields: Partial<CheckFundsRequest>) =>
      Object.keys((await failureOf(check(tenantId, fields))).violations);
    expect(await fieldsOf({ action: ACTION })).toEqual(['quantity']);
    expect(await fieldsOf({ quantity: '1' })).toEqual(['action']);
    expect(await fieldsOf({ microcredits: 0n })).toEqual(['microcredits']);
    expect(await fieldsOf({ microcredits: 1n, action: ACTION, quantity: '1' })).toEqual(['microcredits']);
    expect((await failureOf(check(tenantId, { action: 'nosuch', quantity: '1' }))).reason).toBe('ACTION_NOT_FOUND');
  });
});

interface ListFields extends Partial<Omit<ListEntriesRequest, 'filter'>> {
  readonly filter?: Partial<EntryFilter>;
}

describe('ListEntries', () => {
  test('lists newest first, in pages, by filters', async () => {
    const tenantId = await callers.openTenant(100n * CREDIT);
    for (let index = 0; index < 5; index += 1)
      await callers.debit(tenantId, { projectId: index % 2 === 0 ? 'even' : 'odd' });
    const list = ({ filter, ...fields }: ListFields = {}) =>
      callers.internal.call(listEntries, ListEntriesRequest.fromPartial({ tenantId, ...fields, filter: filter ?? {} }));
    const all = (await list()).entries;
    expect(all.map(({ commitSeq }) => commitSeq)).toEqual([7n, 6n, 5n, 4n, 3n, 2n, 1n]);
    expect(all.map(({ type }) => type).slice(-2)).toEqual([EntryType.GRANTED, EntryType.ACCOUNT_OPENED]);
    const paged: Entry[] = [];
    let pageToken = '';
    do {
      const page = await list({ pageSize: 2, pageToken });
      paged.push(...page.entries);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(paged).toEqual(all);
    expect((await list({ filter: { projectId: 'even' } })).entries).toHaveLength(3);
    expect((await list({ filter: { types: [EntryType.GRANTED, EntryType.ACCOUNT_OPENED] } })).entries).toHaveLength(2);
    expect((await list({ filter: { action: 'other' } })).entries).toEqual([]);
    const since = all[2]?.createTime;
    expect((await list({ filter: { startTime: since } })).entries.length).toBeGreaterThanOrEqual(3);
    const { nextPageToken } = await list({ pageSize: 2 });
    const foreign = await failureOf(list({ pageToken: nextPageToken, filter: { projectId: 'odd' } }));
    expect(Object.keys(foreign.violations)).toEqual(['page_token']);
  });

  test('names every filter that is wrong', async () => {
    const now = new Date();
    const filter = {
      types: [EntryType.GRANTED, 99 as EntryType],
      startTime: now,
      endTime: now,
      action: 'x'.repeat(129),
    };
    const request = ListEntriesRequest.fromPartial({ tenantId: '', filter, pageSize: -2 });
    const failure = await failureOf(callers.internal.call(listEntries, request));
    expect(Object.keys(failure.violations).sort()).toEqual([
      'filter.action',
      'filter.end_time',
      'filter.types[1]',
      'page_size',
      'tenant_id',
    ]);
  });
});
