// Owns which requests a document remembers that it has carried out, so that a retry that comes late changes nothing that was changed
// since. Does not own refusing a request id that is used again for something else (app/tenant/workspace-journal.ts).
// Invariant: it is remembered by the same write that carries a request out.

import { hash } from 'node:crypto';
import type { IdempotencyKey } from '../domain/id.ts';

/** How many are remembered: more than anybody makes while a retry is on its way. */
const REQUESTS_MAX = 100;
/** So many base64url characters are 132 bits. */
const MARK_LENGTH = 22;

/** The marks of requests, the oldest first; absent where there is none. */
export type AppliedRequests = readonly string[] | undefined;

/** Says whether a request was carried out. */
export function isApplied(applied: AppliedRequests, key: IdempotencyKey): boolean {
  return applied?.includes(markOf(key)) ?? false;
}

/** Remembers a request, too. */
export function withApplied(applied: AppliedRequests, key: IdempotencyKey): readonly string[] {
  return [...(applied ?? []), markOf(key)].slice(-REQUESTS_MAX);
}

/** Tells a request from every other one in few characters. */
export function markOf(key: IdempotencyKey): string {
  return hash('sha256', key, 'base64url').slice(0, MARK_LENGTH);
}
