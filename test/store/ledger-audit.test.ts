// VerifyLedger's work on the real engine: what somebody with the database's password does to a ledger is found and named,
// and what kernels do to it at the same time is not.

import { mongo } from 'mongoose';
import { v7 as newUuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FINDINGS_PER_ACCOUNT_MAX } from '../../kernel/app/audit/finding-list.ts';
import {
  type AccountHeadLink,
  type ExportedHead,
  LedgerAudit,
  type LedgerFinding,
} from '../../kernel/app/audit/ledger-audit.ts';
import type { AuditStore } from '../../kernel/app/audit/ports.ts';
import { HeadLoader } from '../../kernel/app/ledger/head-loader.ts';
import type { TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { STATE_VERSION } from '../../kernel/domain/commit.ts';
import type { EntryType } from '../../kernel/domain/entry.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { findBsonDifference } from '../../kernel/store/ledger/bson-difference.ts';
import { openAuditStore } from '../../kernel/store/ledger/ledger-audit-store.ts';
import { openLedgerStore } from '../../kernel/store/ledger/ledger-store.ts';
import { override } from '../contract/support/override.ts';
import {
  ACTION,
  CREDIT,
  caller,
  debit,
  type FixtureKernel,
  give,
  type LedgerFixture,
  openLedgerFixture,
  quantity,
} from '../support/ledger-fixture.ts';
import {
  commitsOf,
  deleteCommit,
  editCommit,
  makeWholeHistory,
  rehashFrom,
  replaceCommitBytes,
} from '../support/ledger-tampering.ts';

const EVERY_TYPE: Readonly<Record<EntryType, true>> = {
  account_opened: true,
  granted: true,
  grant_started: true,
  grant_expired: true,
  debited: true,
  adjusted: true,
  reserved: true,
  hold_extended: true,
  settled: true,
  hold_released: true,
  hold_expired: true,
  reversed: true,
  redacted: true,
  trial_started: true,
  trial_canceled: true,
  trial_ended: true,
  trial_consented: true,
  subscription_changed: true,
  payback_settled: true,
  run_reported: true,
};

let fixture: LedgerFixture;
let kernel: FixtureKernel;
let audit: LedgerAudit;

beforeAll(async () => {
  fixture = await openLedgerFixture();
  kernel = await fixture.addKernel();
  audit = await openAudit(fixture);
});
afterAll(() => fixture.close());

async function openAudit({ connection }: LedgerFixture): Promise<LedgerAudit> {
  const heads = new HeadLoader(await openLedgerStore(connection));
  return new LedgerAudit({ store: openAuditStore(connection), heads, pacing: PROCESS_PACING });
}

async function verify(
  tenant?: TenantRef,
  against: readonly ExportedHead[] = [],
  auditor = audit,
): Promise<{ commits: number; accounts: number; findings: readonly LedgerFinding[]; text: readonly string[] }> {
  const findings: LedgerFinding[] = [];
  const query = tenant === undefined ? { against } : { tenantId: tenant.tenantId, against };
  const { verifiedCommits, verifiedAccounts } = await auditor.verify(
    query,
    (_, finding) => {
      if (finding !== undefined) findings.push(finding);
      return Promise.resolve();
    },
    new AbortController().signal,
  );
  const text = findings.map(({ seq, message }) => `${seq}: ${message}`);
  return { commits: verifiedCommits, accounts: verifiedAccounts, findings, text };
}

/** Opens a tenant as the kernel does, with its row in `tenants`. */
async function openTenant(microcredits = 0n): Promise<TenantRef> {
  const tenant = await fixture.openTenant(microcredits);
  await rows('tenants').insertOne({ tenant_id: tenant.tenantId, product_code: tenant.productCode });
  return tenant;
}

/** A tenant with ten credits and five debits of one: seven commits. */
async function openPlainTenant(debits = 5): Promise<TenantRef> {
  const tenant = await openTenant(10n * CREDIT);
  for (let index = 0; index < debits; index += 1) await debit(kernel.ledger, tenant, '1');
  return tenant;
}

async function exportHead(tenant: TenantRef): Promise<ExportedHead> {
  const heads: ExportedHead[] = [];
  const take = ({ tenantId, seq, hash }: AccountHeadLink): Promise<void> => {
    heads.push({ tenantId, seq, hash: Buffer.from(hash ?? []).toString('hex') });
    return Promise.resolve();
  };
  await audit.exportHeads(take, new AbortController().signal);
  const head = heads.find(({ tenantId }) => tenantId === tenant.tenantId);
  if (head === undefined) throw new Error('the heads do not have the tenant');
  return head;
}

const rows = (name: string): mongo.Collection<mongo.Document> => {
  if (fixture.connection.db === undefined) throw new Error('the fixture is not connected');
  return fixture.connection.db.collection(name);
};

const edit = (tenant: TenantRef, seq: number, update: mongo.UpdateFilter<mongo.Document>): Promise<void> =>
  editCommit(fixture.connection, tenant.tenantId, seq, update);

describe('a ledger that nobody touched', () => {
  it('verifies clean with an entry of every type', async () => {
    const tenant = await openTenant();
    await makeWholeHistory(kernel, tenant);
    const stored = await commitsOf(fixture.connection).find({ tenant_id: tenant.tenantId }).toArray();
    const types = new Set(stored.flatMap(({ entries }) => entries.map(({ type }) => type)));
    expect(types).toEqual(new Set(Object.keys(EVERY_TYPE)));
    expect(await verify(tenant, [await exportHead(tenant)])).toEqual({
      commits: stored.length,
      accounts: 1,
      findings: [],
      text: [],
    });
  });

  it('verifies clean over a snapshot interval, where most commits carry no state', async () => {
    const tenant = await openTenant();
    for (let index = 0; index < 30; index += 1) {
      await Promise.all([1, 2, 3].map(() => give(kernel.ledger, tenant, CREDIT)));
    }
    for (let index = 0; index < 70; index += 1) await debit(kernel.ledger, tenant, '0.5');
    const without = await commitsOf(fixture.connection).countDocuments({
      tenant_id: tenant.tenantId,
      state: { $exists: false },
    });
    expect(without).toBeGreaterThan(50);
    expect((await verify(tenant)).text).toEqual([]);
  });

  it('gives no false finding while two kernels write to it', async () => {
    const tenant = await openTenant(10_000n * CREDIT);
    const other = await fixture.addKernel();
    let isWriting = true;
    const write = async (writer: FixtureKernel): Promise<void> => {
      while (isWriting) {
        const { posted } = await debit(writer.ledger, tenant, '1');
        const input = { entryId: posted.entryId, actor: 'usr_operator', reason: 'by mistake' };
        await writer.ledger.redact(tenant, input, { callerScope: 'internal/test', requestId: newUuid() });
        await give(writer.ledger, tenant, CREDIT).then((given) =>
          writer.ledger.redact(
            tenant,
            { ...input, entryId: given.posted.entryId },
            { callerScope: 'internal/test', requestId: newUuid() },
          ),
        );
      }
    };
    const writing = [kernel, other].map(write);
    try {
      for (let round = 0; round < 8; round += 1) expect((await verify(tenant)).text).toEqual([]);
    } finally {
      isWriting = false;
      await Promise.all(writing);
    }
    expect((await verify(tenant)).commits).toBeGreaterThan(10);
  });
});

describe('an edit by hand is found and named', () => {
  it('the amount of an entry', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 4, { $set: { 'entries.0.cost': 5n, 'entries.0.draws.0.microcredits': 5n } });
    const { text } = await verify(tenant);
    expect(text).toEqual([
      expect.stringMatching(/^4: its content does not give its stored hash: the commit was changed/),
      expect.stringMatching(
        /^4: entry 0 \(debited\) can't follow from the entries before it: .* states .* payg 8000000/,
      ),
    ]);
  });

  it('the totals', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 4, { $set: { 'totals.payg': 99n * CREDIT } });
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(/^4: its content does not give its stored hash/),
      '4: it has totals that its entries do not give: payg is 99000000 and should be 8000000',
    ]);
  });

  it('the stored state', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 5, { $set: { 'state.grants.0.remaining': 99n * CREDIT } });
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(/^5: its content does not give its stored hash/),
      "5: it has a stored state that the account's entries do not give: grants.payg[0].remaining is 99000000 and should be 7000000",
    ]);
  });

  it('created_at, before the commit that it follows', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 4, { $set: { created_at: new Date('2001-02-03T04:05:06Z') } });
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(/^4: its content does not give its stored hash/),
      expect.stringMatching(/^4: it is dated 2001-02-03T04:05:06.000Z, before commit 3/),
    ]);
  });

  it('a key', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 4, { $set: { 'keys.0': 'req:internal/test:debit:forged' } });
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(/^4: its content does not give its stored hash/),
      expect.stringMatching(
        /^4: it is not in the form that was written: keys\[0\] is "req:internal.*forged" and should be "0x[0-9a-f]{44}"/,
      ),
    ]);
  });

  it('personal text, which the hash covers by its digest alone', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 2, { $set: { 'entries.0.personal.reason': 'a gift' } });
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(
        /^2: entry 0 \(granted\) has personal text that does not match its digest: the text was changed/,
      ),
    ]);
  });

  it('personal text that was removed without a redaction', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 2, { $unset: { 'entries.0.personal.reason': '', 'entries.0.personal.salt': '' } });
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(/^2: the personal text of ent_\S+ is gone, but no redaction says so/),
    ]);
  });

  it('personal text that came back after its redaction', async () => {
    const tenant = await openTenant();
    const { posted } = await give(kernel.ledger, tenant, CREDIT);
    const [before] = await commitsOf(fixture.connection).find({ tenant_id: tenant.tenantId, seq: 2n }).toArray();
    const input = { entryId: posted.entryId, actor: 'usr_operator', reason: 'asked for' };
    await kernel.ledger.redact(tenant, input, { callerScope: 'internal/test', requestId: newUuid() });
    expect((await verify(tenant)).text).toEqual([]);
    await edit(tenant, 2, { $set: { 'entries.0.personal': before?.entries[0]?.personal } });
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(/^3: it redacts ent_\S+, but the personal text is still there: send RedactEntry again/),
    ]);
  });

  it('a figure of zero that was written out, and one that was left out', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 3, { $set: { 'entries.0.deficit': 0n } });
    await edit(tenant, 6, { $unset: { 'totals.payg': '' } });
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(/^3: its content does not give its stored hash/),
      '3: it is not in the form that was written: entries[0].deficit is 0 and should be absent',
      expect.stringMatching(/^6: its content does not give its stored hash/),
      '6: it has totals that its entries do not give: payg is 0 and should be 6000000',
    ]);
  });

  it('a field that nobody wrote, where the hash does not look', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 2, { $set: { 'entries.0.personal.note': 'hidden' } });
    expect((await verify(tenant)).text).toEqual([
      '2: it is not in the form that was written: entries[0].personal.note is "hidden" and should be absent',
    ]);
  });

  it('an amount of another type, which canonical JSON can not tell apart', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 3, { $set: { 'entries.0.price.microcredits_per_unit': '1000000' } });
    expect((await verify(tenant)).text).toEqual(['3: it is not in the form that was written: "1000000" is no int64']);
  });

  it('a stored hash', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 4, { $set: { hash: new mongo.Binary(Buffer.alloc(32, 7)) } });
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(/^4: its content does not give its stored hash/),
    ]);
    await edit(tenant, 4, { $set: { hash: 'none' } });
    expect((await verify(tenant)).text).toEqual([expect.stringMatching(/^4: it has no hash of 32 bytes/)]);
  });

  it('a commit whose own hash was made anew: the next one does not fit any more', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 4, { $set: { 'entries.0.run_id': 'forged' } });
    const all = await commitsOf(fixture.connection).find({ tenant_id: tenant.tenantId }).sort({ seq: 1 }).toArray();
    await rehashFrom(fixture.connection, tenant.tenantId, 4);
    for (const { seq, hash } of all.slice(4)) await edit(tenant, Number(seq), { $set: { hash } });
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(/^5: its content does not give its stored hash: .*, or commit 4 was replaced/),
    ]);
  });
});

