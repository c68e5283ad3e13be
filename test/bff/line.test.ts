// A line of what waits: in its order, and no slower where it is long.

import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { Line } from '../../clients/grpc/line.ts';

const COUNT = 65_536;

const step = fc.oneof(
  fc.record({ kind: fc.constant('push' as const), count: fc.integer({ min: 1, max: 1_500 }) }),
  fc.record({ kind: fc.constant('take' as const), count: fc.integer({ min: 0, max: 1_500 }) }),
  fc.record({ kind: fc.constant('putFirst' as const), count: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ kind: fc.constant('remove' as const), count: fc.integer({ min: 2, max: 9 }) }),
);

interface Step {
  readonly kind: 'push' | 'take' | 'putFirst' | 'remove';
  readonly count: number;
}

/** Does the same to a line and to what it should be. */
function apply(line: Line<number>, model: number[], { kind, count }: Step, made: readonly number[]): void {
  switch (kind) {
    case 'push':
      for (const item of made) line.push(item);
      model.push(...made);
      break;
    case 'putFirst':
      line.putFirst(made);
      model.unshift(...made);
      break;
    case 'take':
      expect(line.take(count)).toEqual(model.splice(0, count));
      break;
    case 'remove': {
      const kept = model.filter((item) => item % count !== 0);
      line.remove(new Set(model.filter((item) => item % count === 0)));
      model.splice(0, model.length, ...kept);
    }
  }
}

test('whoever came first goes first, whatever happens to the line', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const line = new Line<number>();
      const model: number[] = [];
      let next = 0;
      for (const each of steps) {
        apply(
          line,
          model,
          each,
          Array.from({ length: each.count }, () => next++),
        );
        expect(line.length).toBe(model.length);
        expect(line.first(5)).toEqual(model.slice(0, 5));
      }
    }),
    { numRuns: 200 },
  );
});

test('taking the first moves few of the others, however long the line is', () => {
  const line = new Line<object>();
  for (let index = 0; index < COUNT; index += 1) line.push({});
  const { slice } = Array.prototype;
  let copied = 0;
  const copies = vi.spyOn(Array.prototype, 'slice').mockImplementation(function (this: unknown[], ...range) {
    const copy = slice.apply(this, range);
    copied += copy.length;
    return copy;
  });
  try {
    for (let taken = 0; taken < COUNT; taken += 1) line.take(1);
  } finally {
    copies.mockRestore();
  }
  expect(line.length).toBe(0);
  // Each once as it is taken, and about once as what was taken before it is let go of.
  expect(copied).toBeGreaterThanOrEqual(COUNT);
  expect(copied).toBeLessThan(3 * COUNT);
});
