// UsageService: what each method answers, and to whom. How sums come to be is proven in test/domain and test/store.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CallSettings, KernelClient } from '../../dev/kernel-client.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { HoldStatus } from '../../gen/wheelhouse/ledger/v1/hold.ts';
import {
  LedgerAuditServiceService,
  RedactEntryRequest,
  ReverseEntryRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { GrantRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  ExplainEntryRequest,
  type ExplainEntryResponse,
  GetUsageSummaryRequest,
  type GetUsageSummaryResponse,
  UsageGroup,
  UsageServiceService,
} from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { SMALL_COMMITS } from '../../kernel/worker/rollup-worker.ts';
import { ACTION, admitPeople, type Callers, CREDIT, callersOf, OPERATOR, personIn } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { type HoldCalls, holdCallsOf } from './support/hold.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';

const { getUsageSummary, explainEntry } = UsageServiceService;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const OTHER_ACTION = 'memory_extract_bulk';

let kernel: KernelFixture;
let callers: Callers;
let holds: HoldCalls;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  holds = holdCallsOf(callers);
});
afterAll(() => kernel.close());

const hourNow = (): number => Math.floor(Date.now() / HOUR_MS) * HOUR_MS;

/** A question for all usage around now. */
function summaryRequest(tenantId: string, fields: Partial<GetUsageSummaryRequest> = {}): GetUsageSummaryRequest {
  const [startTime, endTime] = [new Date(hourNow() - 2 * DAY_MS), new Date(hourNow() + 2 * DAY_MS)];
  return { ...GetUsageSummaryRequest.fromPartial({ tenantId, startTime, endTime }), ...fields };
}

function summarize(
  tenantId: string,
  fields?: Partial<GetUsageSummaryRequest>,
  client: KernelClient = callers.internal,
  settings: CallSettings = {},
): Promise<GetUsageSummaryResponse> {
  return client.call(getUsageSummary, summaryRequest(tenantId, fields), settings);
}

function explain(
  tenantId: string,
  entryId: string | undefined,
  client: KernelClient = callers.internal,
  settings: CallSettings = {},
): Promise<ExplainEntryResponse> {
  return client.call(explainEntry, ExplainEntryRequest.fromPartial({ tenantId, entryId: entryId ?? '' }), settings);
}

/** A tenant with three debits: two of one action in two projects, one of the same with a workflow. */
async function openUsedTenant(): Promise<string> {
  const tenantId = await callers.openTenant(100n * CREDIT);
  await callers.debit(tenantId, { quantity: '1.5', projectId: 'prj_a' });
  await callers.debit(tenantId, { quantity: '2', projectId: 'prj_b', workflowId: 'wf' });
  await callers.debit(tenantId, { quantity: '0.25' });
  return tenantId;
}

