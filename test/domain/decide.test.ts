import { describe, expect, it } from 'vitest';
import { type AccountState, UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { ACTIVE_GRANTS_MAX, MICROCREDITS_MAX } from '../../kernel/domain/bound.ts';
import { BUCKETS } from '../../kernel/domain/bucket.ts';
import type { Command } from '../../kernel/domain/command.ts';
import { decide } from '../../kernel/domain/decide.ts';
import type { Fingerprint, PlanCode } from '../../kernel/domain/id.ts';
import { CLOSED_ACCOUNT_POLICY } from '../../kernel/domain/rulebook.ts';
import {
  ACTION,
  accountAfter,
  adjust,
  at,
  debit,
  EXPIRE,
  entryOf,
  giveGrant,
  grantIdOf,
  keyOf,
  openAccount,
  PLAN,
  PRODUCT,
  play,
  priceOf,
  quantityOf,
  RULEBOOK,
  refusalOf,
  rulebookOf,
  START,
} from './support/command.ts';

const NOTHING = { trial: 0n, included: 0n, payg: 0n, held: 0n, deficit: 0n };
const PERSONAL = { digest: 'd', salt: 's', reason: 'goodwill' };

/** An account that owes an amount and holds nothing. */
function indebted(deficit: bigint): AccountState {
  return accountAfter(debit(String(deficit), { alreadyPerformed: true }));
}

describe('opening an account', () => {
  it('records the product, the plan and the actor', () => {
    const command = openAccount({ actor: 'usr_1', personal: PERSONAL });
    expect(entryOf(UNOPENED_ACCOUNT, START, command, 'account_opened')).toEqual({
      type: 'account_opened',
      key: command.key,
      personal: PERSONAL,
      productCode: PRODUCT,
      planCode: PLAN,
      actor: 'usr_1',
      after: NOTHING,
    });
    expect(accountAfter()).toMatchObject({ status: 'open', productCode: PRODUCT, planCode: PLAN, totals: NOTHING });
  });

  it('leaves out what it was not given, so that "absent" has one form', () => {
    const entry = entryOf(UNOPENED_ACCOUNT, START, openAccount(), 'account_opened');
    expect(Object.keys(entry).toSorted()).toEqual(['after', 'key', 'planCode', 'productCode', 'type']);
  });

  it('is refused where the account is open', () => {
    expect(refusalOf(accountAfter(), START, openAccount({ key: keyOf('other') })).reason).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    );
  });

  it.each<[string, Command]>([
    ['a grant', giveGrant('a', 1n)],
    ['a debit', debit('1')],
    ['a debit of work that is done', debit('1', { alreadyPerformed: true })],
    ['an adjustment', adjust(1n)],
  ])('comes before %s', (_what, command) => {
    const error = refusalOf(UNOPENED_ACCOUNT, START, command);
    expect(error.reason).toBe('ACCOUNT_NOT_OPEN');
    expect(error.message).toMatch(/CreateTenant/);
  });

  it('need not come before the kernel looks for what fell due', () => {
    expect(decide(UNOPENED_ACCOUNT, EXPIRE, { ...at(START), index: 0 })).toEqual({ kind: 'accepted' });
  });
});

