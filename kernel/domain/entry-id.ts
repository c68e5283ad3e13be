// Owns the ids that carry a place: a valid UUIDv7 whose time is the commit's, and whose other bits hold the commit's seq
// and the index within the commit. So an entry is found by its id without an index of its own (ADR 0003), and a hold by the
// entry that made it.

import type { EntryId, HoldId, Instant } from './id.ts';

/** Where an entry stands within its account. */
export interface EntryPlace {
  /** The commit's seq, 1 to 2^48 − 1. */
  readonly seq: number;
  /** The entry's index within the commit, 0 to 4,095. */
  readonly index: number;
}

const SEQ_MAX = 2 ** 48 - 1;
const INDEX_MAX = 0xfff;
const PATTERN = /^(ent|hld)_([0-9a-f]{8})-([0-9a-f]{4})-7([0-9a-f]{3})-8([0-9a-f]{3})-([0-9a-f]{6})([0-9a-f]{3})000$/;

/**
 * Builds the id of the entry at a place. Ids sort as the history does: by time, then seq, then index.
 * Throws RangeError where the place is out of bounds.
 */
export function formatEntryId(place: EntryPlace, createdAt: Instant): EntryId {
  return `ent_${formatPlace(place, createdAt)}` as EntryId;
}

/** Builds the id of the hold that the entry at a place makes. Throws RangeError where the place is out of bounds. */
export function formatHoldId(place: EntryPlace, createdAt: Instant): HoldId {
  return `hld_${formatPlace(place, createdAt)}` as HoldId;
}

function formatPlace(place: EntryPlace, createdAt: Instant): string {
  const { seq, index } = place;
  if (!(seq >= 1 && seq <= SEQ_MAX && index >= 0 && index <= INDEX_MAX)) {
    throw new RangeError(`no entry can stand at seq ${seq}, index ${index}`);
  }
  const time = hex(createdAt, 12);
  const order = hex(seq, 12);
  const head = `${time.slice(0, 8)}-${time.slice(8)}-7${order.slice(0, 3)}-8${order.slice(3, 6)}`;
  return `${head}-${order.slice(6)}${hex(index, 3)}000`;
}

/** A place with the time of its commit, as an id carries both. */
export interface DatedPlace extends EntryPlace {
  readonly createdAt: Instant;
}

/** Reads the place out of an entry id; undefined where the text is not one. */
export function parseEntryId(text: string): DatedPlace | undefined {
  return parsePlace('ent', text);
}

/** Reads the place of the entry that made a hold out of the hold's id; undefined where the text is not one. */
export function parseHoldId(text: string): DatedPlace | undefined {
  return parsePlace('hld', text);
}

function parsePlace(wanted: string, text: string): DatedPlace | undefined {
  const [, prefix, early, late, high, middle, low, index] = PATTERN.exec(text) ?? [];
  if (prefix !== wanted) return undefined;
  const place = {
    seq: Number.parseInt(`${high}${middle}${low}`, 16),
    index: Number.parseInt(`${index}`, 16),
    createdAt: Number.parseInt(`${early}${late}`, 16),
  };
  return place.seq >= 1 ? place : undefined;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