describe('GetUsageSummary', () => {
  test('answers one total where no group is asked for, and nothing for an account without usage', async () => {
    const tenantId = await openUsedTenant();
    expect(await summarize(tenantId)).toEqual({
      rows: [
        {
          ...{ startTime: undefined, action: '', projectId: '', workflowId: '' },
          ...{ debitCount: 3n, quantity: '3.75', costMicrocredits: 3_750_000n },
          runs: { runCount: 0n, stepCount: 0n, succeededCount: 0n, failedCount: 0n, canceledCount: 0n },
        },
      ],
      nextPageToken: '',
    });
    expect(await summarize(await callers.openTenant())).toEqual({ rows: [], nextPageToken: '' });
  });

  test('groups by project and workflow, in their order, page by page', async () => {
    const tenantId = await openUsedTenant();
    const groups = [UsageGroup.PROJECT, UsageGroup.WORKFLOW, UsageGroup.ACTION, UsageGroup.DAY];
    const { rows } = await summarize(tenantId, { groups });
    expect(rows.map(({ projectId, workflowId, quantity }) => [projectId, workflowId, quantity])).toEqual([
      ['', '', '0.25'],
      ['prj_a', '', '1.5'],
      ['prj_b', 'wf', '2'],
    ]);
    for (const { action, startTime } of rows) {
      expect(action).toBe(ACTION);
      expect((startTime?.getTime() ?? 1) % DAY_MS).toBe(0);
    }
    const first = await summarize(tenantId, { groups, pageSize: 2 });
    const second = await summarize(tenantId, { groups, pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.rows, ...second.rows]).toEqual(rows);
    expect(second.nextPageToken).toBe('');
    const hourly = await summarize(tenantId, { groups: [UsageGroup.HOUR], projectId: 'prj_a' });
    expect(hourly.rows).toMatchObject([{ debitCount: 1n, quantity: '1.5', projectId: '' }]);
    expect((hourly.rows[0]?.startTime?.getTime() ?? 1) % HOUR_MS).toBe(0);
  });

  test('continues from a row whose names are as long as names can be', async () => {
    const tenantId = await callers.openTenant(100n * CREDIT);
    const name = '𐍈'.repeat(127);
    for (const last of ['a', 'b']) await callers.debit(tenantId, { projectId: name + last, workflowId: name + last });
    const groups = [UsageGroup.PROJECT, UsageGroup.WORKFLOW, UsageGroup.ACTION];
    const { nextPageToken } = await summarize(tenantId, { groups, pageSize: 1 });
    const { rows } = await summarize(tenantId, { groups, pageSize: 1, pageToken: nextPageToken });
    expect(rows).toMatchObject([{ projectId: `${name}b` }]);
  });

  test('counts settlements, and not what was reversed; a row of several actions has no quantity', async () => {
    const tenantId = await openUsedTenant();
    const hold = await holds.hold(tenantId, '5', { action: OTHER_ACTION });
    await holds.settle(hold, { quantity: '3', final: true });
    const { rows } = await summarize(tenantId, { groups: [UsageGroup.ACTION] });
    const [, settled] = [...rows].sort((a, b) => (a.action === ACTION ? -1 : Number(b.action === ACTION)));
    expect(settled).toMatchObject({ action: OTHER_ACTION, debitCount: 1n, quantity: '3' });
    expect((await summarize(tenantId)).rows).toMatchObject([{ debitCount: 4n, quantity: '' }]);
    const { entry } = await callers.debit(tenantId, { quantity: '40' });
    await reverse(tenantId, entry?.entryId);
    expect((await summarize(tenantId, { action: ACTION })).rows).toMatchObject([{ debitCount: 3n, quantity: '3.75' }]);
  });

  test('rests on sums that the kernel makes by itself, a moment after so many commits', async () => {
    const tenantId = await callers.openTenant(1_000n * CREDIT);
    for (let count = 0; count <= SMALL_COMMITS; count += 1) await callers.debit(tenantId);
    const watermarks = kernel.connection.collection<{ _id: string; counted_seq: bigint }>('usage_watermarks');
    const seqOf = async (): Promise<number> => Number((await watermarks.findOne({ _id: tenantId }))?.counted_seq ?? 0);
    await expect.poll(seqOf).toBe(SMALL_COMMITS);
    expect((await summarize(tenantId)).rows).toMatchObject([
      { debitCount: BigInt(SMALL_COMMITS + 1), quantity: String(SMALL_COMMITS + 1) },
    ]);
  });

  test('sums any range to the millisecond, and leaves out what was undone at the time of its charge', async () => {
    const tenantId = await callers.openTenant(100n * CREDIT);
    const debits: { readonly entryId: string; readonly at: number }[] = [];
    for (const quantity of ['1', '2', '4']) {
      const { entry } = await callers.debit(tenantId, { quantity });
      const at = entry?.createTime?.getTime() ?? 0;
      expect(at).toBeGreaterThan(debits.at(-1)?.at ?? 0);
      debits.push({ entryId: entry?.entryId ?? '', at });
      // The next has another time.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const [first, second, third] = debits;
    if (first === undefined || second === undefined || third === undefined) throw new Error('there are three');
    const quantities = async (from: number, to: number, fields: Partial<GetUsageSummaryRequest> = {}) => {
      const range = { startTime: new Date(from), endTime: new Date(to) };
      return (await summarize(tenantId, { ...range, ...fields })).rows.map(({ quantity }) => quantity);
    };
    expect(await quantities(first.at, third.at)).toEqual(['3']);
    expect(await quantities(first.at, third.at + 1)).toEqual(['7']);
    expect(await quantities(first.at + 1, third.at)).toEqual(['2']);
    expect(await quantities(second.at, second.at + 1)).toEqual(['2']);
    expect(await quantities(first.at + 1, second.at)).toEqual([]);
    expect(await quantities(first.at - 3 * DAY_MS + 1, second.at, { groups: [UsageGroup.DAY] })).toEqual(['1']);
    const groups = [UsageGroup.HOUR];
    const range = { startTime: new Date(second.at), endTime: new Date(second.at + 1) };
    const { rows } = await summarize(tenantId, { ...range, groups });
    expect(rows).toMatchObject([{ startTime: new Date(Math.floor(second.at / HOUR_MS) * HOUR_MS), debitCount: 1n }]);
    await reverse(tenantId, second.entryId);
    expect(await quantities(first.at, third.at + 1)).toEqual(['5']);
    expect(await quantities(second.at, second.at + 1)).toEqual([]);
    expect(await quantities(third.at + 1, third.at + HOUR_MS)).toEqual([]);
  });

  test('refuses what is not a range, not a group, not a page', async () => {
    const tenantId = await callers.openTenant();
    const [start, end] = [new Date(hourNow()), new Date(hourNow() + HOUR_MS)];
    const cases: readonly (readonly [Partial<GetUsageSummaryRequest>, string, string])[] = [
      [{ tenantId: '' }, 'tenant_id', 'is required'],
      [{ startTime: undefined }, 'start_time', 'is required'],
      [{ endTime: undefined }, 'end_time', 'is required'],
      [{ startTime: new Date(-1) }, 'start_time', 'from 1970-01-01'],
      [{ endTime: new Date(253_402_300_800_000) }, 'end_time', 'from 1970-01-01'],
      [{ endTime: start }, 'end_time', 'after start_time'],
      [{ groups: [UsageGroup.HOUR, UsageGroup.DAY] }, 'groups', 'both'],
      [{ groups: [UsageGroup.ACTION, UsageGroup.UNSPECIFIED] }, 'groups[1]', 'not a group'],
      [{ groups: [99 as UsageGroup] }, 'groups[0]', 'not a group'],
      [{ action: '\n' }, 'action', 'control'],
      [{ projectId: 'x'.repeat(129) }, 'project_id', 'at most'],
      [{ workflowId: ' ' }, 'workflow_id', 'visible'],
      [{ pageSize: -1 }, 'page_size', 'negative'],
      [{ pageToken: 'nonsense' }, 'page_token', 'not a token of this list'],
    ];
    for (const [fields, field, words] of cases) {
      const failure = await failureOf(summarize(tenantId, { startTime: start, endTime: end, ...fields }));
      expect(failure).toMatchObject({ reason: 'INVALID_FIELD', code: status.INVALID_ARGUMENT });
      expect(failure.violations[field], JSON.stringify(field)).toContain(words);
    }
  });
});

function reverse(tenantId: string, entryId: string | undefined) {
  const request = { requestId: newRequestId(), tenantId, entryId: entryId ?? '', ...OPERATOR };
  return callers.sysadmin.call(LedgerAuditServiceService.reverseEntry, ReverseEntryRequest.fromPartial(request));
}

describe('ExplainEntry', () => {
  test('explains a debit: price, quantity, who paid, the account before, the commit', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const trial = {
      ...{ requestId: newRequestId(), tenantId, bucket: Bucket.TRIAL, microcredits: CREDIT, ...OPERATOR },
    };
    const granted = await callers.sysadmin.call(LedgerServiceService.grant, GrantRequest.fromPartial(trial));
    const { entry } = await callers.debit(tenantId, { quantity: '2.5' });
    const explanation = await explain(tenantId, entry?.entryId);
    expect(explanation.entry).toEqual(entry);
    expect(explanation.balanceBefore).toMatchObject({
      trialRemainingMicrocredits: CREDIT,
      paygRemainingMicrocredits: 10n * CREDIT,
    });
    const [trialGrant, paygGrant] = explanation.grants;
    expect(trialGrant).toMatchObject({ bucket: Bucket.TRIAL, remainingMicrocredits: CREDIT });
    expect(paygGrant).toMatchObject({ bucket: Bucket.PAYG, remainingMicrocredits: 10n * CREDIT });
    expect(explanation.hold).toBeUndefined();
    const since = /\(default price since \d{4}-\d{2}-\d{2}(T[\d:.]+Z)?\)/.source;
    expect(explanation.summary).toMatch(
      new RegExp(
        `^2\\.5 MiB of ${ACTION} at 1 credit per MiB ${since} cost 2\\.5 credits: ` +
          `1 from trial grant ${trialGrant?.grantId}, 1\\.5 from pay-as-you-go grant ${paygGrant?.grantId}\\.$`,
      ),
    );
    const stored = await kernel.connection.collection('ledger_commits').findOne({ tenant_id: tenantId, seq: 4n });
    expect(explanation.commitId).toBe(String(stored?.['_id']));
    expect(explanation.commitHash).toMatch(/^[0-9a-f]{64}$/);
    const made = await explain(tenantId, granted.entry?.entryId);
    expect(made.grants).toMatchObject([{ grantId: trialGrant?.grantId, remainingMicrocredits: CREDIT }]);
    expect(made.balanceBefore).toMatchObject({ trialRemainingMicrocredits: 0n });
  });

  test('explains what stands within a batch by the account in the middle of it', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const debits = await Promise.all(Array.from({ length: 8 }, () => callers.debit(tenantId)));
    const left = await Promise.all(
      debits.map(async ({ entry }) => {
        const { balanceBefore } = await explain(tenantId, entry?.entryId);
        expect((balanceBefore?.availableMicrocredits ?? 0n) - CREDIT).toBe(entry?.balanceAfter?.availableMicrocredits);
        return balanceBefore?.availableMicrocredits;
      }),
    );
    expect(new Set(left).size).toBe(8);
  });

  test('explains each entry of a hold with the hold as it was before', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const { entry: reserved, hold } = await holds.reserve(tenantId, { quantity: '4', projectId: 'prj' });
    if (hold === undefined) throw new Error('no hold');
    const { entry: part } = await holds.settle(hold, { quantity: '1' });
    const { entry: released } = await holds.release(hold);
    const { entry: late } = await holds.settle(hold, { partId: 'late', quantity: '2' });
    const made = await explain(tenantId, reserved?.entryId);
    expect(made.hold).toEqual(hold);
    expect(made.grants).toMatchObject([{ remainingMicrocredits: 10n * CREDIT, heldMicrocredits: 0n }]);
    expect(made.summary).toContain(`Hold ${hold.holdId} keeps 4 credits until `);
    const settled = await explain(tenantId, part?.entryId);
    expect(settled.hold).toMatchObject({ status: HoldStatus.OPEN, heldMicrocredits: 4n * CREDIT });
    expect(settled.summary).toContain(`Part p of hold ${hold.holdId}: 1 MiB of ${ACTION}`);
    expect(settled.summary).toContain('out of the hold');
    const ended = await explain(tenantId, released?.entryId);
    expect(ended.hold).toMatchObject({ status: HoldStatus.OPEN, heldMicrocredits: 3n * CREDIT });
    expect(ended.grants).toMatchObject([{ remainingMicrocredits: 6n * CREDIT, heldMicrocredits: 3n * CREDIT }]);
    expect(ended.summary).toMatch(/was released: 3 credits \(3 to pay-as-you-go grant grt_\S+\) became free again\.$/);
    const after = await explain(tenantId, late?.entryId);
    expect(after.hold).toMatchObject({ holdId: hold.holdId, heldMicrocredits: 0n, projectId: 'prj' });
    expect(after.summary).toContain('the hold had ended before');
  });

  test('explains a reversal, and tells nothing personal of a redacted entry', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const { entry } = await callers.debit(tenantId, { dimensions: new Map([['customer', 'Ada Lovelace']]) });
    const undone = await reverse(tenantId, entry?.entryId);
    const reversal = await explain(tenantId, undone.entry?.entryId);
    expect(reversal.grants).toMatchObject([{ remainingMicrocredits: 9n * CREDIT }]);
    expect(reversal.summary).toMatch(
      new RegExp(
        `^Entry ${entry?.entryId} was undone by usr_operator: 1 credit \\(1 to pay-as-you-go grant grt_\\S+\\) came back\\.$`,
      ),
    );
    const request = { requestId: newRequestId(), tenantId, entryId: entry?.entryId ?? '', ...OPERATOR };
    await callers.sysadmin.call(LedgerAuditServiceService.redactEntry, RedactEntryRequest.fromPartial(request));
    const redacted = await explain(tenantId, entry?.entryId);
    expect(JSON.stringify(redacted, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toContain(
      'Ada',
    );
    expect(redacted.summary).toContain('cost 1 credit');
  });

  test('has a sentence for every entry that an account can have', async () => {
    const tenantId = await openUsedTenant();
    const hold = await holds.hold(tenantId, '2');
    await holds.extend(hold, { additionalQuantity: '1' });
    await holds.settle(hold, { quantity: '0', final: true });
    const entries = await holds.entriesOf(tenantId);
    expect(entries.length).toBeGreaterThan(6);
    for (const { entryId, type } of entries) {
      const { summary } = await explain(tenantId, entryId);
      expect(summary, `type ${type}`).toMatch(/^[A-Z0-9].*[^.]\.$/);
    }
  });

  test('knows no entry of another tenant, place or time', async () => {
    const [tenantId, other] = [await openUsedTenant(), await openUsedTenant()];
    const { entry } = await callers.debit(tenantId);
    const entryId = entry?.entryId ?? '';
    const [head = '', ...rest] = entryId.split('-');
    const otherTime = [head.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')), ...rest].join('-');
    const otherIndex = entryId.replace(/000000$/, '001000');
    for (const [tenant, id] of [
      [other, entryId],
      [tenantId, otherTime],
      [tenantId, otherIndex],
      [tenantId, 'ent_nonsense'],
      [tenantId, entryId.replace('ent_', 'hld_')],
    ] as const) {
      const failure = await failureOf(explain(tenant, id));
      expect(failure).toMatchObject({ reason: 'ENTRY_NOT_FOUND', code: status.NOT_FOUND });
    }
    expect(await failureOf(explain(tenantId, ''))).toMatchObject({ violations: { entry_id: 'is required' } });
    expect(await failureOf(explain(tenantId, 'x'.repeat(200)))).toMatchObject({ reason: 'INVALID_FIELD' });
  });
});

