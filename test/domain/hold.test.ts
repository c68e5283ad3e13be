import { describe, expect, it } from 'vitest';
import { type AccountState, computeNextDueAt, UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { decideBatch } from '../../kernel/domain/batch.ts';
import {
  ACTIVE_GRANTS_MAX,
  COMMIT_BYTES_MAX,
  HOLD_BYTES_MAX,
  HOLD_DURATION_MAX_MS,
  MICROCREDITS_MAX,
  OPEN_HOLDS_MAX,
} from '../../kernel/domain/bound.ts';
import { estimateEntryBytes, estimateHoldBytes } from '../../kernel/domain/byte-estimate.ts';
import type { Command, Reserve } from '../../kernel/domain/command.ts';
import { formatHoldId } from '../../kernel/domain/entry-id.ts';
import type { Grant, GrantDraw } from '../../kernel/domain/grant.ts';
import type { Hold } from '../../kernel/domain/hold.ts';
import type { Fingerprint, HoldId } from '../../kernel/domain/id.ts';
import {
  ACTION,
  accountAfter,
  adjust,
  at,
  debit,
  EXPIRE,
  entryOf,
  extend,
  giveGrant,
  grantIdOf,
  type Holding,
  hold,
  play,
  priceOf,
  refusalOf,
  release,
  reservationOf,
  reserve,
  rulebookOf,
  START,
  settle,
} from './support/command.ts';

const NOTHING = { trial: 0n, included: 0n, payg: 0n, held: 0n, deficit: 0n };
const DUE = START + 1_000;
const NO_HOLD = 'hld_0198c0de-0000-7000-8000-000000000009' as HoldId;
const PERSONAL = { digest: 'd', salt: 's', dimensions: { team: 'a' } };

function draw(id: string, microcredits: bigint, bucket: GrantDraw['bucket'] = 'payg'): GrantDraw {
  return { grantId: grantIdOf(id), bucket, microcredits };
}

/** What each grant has free and held, for people. */
function creditOf(state: AccountState): Record<string, readonly [free: bigint, held: bigint]> {
  const all: readonly Grant[] = [
    ...state.grants.trial,
    ...state.grants.included,
    ...state.grants.payg,
    ...state.pinned,
  ];
  return Object.fromEntries(all.map((grant) => [grant.grantId.slice(4), [grant.remaining, grant.held] as const]));
}

/** An account with 10 free microcredits of which a hold keeps some. */
function holding(quantity: string, fields: Partial<Reserve> = {}): Holding {
  return hold(accountAfter(giveGrant('a', 10n)), START, reserve(quantity, fields));
}

/** An account that has so much free, owes nothing and holds so much beside. */
function holdingBeside(held: string, free: bigint): Holding {
  const first = hold(accountAfter(giveGrant('h', BigInt(held))), START, reserve(held));
  return free === 0n ? first : { ...first, ...play(first.state, START, giveGrant('free', free)) };
}

describe('a reservation', () => {
  it('records the hold, named by its place, and keeps its credits back', () => {
    const state = accountAfter(giveGrant('a', 10n), giveGrant('t', 3n, { bucket: 'trial' }));
    const command = reserve('2.50', {
      fingerprint: '1:f' as Fingerprint,
      personal: PERSONAL,
      projectId: 'prj_1',
      workflowId: 'wfl_1',
      runId: 'run_1',
      rulebook: rulebookOf(0n, [priceOf({ action: ACTION, microcreditsPerUnit: 3n, unit: 'MiB', effectiveAt: 9 })]),
    });
    const batch = decideBatch(state, [debit('1'), command], { now: START + 1, seq: 77 });
    const holdId = formatHoldId({ seq: 77, index: 1 }, START + 1);
    const price = { microcreditsPerUnit: 3n, unit: 'MiB', rule: 'default', effectiveAt: 9 };
    const figures = { draws: [draw('t', 2n, 'trial'), draw('a', 6n)], overdraft: 0n, settled: 0n, expiresAt: DUE };
    const about = { holdId, action: ACTION, projectId: 'prj_1', workflowId: 'wfl_1', runId: 'run_1' };
    expect(batch.entries[1]).toEqual({
      type: 'reserved',
      key: command.key,
      fingerprint: '1:f',
      personal: PERSONAL,
      ...about,
      quantity: '2.5',
      price,
      hold: figures,
      after: { ...NOTHING, trial: 2n, payg: 10n, held: 8n },
    });
    expect(batch.state.holds).toEqual([{ ...about, price, ...figures }]);
    expect(creditOf(batch.state)).toEqual({ a: [4n, 6n], t: [0n, 2n] });
    expect(batch.state.pinned.map(({ grantId }) => grantId)).toEqual([grantIdOf('t')]);
  });

  it.each<[funds: bigint, limit: bigint, quantity: string, held: bigint, overdraft: bigint]>([
    [10n, 0n, '10', 10n, 0n],
    [10n, 5n, '4', 4n, 0n],
    [10n, 5n, '11', 10n, 1n],
    [10n, 5n, '15', 10n, 5n],
    [0n, 5n, '5', 0n, 5n],
    [10n, 0n, '9.000001', 10n, 0n],
  ])('over %s and an overdraft of %s of %s holds %s and counts on %s', (funds, limit, quantity, held, overdraft) => {
    const state = accountAfter(...(funds > 0n ? [giveGrant('a', funds)] : []));
    const { state: after, hold: open } = hold(state, START, reserve(quantity, { rulebook: rulebookOf(limit) }));
    expect(open).toMatchObject({ draws: held > 0n ? [draw('a', held)] : [], overdraft });
    expect(after.totals).toEqual({ ...NOTHING, payg: funds, held });
    expect(after.overdraftHeld).toBe(overdraft);
  });

  it.each<[funds: bigint, limit: bigint, quantity: string, needed: string]>([
    [10n, 0n, '11', '11'],
    [10n, 0n, '10.000001', '11'],
    [10n, 5n, '16', '16'],
    [0n, 0n, '0.000001', '1'],
  ])('over %s and an overdraft of %s of %s is refused whole', (funds, limit, quantity, needed) => {
    const state = accountAfter(...(funds > 0n ? [giveGrant('a', funds)] : []));
    const error = refusalOf(state, START, reserve(quantity, { rulebook: rulebookOf(limit) }));
    expect(error.reason).toBe('INSUFFICIENT_CREDITS');
    expect(error.metadata).toEqual({
      needed_microcredits: needed,
      available_microcredits: String(funds),
      overdraft_remaining_microcredits: String(limit),
      shortfall_microcredits: String(BigInt(needed) - funds - limit),
    });
  });

  it('leaves to others only what it does not hold: neither a debit nor a hold nor an adjustment can take it', () => {
    const { state } = holding('7');
    expect(entryOf(state, START, debit('3'), 'debited').after).toEqual({ ...NOTHING, payg: 7n, held: 7n });
    for (const command of [debit('4'), reserve('4'), adjust(-4n)]) {
      const error = refusalOf(state, START, command);
      expect(error.reason).toBe('INSUFFICIENT_CREDITS');
      expect(error.metadata).toMatchObject({ needed_microcredits: '4', available_microcredits: '3' });
    }
  });

  it('keeps overdraft back too: what a hold counts on, nobody else can use', () => {
    const rulebook = rulebookOf(10n);
    const owing = accountAfter(debit('3', { alreadyPerformed: true }));
    const { state } = hold(owing, START, reserve('4', { rulebook }));
    expect(state).toMatchObject({ overdraftHeld: 4n, totals: { ...NOTHING, deficit: 3n } });
    for (const ask of [debit, reserve]) {
      expect(play(state, START, ask('3', { rulebook })).entries).toHaveLength(1);
      const error = refusalOf(state, START, ask('4', { rulebook }));
      expect(error.metadata).toMatchObject({ available_microcredits: '0', overdraft_remaining_microcredits: '3' });
    }
    const lower = refusalOf(state, START, debit('1', { rulebook: rulebookOf(5n) }));
    expect(lower.metadata).toMatchObject({ overdraft_remaining_microcredits: '0' });
  });

  it('gives overdraft free again when it ends', () => {
    const rulebook = rulebookOf(5n);
    const { state, holdId } = hold(accountAfter(), START, reserve('5', { rulebook }));
    expect(refusalOf(state, START, debit('1', { rulebook })).reason).toBe('INSUFFICIENT_CREDITS');
    const after = play(state, START, release(holdId)).state;
    expect(after.overdraftHeld).toBe(0n);
    expect(entryOf(after, START, debit('5', { rulebook }), 'debited').deficit).toBe(5n);
    expect(entryOf(state, DUE, debit('5', { rulebook }), 'debited').deficit).toBe(5n);
  });

  it.each<[string, number]>([
    ['now', START],
    ['in the past', START - 1],
    ['more than 24 hours ahead', START + HOLD_DURATION_MAX_MS + 1],
  ])('that would end %s is refused', (_what, expiresAt) => {
    const { state, holdId } = holding('1');
    for (const command of [reserve('1', { expiresAt }), extend(holdId, { expiresAt })]) {
      const error = refusalOf(state, START, command);
      expect(error.reason).toBe('INVALID_FIELD');
      expect(error.violations).toEqual([{ field: 'expire_time', description: expect.stringMatching(/24 hours/) }]);
    }
  });

  it.each([START + 1, START + HOLD_DURATION_MAX_MS])('may end at %i', (expiresAt) => {
    expect(holding('1', { expiresAt }).hold.expiresAt).toBe(expiresAt);
    const { state, holdId } = holding('1');
    expect(play(state, START, extend(holdId, { expiresAt })).state.holds[0]?.expiresAt).toBe(expiresAt);
  });

  it('of an unknown action is refused by name', () => {
    const error = refusalOf(accountAfter(giveGrant('a', 9n)), START, reserve('1', { action: 'nothing' }));
    expect(error).toMatchObject({ reason: 'ACTION_NOT_FOUND', metadata: { action: 'nothing' } });
  });

  it.each([0n, -1n])('of %s millionths is refused', (millionths) => {
    const error = refusalOf(accountAfter(giveGrant('a', 9n)), START, reserve('1', { quantity: { millionths } }));
    expect(error).toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field: 'quantity' }] });
  });

  it('may hold 2^53 − 1 microcredits and no more', () => {
    const rulebook = rulebookOf(2n ** 60n);
    const most = { millionths: MICROCREDITS_MAX * 1_000_000n };
    expect(hold(accountAfter(), START, reserve('1', { quantity: most, rulebook })).hold.overdraft).toBe(
      MICROCREDITS_MAX,
    );
    const more = { millionths: most.millionths + 1n };
    expect(refusalOf(accountAfter(), START, reserve('1', { quantity: more, rulebook })).reason).toBe(
      'BALANCE_OUT_OF_RANGE',
    );
  });

  it('of a free action holds nothing, and is a hold all the same', () => {
    const rulebook = rulebookOf(0n, [priceOf({ action: ACTION, microcreditsPerUnit: 0n })]);
    const { state, holdId, hold: open } = hold(accountAfter(), START, reserve('5', { rulebook }));
    expect(open).toMatchObject({ draws: [], overdraft: 0n });
    expect(state.totals).toEqual(NOTHING);
    expect(entryOf(state, START, settle(holdId, '7', { final: true }), 'settled')).toMatchObject({
      cost: 0n,
      draws: [],
    });
  });

  it.each<[string, Command]>([
    ['a reservation', reserve('1')],
    ['an extension', extend(NO_HOLD, { expiresAt: DUE })],
    ['a settlement', settle(NO_HOLD, '1')],
    ['a release', release(NO_HOLD)],
  ])('comes after the opening of the account, and so does %s', (_what, command) => {
    expect(refusalOf(UNOPENED_ACCOUNT, START, command).reason).toBe('ACCOUNT_NOT_OPEN');
  });
});

