// What operators do about earlier entries: ReverseEntry and RedactEntry, as they answer and as the history shows them.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { type Entry, EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import {
  LedgerAuditServiceService,
  RedactEntryRequest,
  type RedactEntryResponse,
  ReverseEntryRequest,
  type ReverseEntryResponse,
} from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import {
  AdjustRequest,
  type AdjustResponse,
  GetBalanceRequest,
  GrantRequest,
  type GrantResponse,
  LedgerServiceService,
  ListEntriesRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { ExplainEntryRequest, UsageServiceService } from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { GENESIS_HASH } from '../../kernel/app/ledger/account-head.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../../kernel/store/ledger/collection-option.ts';
import type { CommitDocument } from '../../kernel/store/ledger/commit-document.ts';
import { computeCommitHash } from '../../kernel/store/ledger/commit-hash.ts';
import { type Callers, CREDIT, callersOf, debitRequest, OPERATOR } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { detailOf, type HoldCalls, holdCallsOf, MINUTE_MS, moveClock } from './support/hold.ts';
import { composeKernel, type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { override } from './support/override.ts';

const UNKNOWN_ENTRY = 'ent_01890000-0000-7000-8000-000001000000';

let kernel: KernelFixture;
let callers: Callers;
let holds: HoldCalls;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  holds = holdCallsOf(callers);
});
afterAll(() => kernel.close());

type Target = Pick<Entry, 'tenantId' | 'entryId'> | undefined;

function reverse(
  target: Target,
  fields: Partial<ReverseEntryRequest> = {},
  from = callers,
): Promise<ReverseEntryResponse> {
  const { tenantId = '', entryId = '' } = target ?? {};
  const request = { requestId: newRequestId(), tenantId, entryId, ...OPERATOR, ...fields };
  return from.sysadmin.call(LedgerAuditServiceService.reverseEntry, ReverseEntryRequest.fromPartial(request));
}

function redact(
  target: Target,
  fields: Partial<RedactEntryRequest> = {},
  from = callers,
): Promise<RedactEntryResponse> {
  const { tenantId = '', entryId = '' } = target ?? {};
  const request = { requestId: newRequestId(), tenantId, entryId, ...OPERATOR, ...fields };
  return from.sysadmin.call(LedgerAuditServiceService.redactEntry, RedactEntryRequest.fromPartial(request));
}

function give(tenantId: string, fields: Partial<GrantRequest>, from = callers): Promise<GrantResponse> {
  const whole = { requestId: newRequestId(), tenantId, bucket: Bucket.PAYG, microcredits: CREDIT, ...OPERATOR };
  return from.sysadmin.call(LedgerServiceService.grant, GrantRequest.fromPartial({ ...whole, ...fields }));
}

function adjust(tenantId: string, deltaMicrocredits: bigint): Promise<AdjustResponse> {
  const request = { requestId: newRequestId(), tenantId, bucket: Bucket.PAYG, deltaMicrocredits, ...OPERATOR };
  return callers.sysadmin.call(LedgerServiceService.adjust, AdjustRequest.fromPartial(request));
}

const reversalOf = ({ entry }: ReverseEntryResponse) => detailOf(entry, 'reversal');

