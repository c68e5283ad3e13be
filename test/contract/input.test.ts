// Bad input: a clear error that names the field, and nothing written.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { RunStatus, type RunStatus as RunStatusValue } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import {
  AdjustRequest,
  type BatchDebitRequest,
  type DebitRequest,
  GrantRequest,
  LedgerServiceService,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { type Callers, CREDIT, callersOf, debitRequest, OPERATOR } from './support/account.ts';
import { type Failure, failureOf } from './support/failure.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';

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