describe('the limit on holds', () => {
  const funded = accountAfter(giveGrant('a', 100n));
  const { hold: sample } = hold(funded, START, reserve('1'));

  /** An account with so many open holds that hold nothing. */
  function crowded(count: number): AccountState {
    const empty: Hold = { ...sample, draws: [] };
    const holds = Array.from({ length: count }, (_, n): Hold => ({ ...empty, holdId: `hld_${n}` as HoldId }));
    return { ...funded, holds, holdBytes: count * estimateHoldBytes(empty) };
  }

  it('lets the last one in and refuses the next', () => {
    expect(hold(crowded(OPEN_HOLDS_MAX - 1), START, reserve('1')).state.holds).toHaveLength(OPEN_HOLDS_MAX);
    const full = crowded(OPEN_HOLDS_MAX);
    const error = refusalOf(full, START, reserve('1'));
    expect(error).toMatchObject({ reason: 'HOLD_LIMIT_REACHED', metadata: { limit: String(OPEN_HOLDS_MAX) } });
    // One that ends makes room, and those that are open can still do everything.
    const id = 'hld_77' as HoldId;
    const { state } = play(full, START, extend(id, { expiresAt: DUE + 5 }), settle(id, '1'), release(id));
    expect(hold(state, START, reserve('1')).state.holds).toHaveLength(OPEN_HOLDS_MAX);
  });

  it('is one of bytes as well, used to the last', () => {
    const bytes = estimateHoldBytes(sample);
    const full = { ...funded, holdBytes: HOLD_BYTES_MAX - bytes };
    expect(hold(full, START, reserve('1')).state.holdBytes).toBe(HOLD_BYTES_MAX);
    const error = refusalOf({ ...full, holdBytes: full.holdBytes + 1 }, START, reserve('1'));
    expect(error).toMatchObject({ reason: 'HOLD_LIMIT_REACHED', metadata: { limit_bytes: String(HOLD_BYTES_MAX) } });
  });

  it('of bytes stops an extension that makes the hold larger, and none that does not', () => {
    const { state, holdId } = hold(funded, START, reserve('100'));
    const more = play(state, START, giveGrant('b', 5n)).state;
    const full = { ...more, holdBytes: HOLD_BYTES_MAX };
    expect(refusalOf(full, START, extend(holdId, { quantity: { millionths: 1_000_000n } })).reason).toBe(
      'HOLD_LIMIT_REACHED',
    );
    for (const holdBytes of [HOLD_BYTES_MAX, HOLD_BYTES_MAX + 9]) {
      const moved = play({ ...more, holdBytes }, START, extend(holdId, { expiresAt: DUE + 1 })).state;
      expect(moved.holds[0]?.expiresAt).toBe(DUE + 1);
      expect(moved.holdBytes).toBe(holdBytes);
    }
  });

  it('on grants counts those that only a hold keeps', () => {
    const few = hold(accountAfter(giveGrant('p', 1n)), START, reserve('1')).state;
    expect(few.pinned).toHaveLength(1);
    let state = few;
    for (let from = 1; from < ACTIVE_GRANTS_MAX; from += 111) {
      state = play(state, START, ...Array.from({ length: 111 }, (_, n) => giveGrant(`g${from + n}`, 1n))).state;
    }
    for (const command of [giveGrant('x', 1n), adjust(1n)]) {
      expect(refusalOf(state, START, command).reason).toBe('GRANT_LIMIT_REACHED');
    }
    const all = hold(state, START, reserve('999'));
    expect(all.hold.draws).toHaveLength(999);
    expect(refusalOf(all.state, START, giveGrant('x', 1n)).reason).toBe('GRANT_LIMIT_REACHED');
    // What a settlement spends for good makes room.
    const spent = play(all.state, START, settle(all.holdId, '999', { final: true })).state;
    expect(play(spent, START, giveGrant('x', 1n)).entries).toHaveLength(1);
  });
});

