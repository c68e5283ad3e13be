import { describe, expect, it } from 'vitest';
import { describeDifference, findDifference } from '../../kernel/domain/difference.ts';

describe('findDifference', () => {
  it.each([
    [{ a: [1n, { b: 'x' }] }, { a: [1n, { b: 'x' }] }, undefined],
    [{ a: 1n, b: undefined }, { a: 1n }, undefined],
    [{ a: 1n }, { a: '1' }, 'a is 1 and should be "1"'],
    [{ a: [1n, { b: 2n }] }, { a: [1n, { b: 3n }] }, 'a[1].b is 2 and should be 3'],
    [{ a: [1n] }, { a: [1n, 2n] }, 'a[1] is absent and should be 2'],
    [{ a: 1n, c: 2n }, { a: 1n }, 'c is 2 and should be absent'],
    [{ a: null }, {}, 'a is null and should be absent'],
    [{ a: [] }, { a: {} }, 'a is [] and should be {}'],
    [1n, 2n, 'the whole is 1 and should be 2'],
    [{ a: { b: 1n } }, { a: 'x'.repeat(100) }, `a is {"b":"1"} and should be "${'x'.repeat(79)}…`],
  ])('of %o and %o', (actual, expected, text) => {
    const found = findDifference(actual, expected);
    expect(found && describeDifference(found)).toBe(text);
  });

  it('leaves what is neither a list nor a plain object to the caller', () => {
    const times = [{ at: new Date(1) }, { at: new Date(1) }] as const;
    expect(findDifference(...times)?.path).toBe('at');
    expect(findDifference(...times, (a, b) => String(a) === String(b))).toBeUndefined();
  });
});
