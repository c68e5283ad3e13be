import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUCKETS, type Bucket } from '../../kernel/domain/bucket.ts';
import { compareBurnOrder, type Grant, type GrantDraw, takeDraws } from '../../kernel/domain/grant.ts';
import {
  findGrant,
  type GrantBook,
  pin,
  putBack,
  spendFree,
  spendHeld,
  unpin,
} from '../../kernel/domain/grant-book.ts';
import { roundCount } from '../support/round-count.ts';
import { accountAfter, giveGrant, grantIdOf } from './support/command.ts';

function grantOf(id: string, remaining: bigint, fields: Partial<Grant> = {}): Grant {
  return {
    grantId: grantIdOf(id),
    bucket: 'payg',
    granted: 99n,
    remaining,
    held: 0n,
    effectiveAt: 0,
    source: 'operator',
    ...fields,
  };
}

function bookOf(...all: readonly Grant[]): GrantBook {
  const active = (bucket: Bucket) => all.filter((grant) => grant.bucket === bucket && grant.remaining > 0n);
  return {
    grants: { trial: active('trial'), included: active('included'), payg: active('payg') },
    pinned: all.filter((grant) => grant.remaining === 0n),
  };
}

function drawOf(id: string, microcredits: bigint, bucket: Bucket = 'payg'): GrantDraw {
  return { grantId: grantIdOf(id), bucket, microcredits };
}

const A = grantOf('a', 2n);
const B = grantOf('b', 3n);
const HELD = grantOf('h', 0n, { held: 4n });
const BOTH = grantOf('m', 5n, { held: 6n });

describe('free credit', () => {
  it('is spent in the middle as well, and the book that was given stays as it is', () => {
    const book = bookOf(A, B);
    expect(spendFree(book, [drawOf('b', 1n)])).toEqual(bookOf(A, grantOf('b', 2n)));
    expect(spendFree(book, [drawOf('b', 3n)])).toEqual(bookOf(A));
    expect(spendFree(book, [drawOf('a', 2n), drawOf('b', 3n)])).toEqual(bookOf());
    expect(book).toEqual(bookOf(A, B));
  });

  it('is refused beyond what the grant has, and of a grant that is not there', () => {
    const book = bookOf(A, B);
    expect(() => spendFree(book, [drawOf('a', 3n)])).toThrow(RangeError);
    expect(() => spendFree(book, [drawOf('c', 1n)])).toThrow(/grt_c.*it is gone/);
    expect(() => spendFree(book, [drawOf('a', 2n), drawOf('a', 1n)])).toThrow(RangeError);
    expect(() => spendFree(book, [drawOf('a', 1n, 'trial')])).toThrow(/it is gone/);
  });

  it('does not reach what is held', () => {
    expect(() => spendFree(bookOf(BOTH), [drawOf('m', 6n)])).toThrow(/has 5 free and 6 held/);
    expect(() => spendFree(bookOf(HELD), [drawOf('h', 1n)])).toThrow(/has 0 free and 4 held/);
  });

  it('that is spent to the end leaves the grant pinned where some of it is held', () => {
    expect(spendFree(bookOf(A, BOTH), [drawOf('m', 5n)])).toEqual(bookOf(A, grantOf('m', 0n, { held: 6n })));
  });
});

describe('held credit', () => {
  it('is kept back from free credit, to the last', () => {
    expect(pin(bookOf(A, BOTH), [drawOf('a', 2n), drawOf('m', 1n)])).toEqual(
      bookOf(grantOf('a', 0n, { held: 2n }), grantOf('m', 4n, { held: 7n })),
    );
    expect(() => pin(bookOf(A), [drawOf('a', 3n)])).toThrow(RangeError);
    expect(() => pin(bookOf(HELD), [drawOf('h', 1n)])).toThrow(RangeError);
  });

  it('is spent without touching what is free', () => {
    expect(spendHeld(bookOf(BOTH), [drawOf('m', 6n)])).toEqual(bookOf(grantOf('m', 5n)));
    expect(spendHeld(bookOf(HELD), [drawOf('h', 3n)])).toEqual(bookOf(grantOf('h', 0n, { held: 1n })));
    expect(spendHeld(bookOf(HELD, A), [drawOf('h', 4n)])).toEqual(bookOf(A));
    expect(() => spendHeld(bookOf(BOTH), [drawOf('m', 7n)])).toThrow(RangeError);
    expect(() => spendHeld(bookOf(A), [drawOf('a', 1n)])).toThrow(/has 2 free and 0 held/);
  });

  it('becomes free again, and its grant takes its old place in the burn order', () => {
    const soon = grantOf('s', 0n, { held: 4n, expiresAt: 9 });
    expect(unpin(bookOf(A, soon), [drawOf('s', 1n)])).toEqual(bookOf(grantOf('s', 1n, { held: 3n, expiresAt: 9 }), A));
    expect(unpin(bookOf(soon, A), [drawOf('s', 4n)])).toEqual(bookOf(grantOf('s', 4n, { expiresAt: 9 }), A));
    expect(() => unpin(bookOf(soon), [drawOf('s', 5n)])).toThrow(RangeError);
  });

  it.each<[bigint, bigint, bigint]>([
    // paid, left free in h, left free in m
    [0n, 4n, 11n],
    [3n, 1n, 11n],
    [4n, 0n, 11n],
    [5n, 0n, 10n],
    [10n, 0n, 5n],
  ])('of which %s pays a deficit leaves %s and %s free: it pays from the first on', (paid, first, second) => {
    const freed = [drawOf('h', 4n), drawOf('m', 6n)];
    const after = spendFree(unpin(bookOf(HELD, BOTH), freed), takeDraws(freed, paid));
    expect(after).toEqual(bookOf(...(first > 0n ? [grantOf('h', first)] : []), grantOf('m', second)));
  });
});

