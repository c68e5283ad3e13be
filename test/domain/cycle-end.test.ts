// Where a cycle ends that has not been bought yet, against the calendar of the sandbox.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { computeBoundary } from '../../dev/stripe-sandbox/billing/period.ts';
import { computeCycleEnd } from '../../kernel/domain/cycle-end.ts';

test.each([
  ['2026-01-15T12:00:00Z', 'month', 1, '2026-02-15T12:00:00Z'],
  ['2026-01-31T23:59:59Z', 'month', 1, '2026-02-28T23:59:59Z'],
  ['2028-01-31T00:00:00Z', 'month', 1, '2028-02-29T00:00:00Z'],
  ['2026-12-31T08:00:00Z', 'month', 2, '2027-02-28T08:00:00Z'],
  ['2028-02-29T10:00:00Z', 'year', 1, '2029-02-28T10:00:00Z'],
  ['2026-05-31T10:00:00Z', 'month', 6, '2026-11-30T10:00:00Z'],
] as const)('one that begins at %s of %s × %i ends at %s', (start, interval, count, end) => {
  expect(computeCycleEnd(Date.parse(start), interval, count)).toBe(Date.parse(end));
});

test('it ends where the sandbox ends it', () => {
  const seconds = fc.integer({ min: 0, max: 4_102_444_800 });
  fc.assert(
    fc.property(
      seconds,
      fc.constantFrom('month', 'year'),
      fc.integer({ min: 1, max: 12 }),
      (start, interval, count) => {
        const end = computeBoundary(start, { interval, interval_count: count }, 1);
        expect(computeCycleEnd(start * 1_000, interval, count)).toBe(end * 1_000);
      },
    ),
  );
});