describe('a grant', () => {
  it('stands in the account from when it was decided', () => {
    const command = giveGrant('a', 7n, {
      bucket: 'included',
      expiresAt: START + 9,
      actor: 'usr_1',
      personal: PERSONAL,
    });
    const entry = entryOf(accountAfter(), START, command, 'granted');
    expect(entry).toEqual({
      type: 'granted',
      key: command.key,
      fingerprint: command.fingerprint,
      personal: PERSONAL,
      grant: {
        grantId: grantIdOf('a'),
        bucket: 'included',
        granted: 7n,
        remaining: 7n,
        held: 0n,
        effectiveAt: START,
        expiresAt: START + 9,
        source: 'operator',
      },
      deficitPaid: 0n,
      scheduled: false,
      actor: 'usr_1',
      after: { ...NOTHING, included: 7n },
    });
    expect(play(accountAfter(), START, command).state.grants.included).toEqual([entry.grant]);
  });

  it.each<[string, { effectiveAt?: number; expiresAt: number }]>([
    ['now', { expiresAt: START }],
    ['before now', { expiresAt: START - 1 }],
    ['when it begins', { effectiveAt: START + 5, expiresAt: START + 5 }],
    ['before it begins', { effectiveAt: START + 5, expiresAt: START + 4 }],
    ['in the past, though after it began', { effectiveAt: START - 9, expiresAt: START - 1 }],
  ])('is refused where it would expire %s', (_what, times) => {
    const error = refusalOf(accountAfter(), START, giveGrant('a', 1n, times));
    expect(error.reason).toBe('INVALID_FIELD');
    expect(error.violations).toEqual([{ field: 'expire_time', description: expect.stringMatching(/future/) }]);
  });

  it.each([
    { expiresAt: START + 1 },
    { effectiveAt: START + 5, expiresAt: START + 6 },
    { effectiveAt: START - 9, expiresAt: START + 1 },
  ])('may last a millisecond: %j', (times) => {
    expect(entryOf(accountAfter(), START, giveGrant('a', 1n, times), 'granted').grant).toMatchObject(times);
  });

  it.each<[bigint, bigint, bigint, bigint]>([
    // owed, granted, left, still owed
    [5n, 8n, 3n, 0n],
    [5n, 5n, 0n, 0n],
    [5n, 4n, 0n, 1n],
    [5n, 6n, 1n, 0n],
  ])('of a deficit of %s with %s leaves %s and still owes %s', (owed, granted, left, stillOwed) => {
    const state = indebted(owed);
    const entry = entryOf(state, START, giveGrant('a', granted), 'granted');
    expect(entry.deficitPaid).toBe(owed - stillOwed);
    expect(entry.grant).toMatchObject({ granted, remaining: left });
    expect(entry.after).toEqual({ ...NOTHING, payg: left, deficit: stillOwed });
    const after = play(state, START, giveGrant('a', granted)).state;
    expect(after.grants.payg.map(({ remaining }) => remaining)).toEqual(left === 0n ? [] : [left]);
  });

  it.each(BUCKETS)('pays the deficit out of whichever bucket it is for: %s', (bucket) => {
    const entry = entryOf(indebted(5n), START, giveGrant('a', 7n, { bucket }), 'granted');
    expect(entry.after).toEqual({ ...NOTHING, [bucket]: 2n });
  });

  it('pays no deficit before it begins', () => {
    const entry = entryOf(indebted(5n), START, giveGrant('a', 7n, { effectiveAt: START + 1 }), 'granted');
    expect(entry).toMatchObject({ deficitPaid: 0n, grant: { remaining: 7n }, after: { payg: 0n, deficit: 5n } });
  });

  it('may bring the account to 2^53 − 1 exactly, all buckets and what begins later together', () => {
    const state = accountAfter(
      giveGrant('t', 1n, { bucket: 'trial' }),
      giveGrant('i', 2n, { bucket: 'included' }),
      giveGrant('s', 3n, { effectiveAt: START + 9 }),
    );
    const room = MICROCREDITS_MAX - 6n;
    expect(entryOf(state, START, giveGrant('a', room), 'granted').after.payg).toBe(room);
    for (const command of [
      giveGrant('a', room + 1n),
      giveGrant('a', room + 1n, { effectiveAt: START + 1 }),
      adjust(room + 1n),
    ]) {
      const error = refusalOf(state, START, command);
      expect(error.reason).toBe('BALANCE_OUT_OF_RANGE');
      expect(error.metadata).toEqual({ limit_microcredits: String(MICROCREDITS_MAX) });
    }
  });

  it('is one of at most as many as an account may have, active and still to begin together', () => {
    const half = ACTIVE_GRANTS_MAX / 2;
    const grants = Array.from({ length: half - 1 }, (_, n) => [
      giveGrant(`a${n}`, 1n),
      giveGrant(`s${n}`, 1n, { effectiveAt: START + 1 }),
    ]).flat();
    let state = accountAfter();
    for (let from = 0; from < grants.length; from += 200)
      state = play(state, START, ...grants.slice(from, from + 200)).state;
    const full = play(state, START, giveGrant('x', 1n), giveGrant('y', 1n, { effectiveAt: START + 1 })).state;
    for (const command of [giveGrant('z', 1n), giveGrant('z', 1n, { effectiveAt: START + 1 }), adjust(1n)]) {
      const error = refusalOf(full, START, command);
      expect(error.reason).toBe('GRANT_LIMIT_REACHED');
      expect(error.metadata).toEqual({ limit: String(ACTIVE_GRANTS_MAX) });
    }
    // One that is used up makes room, and taking credit away needs none.
    expect(entryOf(play(full, START, debit('1')).state, START, giveGrant('z', 1n), 'granted').after.payg).toBe(
      BigInt(half),
    );
    expect(entryOf(full, START, adjust(-1n), 'adjusted').after.payg).toBe(BigInt(half - 1));
  });
});

