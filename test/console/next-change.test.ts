// When a page that stays open asks again how it stands with the plan.

import { describe, expect, it } from 'vitest';
import type { Balance, SubscriptionState, Trial } from '../../bff/console/src/api/type.ts';
import { computeAskAgainMs } from '../../bff/console/src/data/next-change.ts';
import { findStaleParts } from '../../bff/console/src/data/stale-part.ts';

const HOUR_MS = 3_600_000;
const AFTER_MS = 2_000;
const NOW = '2027-01-01T12:00:00Z';

function stateWith(trialEnd: string): SubscriptionState {
  const trial: Trial = {
    plan_code: 'pro',
    status: 'active',
    granted_microcredits: 5_000_000,
    remaining_microcredits: 5_000_000,
    start_time: '2026-12-20T12:00:00Z',
    end_time: trialEnd,
    revokes_unused: true,
    consent_time: null,
  };
  return { plan_code: 'pro', subscription: null, trial, as_of_time: NOW };
}

describe('asking again', () => {
  it.each([
    ['just after an end that is near', '2027-01-01T12:10:00Z', 600_000 + AFTER_MS],
    ['in an hour where the end is far', '2027-01-14T12:00:00Z', HOUR_MS + AFTER_MS],
    ['in an hour where the end is over', '2026-12-31T12:00:00Z', HOUR_MS + AFTER_MS],
  ])('is %s', (_words, end, waitMs) => {
    expect(computeAskAgainMs(stateWith(end))).toBe(waitMs);
  });
});

describe('what a balance makes stale', () => {
  const before: Balance = {
    available: 15_000_000,
    trial_remaining: 5_000_000,
    included_remaining: 10_000_000,
    payg_remaining: 0,
    held: 0,
    deficit: 0,
  };

  it.each<[string, Partial<Balance>, readonly string[]]>([
    ['nothing where it is the same', {}, []],
    [
      'the lists where something was used',
      { available: 14_000_000, trial_remaining: 4_000_000 },
      ['usage', 'auto-top-up'],
    ],
    [
      'the plan where the trial is over',
      { available: 10_000_000, trial_remaining: 0 },
      ['usage', 'auto-top-up', 'subscription'],
    ],
    [
      'the plan where a period has begun',
      { available: 20_000_000, included_remaining: 15_000_000 },
      ['usage', 'auto-top-up', 'subscription'],
    ],
    [
      'the plan where a period has ended',
      { available: 5_000_000, included_remaining: 0 },
      ['usage', 'auto-top-up', 'subscription'],
    ],
  ])('is %s', (_words, change, parts) => {
    expect(findStaleParts(before, { ...before, ...change })).toEqual(parts);
  });

  it('is nothing before anything was known', () => {
    expect(findStaleParts(undefined, before)).toEqual([]);
  });
});
