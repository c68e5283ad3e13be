// Explanations of entries: whatever the history, an entry is explained by the account right before it; and one exact
// sentence for each type of entry.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HeadLoader } from '../../kernel/app/ledger/head-loader.ts';
import { explainEntry } from '../../kernel/app/usage/entry-explanation.ts';
import { describeEntry } from '../../kernel/app/usage/entry-sentence.ts';
import type { Explanation } from '../../kernel/app/usage/usage.ts';
import { sumBuckets, ZERO_TOTALS } from '../../kernel/domain/account.ts';
import type { Adjusted, Granted, HoldExtended, Reserved, Reversed, Settled } from '../../kernel/domain/entry.ts';
import { formatEntryId, formatHoldId } from '../../kernel/domain/entry-id.ts';
import type { Grant, GrantDraw } from '../../kernel/domain/grant.ts';
import type { IdempotencyKey, PlanCode, ProductCode } from '../../kernel/domain/id.ts';
import { roundCount } from '../support/round-count.ts';
import { grantIdOf, OTHER_TENANT, openAccount, START, TENANT } from './support/command.ts';
import { histories } from './support/history.ts';
import { debitedOf, HOUR_MS, reversedOf, settledOf } from './support/usage-history.ts';
import { Writer } from './support/writer.ts';

const BASE = { key: 'req:internal/test:debit:x' as IdempotencyKey, after: ZERO_TOTALS };
const PLACE = { seq: 1, index: 0 };
const ENTRY_ID = formatEntryId(PLACE, START);
const HOLD_ID = formatHoldId(PLACE, START);
const NEVER = 'that never expires';

function draw(id: string, bucket: GrantDraw['bucket'], microcredits: bigint): GrantDraw {
  return { grantId: grantIdOf(id), bucket, microcredits };
}

function grant(fields: Partial<Grant> = {}): Grant {
  const amount = { granted: 100_000_000n, remaining: 100_000_000n, held: 0n };
  return { grantId: grantIdOf('a'), bucket: 'trial', ...amount, effectiveAt: START, source: 'operator', ...fields };
}

const CHARGE = debitedOf({
  action: 'memory_index_file_mb',
  quantity: '2.5',
  price: { microcreditsPerUnit: 1_000_000n, unit: 'MiB', rule: 'default', effectiveAt: START },
  cost: 2_500_000n,
  draws: [draw('a', 'trial', 1_000_000n), draw('b', 'included', 1_500_000n)],
  deficit: 0n,
});
const CHARGED = '2.5 MiB of memory_index_file_mb at 1 credit per MiB (default price since 2026-01-01) cost 2.5 credits';
const HELD = { draws: [draw('a', 'trial', 3_000_000n)], overdraft: 500_000n, settled: 0n, expiresAt: START + HOUR_MS };
const ABOUT = { ...BASE, holdId: HOLD_ID, action: 'memory_index_file_mb', hold: HELD };
const END = { freed: [draw('a', 'trial', 2_000_000n)], expired: [], deficitPaid: 0n };

/** Who paid is told as it was before: with at least what it paid. */
function expectPayers({ posted: { entry }, grants, before }: Explanation): void {
  const draws = entry.type === 'debited' || entry.type === 'settled' ? entry.draws : [];
  for (const { grantId, microcredits } of draws) {
    const { remaining, held } =
      grants.find((paid) => paid.grantId === grantId) ?? grant({ granted: 0n, remaining: -1n });
    expect(remaining + held).toBeGreaterThanOrEqual(microcredits);
    expect(remaining + held).toBeLessThanOrEqual(sumBuckets(before));
  }
}

describe('an explanation', () => {
  test('tells the account as the entry before it left it', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const writer = new Writer();
        for (const { now, commands } of history) writer.write(now, ...commands);
        const { store, commits } = writer.memory;
        let before = ZERO_TOTALS;
        for (const { seq, createdAt, entries, commitId, hash } of commits) {
          for (const [index, entry] of entries.entries()) {
            const tools = { store, loader: new HeadLoader(store) };
            writer.memory.reads.length = 0;
            const id = formatEntryId({ seq, index }, createdAt);
            const explanation = await explainEntry(tools, TENANT, id);
            expect(explanation).toMatchObject({
              before,
              commitId,
              commitHash: hash,
              posted: { entry, entryId: id, seq },
            });
            expect(explanation.sentence.endsWith('.')).toBe(true);
            expectPayers(explanation);
            // The commit, the newest state before it (two reads where that is large), and who has undone it.
            expect(writer.memory.reads.length).toBeLessThanOrEqual(4);
            before = entry.after;
          }
        }
      }),
      { numRuns: roundCount(40, 1_000) },
    );
  });

  test('is for the tenant whose entry it is', async () => {
    const writer = new Writer();
    writer.write(START, openAccount());
    const { store } = writer.memory;
    const tools = { store, loader: new HeadLoader(store) };
    expect((await explainEntry(tools, TENANT, ENTRY_ID)).posted.entry.type).toBe('account_opened');
    await expect(explainEntry(tools, OTHER_TENANT, ENTRY_ID)).rejects.toMatchObject({ reason: 'ENTRY_NOT_FOUND' });
  });
});