describe('both', () => {
  test('are for contributors of the workspace, services and operators', async () => {
    const tenantId = await openUsedTenant();
    await admitPeople(callers, tenantId);
    const second = await callers.openTenant();
    await admitPeople(callers, second);
    const { entry } = await callers.debit(tenantId);
    const calls: readonly ((client: KernelClient, settings?: CallSettings) => Promise<unknown>)[] = [
      (client, settings) => summarize(tenantId, {}, client, settings),
      (client, settings) => explain(tenantId, entry?.entryId, client, settings),
    ];
    for (const call of calls) {
      await call(callers.sysadmin);
      await call(callers.bff, personIn(tenantId, 'project_contributor'));
      const elsewhere = personIn(second, 'tenant_admin');
      const stranger = await failureOf(call(callers.bff, elsewhere));
      expect(stranger).toMatchObject({ reason: 'TENANT_NOT_FOUND', code: status.NOT_FOUND });
      const foreign = await failureOf(call(callers.otherBff, personIn(tenantId, 'tenant_admin', 'otherproduct')));
      expect(foreign).toMatchObject({ reason: 'TENANT_NOT_FOUND', code: status.NOT_FOUND });
      expect(foreign.message).toBe(stranger.message);
    }
    // Sums are shown to viewers too: of their own projects.
    const viewer = personIn(tenantId, 'project_viewer');
    expect((await summarize(tenantId, {}, callers.bff, viewer)).rows).toEqual([]);
    expect(await failureOf(explain(tenantId, entry?.entryId, callers.bff, viewer))).toMatchObject({
      reason: 'ROLE_REQUIRED',
      code: status.PERMISSION_DENIED,
    });
    const checker = await failureOf(summarize(tenantId, {}, kernel.connect(kernel.tokens.checker)));
    expect(checker).toMatchObject({ reason: 'SCOPE_DENIED' });
  });
});