describe('an extension', () => {
  it('of the time moves the end of the hold, later or sooner, and nothing else', () => {
    const { state, holdId, hold: before } = holding('4');
    for (const expiresAt of [DUE + 500, START + 1]) {
      const entry = entryOf(state, START, extend(holdId, { expiresAt }), 'hold_extended');
      expect(entry).toMatchObject({ draws: [], overdraft: 0n, hold: { draws: before.draws, expiresAt } });
      expect(entry.quantity).toBeUndefined();
      expect(entry.after).toEqual(state.totals);
      const after = play(state, START, extend(holdId, { expiresAt })).state;
      expect(after.holds).toEqual([{ ...before, expiresAt }]);
      expect(computeNextDueAt(after)).toBe(expiresAt);
    }
  });

  it('to the end of another hold comes to stand in the order of ids, not of extensions', () => {
    const first = holding('4', { expiresAt: DUE + 5 });
    const second = hold(first.state, START, reserve('5', { expiresAt: DUE }));
    const after = play(second.state, START, extend(first.holdId, { expiresAt: DUE })).state;
    expect(after.holds.map(({ holdId }) => holdId)).toEqual([first.holdId, second.holdId]);
    expect(computeAdvance(after, DUE).entries).toMatchObject([{ holdId: first.holdId }, { holdId: second.holdId }]);
  });

  it('of the quantity holds more', () => {
    const { state, holdId } = holding('4');
    const command = extend(holdId, { quantity: { millionths: 2_500_000n } });
    expect(entryOf(state, START, command, 'hold_extended')).toMatchObject({
      holdId,
      action: ACTION,
      quantity: '2.5',
      draws: [draw('a', 3n)],
      overdraft: 0n,
      hold: { draws: [draw('a', 7n)], overdraft: 0n, settled: 0n, expiresAt: DUE },
      after: { ...NOTHING, payg: 10n, held: 7n },
    });
    expect(creditOf(play(state, START, command).state)).toEqual({ a: [3n, 7n] });
  });

  it('does both at once, or neither where one of them is refused', () => {
    const { state, holdId } = holding('4');
    const more = { millionths: 6_000_000n };
    const { state: after } = play(state, START, extend(holdId, { expiresAt: DUE + 1, quantity: more }));
    expect(after.holds[0]).toMatchObject({ expiresAt: DUE + 1, draws: [draw('a', 10n)] });
    const tooMuch = extend(holdId, { expiresAt: DUE + 1, quantity: { millionths: 6_000_001n } });
    expect(refusalOf(state, START, tooMuch).metadata).toEqual({
      needed_microcredits: '7',
      available_microcredits: '6',
      overdraft_remaining_microcredits: '0',
      shortfall_microcredits: '1',
    });
    expect(refusalOf(state, START, extend(holdId, { expiresAt: START, quantity: more })).reason).toBe('INVALID_FIELD');
  });

  it('counts on overdraft for what no credit covers, within what is left of it', () => {
    const rulebook = rulebookOf(5n);
    const { state, holdId } = holding('12', { rulebook });
    const by = (units: bigint) => extend(holdId, { rulebook, quantity: { millionths: units * 1_000_000n } });
    const { state: after } = play(state, START, by(3n));
    expect(after).toMatchObject({ overdraftHeld: 5n, holds: [{ draws: [draw('a', 10n)], overdraft: 5n }] });
    expect(refusalOf(state, START, by(4n)).metadata).toMatchObject({ overdraft_remaining_microcredits: '3' });
  });

  it('joins what it draws with what is held, one draw for each grant, in burn order', () => {
    const state = accountAfter(
      giveGrant('t', 2n, { bucket: 'trial' }),
      giveGrant('late', 5n, { expiresAt: DUE + 9 }),
      giveGrant('never', 5n),
    );
    const { state: first, holdId } = hold(state, START, reserve('8'));
    expect(first.holds[0]?.draws).toEqual([draw('t', 2n, 'trial'), draw('late', 5n), draw('never', 1n)]);
    const topped = play(
      first,
      START,
      giveGrant('soon', 1n, { expiresAt: DUE }),
      giveGrant('i', 1n, { bucket: 'included' }),
    );
    const more = extend(holdId, { quantity: { millionths: 3_000_000n } });
    const { entries, state: after } = play(topped.state, START, more);
    const draws = [
      draw('t', 2n, 'trial'),
      draw('i', 1n, 'included'),
      draw('soon', 1n),
      draw('late', 5n),
      draw('never', 2n),
    ];
    expect(entries[0]).toMatchObject({ draws: [draw('i', 1n, 'included'), draw('soon', 1n), draw('never', 1n)] });
    expect(after.holds[0]?.draws).toEqual(draws);
    // So parts are charged in burn order too.
    const part = entryOf(after, START, settle(holdId, '4'), 'settled');
    expect(part.draws).toEqual([draw('t', 2n, 'trial'), draw('i', 1n, 'included'), draw('soon', 1n)]);
  });

  it('draws by the price of the reservation, whatever the price is now', () => {
    const { state, holdId } = holding('1');
    const rulebook = rulebookOf(0n, [priceOf({ action: ACTION, microcreditsPerUnit: 1_000n })]);
    const entry = entryOf(
      state,
      START,
      extend(holdId, { rulebook, quantity: { millionths: 4_000_000n } }),
      'hold_extended',
    );
    expect(entry.draws).toEqual([draw('a', 4n)]);
  });

  it.each([0n, -1n])('by %s millionths is refused', (millionths) => {
    const { state, holdId } = holding('1');
    const error = refusalOf(state, START, extend(holdId, { quantity: { millionths } }));
    expect(error).toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field: 'additional_quantity' }] });
  });
});