describe('bytes that a decoder folds are compared as they lie there', () => {
  type Fields = Record<string, unknown>;
  const { BSON } = mongo;
  const first = (document: Fields): Fields => (document['entries'] as Fields[])[0] ?? {};
  /** Replaces the fields of the only entry. */
  const withEntry = (document: Fields, change: (entry: Fields) => Fields): Fields => ({
    ...document,
    entries: [change(first(document))],
  });
  const withPersonal = (document: Fields, change: Fields): Fields =>
    withEntry(document, (entry) => ({ ...entry, personal: { ...(entry['personal'] as Fields), ...change } }));
  const symbol = (value: unknown): mongo.BSONSymbol => new mongo.BSONSymbol(String(value));
  /** Serialises, and puts bytes of the same length in the place of others, once. */
  const patched = (document: Fields, from: string, to: string): Uint8Array => {
    const bytes = Buffer.from(BSON.serialize(document));
    const at = bytes.indexOf(Buffer.from(from, 'latin1'));
    if (at < 0) throw new Error('there is nothing to patch');
    bytes.write(to, at, 'latin1');
    return bytes;
  };
  const edits: Readonly<Record<string, readonly [(document: Fields) => Uint8Array, RegExp]>> = {
    'a state_version that is a double': [
      (document) => BSON.serialize({ ...document, state_version: new mongo.Double(STATE_VERSION) }),
      /state_version is of the type double and should be of the type int$/,
    ],
    'an entry key that is a symbol': [
      (document) => BSON.serialize(withEntry(document, (entry) => ({ ...entry, key: symbol(entry['key']) }))),
      /entries\.0\.key is of the type symbol and should be of the type string$/,
    ],
    'a bucket that is a symbol': [
      (document) =>
        BSON.serialize(
          withEntry(document, (entry) => {
            const grant = entry['grant'] as Fields;
            return { ...entry, grant: { ...grant, bucket: symbol(grant['bucket']) } };
          }),
        ),
      /entries\.0\.grant\.bucket is of the type symbol/,
    ],
    'a salt that is a symbol': [
      (document) => {
        const { salt } = first(document)['personal'] as Fields;
        return BSON.serialize(withPersonal(document, { salt: symbol(salt) }));
      },
      /entries\.0\.personal\.salt is of the type symbol/,
    ],
    'an empty list of dimensions beside a genuine reason': [
      (document) => BSON.serialize(withPersonal(document, { dimensions: [] })),
      /entries\[0\]\.personal has a field that says nothing/,
    ],
    'a hash of another subtype': [
      (document) =>
        BSON.serialize({ ...document, hash: new mongo.Binary((document['hash'] as mongo.Binary).buffer, 5) }),
      /hash has other bytes of the type binData$/,
    ],
    'an added field of the type undefined': [
      (document) => patched({ ...document, zzz: null }, '\x0azzz\0', '\x06zzz\0'),
      /zzz stands there and should be absent$/,
    ],
    'an added field of the type undefined in an entry': [
      (document) =>
        patched(
          withEntry(document, (entry) => ({ ...entry, zzz: null })),
          '\x0azzz\0',
          '\x06zzz\0',
        ),
      /entries\.0\.zzz stands there and should be absent$/,
    ],
    'totals that stand twice, the forged ones first': [
      (document) => patched({ _id: document['_id'], totalx: { payg: 999n }, ...document }, 'totalx\0', 'totals\0'),
      /totals stands where tenant_id should be$/,
    ],
    'keys that stand twice, the forged ones first': [
      (document) => patched({ _id: document['_id'], keyx: ['forged'], ...document }, 'keyx\0', 'keys\0'),
      /keys stands where tenant_id should be$/,
    ],
    'an entry key that stands twice, the forged one first': [
      (document) =>
        patched(
          withEntry(document, (entry) => ({ kex: 'forged', ...entry })),
          'kex\0',
          'key\0',
        ),
      /entries\.0\.key stands where entries\.0\.type should be$/,
    ],
    'an element of a list with another name': [
      (document) => {
        const bytes = Buffer.from(BSON.serialize(document));
        const at = bytes.indexOf('0\0', bytes.indexOf('entries\0') + 'entries\0'.length + 4);
        bytes.write('5', at, 'latin1');
        return bytes;
      },
      /entries\.5 stands where entries\.0 should be$/,
    ],
    'fields in another order': [
      ({ _id, ...rest }) => BSON.serialize({ _id, ...Object.fromEntries(Object.entries(rest).reverse()) }),
      /hash stands where tenant_id should be$/,
    ],
  };

  it.each(Object.entries(edits))('%s', async (_, [rewrite, expected]) => {
    const tenant = await openPlainTenant(1);
    const kept = await replaceCommitBytes(fixture.connection, tenant.tenantId, 2, rewrite);
    const { text } = await verify(tenant);
    const told = text.filter((line) => expected.test(line));
    if (kept === 'as sent') expect(told, text.join()).toHaveLength(1);
    else expect(text.length > 0, text.join()).toBe(kept === 'in another form');
  });

  it('a reason that is null, where there were dimensions alone', async () => {
    const tenant = await openTenant(CREDIT);
    const input = {
      action: ACTION,
      quantity: quantity('1'),
      alreadyPerformed: false,
      dimensions: { customer: 'Jane' },
    };
    await kernel.ledger.debit(tenant, input, caller());
    expect((await verify(tenant)).text).toEqual([]);
    const [stored] = await commitsOf(fixture.connection).find({ tenant_id: tenant.tenantId, seq: 3n }).toArray();
    const { dimensions, ...rest } = stored?.entries[0]?.personal ?? {};
    await edit(tenant, 3, { $set: { 'entries.0.personal': { ...rest, reason: null, dimensions } } });
    expect((await verify(tenant)).text).toEqual([
      '3: it is not in the form that was written: entries[0].personal has a field that says nothing and should be absent',
    ]);
  });

  it('names the first field that differs, also of numbers and of repeated names', () => {
    const written = BSON.serialize({ a: 1, b: { c: [1, 2] } });
    expect(findBsonDifference(written, written)).toBeUndefined();
    expect(findBsonDifference(BSON.serialize({ a: 1, b: { c: [1, 3] } }), written)).toBe(
      'b.c.1 has other bytes of the type int',
    );
    expect(findBsonDifference(BSON.serialize({ a: 1 }), written)).toBe('b should follow, and is absent');
    expect(findBsonDifference(patched({ a: 1, b: { c: [1, 2] }, d: 1 }, 'd\0', 'a\0'), written)).toBe(
      'a stands there and should be absent',
    );
  });
});