describe('ReverseEntry', () => {
  test('of a debit gives the credit back to the grants that paid', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const trial = await give(tenantId, { bucket: Bucket.TRIAL, microcredits: 2n * CREDIT });
    const { entry: debit } = await callers.debit(tenantId, { quantity: '3' });
    const requestId = newRequestId();
    const answer = await reverse(debit, { requestId, reason: 'charged twice' });
    expect(answer.replayed).toBe(false);
    expect(answer.entry).toMatchObject({ tenantId, type: EntryType.REVERSED, requestId, commitSeq: 5n });
    expect(reversalOf(answer)).toEqual({
      reversedEntryId: debit?.entryId,
      reversedType: EntryType.DEBITED,
      returned: detailOf(debit, 'debit').draws,
      expired: [],
      taken: [],
      deficitCancelledMicrocredits: 0n,
      deficitPaidMicrocredits: 0n,
      actor: OPERATOR.actor,
      reason: 'charged twice',
    });
    expect(reversalOf(answer).returned[0]).toMatchObject({
      grantId: detailOf(trial.entry, 'granting').grant?.grantId,
      microcredits: 2n * CREDIT,
    });
    expect(answer.entry?.balanceAfter).toMatchObject({
      trialRemainingMicrocredits: 2n * CREDIT,
      paygRemainingMicrocredits: 5n * CREDIT,
      availableMicrocredits: 7n * CREDIT,
    });
    expect(await holds.balanceOf(tenantId)).toEqual(answer.entry?.balanceAfter);
    expect(await holds.entriesOf(tenantId, [EntryType.REVERSED])).toEqual([answer.entry]);
  });

  test('of a part of a hold gives back what the hold and the others paid', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const hold = await holds.hold(tenantId, '2');
    const part = await holds.settle(hold, { quantity: '3', final: true });
    const { reversedType, returned } = reversalOf(await reverse(part.entry));
    expect(reversedType).toBe(EntryType.SETTLED);
    expect(returned.reduce((sum, { microcredits }) => sum + microcredits, 0n)).toBe(3n * CREDIT);
    expect(await callers.availableOf(tenantId)).toBe(5n * CREDIT);
    // What was charged stays charged for whoever asks for that part again: the reversal is an entry of its own.
    expect(await holds.settle(hold, { quantity: '3', final: true })).toEqual({ ...part, replayed: true });
  });

  test('of a grant takes it back, once nothing of it is used', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const { entry: grant } = await give(tenantId, { bucket: Bucket.TRIAL, microcredits: 2n * CREDIT });
    const { entry: debit } = await callers.debit(tenantId, { quantity: '1.5' });
    expect(await failureOf(reverse(grant))).toMatchObject({ reason: 'ENTRY_NOT_REVERSIBLE' });
    await reverse(debit);
    const answer = await reverse(grant);
    expect(reversalOf(answer)).toMatchObject({
      reversedType: EntryType.GRANTED,
      returned: [],
      taken: [{ bucket: Bucket.TRIAL, microcredits: 2n * CREDIT }],
    });
    expect(answer.entry?.balanceAfter).toMatchObject({ availableMicrocredits: 5n * CREDIT, deficitMicrocredits: 0n });
  });

  test('of a grant that has not begun makes it never begin', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    const { entry: grant } = await give(tenantId, { effectiveTime: new Date(Date.now() + MINUTE_MS) });
    const readGrants = async () => {
      const request = GetBalanceRequest.fromPartial({ tenantId, includeGrants: true });
      return (await callers.internal.call(LedgerServiceService.getBalance, request)).grants;
    };
    expect(await readGrants()).toHaveLength(2);
    expect(reversalOf(await reverse(grant))).toMatchObject({ taken: [], returned: [] });
    expect(await readGrants()).toHaveLength(1);
    expect(await callers.availableOf(tenantId)).toBe(CREDIT);
  });

  test('of adjustments, up and down', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const up = await adjust(tenantId, 3n * CREDIT);
    const down = await adjust(tenantId, -2n * CREDIT);
    expect(reversalOf(await reverse(down.entry))).toMatchObject({
      reversedType: EntryType.ADJUSTED,
      returned: detailOf(down.entry, 'adjustment').draws,
    });
    expect(await callers.availableOf(tenantId)).toBe(8n * CREDIT);
    expect(reversalOf(await reverse(up.entry)).taken).toMatchObject([{ microcredits: 3n * CREDIT }]);
    expect(await callers.availableOf(tenantId)).toBe(5n * CREDIT);
  });

  test('cancels what is still owed of a charge, and gives back what was paid of it meanwhile', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    const { entry: debit } = await callers.debit(tenantId, { quantity: '5', alreadyPerformed: true });
    await callers.grant(tenantId, 3n * CREDIT);
    expect(await holds.balanceOf(tenantId)).toMatchObject({ deficitMicrocredits: CREDIT });
    const answer = await reverse(debit);
    expect(reversalOf(answer)).toMatchObject({ deficitCancelledMicrocredits: CREDIT, deficitPaidMicrocredits: 0n });
    expect(reversalOf(answer).returned.map(({ microcredits }) => microcredits)).toEqual([CREDIT, 3n * CREDIT]);
    expect(answer.entry?.balanceAfter).toMatchObject({ availableMicrocredits: 4n * CREDIT, deficitMicrocredits: 0n });
  });

  test('happens once: the same request is a replay, another one is told which entry did it', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const { entry: debit } = await callers.debit(tenantId);
    const { entry: other } = await callers.debit(tenantId);
    const requestId = newRequestId();
    const first = await reverse(debit, { requestId });
    expect(await reverse(debit, { requestId })).toEqual({ ...first, replayed: true });
    const seq = await callers.seqOf(tenantId);
    expect(await failureOf(reverse(debit))).toMatchObject({
      reason: 'ENTRY_ALREADY_REVERSED',
      code: status.FAILED_PRECONDITION,
      metadata: { reversed_by_entry_id: first.entry?.entryId },
    });
    for (const again of [
      () => reverse(other, { requestId }),
      () => reverse(debit, { requestId, actor: 'usr_other' }),
      () => reverse(debit, { requestId, reason: 'another one' }),
    ]) {
      expect((await failureOf(again())).reason).toBe('IDEMPOTENCY_KEY_REUSED');
    }
    expect(await callers.seqOf(tenantId)).toBe(seq);
    expect(await callers.availableOf(tenantId)).toBe(4n * CREDIT);
  });

  test('at once from many sides, under many ids, happens once', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const { entry: debit } = await callers.debit(tenantId);
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => reverse(debit)));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    expect(await callers.availableOf(tenantId)).toBe(5n * CREDIT);
    expect(await holds.entriesOf(tenantId, [EntryType.REVERSED])).toHaveLength(1);
  });

  test('of other entries is refused by their type', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const hold = await holds.hold(tenantId, '1');
    await holds.extend(hold, { additionalQuantity: '1' });
    await holds.release(hold);
    const { entry: debit } = await callers.debit(tenantId);
    await reverse(debit);
    await redact(debit);
    const seq = await callers.seqOf(tenantId);
    const refused = new Map([
      [EntryType.ACCOUNT_OPENED, 'account_opened'],
      [EntryType.RESERVED, 'reserved'],
      [EntryType.HOLD_EXTENDED, 'hold_extended'],
      [EntryType.HOLD_RELEASED, 'hold_released'],
      [EntryType.REVERSED, 'reversed'],
      [EntryType.REDACTED, 'redacted'],
    ]);
    for (const [type, name] of refused) {
      const [entry] = await holds.entriesOf(tenantId, [type]);
      expect(await failureOf(reverse(entry))).toMatchObject({
        reason: 'ENTRY_NOT_REVERSIBLE',
        code: status.FAILED_PRECONDITION,
        metadata: { entry_id: entry?.entryId, entry_type: name },
      });
    }
    expect(await callers.seqOf(tenantId)).toBe(seq);
  });

  test('of a grant is refused while it is used or held, whatever other credit there is, so that none of it is lost', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const { entry: grant } = await give(tenantId, { bucket: Bucket.TRIAL, microcredits: 3n * CREDIT });
    const { entry: debit } = await callers.debit(tenantId, { quantity: '1' });
    const hold = await holds.hold(tenantId, '4');
    const expectRefusal = async (used: bigint): Promise<void> => {
      const seq = await callers.seqOf(tenantId);
      const failure = await failureOf(reverse(grant));
      expect(failure).toMatchObject({
        reason: 'ENTRY_NOT_REVERSIBLE',
        code: status.FAILED_PRECONDITION,
        metadata: { entry_id: grant?.entryId, entry_type: 'granted' },
      });
      expect(failure.message).toContain(`${used} of its 3000000 microcredits were used or are held`);
      expect(await callers.seqOf(tenantId)).toBe(seq);
    };
    await expectRefusal(3n * CREDIT);
    await reverse(debit);
    await expectRefusal(2n * CREDIT);
    await holds.release(hold);
    await reverse(grant);
    expect(await holds.balanceOf(tenantId)).toMatchObject({
      trialRemainingMicrocredits: 0n,
      paygRemainingMicrocredits: 5n * CREDIT,
      availableMicrocredits: 5n * CREDIT,
      deficitMicrocredits: 0n,
    });
  });
});