describe('a settlement', () => {
  it('records what was charged, by which price, who paid, and what the hold is after it', () => {
    const { state, holdId } = hold(
      accountAfter(giveGrant('a', 30n)),
      START,
      reserve('5', {
        projectId: 'prj_1',
        runId: 'run_1',
        rulebook: rulebookOf(0n, [priceOf({ action: ACTION, microcreditsPerUnit: 3n, unit: 'MiB', effectiveAt: 9 })]),
      }),
    );
    const command = settle(holdId, '2.50', {
      partId: 'part-1',
      fingerprint: '1:f' as Fingerprint,
      personal: PERSONAL,
      runStatus: 'running',
    });
    expect(entryOf(state, START + 1, command, 'settled')).toEqual({
      type: 'settled',
      key: command.key,
      fingerprint: '1:f',
      personal: PERSONAL,
      holdId,
      action: ACTION,
      partId: 'part-1',
      quantity: '2.5',
      price: { microcreditsPerUnit: 3n, unit: 'MiB', rule: 'default', effectiveAt: 9 },
      cost: 8n,
      draws: [draw('a', 8n)],
      drawsFromHold: 1,
      deficit: 0n,
      projectId: 'prj_1',
      runId: 'run_1',
      runStatus: 'running',
      final: false,
      late: false,
      hold: { draws: [draw('a', 7n)], overdraft: 0n, settled: 8n, expiresAt: DUE },
      after: { ...NOTHING, payg: 22n, held: 7n },
    });
  });

  interface Row {
    readonly of: string;
    readonly final: boolean;
    /** What the part draws out of the hold, out of free credit, and what is owed. */
    readonly pays: readonly [held: bigint, free: bigint, owed: bigint];
    /** What is held, free and owed after it. */
    readonly leaves: readonly [held: bigint, free: bigint, owed: bigint];
  }

  it.each<Row>([
    { of: '0', final: false, pays: [0n, 0n, 0n], leaves: [5n, 3n, 0n] },
    { of: '0', final: true, pays: [0n, 0n, 0n], leaves: [0n, 8n, 0n] },
    { of: '2', final: false, pays: [2n, 0n, 0n], leaves: [3n, 3n, 0n] },
    { of: '2', final: true, pays: [2n, 0n, 0n], leaves: [0n, 6n, 0n] },
    { of: '5', final: false, pays: [5n, 0n, 0n], leaves: [0n, 3n, 0n] },
    { of: '5', final: true, pays: [5n, 0n, 0n], leaves: [0n, 3n, 0n] },
    { of: '6', final: true, pays: [5n, 1n, 0n], leaves: [0n, 2n, 0n] },
    { of: '8', final: false, pays: [5n, 3n, 0n], leaves: [0n, 0n, 0n] },
    { of: '9', final: false, pays: [5n, 3n, 1n], leaves: [0n, 0n, 1n] },
    { of: '100', final: true, pays: [5n, 3n, 92n], leaves: [0n, 0n, 92n] },
  ])('of $of (final: $final) over 5 held and 3 free pays $pays and leaves $leaves', ({ of, final, pays, leaves }) => {
    const { state, holdId } = holdingBeside('5', 3n);
    const { entries, state: after } = play(state, START, settle(holdId, of, { final }));
    const [entry] = entries;
    if (entry?.type !== 'settled') throw new Error('nothing was settled');
    const [held, free, owed] = pays;
    expect(entry.draws).toEqual([...(held > 0n ? [draw('h', held)] : []), ...(free > 0n ? [draw('free', free)] : [])]);
    expect(entry).toMatchObject({ drawsFromHold: held > 0n ? 1 : 0, deficit: owed, cost: BigInt(of), late: false });
    expect(after.totals).toEqual({ ...NOTHING, payg: leaves[0] + leaves[1], held: leaves[0], deficit: leaves[2] });
    expect(after.holds).toHaveLength(final ? 0 : 1);
    expect(entry.end !== undefined).toBe(final);
  });

  it('draws a grant twice where the hold has a part of it and more is needed', () => {
    const { state, holdId } = holding('4');
    const entry = entryOf(state, START, settle(holdId, '7'), 'settled');
    expect(entry).toMatchObject({ draws: [draw('a', 4n), draw('a', 3n)], drawsFromHold: 1 });
    expect(creditOf(play(state, START, settle(holdId, '7')).state)).toEqual({ a: [3n, 0n] });
  });

  it('in parts charges each by itself, rounded up by itself, until the hold is used up and beyond', () => {
    const { state, holdId } = holding('4');
    const { state: after, entries } = play(
      state,
      START,
      settle(holdId, '1.5'),
      settle(holdId, '1.5'),
      settle(holdId, '1.000001', { final: true }),
    );
    expect(entries).toMatchObject([
      { cost: 2n, hold: { draws: [draw('a', 2n)], settled: 2n } },
      { cost: 2n, hold: { draws: [], settled: 4n } },
      { cost: 2n, drawsFromHold: 0, draws: [draw('a', 2n)], hold: { settled: 6n }, end: { freed: [], expired: [] } },
    ]);
    expect(after.totals).toEqual({ ...NOTHING, payg: 4n });
  });

  it('of a part that is not final leaves the hold open even where nothing of it is left', () => {
    const { state, holdId } = holding('4');
    const used = play(state, START, settle(holdId, '9')).state;
    expect(used.holds).toMatchObject([{ holdId, draws: [], overdraft: 0n, settled: 9n }]);
    expect(play(used, START, extend(holdId, { quantity: { millionths: 1_000_000n } })).state.totals.held).toBe(1n);
  });

  it('is always charged, far beyond any overdraft, and needs no rules for it', () => {
    const { state, holdId } = holding('1');
    const entry = entryOf(state, START, settle(holdId, '500'), 'settled');
    expect(entry).toMatchObject({ cost: 500n, deficit: 490n, after: { ...NOTHING, deficit: 490n } });
    const owing = play(state, START, settle(holdId, '500')).state;
    expect(entryOf(owing, START, settle(holdId, '5'), 'settled')).toMatchObject({ draws: [], deficit: 5n });
  });

  it('uses up the overdraft that was kept for it, so that others get the rest back', () => {
    const rulebook = rulebookOf(6n);
    const { state, holdId } = hold(accountAfter(giveGrant('a', 4n)), START, reserve('10', { rulebook }));
    const by = (quantity: string) => entryOf(state, START, settle(holdId, quantity), 'settled');
    expect(by('3')).toMatchObject({ deficit: 0n, hold: { draws: [draw('a', 1n)], overdraft: 6n } });
    expect(by('6')).toMatchObject({ deficit: 2n, hold: { draws: [], overdraft: 4n } });
    expect(by('10')).toMatchObject({ deficit: 6n, hold: { overdraft: 0n } });
    expect(by('11')).toMatchObject({ deficit: 7n, hold: { overdraft: 0n } });
    const part = play(state, START, settle(holdId, '6')).state;
    expect(part).toMatchObject({ overdraftHeld: 4n, totals: { deficit: 2n } });
    expect(refusalOf(part, START, debit('1', { rulebook })).reason).toBe('INSUFFICIENT_CREDITS');
    expect(play(part, START, debit('1', { rulebook: rulebookOf(7n) })).entries).toHaveLength(1);
  });

  it('draws credit that came after the reservation before it goes into the overdraft kept for it', () => {
    const rulebook = rulebookOf(6n);
    const { state, holdId } = hold(accountAfter(), START, reserve('6', { rulebook }));
    const topped = play(state, START, giveGrant('a', 4n)).state;
    expect(entryOf(topped, START, settle(holdId, '5'), 'settled')).toMatchObject({
      draws: [draw('a', 4n)],
      drawsFromHold: 0,
      deficit: 1n,
      hold: { overdraft: 1n },
    });
  });

  it('charges by the price of the reservation, though the action became dearer, or was taken off the list', () => {
    const { state, holdId } = holding('4');
    // A settlement carries no rules, so there is nothing else that it could be charged by.
    expect(entryOf(state, START + 1, settle(holdId, '2'), 'settled')).toMatchObject({
      cost: 2n,
      price: { microcreditsPerUnit: 1n },
    });
  });

  it.each([true, false])('of more than 2^53 − 1 microcredits is refused, the hold open or not: %s', (isOpen) => {
    const held = holding('1');
    const state = isOpen ? held.state : play(held.state, START, release(held.holdId)).state;
    const reservation = reservationOf(held.reserved);
    const most = { quantity: { millionths: MICROCREDITS_MAX * 1_000_000n }, reservation };
    const entry = entryOf(state, START, settle(held.holdId, '1', most), 'settled');
    expect(entry.after.deficit).toBe(MICROCREDITS_MAX - 10n);
    const more = { ...most, quantity: { millionths: most.quantity.millionths + 1n } };
    expect(refusalOf(state, START, settle(held.holdId, '1', more)).reason).toBe('BALANCE_OUT_OF_RANGE');
    const owing = play(state, START, settle(held.holdId, '1', most)).state;
    const error = refusalOf(owing, START, settle(held.holdId, '11', { reservation }));
    expect(error).toMatchObject({ reason: 'BALANCE_OUT_OF_RANGE', message: expect.stringMatching(/deficit/) });
  });

  it('below zero is refused', () => {
    const { state, holdId } = holding('1');
    const error = refusalOf(state, START, settle(holdId, '1', { quantity: { millionths: -1n } }));
    expect(error).toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field: 'quantity' }] });
  });
});

