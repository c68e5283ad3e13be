// A line of what waits: in its order, and as fast where it is long.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Line } from '../../clients/grpc/line.ts';

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

test('taking the first of a line of 65,536 costs about as much as of one of 1,000', () => {
  const timeOf = (count: number): number => {
    const line = new Line<object>();
    for (let index = 0; index < count; index += 1) line.push({});
    const startMs = performance.now();
    while (line.length > 0) line.take(1);
    return (performance.now() - startMs) / count;
  };
  for (let round = 0; round < 20; round += 1) timeOf(1_000);
  expect(timeOf(65_536) / timeOf(1_000)).toBeLessThan(50);
});
