// Owns how a part of a list by time is matched: newest first, within a range, from a place on.

import type { Instant } from '../domain/id.ts';

/** Says which part of a list is read. */
interface ListPart {
  /** With its start, without its end. */
  readonly range: { readonly startAt?: Instant; readonly endAt?: Instant };
  /** Only what comes after this place. */
  readonly after?: { readonly createdAt: Instant; readonly id: string } | undefined;
}

interface Place {
  readonly created_at: Date | { readonly $lt: Date };
  readonly _id?: { readonly $lt: string };
}

/** Is what matches a part of a list. */
interface TimeFilter {
  readonly created_at?: { readonly $gt?: Date; readonly $lt?: Date; readonly $lte?: Date };
  readonly $or?: Place[];
}

/** Builds what matches a part of a list. An index by time begins at the place: what lies before it is not gone through again. */
export function toTimeFilter({ range: { startAt, endAt }, after }: ListPart): TimeFilter {
  const created_at = {
    // Times are whole milliseconds, so that this is the same as "at or after", of which SecantusDB loses those at the time itself.
    ...(startAt !== undefined && { $gt: new Date(startAt - 1) }),
    ...(endAt !== undefined && { $lt: new Date(endAt) }),
    ...(after !== undefined && { $lte: new Date(after.createdAt) }),
  };
  return {
    ...(Object.keys(created_at).length > 0 && { created_at }),
    ...(after !== undefined && { $or: placesAfter(after) }),
  };
}

function placesAfter({ createdAt, id }: NonNullable<ListPart['after']>): Place[] {
  const at = new Date(createdAt);
  return [{ created_at: { $lt: at } }, { created_at: at, _id: { $lt: id } }];
}
