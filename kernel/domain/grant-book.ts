// Owns how credit moves in and out of the grants of an account. Its cost grows with the grants that are touched, not with
// the sums. Throws RangeError where a movement can't be: the history is then not one that `decide` made.
// Invariants: a grant with something left stands in its bucket's list, in burn order; one with nothing left but held
// credit is pinned; one with neither is gone.

import type { AccountState } from './account.ts';
import type { Bucket } from './bucket.ts';
import { compareBurnOrder, type Grant, type GrantDraw, insertOrdered } from './grant.ts';
import type { GrantId, Instant } from './id.ts';

/** The grants of an account that hold credit. */
export type GrantBook = Pick<AccountState, 'grants' | 'pinned'>;

/** Takes free credit out of grants for good. */
export function spendFree(book: GrantBook, draws: readonly GrantDraw[]): GrantBook {
  return draws.reduce((left, draw) => change(left, draw, -draw.microcredits, 0n), bookOf(book));
}

/** Keeps free credit back for a hold. */
export function pin(book: GrantBook, draws: readonly GrantDraw[]): GrantBook {
  return draws.reduce((left, draw) => change(left, draw, -draw.microcredits, draw.microcredits), bookOf(book));
}

/** Takes held credit out of grants for good. */
export function spendHeld(book: GrantBook, draws: readonly GrantDraw[]): GrantBook {
  return draws.reduce((left, draw) => change(left, draw, 0n, -draw.microcredits), bookOf(book));
}

/** Frees held credit. */
export function unpin(book: GrantBook, draws: readonly GrantDraw[]): GrantBook {
  return draws.reduce((left, draw) => change(left, draw, draw.microcredits, -draw.microcredits), bookOf(book));
}

/** Gives credit to a grant, which is there again where it was gone. `grant.remaining` is how much. */
export function putBack(book: GrantBook, grant: Grant): GrantBook {
  if (grant.remaining === 0n) return bookOf(book);
  const found = findGrant(book, grant.bucket, grant.grantId);
  if (found !== undefined) return change(bookOf(book), grant, grant.remaining, 0n);
  return addTo(bookOf(book), grant);
}

/**
 * Takes free credit out of grants for good, and sees to it that what is held of them does not come back either. A draw of
 * nothing names a grant of which all that is left is held.
 */
export function lapse(book: GrantBook, draws: readonly GrantDraw[], at: Instant): GrantBook {
  const left = spendFree(book, draws);
  const lapsed = new Set(draws.map(({ grantId }) => grantId));
  const pinned = left.pinned.map((grant) => (lapsed.has(grant.grantId) ? { ...grant, expiresAt: at } : grant));
  return { ...left, pinned: pinned.toSorted(compareBurnOrder) };
}

/** Undoes for good what {@link lapse} did to grants of which something is held still: it comes back to them. They have no expiry of their own. */
export function revive(book: GrantBook, grantIds: readonly GrantId[]): GrantBook {
  const revived = new Set(grantIds);
  const pinned = book.pinned.map((grant) => (revived.has(grant.grantId) ? withoutExpiry(grant) : grant));
  return { ...bookOf(book), pinned: pinned.toSorted(compareBurnOrder) };
}

function withoutExpiry({ expiresAt: _, ...grant }: Grant): Grant {
  return grant;
}

/** Finds a grant that has something left or held. */
export function findGrant(book: GrantBook, bucket: Bucket, grantId: GrantId): Grant | undefined {
  return (
    book.grants[bucket].find((grant) => grant.grantId === grantId) ??
    book.pinned.find((grant) => grant.grantId === grantId)
  );
}

/** Takes the grants out of an account, so that nothing else of it travels along. */
function bookOf({ grants, pinned }: GrantBook): GrantBook {
  return { grants, pinned };
}

function change(
  book: GrantBook,
  { grantId, bucket }: Pick<GrantDraw, 'grantId' | 'bucket'>,
  free: bigint,
  held: bigint,
): GrantBook {
  const list = book.grants[bucket];
  // Draws are in burn order, so the grant is almost always the first.
  const index = list.findIndex((grant) => grant.grantId === grantId);
  const grant = list[index] ?? book.pinned.find((other) => other.grantId === grantId);
  if (grant === undefined || grant.remaining + free < 0n || grant.held + held < 0n) {
    const has = grant === undefined ? 'it is gone' : `it has ${grant.remaining} free and ${grant.held} held`;
    throw new RangeError(`grant ${grantId} can't move ${free} free and ${held} held microcredits: ${has}`);
  }
  const moved = { ...grant, remaining: grant.remaining + free, held: grant.held + held };
  if (index !== -1 && moved.remaining > 0n) {
    return { ...book, grants: { ...book.grants, [bucket]: list.with(index, moved) } };
  }
  return addTo(index === -1 ? withoutPinned(book, grantId) : withoutActive(book, bucket, index), moved);
}

function withoutPinned(book: GrantBook, grantId: GrantId): GrantBook {
  return { ...book, pinned: book.pinned.filter((grant) => grant.grantId !== grantId) };
}

function withoutActive(book: GrantBook, bucket: Bucket, index: number): GrantBook {
  return { ...book, grants: { ...book.grants, [bucket]: book.grants[bucket].toSpliced(index, 1) } };
}

function addTo(book: GrantBook, grant: Grant): GrantBook {
  if (grant.remaining > 0n) {
    const { bucket } = grant;
    const list = insertOrdered(book.grants[bucket], grant, compareBurnOrder);
    return { ...book, grants: { ...book.grants, [bucket]: list } };
  }
  if (grant.held === 0n) return book;
  return { ...book, pinned: insertOrdered(book.pinned, grant, compareBurnOrder) };
}
