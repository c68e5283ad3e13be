// `wheelhouse verify` and `wheelhouse export` as an operator runs them: the real program, a real kernel, files and exit codes.

import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { LedgerAuditServiceService, RedactEntryRequest } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { LedgerServiceService, ListEntriesRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { detectExportKind, readCommitLines, readHeadLines } from '../../kernel/cli/export-file.ts';
import { type Callers, CREDIT, callersOf, OPERATOR } from '../contract/support/account.ts';
import { type KernelFixture, newRequestId, openKernel } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses, type Ending, runKernel } from '../contract/support/kernel-process.ts';
import { commitsOf, deleteCommit, editCommit, rehashFrom } from '../support/ledger-tampering.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterEach(cleanUpProcesses);
afterAll(() => kernel.close());

function run(args: readonly string[], settings: Readonly<Record<string, string>> = {}): Promise<Ending> {
  const environment = { KERNEL_ADDRESS: kernel.address, KERNEL_TOKEN: kernel.tokens.sysadmin, ...settings };
  return runKernel(environment, 'kernel/cli/main.ts', ...args).ended;
}

async function openTenant(debits = 3): Promise<string> {
  const tenantId = await callers.openTenant(10n * CREDIT);
  for (let index = 0; index < debits; index += 1) await callers.debit(tenantId);
  return tenantId;
}

async function exportTo(...args: readonly string[]): Promise<string> {
  const path = join(await writeTemporaryTree({}), 'export.ndjson');
  expect(await run(['export', ...args, '--out', path])).toMatchObject({ code: 0, stdout: '' });
  return path;
}

/** What a verification could not be made for: one message for people, exit code 2. */
async function failsWith(args: readonly string[], settings?: Readonly<Record<string, string>>): Promise<string> {
  const { code, stdout, stderr } = await run(args, settings);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).not.toMatch(/\n\s+at |Error:/);
  return stderr;
}