describe('a late settlement', () => {
  const held = holding('4', { projectId: 'prj_1' });
  const ended: readonly [string, AccountState][] = [
    ['was released', play(held.state, START, release(held.holdId)).state],
    ['was settled in full', play(held.state, START, settle(held.holdId, '0', { final: true })).state],
    ['expired', computeAdvance(held.state, DUE).state],
  ];

  it.each(ended)('of a hold that %s is charged by the price of the reservation, out of free credit', (_what, state) => {
    const command = settle(held.holdId, '6', { reservation: reservationOf(held.reserved), partId: 'late' });
    const entry = entryOf(state, DUE + 1, command, 'settled');
    expect(entry).toMatchObject({
      holdId: held.holdId,
      action: ACTION,
      projectId: 'prj_1',
      cost: 6n,
      price: held.hold.price,
      draws: [draw('a', 6n)],
      drawsFromHold: 0,
      late: true,
      hold: { draws: [], overdraft: 0n, settled: 6n, expiresAt: DUE },
      after: { ...NOTHING, payg: 4n },
    });
    expect(entry.end).toBeUndefined();
    expect(play(state, DUE + 1, command).state.holds).toEqual([]);
  });

  it.each(ended)('of a hold that %s is refused as ended where nothing is known of the reservation', (_what, state) => {
    for (const command of [
      settle(held.holdId, '1'),
      release(held.holdId),
      extend(held.holdId, { expiresAt: DUE + 99 }),
    ]) {
      const error = refusalOf(state, DUE + 1, command);
      expect(error).toMatchObject({ reason: 'HOLD_ENDED', metadata: { hold_id: held.holdId } });
    }
  });

  it('goes into debt where credit is used up', () => {
    const spent = play(held.state, DUE, debit('9')).state;
    const command = settle(held.holdId, '4', { reservation: reservationOf(held.reserved), final: true });
    expect(entryOf(spent, DUE, command, 'settled')).toMatchObject({ draws: [draw('a', 1n)], deficit: 3n });
  });

  it('is none where the hold is open after all: it draws what is held', () => {
    const command = settle(held.holdId, '4', { reservation: reservationOf(held.reserved) });
    expect(entryOf(held.state, START, command, 'settled')).toMatchObject({ drawsFromHold: 1, late: false });
  });
});