describe('a debit', () => {
  const state = accountAfter(giveGrant('a', 10n));

  it('records what it was for, by which price, and who paid', () => {
    const command = debit('2.50', {
      fingerprint: '1:f' as Fingerprint,
      personal: PERSONAL,
      projectId: 'prj_1',
      workflowId: 'wfl_1',
      runId: 'run_1',
      runStatus: 'succeeded',
      rulebook: rulebookOf(0n, [priceOf({ action: ACTION, microcreditsPerUnit: 3n, unit: 'MiB', effectiveAt: 9 })]),
    });
    expect(entryOf(state, START, command, 'debited')).toEqual({
      type: 'debited',
      key: command.key,
      fingerprint: '1:f',
      personal: PERSONAL,
      action: ACTION,
      quantity: '2.5',
      price: { microcreditsPerUnit: 3n, unit: 'MiB', rule: 'default', effectiveAt: 9 },
      cost: 8n,
      draws: [{ grantId: grantIdOf('a'), bucket: 'payg', microcredits: 8n }],
      deficit: 0n,
      projectId: 'prj_1',
      workflowId: 'wfl_1',
      runId: 'run_1',
      runStatus: 'succeeded',
      alreadyPerformed: false,
      after: { ...NOTHING, payg: 2n },
    });
  });

  it('leaves out what it was not given', () => {
    const { draws: _, ...entry } = entryOf(state, START, debit('1'), 'debited');
    expect(Object.values(entry)).not.toContain(undefined);
    expect(Object.keys(entry)).not.toContain('projectId');
  });

  it('takes the last microcredit, and not one more', () => {
    expect(entryOf(state, START, debit('10'), 'debited').after).toEqual(NOTHING);
    const error = refusalOf(state, START, debit('11'));
    expect(error.reason).toBe('INSUFFICIENT_CREDITS');
    expect(error.metadata).toEqual({
      needed_microcredits: '11',
      available_microcredits: '10',
      overdraft_remaining_microcredits: '0',
      shortfall_microcredits: '1',
    });
    expect(error.message).toMatch(/^11 microcredits are needed, the account has 10, so 1 are missing: /);
  });

  it('is refused for the fraction of a microcredit that it lacks', () => {
    expect(entryOf(state, START, debit('9.000001'), 'debited').cost).toBe(10n);
    expect(refusalOf(state, START, debit('10.000001')).metadata['needed_microcredits']).toBe('11');
  });

  it('goes into overdraft up to the limit exactly', () => {
    const rulebook = rulebookOf(5n);
    expect(entryOf(state, START, debit('15', { rulebook }), 'debited')).toMatchObject({
      cost: 15n,
      deficit: 5n,
      draws: [{ microcredits: 10n }],
      after: { ...NOTHING, deficit: 5n },
    });
    const error = refusalOf(state, START, debit('16', { rulebook }));
    expect(error.reason).toBe('INSUFFICIENT_CREDITS');
    expect(error.metadata).toEqual({
      needed_microcredits: '16',
      available_microcredits: '10',
      overdraft_remaining_microcredits: '5',
      shortfall_microcredits: '1',
    });
    expect(error.message).toMatch(/has 10 and 5 of overdraft/);
  });

  it('counts what is owed already against the limit', () => {
    const rulebook = rulebookOf(5n);
    const owing = indebted(3n);
    expect(entryOf(owing, START, debit('2', { rulebook }), 'debited').after.deficit).toBe(5n);
    expect(refusalOf(owing, START, debit('3', { rulebook })).metadata).toEqual({
      needed_microcredits: '3',
      available_microcredits: '0',
      overdraft_remaining_microcredits: '2',
      shortfall_microcredits: '1',
    });
  });

  it('is refused where more is owed than the limit allows, without a negative figure', () => {
    const error = refusalOf(indebted(9n), START, debit('1', { rulebook: rulebookOf(5n) }));
    expect(error.metadata).toMatchObject({ overdraft_remaining_microcredits: '0', available_microcredits: '0' });
  });

  it('has no overdraft where the plan says nothing, or another plan says something', () => {
    const rulebook = {
      ...rulebookOf(5n),
      policies: new Map([['plus' as PlanCode, { ...CLOSED_ACCOUNT_POLICY, overdraftLimit: 5n }]]),
    };
    expect(refusalOf(state, START, debit('11', { rulebook })).reason).toBe('INSUFFICIENT_CREDITS');
  });

  it('of work that is done is charged whatever the funds, and what nobody covers is owed', () => {
    const entry = entryOf(state, START, debit('100', { alreadyPerformed: true }), 'debited');
    expect(entry).toMatchObject({
      cost: 100n,
      deficit: 90n,
      alreadyPerformed: true,
      after: { ...NOTHING, deficit: 90n },
    });
    const owing = play(state, START, debit('100', { alreadyPerformed: true })).state;
    expect(entryOf(owing, START, debit('5', { alreadyPerformed: true }), 'debited')).toMatchObject({
      draws: [],
      deficit: 5n,
      after: { deficit: 95n },
    });
  });

  it('of a free action needs no funds and leaves an entry', () => {
    const rulebook = rulebookOf(0n, [priceOf({ action: ACTION, microcreditsPerUnit: 0n })]);
    for (const account of [accountAfter(), indebted(4n), state]) {
      const entry = entryOf(account, START, debit('3', { rulebook }), 'debited');
      expect(entry).toMatchObject({ cost: 0n, draws: [], deficit: 0n, after: account.totals });
    }
  });

  it('of an unknown action is refused by name, with funds or without', () => {
    for (const account of [accountAfter(), state]) {
      const error = refusalOf(account, START, debit('1', { action: 'workflow.step.exekute' }));
      expect(error.reason).toBe('ACTION_NOT_FOUND');
      expect(error.metadata).toEqual({ action: 'workflow.step.exekute' });
      expect(error.message).toContain('"workflow.step.exekute"');
    }
  });

  it('of an unknown action is refused even where the work is done: nobody could say what it costs', () => {
    const error = refusalOf(state, START, debit('1', { action: 'nothing', alreadyPerformed: true }));
    expect(error.reason).toBe('ACTION_NOT_FOUND');
  });

  it('is priced by the plan of the account and the tenant of the command', () => {
    const rulebook = rulebookOf(0n, [
      priceOf({ action: ACTION, microcreditsPerUnit: 9n }),
      priceOf({ action: ACTION, microcreditsPerUnit: 2n, rule: 'plan', planCode: PLAN }),
    ]);
    expect(entryOf(state, START, debit('1', { rulebook }), 'debited')).toMatchObject({
      cost: 2n,
      price: { rule: 'plan' },
    });
  });

  it.each<[string, boolean]>([
    ['that is asked for', false],
    ['that is done', true],
  ])('of work %s may cost 2^53 − 1 microcredits and no more', (_what, alreadyPerformed) => {
    const rulebook = rulebookOf(MICROCREDITS_MAX);
    const most = debit('1', { alreadyPerformed, quantity: { millionths: MICROCREDITS_MAX * 1_000_000n }, rulebook });
    expect(entryOf(accountAfter(), START, most, 'debited').after.deficit).toBe(MICROCREDITS_MAX);
    const more = { ...most, quantity: { millionths: MICROCREDITS_MAX * 1_000_000n + 1n } };
    const error = refusalOf(accountAfter(), START, more);
    expect(error.reason).toBe('BALANCE_OUT_OF_RANGE');
    expect(error.metadata).toEqual({ limit_microcredits: String(MICROCREDITS_MAX) });
  });

  it('of work that is done can not bring the deficit beyond 2^53 − 1', () => {
    const owing = indebted(999_999_999_999n);
    const rest = { millionths: (MICROCREDITS_MAX - 999_999_999_999n) * 1_000_000n };
    expect(entryOf(owing, START, debit('1', { alreadyPerformed: true, quantity: rest }), 'debited').after.deficit).toBe(
      MICROCREDITS_MAX,
    );
    const more = debit('1', { alreadyPerformed: true, quantity: { millionths: rest.millionths + 1n } });
    const error = refusalOf(owing, START, more);
    expect(error.reason).toBe('BALANCE_OUT_OF_RANGE');
    // The cost is well within the bound: the sentence must not say that it is not.
    expect(error.message).toMatch(/deficit/);
  });

  it('that lacks funds is refused for that, however much is owed already', () => {
    const most = { millionths: MICROCREDITS_MAX * 1_000_000n };
    const owing = accountAfter(debit('1', { alreadyPerformed: true, quantity: most }));
    expect(refusalOf(owing, START, debit('10')).reason).toBe('INSUFFICIENT_CREDITS');
  });

  it('draws what was granted at the same moment, since both are decided in order', () => {
    const { entries } = play(accountAfter(), START, giveGrant('b', 3n), debit('3'));
    expect(entries.at(-1)?.after).toEqual(NOTHING);
  });
});

