// Bad input: a clear error that names the field, and nothing written.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { RunStatus, type RunStatus as RunStatusValue } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import type { Hold } from '../../gen/wheelhouse/ledger/v1/hold.ts';
import type {
  ExtendRequest,
  ListHoldsRequest,
  ReleaseRequest,
  ReserveRequest,
  SettleRequest,
} from '../../gen/wheelhouse/ledger/v1/hold_service.ts';
import {
  LedgerAuditServiceService,
  RedactEntryRequest,
  ReverseEntryRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import {
  AdjustRequest,
  type BatchDebitRequest,
  type DebitRequest,
  GrantRequest,
  LedgerServiceService,
  ListEntriesRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { type Callers, CREDIT, callersOf, debitRequest, OPERATOR } from './support/account.ts';
import { type Failure, failureOf } from './support/failure.ts';
import { type HoldCalls, holdCallsOf, MINUTE_MS } from './support/hold.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { NO_UTF8, PLACEHOLDER, spoil } from './support/spoiled-text.ts';

const BEYOND = 2n ** 53n;
const UNKNOWN_TENANT = 'ten_01890000-0000-7000-8000-00000000dead';

let kernel: KernelFixture;
let callers: Callers;
let tenantId: string;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  tenantId = await callers.openTenant(1_000n * CREDIT);
});
afterAll(() => kernel.close());

/** Makes a call that must be refused, and proves that it wrote nothing. */
async function refused(call: () => Promise<unknown>): Promise<Failure> {
  const seq = await callers.seqOf(tenantId);
  const failure = await failureOf(call());
  expect(await callers.seqOf(tenantId)).toBe(seq);
  expect(failure.message).not.toBe('');
  return failure;
}

const longDimensions = new Map(Array.from({ length: 17 }, (_, index) => [`d${index}`, 'x']));

const BAD_DEBITS: readonly (readonly [what: string, fields: Partial<DebitRequest>, field: string])[] = [
  ['no quantity', { quantity: '' }, 'quantity'],
  ['zero', { quantity: '0' }, 'quantity'],
  ['zero with digits', { quantity: '0.000000' }, 'quantity'],
  ['a negative quantity', { quantity: '-1' }, 'quantity'],
  ['7 fractional digits', { quantity: '1.0000001' }, 'quantity'],
  ['a quantity beyond 12 digits', { quantity: '1000000000000' }, 'quantity'],
  ['an exponent', { quantity: '1e3' }, 'quantity'],
  ['a quantity with blanks', { quantity: ' 1' }, 'quantity'],
  ['a comma', { quantity: '1,5' }, 'quantity'],
  ['digits of another script', { quantity: '١' }, 'quantity'],
  ['an endless quantity', { quantity: '1'.repeat(10_000) }, 'quantity'],
  ['no request id', { requestId: '' }, 'request_id'],
  ['a request id of 129 characters', { requestId: 'x'.repeat(129) }, 'request_id'],
  ['a request id of other characters', { requestId: 'a b' }, 'request_id'],
  ['a request id with a line end', { requestId: 'abc\n' }, 'request_id'],
  ['no tenant', { tenantId: '' }, 'tenant_id'],
  ['a tenant of 129 characters', { tenantId: 'x'.repeat(129) }, 'tenant_id'],
  ['no action', { action: '' }, 'action'],
  ['a long action', { action: 'x'.repeat(129) }, 'action'],
  ['an action with control characters', { action: 'a\u0000b' }, 'action'],
  ['a long project', { projectId: 'x'.repeat(129) }, 'project_id'],
  ['a workflow of blanks', { workflowId: '  ' }, 'workflow_id'],
  ['a run with a line end', { runId: 'a\nb' }, 'run_id'],
  ['a status without a run', { runStatus: RunStatus.FAILED }, 'run_status'],
  ['a status that nobody knows', { runId: 'r', runStatus: 77 as RunStatusValue }, 'run_status'],
  ['17 dimensions', { dimensions: longDimensions }, 'dimensions'],
  ['a dimension name in capitals', { dimensions: new Map([['Region', 'eu']]) }, 'dimensions["Region"]'],
  ['a dimension named __proto__', { dimensions: new Map([['__proto__', 'eu']]) }, 'dimensions["__proto__"]'],
  ['a dimension without a name', { dimensions: new Map([['', 'eu']]) }, 'dimensions[""]'],
  ['a long dimension name', { dimensions: new Map([['n'.repeat(65), 'eu']]) }, `dimensions["${'n'.repeat(64)}…"]`],
  ['a dimension without a value', { dimensions: new Map([['region', '']]) }, 'dimensions["region"]'],
  ['a long dimension value', { dimensions: new Map([['region', 'x'.repeat(257)]]) }, 'dimensions["region"]'],
];