describe('verify', () => {
  test('ends with 0 where nothing is wrong, and with 1 and a table where something is', async () => {
    const tenantId = await openTenant();
    const clean = await run(['verify', '--tenant', tenantId]);
    expect(clean).toEqual({ code: 0, stdout: 'Verified 5 commits of 1 account: nothing is wrong.\n', stderr: '' });
    await editCommit(kernel.connection, tenantId, 4, {
      $set: { 'totals.payg': 1n, 'entries.0.action': 'a\u001b[2Jb' },
    });
    const found = await run(['verify']);
    expect(found.code).toBe(1);
    const lines = found.stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^TENANT +COMMIT {2}FINDING$/);
    expect(lines[1]).toMatch(new RegExp(`^${tenantId} +4 {2}its content does not give its stored hash`));
    expect(lines.at(-1)).toMatch(/^Verified \d+ commits of \d+ accounts?: 2 findings, see above\.$/);
    expect(found.stdout).not.toContain('\u001b');
    const json = await run(['verify', '--tenant', tenantId, '--json']);
    expect(json.code).toBe(1);
    const records = json.stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(records).toEqual([
      { finding: { tenant_id: tenantId, commit_seq: '4', message: expect.stringContaining('stored hash') } },
      { finding: { tenant_id: tenantId, commit_seq: '4', message: expect.stringContaining('totals') } },
      { summary: { verified_commits: '5', verified_accounts: '1', findings: 2 } },
    ]);
    await commitsOf(kernel.connection).deleteMany({ tenant_id: tenantId as never });
  });

  test('against heads: shows an edit whose hashes were all made anew, and commits deleted at the end', async () => {
    const [edited, shortened, untouched] = [await openTenant(), await openTenant(), await openTenant()];
    const heads = await exportTo('--heads');
    expect(await run(['verify', '--against', heads])).toMatchObject({ code: 0 });
    await editCommit(kernel.connection, edited, 3, { $set: { 'entries.0.run_id': 'forged' } });
    await rehashFrom(kernel.connection, edited, 3);
    await deleteCommit(kernel.connection, shortened, 5);
    await kernel.connection.db?.collection('ledger_heads').deleteMany({});
    expect(await run(['verify'])).toMatchObject({ code: 0 });
    const { code, stdout } = await run(['verify', '--against', heads]);
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`${edited} +5 {2}its hash is .*the exported head says`));
    expect(stdout).toMatch(new RegExp(`${shortened} +5 {2}commit 5 is missing at the end`));
    expect(stdout).not.toContain(untouched);
    expect(await run(['verify', '--against', heads, '--tenant', untouched])).toMatchObject({ code: 0 });
  });

  test('against the export of an account: says which commit was changed, and takes a redaction for what it is', async () => {
    const tenantId = await openTenant();
    const account = await exportTo('--tenant', tenantId);
    const { entries } = await callers.sysadmin.call(
      LedgerServiceService.listEntries,
      ListEntriesRequest.fromPartial({ tenantId, pageSize: 100 }),
    );
    const entryId = entries.find(({ commitSeq }) => commitSeq === 2n)?.entryId ?? '';
    const request = { requestId: newRequestId(), tenantId, entryId, ...OPERATOR };
    await callers.sysadmin.call(LedgerAuditServiceService.redactEntry, RedactEntryRequest.fromPartial(request));
    expect(await run(['verify', '--against', account])).toMatchObject({ code: 0 });

    await editCommit(kernel.connection, tenantId, 4, { $set: { 'entries.0.run_id': 'forged' } });
    await rehashFrom(kernel.connection, tenantId, 4);
    await deleteCommit(kernel.connection, tenantId, 6);
    await deleteCommit(kernel.connection, tenantId, 5);
    const { code, stdout } = await run(['verify', '--against', account]);
    expect(code).toBe(1);
    const table = stdout.split('\n').filter((line) => line.startsWith(tenantId));
    expect(table.map((line) => line.slice(42).trim())).toEqual(
      [
        '4  it was changed since it was exported: entries[0].run_id is "forged" and should be absent',
        '5  commit 5 is missing, which the export has: restore what was deleted from a backup',
        expect.stringMatching(/^2 {2}the personal text of ent_\S+ is gone, but no redaction says so/),
      ].toSorted(() => 0),
    );
    await commitsOf(kernel.connection).deleteMany({ tenant_id: tenantId as never });
    const gone = await run(['verify', '--against', account]);
    expect(gone.code).toBe(1);
    expect(gone.stdout).toMatch(/commits 1 to 5 are missing, which the export has/);
  });

  test('can not be made against a file that is no export: the line is named', async () => {
    const tenantId = await openTenant(1);
    const account = readFileSync(await exportTo('--tenant', tenantId), 'utf8');
    const folder = await writeTemporaryTree({
      'empty.ndjson': '',
      'text.ndjson': 'hello\n',
      'other.ndjson': '{"a":1}\n',
      'heads.ndjson': `{"tenant_id":"ten_1","commit_seq":"1","hash":"${'0'.repeat(64)}"}\n{"tenant_id":"ten_1","commit_seq":7}\n`,
      'changed.ndjson': account.replace('"cost":"1000000"', '"cost":"1"'),
      'cut.ndjson': account.slice(0, -40),
      'gap.ndjson': account.split('\n').toSpliced(1, 1).join('\n'),
    });
    const problemOf = async (name: string): Promise<string> => {
      const path = join(folder, name);
      try {
        const lines = (await detectExportKind(path)) === 'heads' ? readHeadLines(path) : readCommitLines(path);
        for await (const _ of lines);
        return 'nothing';
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    };
    expect(await problemOf('.')).toMatch(/is a folder/);
    expect(await problemOf('empty.ndjson')).toMatch(/empty\.ndjson is empty/);
    expect(await problemOf('text.ndjson')).toMatch(/text\.ndjson, line 1: is no JSON/);
    expect(await problemOf('other.ndjson')).toMatch(/line 1: is neither a head nor a commit/);
    expect(await problemOf('heads.ndjson')).toMatch(/heads\.ndjson, line 2: has no commit_seq/);
    expect(await problemOf('cut.ndjson')).toMatch(/line 3: is no JSON: the file was cut off/);
    expect(await problemOf('gap.ndjson')).toMatch(/line 2: is commit 3 where commit 2 should be/);
    const changed = join(folder, 'changed.ndjson');
    expect(await problemOf('changed.ndjson')).toMatch(/line 3: does not give its own hash: this copy was changed/);
    const { code, stderr } = await run(['verify', '--against', changed]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: `${await problemOf('changed.ndjson')}\n` });
    expect(await failsWith(['verify', '--against', join(folder, 'none')])).toMatch(/none can't be read \(ENOENT\)/);
  });

  test('can not be made without a kernel that answers: each reason in words, with exit code 2', async () => {
    expect(await failsWith(['verify'], { KERNEL_TOKEN: 'wrong' })).toMatch(/does not know this token/);
    expect(await failsWith(['verify'], { KERNEL_TOKEN: kernel.tokens.internal })).toMatch(/scope sysadmin/);
    expect(await failsWith(['verify'], { KERNEL_ADDRESS: '127.0.0.1:1' })).toMatch(
      /^No kernel answers at 127\.0\.0\.1:1 \(connect ECONNREFUSED 127\.0\.0\.1:1\): start it/,
    );
    expect(await failsWith(['verify'], { KERNEL_TOKEN: '' })).toMatch(/KERNEL_TOKEN is not set/);
    expect(await failsWith(['verify', '--tenant', 'ten_none'])).toMatch(/there is no tenant ten_none/);
    expect((await run(['verify', '--wat'])).code).toBe(2);
  });

  test("takes the local stack's kernel where the environment names none", async () => {
    const content = { kernel: { grpc: kernel.address, tokens: { sysadmin: kernel.tokens.sysadmin } } };
    const home = await writeTemporaryTree({ 'dev.json': JSON.stringify(content) });
    const none = { KERNEL_ADDRESS: '', KERNEL_TOKEN: '' };
    const found = await run(['verify', '--tenant', await openTenant()], { ...none, WHEELHOUSE_HOME: home });
    expect(found).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Using the local stack's kernel at /) });
    expect(await failsWith(['verify'], { ...none, WHEELHOUSE_HOME: join(home, 'none') })).toMatch(
      /KERNEL_ADDRESS is not set: .*\n.*KERNEL_TOKEN is not set/,
    );
  });
});

