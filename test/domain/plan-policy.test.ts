// What a plan allows: the table of the spec, the bounds of each field, and what a sync may change.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MICROCREDITS_MAX } from '../../kernel/domain/bound.ts';
import type { PlanCode } from '../../kernel/domain/id.ts';
import {
  CLOSED_POLICY,
  computeDefaultPolicy,
  computeSyncedPolicy,
  contractNameOf,
  findPolicyDifferences,
  findPolicyViolations,
  formatPolicyValue,
  POLICY_FIELDS,
  type PolicyChange,
  type PolicyField,
  policyFieldOf,
} from '../../kernel/domain/plan-policy.ts';
import { roundCount } from '../support/round-count.ts';

const PRO = computeDefaultPolicy('pro' as PlanCode);

describe('the default of the spec', () => {
  const trial = { trialEnabled: true, trialDays: 14, trialMicrocreditsGranted: 5_000_000n, trialRequiresCard: false };
  const noTrial = { trialEnabled: false, trialDays: 0, trialMicrocreditsGranted: 0n };
  test.each<[string, PolicyChange]>([
    ['free', { ...noTrial, memberLimit: 3, selfServe: true, rank: 0 }],
    ['pro', { ...trial, autoTrialOnWorkspaceCreation: true, selfServe: true, memberLimit: null, rank: 10 }],
    ['plus', { ...noTrial, selfServe: true, memberLimit: null, rank: 20 }],
    ['max', { ...noTrial, selfServe: true, rank: 30 }],
    ['enterprise', { ...noTrial, selfServe: false, contactSales: true, rank: 40 }],
    ['pro_annual', { ...trial, rank: 10 }],
    ['max_annual', { ...noTrial, rank: 30 }],
    ['_annual', { ...noTrial, rank: 0 }],
    ['something_else', { ...noTrial, selfServe: true, contactSales: false, rank: 0 }],
    ['constructor', { ...noTrial, rank: 0 }],
  ])('of %s', (planCode, expected) => {
    const policy = computeDefaultPolicy(planCode as PlanCode);
    expect(policy).toMatchObject({
      ...{ overdraftLimitMicrocredits: 0n, includedRolloverLimitMicrocredits: 0n, trialLimitPerPerson: 1 },
      ...{ revokeUnusedTrialCredits: true, trialEndBehaviour: 'convert_or_fallback', creditGates: ['*'] },
      ...{ paygAllowed: true, pastDueGraceDays: 7, pastDueEnd: 'fallback', cancelAtOnceAllowed: false },
      refundDebtWaived: false,
      ...expected,
    });
    expect(findPolicyViolations(policy)).toEqual([]);
  });

  test('a plan without a policy allows nothing', () => {
    expect(CLOSED_POLICY).toMatchObject({
      selfServe: false,
      contactSales: false,
      paygAllowed: false,
      trialEnabled: false,
      ...{ pastDueGraceDays: 7, pastDueEnd: 'fallback', cancelAtOnceAllowed: false },
    });
    expect(findPolicyViolations(CLOSED_POLICY)).toEqual([]);
  });
});

test('every field has a name in contracts, which leads back to it', () => {
  expect(contractNameOf('trialMicrocreditsGranted')).toBe('trial_microcredits_granted');
  for (const field of POLICY_FIELDS) expect(policyFieldOf(contractNameOf(field))).toBe(field);
  expect(policyFieldOf('trialDays')).toBeUndefined();
  expect(policyFieldOf('__proto__')).toBeUndefined();
  expect(new Set(POLICY_FIELDS.map(contractNameOf)).size).toBe(25);
});