describe('Debit', () => {
  test.each(BAD_DEBITS)('%s', async (_, fields, field) => {
    const failure = await refused(() => callers.debit(tenantId, fields));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', code: status.INVALID_ARGUMENT, domain: 'wheelhouse' });
    expect(Object.keys(failure.violations)).toEqual([field]);
  });

  test('names all fields at once', async () => {
    const failure = await refused(() =>
      callers.debit('', { requestId: '', action: '', quantity: '', dimensions: new Map([['A', '']]) }),
    );
    expect(Object.keys(failure.violations)).toEqual([
      'request_id',
      'tenant_id',
      'action',
      'quantity',
      'dimensions["A"]',
    ]);
  });

  test('an unknown action and an unknown tenant are named', async () => {
    const action = await refused(() => callers.debit(tenantId, { action: 'workflow.step.exceute' }));
    expect(action).toMatchObject({
      reason: 'ACTION_NOT_FOUND',
      code: status.NOT_FOUND,
      metadata: { action: 'workflow.step.exceute' },
    });
    const tenant = await refused(() => callers.debit(UNKNOWN_TENANT));
    expect(tenant).toMatchObject({ reason: 'TENANT_NOT_FOUND', metadata: { tenant_id: UNKNOWN_TENANT } });
    expect(tenant.message).toContain('tenant_id');
  });

  test('a cost beyond 2^53 - 1 is out of range', async () => {
    const failure = await refused(() => callers.debit(tenantId, { quantity: '999999999999', alreadyPerformed: true }));
    expect(failure).toMatchObject({ reason: 'BALANCE_OUT_OF_RANGE', code: status.OUT_OF_RANGE });
  });

  test('bytes that are no message are refused with a reason', async () => {
    const method = { ...LedgerServiceService.debit, requestSerialize: () => Buffer.from([0x0a, 0xff, 0xff, 0x01]) };
    const failure = await refused(() => callers.internal.call(method, debitRequest(tenantId)));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', code: status.INVALID_ARGUMENT });
  });

  test('many faults don’t make an answer that a client can’t take', async () => {
    const dimensions = new Map(Array.from({ length: 16 }, (_, index) => [`X${'é'.repeat(200)}${index}`, '']));
    const fields = { requestId: '\u{1f3a1}'.repeat(200), quantity: 'x'.repeat(50), dimensions };
    const failure = await refused(() => callers.debit(tenantId, fields));
    expect(failure.reason).toBe('INVALID_FIELD');
    expect(failure.message.length).toBeLessThanOrEqual(512);
  });
});

describe('a text that is no UTF-8', () => {
  const debitSpoiled = (fields: Partial<DebitRequest>, bytes?: readonly number[]) =>
    callers.internal.call(spoil(LedgerServiceService.debit, bytes), debitRequest(tenantId, fields));

  test.each(NO_UTF8)('is refused: %s', async (_, bytes) => {
    const failure = await refused(() => debitSpoiled({ projectId: PLACEHOLDER }, bytes));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', code: status.INVALID_ARGUMENT });
    expect(failure.violations).toEqual({ project_id: 'must be text in UTF-8: its bytes are something else' });
  });

  test.each<readonly [string, Partial<DebitRequest>]>([
    ['request_id', { requestId: PLACEHOLDER }],
    ['tenant_id', { tenantId: PLACEHOLDER }],
    ['action', { action: PLACEHOLDER }],
    ['quantity', { quantity: PLACEHOLDER }],
    ['dimensions["region"]', { dimensions: new Map([['region', PLACEHOLDER]]) }],
    ['dimensions', { dimensions: new Map([[PLACEHOLDER, 'eu']]) }],
  ])('is named: %s', async (field, fields) => {
    const failure = await refused(() => debitSpoiled(fields));
    expect([failure.reason, Object.keys(failure.violations)]).toEqual(['INVALID_FIELD', [field]]);
  });

  test('is named with all others, by their place in a batch, and nothing is charged', async () => {
    const debits = [
      debitRequest(tenantId),
      debitRequest(tenantId, { workflowId: PLACEHOLDER, runId: PLACEHOLDER }),
      debitRequest(tenantId, { dimensions: new Map([['region', PLACEHOLDER]]) }),
    ];
    const failure = await refused(() => callers.internal.call(spoil(LedgerServiceService.batchDebit), { debits }));
    expect(Object.keys(failure.violations)).toEqual([
      'debits[1].workflow_id',
      'debits[1].run_id',
      'debits[2].dimensions["region"]',
    ]);
  });

  test('of an operator is refused too, also a short one', async () => {
    const bad = { ...LedgerServiceService.grant, requestSerialize: () => Buffer.from([0x0a, 0x02, 0x61, 0xff]) };
    const failure = await refused(() => callers.sysadmin.call(bad, GrantRequest.fromPartial({})));
    expect(Object.keys(failure.violations)).toEqual(['request_id']);
  });

  test('is not taken for one that only looks like it: what is UTF-8 is kept as it was sent', async () => {
    const projectId = '\ufeffprojekt \ufffd Zürich \u{1f3a1}\u{10ffff} 한국어';
    const dimensions = new Map([['region', `${'ä'.repeat(40)}\ufffd`]]);
    const { entry } = await callers.debit(tenantId, { projectId, dimensions });
    const page = await callers.internal.call(
      LedgerServiceService.listEntries,
      ListEntriesRequest.fromPartial({ tenantId, filter: { projectId } }),
    );
    expect(page.entries.map(({ entryId }) => entryId)).toEqual([entry?.entryId]);
    const detail = page.entries[0]?.detail;
    expect(detail?.$case === 'debit' ? detail.value : undefined).toMatchObject({ projectId, dimensions });
  });
});