describe('an entry that was undone', () => {
  test('says by which entry, in the history and where it is explained', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const { entry: grant } = await give(tenantId, {});
    const { entry: scheduled } = await give(tenantId, { effectiveTime: new Date(Date.now() + MINUTE_MS) });
    const { entry: up } = await adjust(tenantId, CREDIT);
    const { entry: debit } = await callers.debit(tenantId);
    const { entry: part } = await holds.settle(await holds.hold(tenantId, '1'), { final: true });
    const reversedBy = new Map<string, string>();
    for (const entry of [part, debit, up, scheduled, grant]) {
      expect(entry?.reversedByEntryId).toBe('');
      const { entry: reversal } = await reverse(entry);
      reversedBy.set(entry?.entryId ?? '', reversal?.entryId ?? '');
    }
    // One of each kind that stays as it is.
    await callers.debit(tenantId);
    await give(tenantId, {});
    const entries = await holds.entriesOf(tenantId);
    expect(entries.filter(({ reversedByEntryId }) => reversedByEntryId !== '')).toHaveLength(5);
    for (const entry of entries) {
      const by = reversedBy.get(entry.entryId) ?? '';
      expect(entry.reversedByEntryId).toBe(by);
      const { entryId } = entry;
      const { entry: explained, summary } = await callers.internal.call(
        UsageServiceService.explainEntry,
        ExplainEntryRequest.fromPartial({ tenantId, entryId }),
      );
      expect(explained).toEqual(entry);
      expect(summary.includes(`entry ${by} has undone it`)).toBe(by !== '');
    }
  });

  test('does so on a page that its reversal is not on', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const { entry: debit } = await callers.debit(tenantId);
    const { entry: reversal } = await reverse(debit);
    const request = ListEntriesRequest.fromPartial({ tenantId, filter: { types: [EntryType.DEBITED] }, pageSize: 1 });
    const { entries } = await callers.internal.call(LedgerServiceService.listEntries, request);
    expect(entries).toEqual([{ ...debit, reversedByEntryId: reversal?.entryId }]);
  });

  test('is no entry of another tenant, though that has the same id', async () => {
    const [owner, stranger] = [await callers.openTenant(5n * CREDIT), await callers.openTenant(5n * CREDIT)];
    const { entry: debit } = await callers.debit(owner);
    await callers.debit(stranger);
    const { entry: reversal } = await reverse(debit);
    // Ids are places: two tenants have the same where they are charged in the same millisecond.
    await kernel.connection
      .collection('ledger_commits')
      .updateOne({ tenant_id: stranger, seq: 3n }, { $set: { created_at: debit?.createTime } });
    const [own] = await holds.entriesOf(owner, [EntryType.DEBITED]);
    const [other] = await holds.entriesOf(stranger, [EntryType.DEBITED]);
    expect(own).toMatchObject({ entryId: debit?.entryId, reversedByEntryId: reversal?.entryId });
    expect(other).toMatchObject({ entryId: debit?.entryId, reversedByEntryId: '' });
  });
});