describe('what a policy may hold', () => {
  const pack = (minorUnits: bigint, microcredits = 1n) => ({ minorUnits, microcredits });
  test.each<[string, PolicyChange, readonly string[]]>([
    ['trial days below zero', { trialDays: -1 }, ['trial_days']],
    ['trial days that are no whole number', { trialDays: 1.5 }, ['trial_days']],
    ['more than a year of trial', { trialDays: 367 }, ['trial_days']],
    ['a trial of no days', { trialDays: 0 }, ['trial_days']],
    [
      'a trial that begins by itself where there is none',
      { trialEnabled: false },
      ['auto_trial_on_workspace_creation'],
    ],
    ['no trials for anybody', { trialLimitPerPerson: 0 }, ['trial_limit_per_person']],
    ['no members', { memberLimit: 0 }, ['member_limit']],
    ['more than 60 days of grace', { pastDueGraceDays: 61 }, ['past_due_grace_days']],
    ['half a day of grace', { pastDueGraceDays: 0.5 }, ['past_due_grace_days']],
    ['grace below zero', { pastDueGraceDays: -1 }, ['past_due_grace_days']],
    ['a rank below zero', { rank: -1 }, ['rank']],
    ['credits below zero', { includedMicrocreditsPerCycle: -1n }, ['included_microcredits_per_cycle']],
    [
      'more credits than REST can say',
      { trialMicrocreditsGranted: MICROCREDITS_MAX + 1n },
      ['trial_microcredits_granted'],
    ],
    [
      'several at once',
      { overdraftLimitMicrocredits: -1n, includedRolloverLimitMicrocredits: -1n },
      ['included_rollover_limit_microcredits', 'overdraft_limit_microcredits'],
    ],
    ['sold by both', { contactSales: true }, ['contact_sales']],
    ['credits for nothing', { paygMinorUnitsPerCredit: { millionths: 0n } }, ['payg_minor_units_per_credit']],
    ['a least purchase of nothing', { paygMinorUnitsMin: 0n }, ['payg_minor_units_min']],
    ['a most below the least', { paygMinorUnitsMin: 5n, paygMinorUnitsMax: 4n }, ['payg_minor_units_max']],
    ['a package for nothing', { paygPackages: [pack(0n)] }, ['payg_packages[0].minor_units']],
    ['a package of nothing', { paygPackages: [pack(1n, 0n)] }, ['payg_packages[0].microcredits']],
    ['two packages of one price', { paygPackages: [pack(1n), pack(2n), pack(1n)] }, ['payg_packages[2].minor_units']],
    [
      'too many packages',
      { paygPackages: Array.from({ length: 21 }, (_, at) => pack(BigInt(at + 1))) },
      ['payg_packages'],
    ],
    ['a gate that is no action', { creditGates: ['*', 'Not an action'] }, ['credit_gates']],
    ['too many gates', { creditGates: Array.from({ length: 201 }, (_, at) => `a${at}`) }, ['credit_gates']],
  ])('not %s', (_, change, fields) => {
    expect(findPolicyViolations({ ...PRO, ...change }).map(({ field }) => field)).toEqual(fields);
  });

  test('the largest and the smallest of everything', () => {
    const largest: PolicyChange = {
      ...{ trialDays: 366, memberLimit: 1, rank: 1_000_000, trialMicrocreditsGranted: MICROCREDITS_MAX },
      ...{ paygMinorUnitsMin: 4n, paygMinorUnitsMax: 4n, paygMinorUnitsPerCredit: { millionths: 1n } },
      ...{ paygPackages: [pack(1n), pack(2n)], creditGates: ['*', '!a.b-c_d', 'x'], pastDueGraceDays: 60 },
    };
    expect(findPolicyViolations({ ...PRO, ...largest })).toEqual([]);
    expect(findPolicyViolations({ ...PRO, creditGates: [], pastDueGraceDays: 0 })).toEqual([]);
  });
});

describe('values as people read them', () => {
  test.each<[PolicyField, PolicyChange, string]>([
    ['trialDays', {}, '14'],
    ['trialEnabled', {}, 'true'],
    ['memberLimit', {}, 'none'],
    ['pastDueGraceDays', {}, '7'],
    ['pastDueEnd', { pastDueEnd: 'keep' }, 'keep'],
    ['paygMinorUnitsPerCredit', { paygMinorUnitsPerCredit: { millionths: 1_500_000n } }, '1.5'],
    ['paygMinorUnitsPerCredit', {}, 'none'],
    ['paygPackages', { paygPackages: [{ minorUnits: 5n, microcredits: 7n }] }, '5:7'],
    ['creditGates', { creditGates: ['*', '!a'] }, '* !a'],
    ['creditGates', { creditGates: [] }, 'none'],
  ])('%s', (field, change, text) => {
    expect(formatPolicyValue({ ...PRO, ...change }, field)).toBe(text);
  });
});

describe('what a sync changes', () => {
  const changes: fc.Arbitrary<PolicyChange> = fc.record(
    {
      trialDays: fc.integer({ min: 1, max: 20 }),
      memberLimit: fc.option(fc.integer({ min: 1, max: 4 })),
      includedMicrocreditsPerCycle: fc.bigInt({ min: 0n, max: 3n }),
      paygMinorUnitsPerCredit: fc.option(fc.record({ millionths: fc.bigInt({ min: 1n, max: 3n }) })),
      selfServe: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const pins = fc.subarray([...POLICY_FIELDS]).map((fields) => new Set(fields));

  test('is what it knows and nobody has pinned; what it leaves, it says; a second time it changes nothing', () => {
    fc.assert(
      fc.property(changes, changes, pins, (earlier, synced, pinned) => {
        const current = { ...PRO, ...earlier };
        const result = computeSyncedPolicy(current, pinned, synced);
        for (const field of POLICY_FIELDS) {
          const isTaken = field in synced && !pinned.has(field);
          const expected = isTaken ? { ...current, ...synced } : current;
          expect(formatPolicyValue(result.policy, field)).toBe(formatPolicyValue(expected, field));
          const wanted = formatPolicyValue({ ...current, ...synced }, field);
          const isKept = pinned.has(field) && formatPolicyValue(current, field) !== wanted;
          expect(result.kept.some((kept) => kept.field === field)).toBe(isKept);
        }
        expect(result.changed).toEqual(findPolicyDifferences(current, result.policy));
        expect(Object.keys(result.change).sort()).toEqual(result.changed.map(({ field }) => field).sort());
        const again = computeSyncedPolicy(result.policy, pinned, synced);
        expect(again.changed).toEqual([]);
        expect(again.kept).toEqual(result.kept);
      }),
      { numRuns: roundCount(300, 5_000) },
    );
  });
});