describe('Grant and Adjust', () => {
  const give = (fields: Partial<GrantRequest>) => {
    const request = {
      requestId: newRequestId(),
      tenantId,
      bucket: Bucket.PAYG,
      microcredits: 1n,
      ...OPERATOR,
      ...fields,
    };
    return callers.sysadmin.call(LedgerServiceService.grant, GrantRequest.fromPartial(request));
  };
  const adjust = (fields: Partial<AdjustRequest>) => {
    const request = {
      requestId: newRequestId(),
      tenantId,
      bucket: Bucket.PAYG,
      deltaMicrocredits: 1n,
      ...OPERATOR,
      ...fields,
    };
    return callers.sysadmin.call(LedgerServiceService.adjust, AdjustRequest.fromPartial(request));
  };

  test.each([
    ['zero', { microcredits: 0n }, 'microcredits'],
    ['a negative amount', { microcredits: -1n }, 'microcredits'],
    ['2^53', { microcredits: BEYOND }, 'microcredits'],
    ['no bucket', { bucket: Bucket.UNSPECIFIED }, 'bucket'],
    ['a bucket that nobody knows', { bucket: 9 as Bucket }, 'bucket'],
    ['no actor', { actor: '' }, 'actor'],
    ['a long actor', { actor: 'x'.repeat(129) }, 'actor'],
    ['no reason', { reason: '' }, 'reason'],
    ['a long reason', { reason: 'x'.repeat(501) }, 'reason'],
    ['an empty key', { requestId: '' }, 'request_id'],
  ] as const)('Grant: %s', async (_, fields, field) => {
    const failure = await refused(() => give(fields));
    expect(failure.reason).toBe('INVALID_FIELD');
    expect(Object.keys(failure.violations)).toEqual([field]);
  });

  test.each([
    ['zero', { deltaMicrocredits: 0n }, 'delta_microcredits'],
    ['2^53', { deltaMicrocredits: BEYOND }, 'delta_microcredits'],
    ['-2^53', { deltaMicrocredits: -BEYOND }, 'delta_microcredits'],
    ['no bucket', { bucket: Bucket.UNSPECIFIED }, 'bucket'],
    ['no reason', { reason: '' }, 'reason'],
  ] as const)('Adjust: %s', async (_, fields, field) => {
    const failure = await refused(() => adjust(fields));
    expect(failure.reason).toBe('INVALID_FIELD');
    expect(Object.keys(failure.violations)).toEqual([field]);
  });

  test('a balance beyond 2^53 - 1 is out of range', async () => {
    const failure = await refused(() => give({ microcredits: BEYOND - 1n }));
    expect(failure).toMatchObject({ reason: 'BALANCE_OUT_OF_RANGE', code: status.OUT_OF_RANGE });
  });
});