describe('the end of a hold', () => {
  it('by release frees what it held', () => {
    const { state, holdId } = holding('4', { runId: 'run_1' });
    const { entries, state: after } = play(state, START, release(holdId));
    expect(entries).toMatchObject([
      {
        type: 'hold_released',
        holdId,
        action: ACTION,
        runId: 'run_1',
        hold: { draws: [], overdraft: 0n, settled: 0n, expiresAt: DUE },
        end: { freed: [draw('a', 4n)], expired: [], deficitPaid: 0n },
        after: { ...NOTHING, payg: 10n },
      },
    ]);
    expect(after).toMatchObject({ holds: [], holdBytes: 0, pinned: [] });
    expect(creditOf(after)).toEqual({ a: [10n, 0n] });
  });

  it('by a part frees only what no part used', () => {
    const { state, holdId } = holding('6');
    const { entries } = play(state, START, settle(holdId, '1'), settle(holdId, '2', { final: true }));
    expect(entries[1]).toMatchObject({
      hold: { draws: [], settled: 3n },
      end: { freed: [draw('a', 3n)], expired: [], deficitPaid: 0n },
      after: { ...NOTHING, payg: 7n },
    });
  });

  it('by time comes at the very millisecond, recorded as due then, whenever that is', () => {
    const { state, holdId } = holding('4', { workflowId: 'wfl_1' });
    expect(computeNextDueAt(state)).toBe(DUE);
    expect(computeAdvance(state, DUE - 1).entries).toEqual([]);
    const { entries, state: after } = computeAdvance(state, DUE + 77);
    expect(entries).toEqual([
      {
        type: 'hold_expired',
        key: `hold-expired:${holdId}`,
        holdId,
        action: ACTION,
        workflowId: 'wfl_1',
        hold: { draws: [], overdraft: 0n, settled: 0n, expiresAt: DUE },
        end: { freed: [draw('a', 4n)], expired: [], deficitPaid: 0n },
        dueAt: DUE,
        after: { ...NOTHING, payg: 10n },
      },
    ]);
    expect(after.holds).toEqual([]);
    expect(entryOf(state, DUE - 1, settle(holdId, '1'), 'settled').late).toBe(false);
    expect(refusalOf(state, DUE, settle(holdId, '1')).reason).toBe('HOLD_ENDED');
    expect(refusalOf(state, DUE - 1, debit('7')).reason).toBe('INSUFFICIENT_CREDITS');
    expect(entryOf(state, DUE, debit('10'), 'debited').after).toEqual(NOTHING);
  });

  it('by time frees what parts have left', () => {
    const { state, holdId } = holding('4');
    const part = play(state, START, settle(holdId, '3')).state;
    expect(computeAdvance(part, DUE).entries).toMatchObject([
      { hold: { settled: 3n }, end: { freed: [draw('a', 1n)] }, after: { payg: 7n, held: 0n } },
    ]);
  });

  it.each<[owed: bigint, paid: bigint, free: bigint, stillOwed: bigint]>([
    [0n, 0n, 6n, 0n],
    [2n, 2n, 4n, 0n],
    [6n, 6n, 0n, 0n],
    [7n, 6n, 0n, 1n],
  ])('pays a debt of %s with %s first, leaving %s free and %s owed', (owed, paid, free, stillOwed) => {
    const two = accountAfter(giveGrant('a', 2n, { expiresAt: DUE + 50 }), giveGrant('b', 4n));
    const { state, holdId } = hold(two, START, reserve('6'));
    const owing = owed === 0n ? state : play(state, START, debit(String(owed), { alreadyPerformed: true })).state;
    const ends = [
      play(owing, START, release(holdId)),
      play(owing, START, settle(holdId, '0', { final: true })),
      computeAdvance(owing, DUE),
    ];
    for (const { entries, state: after } of ends) {
      expect(entries).toMatchObject([{ end: { freed: [draw('a', 2n), draw('b', 4n)], deficitPaid: paid } }]);
      expect(after.totals).toEqual({ ...NOTHING, payg: free, deficit: stillOwed });
      // It pays with what expires first, so that the rest lasts.
      const left = {
        ...(paid < 2n ? { a: [2n - paid, 0n] } : {}),
        ...(free > 0n ? { b: [free < 4n ? free : 4n, 0n] } : {}),
      };
      expect(creditOf(after)).toEqual(left);
    }
  });

  it('of a hold of nothing but overdraft frees no credit', () => {
    const { state, holdId } = hold(accountAfter(), START, reserve('5', { rulebook: rulebookOf(5n) }));
    expect(entryOf(state, START, release(holdId), 'hold_released').end).toEqual({
      freed: [],
      expired: [],
      deficitPaid: 0n,
    });
  });

  it('leaves other holds of the same grant as they are', () => {
    const first = holding('4');
    const second = hold(first.state, START, reserve('5', { expiresAt: DUE + 5 }));
    const after = play(second.state, START, release(first.holdId)).state;
    expect(after.holds).toEqual([second.hold]);
    expect(creditOf(after)).toEqual({ a: [5n, 5n] });
  });
});

