// Owns entry ids. An entry id carries its place: a valid UUIDv7 whose time is the commit's, and whose other bits hold the
// index within the commit and the commit's seq. So an entry is found by its id without an index of its own (ADR 0003).

import type { EntryId, Instant } from './id.ts';

/** Where an entry stands within its account. */
export interface EntryPlace {
  /** The commit's seq, 1 to 2^48 − 1. */
  readonly seq: number;
  /** The entry's index within the commit, 0 to 4,095. */
  readonly index: number;
}

const SEQ_MAX = 2 ** 48 - 1;
const INDEX_MAX = 0xfff;
const PATTERN = /^ent_([0-9a-f]{8})-([0-9a-f]{4})-7([0-9a-f]{3})-8([0-9a-f]{3})-([0-9a-f]{12})$/;

/**
 * Builds the id of the entry at a place. The 12 bits that are left are 0.
 * Throws RangeError where the place is out of bounds.
 */
export function formatEntryId(place: EntryPlace, createdAt: Instant): EntryId {
  const { seq, index } = place;
  if (!(seq >= 1 && seq <= SEQ_MAX && index >= 0 && index <= INDEX_MAX)) {
    throw new RangeError(`no entry can stand at seq ${seq}, index ${index}`);
  }
  const time = createdAt.toString(16).padStart(12, '0');
  const head = `${time.slice(0, 8)}-${time.slice(8)}`;
  return `ent_${head}-7${hex(index, 3)}-8000-${hex(seq, 12)}` as EntryId;
}

/** Reads the place out of an entry id; undefined where the text is not one. */
export function parseEntryId(text: string): EntryPlace | undefined {
  const match = PATTERN.exec(text);
  const [, , , index, , seq] = match ?? [];
  if (index === undefined || seq === undefined) return undefined;
  const place = { seq: Number.parseInt(seq, 16), index: Number.parseInt(index, 16) };
  return place.seq >= 1 ? place : undefined;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