describe('BatchDebit', () => {
  const batch = (debits: DebitRequest[]) => {
    const request: BatchDebitRequest = { debits };
    return callers.internal.call(LedgerServiceService.batchDebit, request);
  };

  test.each([
    ['no items', 0],
    ['1,001 items', 1_001],
  ])('%s', async (_, count) => {
    const failure = await refused(() => batch(Array.from({ length: count }, () => debitRequest(tenantId))));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', code: status.INVALID_ARGUMENT });
    expect(failure.violations).toEqual({ debits: `must be 1 to 1000 debits, got ${count}` });
  });

  test('a message beyond 4 MiB is refused before it is read', async () => {
    const dimensions = new Map(Array.from({ length: 16 }, (_, index) => [`d${index}`, 'x'.repeat(400)]));
    const debits = Array.from({ length: 1_000 }, () => debitRequest(tenantId, { dimensions }));
    const seq = await callers.seqOf(tenantId);
    const failure = await failureOf(batch(debits));
    expect(failure.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(await callers.seqOf(tenantId)).toBe(seq);
  });

  test('bad items are named by their place, and the good ones are charged', async () => {
    const { results } = await batch([
      debitRequest(tenantId, { quantity: '0.000001' }),
      debitRequest(tenantId, { quantity: '-1', requestId: '' }),
      debitRequest(UNKNOWN_TENANT),
      debitRequest(tenantId, { action: 'nosuch' }),
      debitRequest(tenantId, { quantity: '0.000002' }),
    ]);
    const outcomes = results.map(({ outcome }) =>
      outcome?.$case === 'error' ? [outcome.value.code, outcome.value.message] : [outcome?.value.entry?.detail?.$case],
    );
    expect(outcomes).toEqual([
      ['debit'],
      [
        status.INVALID_ARGUMENT,
        expect.stringMatching(/debits\[1\]\.request_id: .*debits\[1\]\.quantity: must be above zero/),
      ],
      [status.NOT_FOUND, expect.stringContaining(UNKNOWN_TENANT)],
      [status.NOT_FOUND, expect.stringContaining('nosuch')],
      ['debit'],
    ]);
  });
});

const LONG = 'x'.repeat(129);
const DAY_MS = 24 * 60 * MINUTE_MS;

describe('HoldService', () => {
  let holds: HoldCalls;
  let hold: Hold;

  beforeAll(async () => {
    holds = holdCallsOf(callers);
    hold = await holds.hold(tenantId, '1');
  });

  async function expectRefused(call: () => Promise<unknown>, field: string): Promise<void> {
    const failure = await refused(call);
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', code: status.INVALID_ARGUMENT, domain: 'wheelhouse' });
    expect(Object.keys(failure.violations)).toEqual([field]);
    expect((await holds.list(tenantId)).holds).toEqual([hold]);
  }

  const BAD_RESERVES: readonly (readonly [what: string, fields: () => Partial<ReserveRequest>, field: string])[] = [
    ['no quantity', () => ({ quantity: '' }), 'quantity'],
    ['zero', () => ({ quantity: '0' }), 'quantity'],
    ['a negative quantity', () => ({ quantity: '-1' }), 'quantity'],
    ['7 fractional digits', () => ({ quantity: '1.0000001' }), 'quantity'],
    ['no request id', () => ({ requestId: '' }), 'request_id'],
    ['a request id of 129 characters', () => ({ requestId: LONG }), 'request_id'],
    ['a request id of other characters', () => ({ requestId: 'a b' }), 'request_id'],
    ['a tenant of 129 characters', () => ({ tenantId: LONG }), 'tenant_id'],
    ['no action', () => ({ action: '' }), 'action'],
    ['a long action', () => ({ action: LONG }), 'action'],
    ['a project with control characters', () => ({ projectId: 'a\u0000b' }), 'project_id'],
    ['a workflow of blanks', () => ({ workflowId: '  ' }), 'workflow_id'],
    ['a long run', () => ({ runId: LONG }), 'run_id'],
    ['no expiry', () => ({ expireTime: undefined }), 'expire_time'],
    ['an expiry that is now', () => ({ expireTime: new Date() }), 'expire_time'],
    ['an expiry in the past', () => ({ expireTime: new Date(Date.now() - MINUTE_MS) }), 'expire_time'],
    ['an expiry before 1970', () => ({ expireTime: new Date(-1) }), 'expire_time'],
    ['an expiry beyond 24 hours', () => ({ expireTime: new Date(Date.now() + DAY_MS + MINUTE_MS) }), 'expire_time'],
    ['an expiry in years', () => ({ expireTime: new Date('9999-12-31T23:59:59Z') }), 'expire_time'],
  ];

  test.each(BAD_RESERVES)('Reserve: %s', async (_, fields, field) => {
    await expectRefused(() => holds.reserve(tenantId, fields()), field);
  });

  test('Reserve: all fields at once', async () => {
    const nothing = { requestId: '', action: '', quantity: '', expireTime: undefined };
    const failure = await refused(() => holds.reserve('', nothing));
    expect(Object.keys(failure.violations).sort()).toEqual([
      'action',
      'expire_time',
      'quantity',
      'request_id',
      'tenant_id',
    ]);
  });

  test('Reserve: an expiry that can’t be leaves nothing behind that waits for it', async () => {
    const year = 365 * DAY_MS;
    await expectRefused(() => holds.reserve(tenantId, { expireTime: new Date(Date.now() + 5 * year) }), 'expire_time');
    await expectRefused(() => holds.extend(hold, { expireTime: new Date(Date.now() + 5 * year) }), 'expire_time');
    const due = { tenant_id: tenantId, due_at: { $gt: new Date(Date.now() + year) } };
    expect(await kernel.connection.collection('ledger_due').countDocuments(due)).toBe(0);
  });

  test('Reserve: an amount beyond 2^53 - 1 is out of range', async () => {
    const failure = await refused(() => holds.reserve(tenantId, { quantity: '999999999999' }));
    expect(failure).toMatchObject({ reason: 'BALANCE_OUT_OF_RANGE', code: status.OUT_OF_RANGE });
  });

  const BAD_EXTENSIONS: readonly (readonly [what: string, fields: () => Partial<ExtendRequest>, field: string])[] = [
    ['nothing to extend', () => ({}), 'expire_time'],
    ['a zero quantity', () => ({ additionalQuantity: '0' }), 'additional_quantity'],
    ['a negative quantity', () => ({ additionalQuantity: '-1' }), 'additional_quantity'],
    ['7 fractional digits', () => ({ additionalQuantity: '0.0000001' }), 'additional_quantity'],
    ['no request id', () => ({ requestId: '', additionalQuantity: '1' }), 'request_id'],
    ['no hold', () => ({ holdId: '', additionalQuantity: '1' }), 'hold_id'],
    ['a long hold', () => ({ holdId: LONG, additionalQuantity: '1' }), 'hold_id'],
    ['an expiry in the past', () => ({ expireTime: new Date(Date.now() - MINUTE_MS) }), 'expire_time'],
    ['an expiry before 1970', () => ({ expireTime: new Date(-1) }), 'expire_time'],
    ['an expiry beyond 24 hours', () => ({ expireTime: new Date(Date.now() + DAY_MS + MINUTE_MS) }), 'expire_time'],
  ];

  test.each(BAD_EXTENSIONS)('Extend: %s', async (_, fields, field) => {
    await expectRefused(() => holds.extend(hold, fields()), field);
  });

  const BAD_PARTS: readonly (readonly [what: string, fields: Partial<SettleRequest>, field: string])[] = [
    ['no part', { partId: '' }, 'part_id'],
    ['a part of 129 characters', { partId: LONG }, 'part_id'],
    ['a part of other characters', { partId: 'a/b' }, 'part_id'],
    ['no quantity', { quantity: '' }, 'quantity'],
    ['a negative quantity', { quantity: '-1' }, 'quantity'],
    ['a negative zero', { quantity: '-0' }, 'quantity'],
    ['7 fractional digits', { quantity: '0.0000001' }, 'quantity'],
    ['no hold', { holdId: '' }, 'hold_id'],
    ['a hold with control characters', { holdId: 'hld_\n' }, 'hold_id'],
    ['no tenant', { tenantId: '' }, 'tenant_id'],
    ['a status that nobody knows', { runStatus: 77 as RunStatusValue }, 'run_status'],
    ['17 dimensions', { dimensions: longDimensions }, 'dimensions'],
    ['a dimension name in capitals', { dimensions: new Map([['Region', 'eu']]) }, 'dimensions["Region"]'],
    ['a dimension without a value', { dimensions: new Map([['region', '']]) }, 'dimensions["region"]'],
    ['a long dimension value', { dimensions: new Map([['region', 'x'.repeat(257)]]) }, 'dimensions["region"]'],
  ];

  test.each(BAD_PARTS)('Settle: %s', async (_, fields, field) => {
    await expectRefused(() => holds.settle(hold, fields), field);
  });

  test('Settle: a cost beyond 2^53 - 1 is out of range', async () => {
    const failure = await refused(() => holds.settle(hold, { quantity: '999999999999' }));
    expect(failure).toMatchObject({ reason: 'BALANCE_OUT_OF_RANGE', code: status.OUT_OF_RANGE });
  });

  test('Settle: a deficit beyond 2^53 - 1 is out of range', async () => {
    const poor = await callers.openTenant(CREDIT);
    const other = await holds.hold(poor, '1');
    await holds.settle(other, { quantity: '9007199254', partId: 'a' });
    const failure = await failureOf(holds.settle(other, { quantity: '2', partId: 'b' }));
    expect(failure).toMatchObject({ reason: 'BALANCE_OUT_OF_RANGE', code: status.OUT_OF_RANGE });
    expect(await holds.balanceOf(poor)).toMatchObject({ deficitMicrocredits: 9_007_199_253_000_000n });
  });

  const BAD_RELEASES: readonly (readonly [what: string, fields: Partial<ReleaseRequest>, field: string])[] = [
    ['no request id', { requestId: '' }, 'request_id'],
    ['no tenant', { tenantId: '' }, 'tenant_id'],
    ['no hold', { holdId: '' }, 'hold_id'],
    ['a long hold', { holdId: LONG }, 'hold_id'],
  ];

  test.each(BAD_RELEASES)('Release: %s', async (_, fields, field) => {
    await expectRefused(() => holds.release(hold, fields), field);
  });

  const BAD_LISTS: readonly (readonly [what: string, fields: Partial<ListHoldsRequest>, field: string])[] = [
    ['no tenant', { tenantId: '' }, 'tenant_id'],
    ['a negative page', { pageSize: -1 }, 'page_size'],
    ['a token that is none', { pageToken: 'nonsense' }, 'page_token'],
    ['a token of other bytes', { pageToken: '\u{1f3a1}\u0000' }, 'page_token'],
    [
      'a token in the form of another list',
      { pageToken: Buffer.from('1.0.hld_x').toString('base64url') },
      'page_token',
    ],
    ['an endless token', { pageToken: 'x'.repeat(2_000) }, 'page_token'],
  ];

  test.each(BAD_LISTS)('ListHolds: %s', async (_, fields, field) => {
    await expectRefused(() => holds.list(tenantId, fields), field);
  });

  test('an unknown tenant is named by every method', async () => {
    const nobodys = { tenantId: UNKNOWN_TENANT, holdId: hold.holdId };
    for (const call of [
      () => holds.reserve(UNKNOWN_TENANT),
      () => holds.extend(nobodys, { additionalQuantity: '1' }),
      () => holds.settle(nobodys),
      () => holds.release(nobodys),
      () => holds.list(UNKNOWN_TENANT),
    ]) {
      const failure = await refused(call);
      expect(failure).toMatchObject({ reason: 'TENANT_NOT_FOUND', metadata: { tenant_id: UNKNOWN_TENANT } });
    }
  });
});

describe('ReverseEntry and RedactEntry', () => {
  const { reverseEntry, redactEntry } = LedgerAuditServiceService;

  test.each([
    ['no request id', { requestId: '' }, 'request_id'],
    ['a request id of other characters', { requestId: 'a b' }, 'request_id'],
    ['no tenant', { tenantId: '' }, 'tenant_id'],
    ['no entry', { entryId: '' }, 'entry_id'],
    ['a long entry', { entryId: LONG }, 'entry_id'],
    ['an entry with control characters', { entryId: 'ent_\u0007' }, 'entry_id'],
    ['no actor', { actor: '' }, 'actor'],
    ['a long actor', { actor: LONG }, 'actor'],
    ['no reason', { reason: '' }, 'reason'],
    ['a long reason', { reason: 'x'.repeat(501) }, 'reason'],
    ['a reason of blanks', { reason: ' ' }, 'reason'],
    ['a reason with a line end', { reason: 'a\nb' }, 'reason'],
  ] as const)('%s', async (_, fields, field) => {
    const request = { requestId: newRequestId(), tenantId, entryId: 'ent_x', ...OPERATOR, ...fields };
    for (const call of [
      () => callers.sysadmin.call(reverseEntry, ReverseEntryRequest.fromPartial(request)),
      () => callers.sysadmin.call(redactEntry, RedactEntryRequest.fromPartial(request)),
    ]) {
      const failure = await refused(call);
      expect(failure).toMatchObject({ reason: 'INVALID_FIELD', code: status.INVALID_ARGUMENT });
      expect(Object.keys(failure.violations)).toEqual([field]);
    }
  });
});