describe('an adjustment', () => {
  const state = accountAfter(
    giveGrant('late', 5n, { bucket: 'included' }),
    giveGrant('soon', 5n, { bucket: 'included', expiresAt: START + 9 }),
    giveGrant('payg', 5n),
  );

  it('upwards makes a grant of its own that never expires', () => {
    const command = adjust(4n, {
      bucket: 'trial',
      grantId: grantIdOf('x'),
      fingerprint: '1:f' as Fingerprint,
      personal: PERSONAL,
    });
    expect(entryOf(state, START + 1, command, 'adjusted')).toEqual({
      type: 'adjusted',
      key: command.key,
      fingerprint: '1:f',
      personal: PERSONAL,
      bucket: 'trial',
      delta: 4n,
      draws: [],
      grant: {
        grantId: grantIdOf('x'),
        bucket: 'trial',
        granted: 4n,
        remaining: 4n,
        held: 0n,
        effectiveAt: START + 1,
        source: 'adjustment',
      },
      deficitPaid: 0n,
      actor: 'usr_operator',
      after: { ...NOTHING, trial: 4n, included: 10n, payg: 5n },
    });
  });

  it.each<[bigint, bigint, bigint]>([
    [3n, 0n, 2n],
    [5n, 0n, 0n],
    [8n, 3n, 0n],
  ])('upwards by %s pays a deficit of 5 first', (delta, left, stillOwed) => {
    const owing = indebted(5n);
    const command = adjust(delta);
    expect(entryOf(owing, START, command, 'adjusted')).toMatchObject({
      deficitPaid: 5n - stillOwed,
      grant: { granted: delta, remaining: left },
      after: { ...NOTHING, payg: left, deficit: stillOwed },
    });
    expect(play(owing, START, command).state.grants.payg).toHaveLength(left === 0n ? 0 : 1);
  });

  it('downwards takes from its bucket alone, in burn order', () => {
    const entry = entryOf(state, START, adjust(-6n, { bucket: 'included' }), 'adjusted');
    expect(entry).toMatchObject({
      delta: -6n,
      draws: [
        { grantId: grantIdOf('soon'), bucket: 'included', microcredits: 5n },
        { grantId: grantIdOf('late'), bucket: 'included', microcredits: 1n },
      ],
      deficitPaid: 0n,
      after: { ...NOTHING, included: 4n, payg: 5n },
    });
    expect(entry.grant).toBeUndefined();
  });

  it('downwards may empty the bucket and is refused whole where it has less', () => {
    expect(entryOf(state, START, adjust(-10n, { bucket: 'included' }), 'adjusted').after.included).toBe(0n);
    const error = refusalOf(state, START, adjust(-11n, { bucket: 'included' }));
    expect(error.reason).toBe('INSUFFICIENT_CREDITS');
    expect(error.metadata).toEqual({
      needed_microcredits: '11',
      available_microcredits: '10',
      overdraft_remaining_microcredits: '0',
      shortfall_microcredits: '1',
      bucket: 'included',
    });
    expect(error.message).toMatch(/bucket included has 10/);
  });

  it('downwards never makes a deficit', () => {
    expect(refusalOf(accountAfter(), START, adjust(-1n)).metadata).toMatchObject({
      available_microcredits: '0',
      bucket: 'payg',
    });
    expect(refusalOf(indebted(3n), START, adjust(-MICROCREDITS_MAX)).reason).toBe('INSUFFICIENT_CREDITS');
  });

  it('downwards leaves alone what expired by now', () => {
    const error = refusalOf(state, START + 9, adjust(-6n, { bucket: 'included' }));
    expect(error.metadata).toMatchObject({ available_microcredits: '5' });
  });
});