describe('entries of others', () => {
  test('are not found, in the words for an entry that never was', async () => {
    const [owner, stranger] = [await callers.openTenant(CREDIT), await callers.openTenant(CREDIT)];
    const { entry: debit } = await callers.debit(owner);
    const entryId = debit?.entryId ?? '';
    for (const correct of [reverse, redact]) {
      const foreign = await failureOf(correct({ tenantId: stranger, entryId }));
      expect(foreign).toMatchObject({ reason: 'ENTRY_NOT_FOUND', code: status.NOT_FOUND });
      for (const missing of [
        UNKNOWN_ENTRY,
        'not an id',
        entryId.replace(/001000$/, '002000'),
        `hld_${entryId.slice(4)}`,
      ]) {
        const absent = await failureOf(correct({ tenantId: stranger, entryId: missing }));
        expect(absent).toMatchObject({ reason: 'ENTRY_NOT_FOUND', code: status.NOT_FOUND });
        expect(absent.message.replace(missing, '…')).toBe(foreign.message.replace(entryId, '…'));
      }
    }
    // The same place with another time or index is no entry either.
    const shifted = entryId.replace(/[0-9a-f]{3}000$/, 'fff000');
    expect((await failureOf(reverse({ tenantId: owner, entryId: shifted }))).reason).toBe('ENTRY_NOT_FOUND');
    expect(await callers.seqOf(stranger)).toBe(2n);
    expect(await callers.availableOf(owner)).toBe(0n);
  });
});