describe('a sentence tells', () => {
  test('a debit', () => {
    expect(describeEntry(CHARGE)).toBe(`${CHARGED}: 1 from trial grant grt_a, 1.5 from included grant grt_b.`);
    expect(describeEntry({ ...CHARGE, draws: [], deficit: 2_500_000n, alreadyPerformed: true })).toBe(
      `${CHARGED}: 2.5 that no grant covered and the account owes, charged whatever the funds because the work was already performed.`,
    );
    const plan = { microcreditsPerUnit: 3n, unit: 'step', rule: 'plan', effectiveAt: START + 1_500 } as const;
    const rounded = {
      ...CHARGE,
      action: 'tick',
      quantity: '0.333334',
      price: plan,
      cost: 2n,
      draws: [draw('p', 'payg', 2n)],
    };
    expect(describeEntry(rounded)).toBe(
      '0.333334 step of tick at 0.000003 credits per step (plan price since 2026-01-01T00:00:01.500Z) cost 0.000002 credits ' +
        '(rounded up to the next microcredit): 0.000002 from pay-as-you-go grant grt_p.',
    );
    const free = {
      ...CHARGE,
      price: { ...CHARGE.price, microcreditsPerUnit: 0n, rule: 'tenant' as const },
      cost: 0n,
      draws: [],
    };
    expect(describeEntry(free)).toBe(
      '2.5 MiB of memory_index_file_mb at 0 credits per MiB (price of this workspace since 2026-01-01) cost nothing.',
    );
  });

  test('what was given, began and expired', () => {
    const given: Granted = {
      ...BASE,
      type: 'granted',
      grant: grant(),
      deficitPaid: 0n,
      scheduled: false,
      actor: 'usr_op',
    };
    expect(describeEntry(given)).toBe(`A trial grant grt_a of 100 credits ${NEVER} was given by usr_op.`);
    const later = { effectiveAt: START + HOUR_MS, expiresAt: START + 24 * HOUR_MS };
    expect(describeEntry({ ...given, grant: grant(later), scheduled: true })).toBe(
      'A trial grant grt_a of 100 credits that begins to count at 2026-01-01T01:00:00Z and expires at 2026-01-02 was given by usr_op.',
    );
    const { actor: _, ...byKernel } = given;
    expect(describeEntry({ ...byKernel, deficitPaid: 1_000_000n })).toBe(
      `A trial grant grt_a of 100 credits ${NEVER} was given, 1 of it paid an earlier deficit at once.`,
    );
    const started = {
      ...BASE,
      type: 'grant_started',
      grantId: grantIdOf('a'),
      deficitPaid: 500_000n,
      dueAt: START,
    } as const;
    expect(describeEntry(started)).toBe(
      'Grant grt_a began to count at 2026-01-01, 0.5 of it paid an earlier deficit at once.',
    );
    const expired = { ...BASE, type: 'grant_expired', expired: draw('a', 'included', 7n), dueAt: START } as const;
    expect(describeEntry(expired)).toBe('0.000007 credits of included grant grt_a expired at 2026-01-01.');
    const opened = {
      ...{ ...BASE, type: 'account_opened' as const },
      ...{ productCode: 'agentruntime' as ProductCode, planCode: 'pro' as PlanCode },
    };
    expect(describeEntry(opened)).toBe('The account was opened on plan pro of product agentruntime.');
  });

  test('a correction', () => {
    const down: Adjusted = {
      ...{ ...BASE, type: 'adjusted', bucket: 'payg', delta: -1_000_000n, deficitPaid: 0n, actor: 'usr_op' },
      draws: [draw('a', 'payg', 1_000_000n)],
    };
    expect(describeEntry(down)).toBe(
      'The bucket pay-as-you-go was corrected by -1 credit by usr_op: 1 from pay-as-you-go grant grt_a.',
    );
    expect(describeEntry({ ...down, bucket: 'trial', delta: 2_500_000n, draws: [], grant: grant() })).toBe(
      'The bucket trial was corrected by +2.5 credits by usr_op: it made trial grant grt_a.',
    );
  });

  test('the life of a hold', () => {
    const reserved: Reserved = { ...ABOUT, type: 'reserved', quantity: '3.5', price: CHARGE.price };
    const price = '1 credit per MiB (default price since 2026-01-01)';
    expect(describeEntry(reserved)).toBe(
      `Hold ${HOLD_ID} keeps 3.5 credits until 2026-01-01T01:00:00Z for 3.5 MiB of memory_index_file_mb at ${price}: ` +
        '3 from trial grant grt_a, 0.5 of overdraft.',
    );
    const extended: HoldExtended = { ...ABOUT, type: 'hold_extended', draws: [], overdraft: 0n };
    expect(describeEntry(extended)).toBe(`Hold ${HOLD_ID} now lasts until 2026-01-01T01:00:00Z.`);
    expect(describeEntry({ ...extended, quantity: '1', draws: [draw('b', 'payg', 1_000_000n)] })).toBe(
      `Hold ${HOLD_ID} now lasts until 2026-01-01T01:00:00Z and keeps 1 credit more for a further quantity of 1: 1 from pay-as-you-go grant grt_b.`,
    );
    const settled: Settled = { ...settledOf(CHARGE), drawsFromHold: 1 };
    const part = `Part part-1 of hold ${HOLD_ID}: ${CHARGED}: `;
    const payers = '1 from trial grant grt_a out of the hold, 1.5 from included grant grt_b';
    expect(describeEntry(settled)).toBe(`${part}${payers}.`);
    expect(describeEntry({ ...settled, final: true, end: END })).toBe(
      `${part}${payers}; it ended the hold: 2 credits (2 to trial grant grt_a) became free again.`,
    );
    expect(describeEntry({ ...settled, drawsFromHold: 0, late: true })).toBe(
      `${part}1 from trial grant grt_a, 1.5 from included grant grt_b; the hold had ended before, so the part was charged without it.`,
    );
    const released = { ...ABOUT, type: 'hold_released', end: { ...END, deficitPaid: 500_000n } } as const;
    expect(describeEntry(released)).toBe(
      `Hold ${HOLD_ID} was released: 2 credits (2 to trial grant grt_a) became free again, 0.5 of it paid an earlier deficit at once.`,
    );
    const nothing = { freed: [], expired: [], deficitPaid: 0n };
    const expired = { ...ABOUT, type: 'hold_expired', end: nothing, dueAt: START + HOUR_MS } as const;
    expect(describeEntry(expired)).toBe(`Hold ${HOLD_ID} expired at 2026-01-01T01:00:00Z: nothing was held any more.`);
    expect(describeEntry({ ...expired, end: { ...nothing, expired: [draw('a', 'trial', 2n)] } })).toBe(
      `Hold ${HOLD_ID} expired at 2026-01-01T01:00:00Z: 0.000002 credits (0.000002 of trial grant grt_a) expired at once because the grant had expired meanwhile.`,
    );
  });

  test('what operators undid, and nothing that they or callers wrote', () => {
    const undone: Reversed = {
      ...reversedOf(CHARGE, 1, START),
      ...{ returned: [grant({ remaining: 1_000_000n })], expired: [draw('b', 'included', 1_000_000n)] },
      deficitCancelled: 500_000n,
    };
    expect(describeEntry(undone)).toBe(
      `Entry ${ENTRY_ID} was undone by usr_x: 1 credit (1 to trial grant grt_a) came back, ` +
        '1 credit (1 of included grant grt_b) did not, because the grant had expired meanwhile, ' +
        'the account no longer owes 0.5 credits of its deficit.',
    );
    const bare = { ...undone, returned: [], expired: [], deficitCancelled: 0n };
    expect(describeEntry({ ...bare, taken: [draw('a', 'payg', 5_000_000n)] })).toBe(
      `Entry ${ENTRY_ID} was undone by usr_x: that took back 5 credits (5 from pay-as-you-go grant grt_a).`,
    );
    expect(describeEntry({ ...bare, unscheduled: grantIdOf('s') })).toBe(
      `Entry ${ENTRY_ID} was undone by usr_x: grant grt_s will not begin.`,
    );
    expect(describeEntry(bare)).toBe(`Entry ${ENTRY_ID} was undone by usr_x: it had moved no credits.`);
    const personal = { digest: 'd', salt: 's', reason: 'Ada asked', dimensions: { customer: 'Ada' } };
    expect(describeEntry({ ...BASE, type: 'redacted', entryId: ENTRY_ID, actor: 'usr_op', personal })).toBe(
      `The personal text of entry ${ENTRY_ID} was removed by usr_op.`,
    );
    expect(describeEntry({ ...CHARGE, personal })).not.toContain('Ada');
  });
});