describe('what other collections say of an account', () => {
  it('the product in tenants is that of the opening', async () => {
    const tenant = await openPlainTenant(1);
    for (const [product_code, shown] of [
      ['other', '"other"'],
      [7, '""'],
    ] as const) {
      await rows('tenants').updateOne({ tenant_id: tenant.tenantId }, { $set: { product_code } });
      expect((await verify(tenant)).text).toEqual([
        expect.stringContaining(
          `1: it opens the account for the product "agentruntime", but tenants has it under ${shown}: a tenant's product`,
        ),
      ]);
    }
  });
});

describe('commits that are missing or forged', () => {
  it('the newest one deleted: the hint still knows of it', async () => {
    const tenant = await openPlainTenant();
    const store = await openLedgerStore(fixture.connection);
    await store.saveHeadHint(tenant.tenantId, 7);
    await deleteCommit(fixture.connection, tenant.tenantId, 7);
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(
        /^7: commit 7 is missing at the end: ledger_heads knows of commit 7, but the account ends at commit 6/,
      ),
    ]);
  });

  it('the newest ones deleted, the hint with them: found only against an exported head', async () => {
    const tenant = await openPlainTenant();
    const head = await exportHead(tenant);
    for (const seq of [7, 6]) await deleteCommit(fixture.connection, tenant.tenantId, seq);
    await rows('ledger_heads').deleteOne({ _id: tenant.tenantId as never });
    expect((await verify(tenant)).text).toEqual([]);
    expect((await verify(tenant, [head])).text).toEqual([
      expect.stringMatching(/^6: commits 6 to 7 are missing at the end: the exported head is commit 7/),
    ]);
  });

  it('one in the middle deleted; what follows is still verified', async () => {
    const tenant = await openPlainTenant();
    await deleteCommit(fixture.connection, tenant.tenantId, 4);
    await edit(tenant, 6, { $set: { 'entries.0.run_id': 'forged' } });
    expect((await verify(tenant)).text).toEqual([
      '4: commit 4 is missing: restore what was deleted from a backup',
      expect.stringMatching(/^6: its content does not give its stored hash/),
    ]);
  });

  it('the first one deleted, and a whole account', async () => {
    const tenant = await openPlainTenant();
    await deleteCommit(fixture.connection, tenant.tenantId, 1);
    expect((await verify(tenant)).text).toEqual(['1: commit 1 is missing: restore what was deleted from a backup']);
    const head = { tenantId: tenant.tenantId, seq: 7, hash: 'ab'.repeat(32) };
    await commitsOf(fixture.connection).deleteMany({ tenant_id: tenant.tenantId });
    await rows('tenants').deleteOne({ tenant_id: tenant.tenantId });
    await rows('ledger_heads').deleteOne({ _id: tenant.tenantId as never });
    const gone = await verify(undefined, [head]);
    expect(gone.text).toEqual([expect.stringMatching(/^1: commits 1 to 7 are missing at the end: the exported head/)]);
    await expect(verify(tenant)).rejects.toMatchObject({ reason: 'TENANT_NOT_FOUND' });
  });

  it('a forged one at the end, sealed to a hash that it does not have', async () => {
    const tenant = await openPlainTenant();
    const [last] = await commitsOf(fixture.connection).find({ tenant_id: tenant.tenantId, seq: 7n }).toArray();
    if (last === undefined) throw new Error('there are seven commits');
    const forged = { ...last, _id: new mongo.UUID(newUuid()), seq: 8n, keys: ['req:x:debit:1' as never] };
    await commitsOf(fixture.connection).insertOne(forged);
    expect((await verify(tenant)).text).toEqual([
      expect.stringMatching(/^8: its content does not give its stored hash/),
      expect.stringMatching(/^8: it is not in the form that was written: keys/),
      expect.stringMatching(/^8: entry 0 \(debited\) can't follow/),
    ]);
  });

  it('forged ones where no range would show them', async () => {
    const tenant = await openPlainTenant();
    const [last] = await commitsOf(fixture.connection).find({ tenant_id: tenant.tenantId, seq: 7n }).toArray();
    if (last === undefined) throw new Error('there are seven commits');
    const places: unknown[] = [0n, -3n, 4.5, '9', new mongo.Double(12.5), null];
    for (const [index, seq] of places.entries()) {
      const forged = {
        ...last,
        _id: new mongo.UUID(newUuid()),
        seq: seq as bigint,
        keys: [`req:x:${index}:1` as never],
      };
      await commitsOf(fixture.connection).insertOne(forged);
    }
    const { text } = await verify(tenant);
    expect(text).toHaveLength(places.length);
    const told = text.map((line) => /the seq (.*), which is no place/.exec(line)?.[1]);
    expect(new Set(told)).toEqual(
      new Set(['0', '-3', '4.5 (not an int64)', '"9"', '12.5 (not an int64)', expect.stringMatching(/^of type/)]),
    );
  });

  it('one far behind the end', async () => {
    const tenant = await openPlainTenant();
    const [last] = await commitsOf(fixture.connection).find({ tenant_id: tenant.tenantId, seq: 7n }).toArray();
    if (last === undefined) throw new Error('there are seven commits');
    const forged = { ...last, _id: new mongo.UUID(newUuid()), seq: 5_000n, keys: ['req:x:debit:1' as never] };
    await commitsOf(fixture.connection).insertOne(forged);
    const { text } = await verify(tenant);
    expect(text[0]).toMatch(/^8: commits 8 to 4999 are missing/);
    expect(text.slice(1).every((line) => line.startsWith('5000: '))).toBe(true);
  });
});