describe('ReverseEntry after time has passed', () => {
  test('leaves expired what expired meanwhile, and can’t undo a grant that expired', async () => {
    const moving = await composeKernel({});
    const there = callersOf(moving);
    const tenantId = await there.openTenant(CREDIT);
    const expireTime = new Date(Date.now() + 10 * MINUTE_MS);
    const trial = { bucket: Bucket.TRIAL, microcredits: 2n * CREDIT, expireTime };
    const { entry: grant } = await give(tenantId, trial, there);
    const { entry: debit } = await there.debit(tenantId, { quantity: '2.5' });
    await moveClock(moving, there, tenantId, 20 * MINUTE_MS);
    const answer = await reverse(debit, {}, there);
    expect(reversalOf(answer)).toMatchObject({
      returned: [{ bucket: Bucket.PAYG, microcredits: 500_000n }],
      expired: [{ bucket: Bucket.TRIAL, microcredits: 2n * CREDIT }],
    });
    expect(answer.entry?.balanceAfter).toMatchObject({ trialRemainingMicrocredits: 0n, availableMicrocredits: CREDIT });
    const failure = await failureOf(reverse(grant, {}, there));
    expect(failure).toMatchObject({ reason: 'ENTRY_NOT_REVERSIBLE', metadata: { entry_type: 'granted' } });
    await moving.close();
  });
});

const PERSON_TEXT = 'Jane Doe 4711';

/** The commits of an account as they are stored, oldest first. */
function storedCommits(tenantId: string): Promise<CommitDocument[]> {
  return kernel.connection
    .collection<CommitDocument>('ledger_commits', LEDGER_COLLECTION_OPTIONS)
    .find({ tenant_id: tenantId as CommitDocument['tenant_id'] })
    .sort({ seq: 1 })
    .toArray();
}

/** Recomputes the whole chain, and holds every stored hash against it. */
async function expectChainIntact(tenantId: string): Promise<void> {
  const commits = await storedCommits(tenantId);
  expect(commits.length).toBeGreaterThan(0);
  let previous = GENESIS_HASH;
  for (const { hash, ...unsealed } of commits) {
    previous = computeCommitHash(unsealed, previous);
    expect(Buffer.from(hash.buffer).toString('hex')).toBe(Buffer.from(previous).toString('hex'));
  }
}