describe('held credit whose grant expires', () => {
  const SOON = START + 100;
  const grants = [giveGrant('soon', 6n, { expiresAt: SOON }), giveGrant('b', 3n)];

  it('survives, while what is free of the grant expires', () => {
    const { state } = hold(accountAfter(...grants), START, reserve('4'));
    const { entries, state: after } = computeAdvance(state, SOON);
    expect(entries).toMatchObject([{ type: 'grant_expired', expired: draw('soon', 2n) }]);
    expect(after.totals).toEqual({ ...NOTHING, payg: 7n, held: 4n });
    expect(creditOf(after)).toEqual({ soon: [0n, 4n], b: [3n, 0n] });
    expect(refusalOf(after, SOON, debit('4')).metadata).toMatchObject({ available_microcredits: '3' });
  });

  it('leaves no entry of its expiry where nothing of the grant is free', () => {
    const { state } = hold(accountAfter(...grants), START, reserve('6'));
    expect(computeAdvance(state, SOON).entries).toEqual([]);
  });

  it('pays what is settled, also after the expiry', () => {
    const { state, holdId } = hold(accountAfter(...grants), START, reserve('4'));
    const entry = entryOf(state, SOON + 1, settle(holdId, '5'), 'settled');
    expect(entry).toMatchObject({ draws: [draw('soon', 4n), draw('b', 1n)], drawsFromHold: 1, after: { payg: 2n } });
  });

  it.each<
    [string, (state: AccountState, holdId: HoldId) => ReturnType<typeof computeAdvance> | ReturnType<typeof play>]
  >([
    ['is released', (state, holdId) => play(state, SOON, release(holdId))],
    ['is settled', (state, holdId) => play(state, SOON, settle(holdId, '1', { final: true }))],
    ['expires', (state) => computeAdvance(state, DUE)],
  ])('expires when the hold %s, and pays no debt', (_what, end) => {
    const { state, holdId } = hold(accountAfter(...grants), START, reserve('8'));
    const owing = play(state, SOON, debit('5', { alreadyPerformed: true })).state;
    expect(owing.totals).toEqual({ ...NOTHING, payg: 8n, held: 8n, deficit: 4n });
    const { entries, state: after } = end(owing, holdId);
    const last = entries.at(-1);
    const used = last?.type === 'settled' ? 1n : 0n;
    expect(last).toMatchObject({
      end: { freed: [draw('b', 2n)], expired: [draw('soon', 6n - used)], deficitPaid: 2n },
    });
    expect(after.totals).toEqual({ ...NOTHING, deficit: 2n });
    expect(creditOf(after)).toEqual({});
  });

  it('is free again where the hold ends a millisecond before', () => {
    const { state, holdId } = hold(accountAfter(...grants), START, reserve('4'));
    const after = play(state, SOON - 1, release(holdId)).state;
    expect(after.totals.payg).toBe(9n);
    expect(computeAdvance(after, SOON).entries).toMatchObject([{ expired: draw('soon', 6n) }]);
  });

  it('is counted by what was due first, however late anybody looks', () => {
    const early = hold(accountAfter(...grants), START, reserve('4', { expiresAt: SOON - 1 }));
    expect(computeAdvance(early.state, DUE).entries).toMatchObject([
      { type: 'hold_expired', end: { freed: [draw('soon', 4n)], expired: [] }, dueAt: SOON - 1 },
      { type: 'grant_expired', expired: draw('soon', 6n), dueAt: SOON },
    ]);
    const late = hold(accountAfter(...grants), START, reserve('4', { expiresAt: SOON + 1 }));
    expect(computeAdvance(late.state, DUE).entries).toMatchObject([
      { type: 'grant_expired', expired: draw('soon', 2n), dueAt: SOON },
      { type: 'hold_expired', end: { freed: [], expired: [draw('soon', 4n)] }, dueAt: SOON + 1 },
    ]);
  });
});

