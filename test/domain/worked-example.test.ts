// The worked example of docs/ledger.md, played as it is printed there.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type AccountState, computeAvailable, UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { type Batch, decideBatch } from '../../kernel/domain/batch.ts';
import type { Command } from '../../kernel/domain/command.ts';
import { formatEntryId } from '../../kernel/domain/entry-id.ts';
import { findGrant } from '../../kernel/domain/grant-book.ts';
import type { EntryId, HoldId, IdempotencyKey, Instant } from '../../kernel/domain/id.ts';
import {
  debit,
  giveGrant,
  grantIdOf,
  keyOf,
  openAccount,
  priceOf,
  quantityOf,
  rulebookOf,
  START,
  TENANT,
} from './support/command.ts';

const CREDIT = 1_000_000n;
const DAY_MS = 86_400_000;
const RULES = rulebookOf(0n, [
  priceOf({ action: 'workflow.step.execute', microcreditsPerUnit: 5n * CREDIT }),
  priceOf({ action: 'memory_extract_interactive', microcreditsPerUnit: 10n * CREDIT }),
  priceOf({ action: 'memory_index_file_mb', microcreditsPerUnit: CREDIT }),
]);
const COLUMNS = ['trial', 'included', 'payg', 'held', 'available', 'deficit'] as const;

/** The figures of each row, in credits. */
const TABLE = readFileSync(new URL('../../docs/ledger.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\| \d+ \|/.test(line))
  .map((line) =>
    line
      .split('|')
      .slice(3, 9)
      .map((cell) => BigInt(cell.trim())),
  );

/** An account whose commands are committed one by one. */
class Example {
  state: AccountState = UNOPENED_ACCOUNT;
  #seq = 0;

  do(command: Command, now: Instant): Batch {
    this.#seq += 1;
    const batch = decideBatch(this.state, [command], { seq: this.#seq, now });
    expect(batch.outcomes).toMatchObject([{ kind: 'accepted' }]);
    this.state = batch.state;
    return batch;
  }

  /** The id of the last entry of a batch that was just committed. */
  idOf({ entries }: Batch, now: Instant): EntryId {
    return formatEntryId({ seq: this.#seq, index: entries.length - 1 }, now);
  }
}

const usage = (action: string, quantity: string, alreadyPerformed = false): Command =>
  debit(quantity, { action, rulebook: RULES, alreadyPerformed });

/** Plays the example; answers the account after each row. */
function playRows(): AccountState[] {
  const example = new Example();
  const rows: AccountState[] = [];
  const row = (now: Instant): number => rows.push(computeAdvance(example.state, now).state);
  example.do(openAccount(), START);
  const trialEnd = START + 14 * DAY_MS;
  example.do(giveGrant('trial', 5n * CREDIT, { bucket: 'trial', expiresAt: trialEnd }), START);
  row(START);
  example.do(giveGrant('top-up', 15n * CREDIT), START);
  row(START);
  example.do(usage('memory_index_file_mb', '3'), START);
  row(START);
  const reserved = example.do(reservation(trialEnd + 1_000), trialEnd - 1_000);
  row(trialEnd - 1_000);
  const later = trialEnd + 500;
  row(later);
  example.do(settlement(example.state.holds[0]?.holdId), later);
  expect(reserved.entries.map(({ type }) => type)).toEqual(['reserved']);
  row(later);
  const renewal = trialEnd + 30 * DAY_MS;
  example.do(giveGrant('cycle', 10n * CREDIT, { bucket: 'included', expiresAt: renewal }), later);
  row(later);
  const extraction = example.do(usage('memory_extract_interactive', '1'), later);
  const extractionId = example.idOf(extraction, later);
  row(later);
  example.do(usage('workflow.step.execute', '2', true), later);
  row(later);
  example.do(giveGrant('top-up-2', 5n * CREDIT), later);
  row(later);
  const [entry] = extraction.entries;
  if (entry === undefined) throw new Error('the extraction left no entry');
  const cycle = { grantId: grantIdOf('cycle'), bucket: 'included', source: 'operator', effectiveAt: later } as const;
  const grants = [{ ...cycle, granted: 10n * CREDIT, remaining: 10n * CREDIT, held: 0n, expiresAt: renewal }];
  const target = { entryId: extractionId, entry, createdAt: later, grants };
  const effectKey = `reverse:${extractionId}:1` as IdempotencyKey;
  const reversal = { key: keyOf('reverse'), effectKey, target, grantId: grantIdOf('none'), actor: 'usr_operator' };
  example.do({ type: 'reverse', ...reversal }, later);
  expect(findGrant(example.state, 'included', grantIdOf('cycle'))).toMatchObject({ remaining: 10n * CREDIT });
  row(later);
  return rows;
}

function reservation(expiresAt: Instant): Command {
  const action = 'workflow.step.execute';
  const base = { type: 'reserve', key: keyOf('reserve'), tenantId: TENANT, rulebook: RULES } as const;
  return { ...base, action, quantity: quantityOf('1'), expiresAt };
}

function settlement(holdId: HoldId | undefined): Command {
  if (holdId === undefined) throw new Error('no hold is open');
  const key = `settle:${holdId}:run` as IdempotencyKey;
  return { type: 'settle', key, holdId, partId: 'run', quantity: quantityOf('2'), final: true };
}

describe('the worked example of docs/ledger.md', () => {
  const rows = playRows();

  it('has a row for each thing that happens', () => {
    expect(TABLE).toHaveLength(rows.length);
  });

  it.each(rows.map((state, index) => [index + 1, state] as const))(
    'says in row %i what the rules give',
    (row, state) => {
      const { totals } = state;
      const figures = { ...totals, available: computeAvailable(totals) };
      expect(COLUMNS.map((column) => figures[column])).toEqual(TABLE[row - 1]?.map((credits) => credits * CREDIT));
    },
  );
});
