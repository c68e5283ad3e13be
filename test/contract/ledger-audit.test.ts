// VerifyLedger, ExportAccount and ExportHeads: who may call them, what they refuse, what they answer. What a verification
// finds is proven in test/store/ledger-audit.test.ts.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  LedgerAuditServiceService,
  RedactEntryRequest,
  type VerifyLedgerRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { LedgerServiceService, ListEntriesRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { toCommitLine } from '../../kernel/cli/export-file.ts';
import { editCommit } from '../support/ledger-tampering.ts';
import { REPOSITORY } from '../support/repository.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';
import { type Callers, CREDIT, callersOf, OPERATOR, personIn } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { callStream } from './support/server-stream.ts';

const { verifyLedger, exportAccount, exportHeads, redactEntry } = LedgerAuditServiceService;
const HASH = 'ab'.repeat(32);

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterAll(() => kernel.close());

const verify = (request: Partial<VerifyLedgerRequest> = {}) =>
  callStream(kernel.address, kernel.tokens.sysadmin, verifyLedger, { tenantId: '', against: [], ...request });

const linesOf = async (tenantId: string): Promise<readonly string[]> => {
  const messages = await callStream(kernel.address, kernel.tokens.sysadmin, exportAccount, { tenantId });
  return messages.map(({ line }) => line);
};

const headsOf = async (): Promise<{ tenant_id: string; commit_seq: string; hash: string }[]> => {
  const messages = await callStream(kernel.address, kernel.tokens.sysadmin, exportHeads, {});
  return messages.map(({ line }) => JSON.parse(line));
};

describe('only operators may', () => {
  const calls = {
    VerifyLedger: (token: string | undefined, headers = {}) =>
      callStream(kernel.address, token, verifyLedger, { tenantId: '', against: [] }, headers),
    ExportAccount: (token: string | undefined, headers = {}) =>
      callStream(kernel.address, token, exportAccount, { tenantId: 'ten_1' }, headers),
    ExportHeads: (token: string | undefined, headers = {}) =>
      callStream(kernel.address, token, exportHeads, {}, headers),
  };
  test.each(Object.entries(calls))('%s', async (_, call) => {
    const reasonOf = async (token: string | undefined, headers = {}) => (await failureOf(call(token, headers))).reason;
    const { tokens } = kernel;
    const admin = personIn('ten_1', 'tenant_admin').metadata;
    expect(await reasonOf(undefined)).toBe('CREDENTIAL_INVALID');
    expect(await reasonOf(`${tokens.sysadmin}x`)).toBe('CREDENTIAL_INVALID');
    expect(await reasonOf(tokens.internal)).toBe('SCOPE_DENIED');
    expect(await reasonOf(tokens.agentruntime, admin)).toBe('SCOPE_DENIED');
    expect(await reasonOf(tokens.sysadmin, { 'x-product-code': 'agentruntime' })).toBe('PRODUCT_SCOPE_MISMATCH');
  });
});

describe('VerifyLedger', () => {
  test('answers figures, findings and an end, for every product', async () => {
    const first = await callers.openTenant(5n * CREDIT);
    const second = await callers.openTenant(5n * CREDIT, 'otherproduct');
    await callers.debit(first);
    const clean = await verify();
    const last = clean.at(-1);
    expect(clean.flatMap(({ finding }) => finding ?? [])).toEqual([]);
    expect(clean.map(({ done }) => done)).toEqual(clean.map((_, index) => index === clean.length - 1));
    expect(last?.verifiedAccounts).toBeGreaterThanOrEqual(2n);
    expect(last?.verifiedCommits).toBeGreaterThanOrEqual(5n);
    expect(last?.totalCommits).toBe(last?.verifiedCommits);

    await editCommit(kernel.connection, second, 2, { $set: { 'totals.payg': 1n } });
    const findings = (await verify()).flatMap(({ finding }) => finding ?? []);
    expect(new Set(findings.map(({ tenantId, commitSeq }) => `${tenantId} ${commitSeq}`))).toEqual(
      new Set([`${second} 2`]),
    );
    const own = await verify({ tenantId: first });
    // How far it is comes before the end, should it take that long.
    expect(own.at(-1)).toMatchObject({ verifiedCommits: 3n, verifiedAccounts: 1n, totalCommits: 3n, done: true });
  });

  test('holds accounts against heads, and verifies only theirs', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const head = (await headsOf()).find(({ tenant_id }) => tenant_id === tenantId);
    const against = [{ tenantId, commitSeq: BigInt(head?.commit_seq ?? 0), hash: head?.hash.toUpperCase() ?? '' }];
    await callers.debit(tenantId);
    const clean = await verify({ against });
    // How far it is comes before the end, should it take that long.
    expect(clean.slice(-1)).toMatchObject([{ verifiedAccounts: 1n, verifiedCommits: 3n, done: true }]);
    const wrong = await verify({ against: [{ tenantId, commitSeq: 1n, hash: HASH }] });
    expect(wrong[0]?.finding).toMatchObject({ tenantId, commitSeq: 1n, message: expect.stringContaining(HASH) });
  });

  test('refuses what is no request, and a tenant of which nothing is known', async () => {
    const tenantId = await callers.openTenant();
    const failure = await failureOf(
      verify({
        tenantId,
        against: [
          { tenantId: 'ten_other', commitSeq: 0n, hash: 'x' },
          { tenantId: '', commitSeq: 1n, hash: HASH },
        ],
      }),
    );
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'INVALID_FIELD' });
    expect(Object.keys(failure.violations)).toEqual([
      'against[0].tenant_id',
      'against[0].commit_seq',
      'against[0].hash',
      'against[1].tenant_id',
    ]);
    const many = Array.from({ length: 1_001 }, () => ({ tenantId, commitSeq: 1n, hash: HASH }));
    expect((await failureOf(verify({ against: many }))).violations).toEqual({
      against: expect.stringMatching(/at most 1000 heads, has 1001/),
    });
    expect((await failureOf(verify({ tenantId: 'x'.repeat(200) }))).violations).toHaveProperty('tenant_id');
    expect((await failureOf(verify({ tenantId: 'ten_none' }))).reason).toBe('TENANT_NOT_FOUND');
  });
});