describe('what is due at one moment', () => {
  it('is the expiry of grants, then the end of holds by id, then the beginning of grants', () => {
    const state = accountAfter(
      giveGrant('p', 5n, { expiresAt: DUE }),
      giveGrant('t', 5n, { bucket: 'trial', expiresAt: DUE }),
      giveGrant('later', 9n, { effectiveAt: DUE }),
      giveGrant('last', 1n),
    );
    const { state: held, entries } = play(state, START, reserve('3'), reserve('4'));
    const ids = entries.map((entry) => ('holdId' in entry ? entry.holdId : ''));
    const advance = computeAdvance(held, DUE);
    expect(advance.entries.map(({ key }) => key)).toEqual([
      'expire:grt_p',
      `hold-expired:${ids[0]}`,
      `hold-expired:${ids[1]}`,
      'start:grt_later',
    ]);
    expect(advance.entries).toMatchObject([
      { expired: draw('p', 3n) },
      { end: { freed: [], expired: [draw('t', 3n, 'trial')] } },
      { end: { freed: [], expired: [draw('t', 2n, 'trial'), draw('p', 2n)] } },
      { type: 'grant_started' },
    ]);
    expect(advance.state.totals).toEqual({ ...NOTHING, payg: 10n });
  });

  it('lets freed credit pay a debt before a grant that begins has to', () => {
    const { state } = hold(accountAfter(giveGrant('a', 4n)), START, reserve('4'));
    const owing = play(
      state,
      START,
      debit('6', { alreadyPerformed: true }),
      giveGrant('later', 9n, { effectiveAt: DUE }),
    );
    expect(computeAdvance(owing.state, DUE).entries).toMatchObject([
      { type: 'hold_expired', end: { deficitPaid: 4n } },
      { type: 'grant_started', deficitPaid: 2n },
    ]);
  });

  it('is done hold by hold where a step may have few entries', () => {
    const { state } = play(accountAfter(giveGrant('a', 9n)), START, ...['1', '2', '3'].map((of) => reserve(of)));
    const first = computeAdvance(state, DUE, 2);
    expect(first).toMatchObject({ incomplete: true, state: { totals: { held: 3n } } });
    expect(first.state.holds).toHaveLength(1);
    expect(computeAdvance(state, DUE, 3).incomplete).toBe(false);
  });

  it('ends holds that a command of the same moment would have extended or settled', () => {
    const { state, holdId } = holding('4');
    expect(refusalOf(state, DUE, extend(holdId, { expiresAt: DUE + 9 })).reason).toBe('HOLD_ENDED');
    const { entries, outcomes } = decideBatch(state, [release(holdId), EXPIRE], at(DUE));
    expect(entries.map(({ type }) => type)).toEqual(['hold_expired']);
    expect(outcomes).toMatchObject([{ kind: 'rejected', error: { reason: 'HOLD_ENDED' } }, { kind: 'accepted' }]);
  });

  it('fits into commits however many holds of many grants end together', () => {
    let state = accountAfter();
    for (let from = 0; from < ACTIVE_GRANTS_MAX; from += 200) {
      state = play(state, START, ...Array.from({ length: 200 }, (_, n) => giveGrant(`g${from + n}`, 40n))).state;
    }
    for (let n = 0; n < 300; n += 1) state = play(state, START, reserve('133')).state;
    expect(state.holds.flatMap(({ draws }) => draws).length).toBeGreaterThan(1_200);
    const commits: number[] = [];
    while (state.holds.length > 0 && commits.length < 9) {
      const batch = decideBatch(state, [EXPIRE], at(DUE));
      const bytes = batch.entries.reduce((sum, entry) => sum + estimateEntryBytes(entry), 0);
      expect(bytes).toBeLessThanOrEqual(COMMIT_BYTES_MAX);
      commits.push(batch.entries.length);
      state = batch.state;
    }
    expect(commits).toEqual([255, 45]);
    expect(state.totals).toEqual({ ...NOTHING, payg: 40_000n });
  });
});

describe('holds in one batch', () => {
  it('are decided in order, each over what the ones before it left', () => {
    const { state, entries } = play(accountAfter(giveGrant('a', 10n)), START, reserve('4'), debit('3'), reserve('3'));
    expect(entries.map(({ type }) => type)).toEqual(['reserved', 'debited', 'reserved']);
    expect(state.holds).toHaveLength(2);
    const { outcomes } = decideBatch(
      accountAfter(giveGrant('a', 10n)),
      [reserve('4'), debit('7'), reserve('6')],
      at(START),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'rejected', 'accepted']);
  });

  it('of one moment have ids of their own, in the order of their entries', () => {
    const commands = Array.from({ length: 20 }, () => reserve('1'));
    const { state } = decideBatch(accountAfter(giveGrant('a', 99n)), commands, { now: START, seq: 5 });
    expect(state.holds.map(({ holdId }) => holdId)).toEqual(
      commands.map((_, index) => formatHoldId({ seq: 5, index }, START)),
    );
  });

  it('can be ended once: what comes after the end in the same batch finds it ended', () => {
    const { state, holdId, reserved } = holding('4');
    const late = settle(holdId, '1', { reservation: reservationOf(reserved) });
    const { outcomes, entries } = decideBatch(state, [release(holdId), release(holdId), late], at(START));
    expect(outcomes).toMatchObject([
      { kind: 'accepted' },
      { kind: 'rejected', error: { reason: 'HOLD_ENDED' } },
      { kind: 'accepted' },
    ]);
    expect(entries).toMatchObject([{ type: 'hold_released' }, { type: 'settled', late: true }]);
  });
});