describe('an edit whose hashes were all made anew', () => {
  it('is found only against a head that was exported before, and only by replay where it changes figures', async () => {
    const tenant = await openPlainTenant();
    const head = await exportHead(tenant);
    await edit(tenant, 4, { $set: { 'entries.0.run_id': 'forged' } });
    await rehashFrom(fixture.connection, tenant.tenantId, 4);
    expect((await verify(tenant)).text).toEqual([]);
    const { findings } = await verify(undefined, [head]);
    expect(findings).toEqual([
      {
        tenantId: tenant.tenantId,
        seq: 7,
        message: expect.stringMatching(/the exported head says .*: this commit or an earlier one was changed since/),
      },
    ]);
    await edit(tenant, 4, { $set: { 'entries.0.cost': 5n } });
    await rehashFrom(fixture.connection, tenant.tenantId, 4);
    expect((await verify(tenant)).text).toEqual([
      '4: entry 0 (debited) costs 5, but its draws and deficit come to 1000000',
    ]);
  });

  it('is found by a head in the middle too', async () => {
    const tenant = await openPlainTenant(2);
    const head = await exportHead(tenant);
    for (let index = 0; index < 3; index += 1) await debit(kernel.ledger, tenant, '1');
    expect((await verify(undefined, [head])).text).toEqual([]);
    await edit(tenant, 3, { $set: { 'entries.0.run_id': 'forged' } });
    await rehashFrom(fixture.connection, tenant.tenantId, 3);
    expect((await verify(undefined, [head])).text).toEqual([
      expect.stringMatching(/^4: its hash is .*, the exported head/),
    ]);
  });
});