describe('ExportAccount', () => {
  test('writes the whole history, from which anybody can recompute the chain by the script in the documentation', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    await callers.openTenant(5n * CREDIT);
    await callers.debit(tenantId, { dimensions: new Map([['customer', 'Jané "4711" \\ 🎈']]) });
    await callers.sysadmin.call(LedgerServiceService.adjust, {
      requestId: newRequestId(),
      tenantId,
      bucket: 3,
      deltaMicrocredits: -CREDIT,
      ...OPERATOR,
    });
    const lines = await linesOf(tenantId);
    const commits = lines.map((line) => toCommitLine(JSON.parse(line)));
    expect(commits.map((commit) => commit?.seq)).toEqual([1, 2, 3, 4]);
    expect(new Set(commits.map((commit) => commit?.tenantId))).toEqual(new Set([tenantId]));
    expect(lines.join('')).not.toMatch(/"(microcredits|remaining|granted|seq|payg)":\d/);

    const debit = commits[2];
    const [text] = debit?.personal.values() ?? [];
    const dimensions = [['customer', 'Jané "4711" \\ 🎈']];
    expect(text).toMatchObject({ entry_index: 0, dimensions: [{ name: 'customer', value: 'Jané "4711" \\ 🎈' }] });
    const digest = createHash('sha256')
      .update(JSON.stringify([text?.['salt'], null, dimensions]))
      .digest('base64url');
    expect(debit?.commit['entries']).toMatchObject([{ personal_digest: digest }]);

    const head = (await headsOf()).find(({ tenant_id }) => tenant_id === tenantId);
    expect(head).toMatchObject({ commit_seq: '4', hash: commits[3]?.hash });
    expect(await runDocumentedScript(lines)).toEqual({ stdout: `4 commits, head ${head?.hash}\n` });
    const forged = lines.with(2, lines[2]?.replace('"cost":"1000000"', '"cost":"1000001"') ?? '');
    expect(forged[2]).not.toBe(lines[2]);
    expect(await runDocumentedScript(forged)).toEqual({ stderr: expect.stringContaining('commit 3 was changed') });
    expect(await runDocumentedScript(lines.toSpliced(1, 1))).toEqual({
      stderr: expect.stringContaining('commit 3 was'),
    });
  });

  test('has no personal text of a redacted entry, and the same hashes', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const before = await linesOf(tenantId);
    const { entries } = await callers.sysadmin.call(
      LedgerServiceService.listEntries,
      ListEntriesRequest.fromPartial({ tenantId, pageSize: 1 }),
    );
    const request = { requestId: newRequestId(), tenantId, entryId: entries[0]?.entryId ?? '', ...OPERATOR };
    await callers.sysadmin.call(redactEntry, RedactEntryRequest.fromPartial(request));
    const after = await linesOf(tenantId);
    expect(before[1]).toContain('"reason":"test"');
    expect(after[1]).not.toContain('"reason"');
    expect(JSON.parse(after[1] ?? '')).toMatchObject({ hash: JSON.parse(before[1] ?? '').hash });
    expect((await verify({ tenantId })).flatMap(({ finding }) => finding ?? [])).toEqual([]);
  });

  test('ends at the commit that was the newest when it began', async () => {
    const tenantId = await callers.openTenant(500n * CREDIT);
    for (let index = 0; index < 20; index += 1) await callers.debit(tenantId);
    let isWriting = true;
    const writing = (async () => {
      while (isWriting) await callers.debit(tenantId);
    })();
    const before = await callers.seqOf(tenantId);
    const lines = await linesOf(tenantId);
    const after = await callers.seqOf(tenantId);
    isWriting = false;
    await writing;
    expect(BigInt(lines.length)).toBeGreaterThanOrEqual(before);
    expect(BigInt(lines.length)).toBeLessThanOrEqual(after);
    expect(lines.map((line) => toCommitLine(JSON.parse(line))?.seq)).toEqual(lines.map((_, index) => index + 1));
  });

  test('refuses a tenant that is not named, or of which nothing is known', async () => {
    expect((await failureOf(linesOf(''))).violations).toEqual({ tenant_id: 'is required' });
    expect((await failureOf(linesOf('ten_none'))).reason).toBe('TENANT_NOT_FOUND');
  });
});

/** Runs the script that docs/operations.md has for those who don't believe this program. */
async function runDocumentedScript(lines: readonly string[]): Promise<{ stdout: string } | { stderr: string }> {
  const text = await readFile(join(REPOSITORY, 'docs/operations.md'), 'utf8');
  const script = /```js\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  const folder = await writeTemporaryTree({
    'check.mjs': script,
    'account.ndjson': lines.map((line) => `${line}\n`).join(''),
  });
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['check.mjs', 'account.ndjson'], { cwd: folder });
    return { stdout };
  } catch (error) {
    return { stderr: error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error) };
  }
}