describe('export', () => {
  test('writes to a new file that its owner alone can read, or to standard output', async () => {
    const tenantId = await openTenant();
    const path = await exportTo('--tenant', tenantId);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const printed = await run(['export', '--tenant', tenantId]);
    expect(printed).toMatchObject({
      code: 0,
      stdout: readFileSync(path, 'utf8'),
      stderr: `Exported 5 commits of ${tenantId}.\n`,
    });
    const again = await run(['export', '--tenant', tenantId, '--out', path]);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/is there already/) });
  });

  test('leaves no file where it broke off, and says what to export', async () => {
    const folder = await writeTemporaryTree({});
    const path = join(folder, 'x.ndjson');
    expect(await run(['export', '--tenant', 'ten_none', '--out', path])).toMatchObject({ code: 1, stdout: '' });
    expect(existsSync(path) || existsSync(`${path}.partial`)).toBe(false);
    const nowhere = await run(['export', '--heads', '--out', join(folder, 'none/x.ndjson')]);
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringMatching(/can't be written \(ENOENT\)/) });
    const words = /either --tenant ID, or --heads/;
    expect(await run(['export'])).toMatchObject({ code: 1, stderr: expect.stringMatching(words) });
    expect(await run(['export', '--heads', '--tenant', 'x'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(words),
    });
    writeFileSync(path, 'mine');
    expect(await run(['export', '--heads', '--out', path])).toMatchObject({ code: 1 });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    rmSync(path);
  });
});