async function isStored(tenantId: string, text: string): Promise<boolean> {
  return JSON.stringify(await storedCommits(tenantId), (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  ).includes(text);
}

describe('RedactEntry', () => {
  test('removes the text of an operator’s entry for good, and records that it did', async () => {
    const tenantId = await callers.openTenant();
    const requestId = newRequestId();
    const granted = await give(tenantId, { requestId, reason: `goodwill for ${PERSON_TEXT}` });
    expect(await isStored(tenantId, PERSON_TEXT)).toBe(true);
    const redaction = await redact(granted.entry, { reason: 'asked for by the person' });
    expect(redaction.replayed).toBe(false);
    expect(redaction.entry).toMatchObject({ tenantId, type: EntryType.REDACTED, commitSeq: 3n });
    expect(detailOf(redaction.entry, 'redaction')).toEqual({
      redactedEntryId: granted.entry?.entryId,
      actor: OPERATOR.actor,
      reason: 'asked for by the person',
    });
    expect(redaction.entry?.balanceAfter).toEqual(granted.entry?.balanceAfter);
    expect(await isStored(tenantId, PERSON_TEXT)).toBe(false);
    const [, , shown] = await holds.entriesOf(tenantId);
    expect(shown).toEqual(redaction.entry);
    const [, stored] = await storedCommits(tenantId);
    expect(Object.keys(stored?.entries[0]?.personal ?? {})).toEqual(['digest']);
    await expectChainIntact(tenantId);
    // Everything else of the entry is as it was, and so is the answer to its request.
    const { grant, ...rest } = detailOf(granted.entry, 'granting');
    const [, left] = await holds.entriesOf(tenantId);
    expect(detailOf(left, 'granting')).toEqual({ ...rest, grant, reason: '' });
    const replay = await give(tenantId, { requestId, reason: `goodwill for ${PERSON_TEXT}` });
    expect(replay).toEqual({ entry: left, replayed: true });
    expect(await callers.availableOf(tenantId)).toBe(CREDIT);
  });

  test('removes the dimensions of charges, and nothing of what they cost', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const dimensions = new Map([['customer', PERSON_TEXT]]);
    const request = debitRequest(tenantId, { dimensions, projectId: 'prj_1' });
    const { entry: debit } = await callers.internal.call(LedgerServiceService.debit, request);
    const hold = await holds.hold(tenantId, '2');
    const part = await holds.settle(hold, { dimensions, final: true });
    await redact(debit);
    expect(await isStored(tenantId, PERSON_TEXT)).toBe(true);
    await redact(part.entry);
    expect(await isStored(tenantId, PERSON_TEXT)).toBe(false);
    await expectChainIntact(tenantId);
    const [left] = await holds.entriesOf(tenantId, [EntryType.DEBITED]);
    expect(detailOf(left, 'debit')).toEqual({ ...detailOf(debit, 'debit'), dimensions: new Map() });
    expect(await callers.internal.call(LedgerServiceService.debit, request)).toEqual({ entry: left, replayed: true });
    const replay = await holds.settle(hold, { dimensions, final: true });
    expect(replay.replayed).toBe(true);
    expect(detailOf(replay.entry, 'settlement').charge?.dimensions).toEqual(new Map());
    expect(await callers.availableOf(tenantId)).toBe(3n * CREDIT);
    // A cold kernel reads the account as it always was.
    const cold = await composeKernel({ mongodbUri: kernel.mongodbUri });
    expect(await callersOf(cold).availableOf(tenantId)).toBe(3n * CREDIT);
    await cold.close();
  });

  test('is idempotent, and an entry can be redacted again', async () => {
    const tenantId = await callers.openTenant();
    const { entry: granted } = await give(tenantId, { reason: PERSON_TEXT });
    const requestId = newRequestId();
    const first = await redact(granted, { requestId });
    expect(await redact(granted, { requestId })).toEqual({ ...first, replayed: true });
    const other = await failureOf(redact(first.entry, { requestId }));
    expect(other.reason).toBe('IDEMPOTENCY_KEY_REUSED');
    const again = await redact(granted);
    expect(again.replayed).toBe(false);
    // The reason of a redaction may be about a person too, and so may an entry without any text be asked about.
    await redact(again.entry);
    const [, , , left] = await holds.entriesOf(tenantId);
    expect(detailOf(left, 'redaction').reason).toBe('');
    await expectChainIntact(tenantId);
  });

  test('that was recorded and then cut off is finished by its retry', async () => {
    const tenantId = await callers.openTenant();
    const { entry: granted } = await give(tenantId, { reason: PERSON_TEXT });
    let failures = 1;
    const faulty = await composeKernel({
      mongodbUri: kernel.mongodbUri,
      ledgerStore: (real) =>
        override(real, {
          removePersonalText: (...place) => {
            if (failures === 0) return real.removePersonalText(...place);
            failures -= 1;
            return Promise.reject(new DomainError('DATABASE_UNAVAILABLE', 'injected'));
          },
        }),
    });
    const there = callersOf(faulty);
    const requestId = newRequestId();
    const failure = await failureOf(redact(granted, { requestId }, there));
    expect(failure).toMatchObject({ reason: 'DATABASE_UNAVAILABLE', code: status.UNAVAILABLE });
    expect(await holds.entriesOf(tenantId, [EntryType.REDACTED])).toHaveLength(1);
    expect(await isStored(tenantId, PERSON_TEXT)).toBe(true);
    const retried = await redact(granted, { requestId }, there);
    expect(retried.replayed).toBe(true);
    expect(await isStored(tenantId, PERSON_TEXT)).toBe(false);
    expect(await holds.entriesOf(tenantId, [EntryType.REDACTED])).toEqual([retried.entry]);
    await faulty.close();
  });
});