describe('commits that can not be read', () => {
  it('of a newer release, and of no release at all, are findings; the others are verified on', async () => {
    const tenant = await openPlainTenant();
    await edit(tenant, 3, { $set: { state_version: STATE_VERSION + 1 } });
    await edit(tenant, 5, { $unset: { entries: '' } });
    await edit(tenant, 6, { $set: { created_at: 'yesterday' } });
    const { text, commits } = await verify(tenant);
    expect(commits).toBe(7);
    expect(text).toEqual([
      expect.stringMatching(/^3: its content does not give/),
      expect.stringMatching(
        new RegExp(`^3: it has state version ${STATE_VERSION + 1}, which this release does not know`),
      ),
      expect.stringMatching(/^5: it can't be hashed, so it is none of ours/),
      expect.stringMatching(/^5: it can't be read, so somebody has changed its form/),
      expect.stringMatching(/^6: its content does not give/),
      expect.stringMatching(/^6: it can't be read, so somebody has changed its form/),
    ]);
  });

  it('findings are bounded for each account, and the rest is counted', async () => {
    const tenant = await openTenant(1_000n * CREDIT);
    for (let index = 0; index < FINDINGS_PER_ACCOUNT_MAX + 5; index += 1) await debit(kernel.ledger, tenant, '1');
    await commitsOf(fixture.connection).updateMany({ tenant_id: tenant.tenantId }, { $set: { note: 'x' } });
    const { text, commits } = await verify(tenant);
    expect(commits).toBe(FINDINGS_PER_ACCOUNT_MAX + 7);
    expect(text).toHaveLength(FINDINGS_PER_ACCOUNT_MAX + 1);
    expect(text.at(-1)).toMatch(/^107: 114 more findings of this account are left out/);
  });
});

describe('all accounts', () => {
  it('are those of tenants and of ledger_heads; a damaged one stops none', async () => {
    const own = await openLedgerFixture();
    try {
      const auditor = await openAudit(own);
      const writer = await own.addKernel();
      const tenants: TenantRef[] = [];
      for (let index = 0; index < 5; index += 1) tenants.push(await own.openTenant(5n * CREDIT));
      const ids = tenants.map(({ tenantId }) => tenantId);
      const [, damaged] = tenants;
      if (damaged === undefined) throw new Error('there are five');
      const store = await openLedgerStore(own.connection);
      for (const tenantId of ids.slice(0, 3)) await store.saveHeadHint(tenantId, 2);
      const known = ids.slice(2).map((tenant_id) => ({ tenant_id, product_code: 'agentruntime' }));
      await own.connection.db?.collection('tenants').insertMany(known);
      await debit(writer.ledger, damaged, '1');
      await editCommit(own.connection, damaged.tenantId, 2, { $unset: { entries: '', totals: '' } });
      const { commits, accounts, findings } = await verify(undefined, [], auditor);
      expect({ commits, accounts }).toEqual({ commits: 11, accounts: 5 });
      expect(new Set(findings.map(({ tenantId }) => tenantId))).toEqual(new Set([damaged.tenantId]));
      expect(findings.length).toBeGreaterThan(0);
    } finally {
      await own.close();
    }
  });

  it('are also those whose id stands in commits alone, and an id that is none is told', async () => {
    const own = await openLedgerFixture();
    try {
      const auditor = await openAudit(own);
      const { tenantId, productCode } = await own.openTenant(CREDIT);
      const known = { tenant_id: tenantId, product_code: productCode };
      await own.connection.db?.collection('tenants').insertOne(known);
      const [stored] = await commitsOf(own.connection).find({ tenant_id: tenantId, seq: 1n }).toArray();
      if (stored === undefined) throw new Error('the account is open');
      const places = ['ten_ghost', 7, '', null];
      for (const [index, place] of places.entries()) {
        const forged = { ...stored, _id: new mongo.UUID(newUuid()), tenant_id: place as never };
        await commitsOf(own.connection).insertOne({ ...forged, keys: [`open:${index}` as never] });
      }
      const { findings, accounts, commits } = await verify(undefined, [], auditor);
      expect({ accounts, commits }).toEqual({ accounts: 2, commits: 3 });
      const told = findings.filter(({ tenantId: id }) => id === '').map(({ message }) => message.split(': ')[0]);
      expect(told.sort()).toEqual([
        'commits have a tenant_id that is no tenant id, ""',
        'commits have a tenant_id that is no tenant id, null or absent',
        expect.stringMatching(/no tenant id, of type /),
      ]);
      const ghost = findings
        .filter(({ tenantId: id }) => id === 'ten_ghost')
        .map(({ seq, message }) => `${seq}: ${message}`);
      expect(ghost.slice(0, 2)).toEqual([
        expect.stringMatching(/^0: it has commits, but neither tenants nor ledger_heads knows of it/),
        expect.stringMatching(/^1: its content does not give its stored hash/),
      ]);
      expect(findings.some(({ tenantId: id }) => id === tenantId)).toBe(false);
      await own.connection.db?.collection('tenants').deleteOne(known);
      const alone = await verify(undefined, [], auditor);
      expect(alone.findings.filter(({ tenantId: id }) => id === tenantId)).toHaveLength(1);
    } finally {
      await own.close();
    }
  });

  it('whose id stands in commits alone are told up to a bound', async () => {
    const own = await openLedgerFixture();
    try {
      const ids: string[] = [];
      for (let index = 0; index < 3; index += 1) ids.push((await own.openTenant()).tenantId);
      const store = openAuditStore(own.connection);
      const { signal } = new AbortController();
      const all = await store.findStrayTenants(10, signal);
      expect({ ...all, tenantIds: new Set(all.tenantIds) }).toEqual({
        tenantIds: new Set(ids),
        others: [],
        isWhole: true,
      });
      const findStrayTenants: AuditStore['findStrayTenants'] = async () => ({ ...all, isWhole: false });
      const heads = new HeadLoader(await openLedgerStore(own.connection));
      const auditor = new LedgerAudit({ store: override(store, { findStrayTenants }), heads, pacing: PROCESS_PACING });
      const { findings } = await verify(undefined, [], auditor);
      expect(findings).toHaveLength(4);
      expect(findings.at(-1)?.message).toMatch(/^more than 1000 tenant ids stand in commits alone/);
      await expect(store.findStrayTenants(10, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    } finally {
      await own.close();
    }
  });

  it('are held against the unique index too: without it, keys are compared', async () => {
    const own = await openLedgerFixture();
    try {
      const auditor = await openAudit(own);
      const tenant = await own.openTenant(5n * CREDIT);
      const writer = await own.addKernel();
      await commitsOf(own.connection).dropIndex('keys');
      const keys = ['req:x:debit:1' as never];
      await commitsOf(own.connection).updateMany({ tenant_id: tenant.tenantId }, { $set: { keys } });
      const { findings } = await verify(tenant, [], auditor);
      expect(findings[0]).toEqual({
        tenantId: '',
        seq: 0,
        message: expect.stringMatching(/^the unique index .*keys.* of ledger_commits is missing/),
      });
      expect(findings.at(-1)?.message).toMatch(/^the commits 1, 2 share the key "req:x:debit:1"/);
      const { posted } = await debit(writer.ledger, tenant, '1');
      const [last] = await commitsOf(own.connection).find({ tenant_id: tenant.tenantId, seq: 3n }).toArray();
      await editCommit(own.connection, tenant.tenantId, 2, { $set: { keys: last?.keys } });
      const shared = await verify(tenant, [], auditor);
      expect(shared.findings.at(-1)?.message).toContain(`the commits 2, 3 share the key "${posted.entry.key}"`);
    } finally {
      await own.close();
    }
  });
});

describe('reading', () => {
  const auditWith = async (change: (real: AuditStore) => Partial<AuditStore>): Promise<LedgerAudit> => {
    const real = openAuditStore(fixture.connection);
    const heads = new HeadLoader(await openLedgerStore(fixture.connection));
    return new LedgerAudit({ store: override(real, change(real)), heads, pacing: PROCESS_PACING });
  };

  it('goes on where a read ended early because commits are large', async () => {
    const tenant = await openPlainTenant();
    const auditor = await auditWith((real) => ({
      loadPage: async (tenantId, fromSeq, toSeq) => {
        const isWhole = toSeq <= fromSeq + 1;
        const page = await real.loadPage(tenantId, fromSeq, Math.min(toSeq, fromSeq + 1));
        return isWhole ? page : { commits: page.commits, isWhole: page.commits.length < 2 };
      },
    }));
    expect(await verify(tenant, [], auditor)).toMatchObject({ commits: 7, text: [] });
    const lines: string[] = [];
    const take = (line: string): Promise<void> => Promise.resolve(void lines.push(line));
    await auditor.exportAccount(tenant.tenantId, take, new AbortController().signal);
    expect(lines).toHaveLength(7);
  });

  it('takes no commit for missing that landed while a range was read', async () => {
    const tenant = await openPlainTenant();
    let reads = 0;
    const auditor = await auditWith((real) => ({
      loadPage: async (...range) => {
        const page = await real.loadPage(...range);
        reads += 1;
        return reads === 1 ? { ...page, commits: page.commits.filter(({ seq }) => seq !== 4) } : page;
      },
    }));
    expect(await verify(tenant, [], auditor)).toMatchObject({ commits: 7, text: [] });
  });

  it('waits for a database that fails over', async () => {
    const tenant = await openPlainTenant();
    let reads = 0;
    const auditor = await auditWith((real) => ({
      loadPage: (...range) => {
        reads += 1;
        if (reads > 2) return real.loadPage(...range);
        return Promise.reject(new DomainError('DATABASE_UNAVAILABLE', 'the primary steps down'));
      },
    }));
    expect(await verify(tenant, [], auditor)).toMatchObject({ commits: 7, text: [] });
  });
});

describe('a run', () => {
  it('stops in the middle when nobody waits for it any more', async () => {
    const own = await openLedgerFixture();
    try {
      for (let index = 0; index < 3; index += 1) {
        const { tenantId: tenant_id } = await own.openTenant(CREDIT);
        await own.connection.db?.collection('tenants').insertOne({ tenant_id, product_code: 'agentruntime' });
      }
      const abort = new AbortController();
      let reads = 0;
      const real = openAuditStore(own.connection);
      const loadPage: AuditStore['loadPage'] = (...range) => {
        reads += 1;
        if (reads === 2) abort.abort(new Error('gone'));
        return real.loadPage(...range);
      };
      const heads = new HeadLoader(await openLedgerStore(own.connection));
      const auditor = new LedgerAudit({ store: override(real, { loadPage }), heads, pacing: PROCESS_PACING });
      const findings: (LedgerFinding | undefined)[] = [];
      const report = (_: unknown, finding?: LedgerFinding): Promise<void> =>
        Promise.resolve(void findings.push(finding));
      await expect(auditor.verify({ against: [] }, report, abort.signal)).rejects.toThrow('gone');
      expect(reads).toBe(2);
      expect(findings).toEqual([]);
    } finally {
      await own.close();
    }
  });
});