describe('decide', () => {
  it('changes nothing that it is given', () => {
    const state = accountAfter(giveGrant('a', 10n, { expiresAt: START + 1 }), giveGrant('b', 5n));
    const before = structuredClone(state);
    for (const command of [debit('12'), debit('99'), adjust(-3n), adjust(3n), giveGrant('c', 1n), EXPIRE])
      decide(state, command, { ...at(START), index: 0 });
    expect(state).toEqual(before);
  });

  it('answers the same to the same', () => {
    const state = accountAfter(giveGrant('a', 10n));
    const command = debit('3', { quantity: quantityOf('3'), rulebook: RULEBOOK });
    expect(decide(state, command, { ...at(START), index: 0 })).toEqual(
      decide(structuredClone(state), { ...command }, { ...at(START), index: 0 }),
    );
  });
});

describe('an amount that is none', () => {
  // Whoever makes commands may forget to check: an amount below zero would turn a grant into a debt.
  it.each([
    ['a grant of nothing', giveGrant('x', 0n), 'microcredits'],
    ['a grant below zero', giveGrant('x', -5n), 'microcredits'],
    ['an adjustment by nothing', adjust(0n), 'delta_microcredits'],
    ['a debit of nothing', debit('1', { quantity: { millionths: 0n } }), 'quantity'],
    ['a debit below zero', debit('1', { quantity: { millionths: -1n } }), 'quantity'],
  ])('refuses %s', (_, command, field) => {
    const error = refusalOf(accountAfter(giveGrant('a', 10n)), START, command);
    expect(error).toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field }] });
  });
});