describe('credit that comes back', () => {
  it('joins its grant, free or pinned, or is a grant again', () => {
    expect(putBack(bookOf(A), grantOf('a', 5n))).toEqual(bookOf(grantOf('a', 7n)));
    expect(putBack(bookOf(HELD), grantOf('h', 5n))).toEqual(bookOf(grantOf('h', 5n, { held: 4n })));
    expect(putBack(bookOf(B), grantOf('a', 5n))).toEqual(bookOf(grantOf('a', 5n), B));
    expect(putBack(bookOf(B), grantOf('z', 5n, { expiresAt: 9 }))).toEqual(
      bookOf(grantOf('z', 5n, { expiresAt: 9 }), B),
    );
  });

  it('of nothing is nothing', () => {
    expect(putBack(bookOf(A), grantOf('z', 0n))).toEqual(bookOf(A));
  });

  it('joins no grant of the same id in another bucket', () => {
    const book = putBack(bookOf(grantOf('a', 2n, { bucket: 'trial' })), grantOf('a', 5n));
    expect(book.grants.trial).toEqual([grantOf('a', 2n, { bucket: 'trial' })]);
    expect(book.grants.payg).toEqual([grantOf('a', 5n)]);
  });
});

describe('a book', () => {
  it('takes nothing of the account along but its grants', () => {
    const state = accountAfter(giveGrant('a', 5n));
    for (const book of [spendFree(state, []), pin(state, [drawOf('a', 1n)]), putBack(state, grantOf('b', 1n))]) {
      expect(Object.keys(book).toSorted()).toEqual(['grants', 'pinned']);
    }
  });

  it('finds a grant by bucket and id, active or pinned', () => {
    const book = bookOf(A, HELD);
    expect(findGrant(book, 'payg', A.grantId)).toEqual(A);
    expect(findGrant(book, 'payg', HELD.grantId)).toEqual(HELD);
    expect(findGrant(book, 'trial', A.grantId)).toBeUndefined();
    expect(findGrant(book, 'payg', grantIdOf('none'))).toBeUndefined();
  });
});

type Move = readonly [kind: 'spendFree' | 'pin' | 'spendHeld' | 'unpin' | 'putBack', of: number, amount: bigint];

const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.tuple(
    fc.constantFrom('spendFree' as const, 'pin' as const, 'spendHeld' as const, 'unpin' as const, 'putBack' as const),
    fc.nat(5),
    fc.bigInt({ min: 1n, max: 6n }),
  ),
  { maxLength: 30 },
);

/** Six grants whose order by id is another than their burn order. */
const SIX: readonly Grant[] = [...BUCKETS, ...BUCKETS].map((bucket, n) =>
  grantOf(`${9 - n}`, 5n, { bucket, ...(n % 2 === 0 ? { expiresAt: 10 - n } : {}) }),
);

/** A grant with plain sums beside it. */
interface Plain {
  readonly grant: Grant;
  free: bigint;
  held: bigint;
}

/** Moves credit in the book and in the sums; where that can't be, in neither. */
function moveBoth(book: GrantBook, one: Plain | undefined, kind: Move[0], amount: bigint): GrantBook {
  if (one === undefined) throw new Error('there is no such grant');
  const draw = { ...one.grant, microcredits: amount };
  const [free, held] = CHANGES[kind](amount);
  if (one.free + free < 0n || one.held + held < 0n) {
    expect(() => move(book, kind, draw)).toThrow(RangeError);
    return book;
  }
  one.free += free;
  one.held += held;
  return move(book, kind, draw);
}

function assertPlain(book: GrantBook, { grant, free, held }: Plain): void {
  const found = findGrant(book, grant.bucket, grant.grantId);
  expect(found).toEqual(free + held === 0n ? undefined : { ...grant, remaining: free, held });
  expect(book.pinned.some(({ grantId }) => grantId === grant.grantId)).toBe(free === 0n && held > 0n);
}

describe('after any movements', () => {
  it('each grant has what plain sums say, stands in order, and is pinned exactly where only held credit is left', () => {
    fc.assert(
      fc.property(moves, (list) => {
        let book = SIX.reduce(putBack, bookOf());
        const plain = SIX.map((grant): Plain => ({ grant, free: 5n, held: 0n }));
        for (const [kind, of, amount] of list) book = moveBoth(book, plain[of], kind, amount);
        for (const one of plain) assertPlain(book, one);
        for (const grants of [...Object.values(book.grants), book.pinned]) {
          expect(grants).toEqual(grants.toSorted(compareBurnOrder));
        }
      }),
      { numRuns: roundCount(300, 30_000) },
    );
  });
});

const CHANGES: Record<Move[0], (amount: bigint) => readonly [free: bigint, held: bigint]> = {
  spendFree: (amount) => [-amount, 0n],
  pin: (amount) => [-amount, amount],
  spendHeld: (amount) => [0n, -amount],
  unpin: (amount) => [amount, -amount],
  putBack: (amount) => [amount, 0n],
};

function move(book: GrantBook, kind: Move[0], draw: GrantDraw & Grant): GrantBook {
  const { microcredits, ...grant } = draw;
  switch (kind) {
    case 'spendFree':
      return spendFree(book, [draw]);
    case 'pin':
      return pin(book, [draw]);
    case 'spendHeld':
      return spendHeld(book, [draw]);
    case 'unpin':
      return unpin(book, [draw]);
    case 'putBack':
      return putBack(book, { ...grant, remaining: microcredits });
  }
}
