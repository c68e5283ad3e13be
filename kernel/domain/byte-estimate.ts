// Owns how large things become when they are stored, in bytes: upper bounds that cost less than serialising. Tests hold
// them against the real documents.

import { type AccountState, countGrants } from './account.ts';
import type { Commit } from './commit.ts';
import type { Entry, PersonalText } from './entry.ts';
import type { Grant, GrantDraw } from './grant.ts';
import type { Hold } from './hold.ts';
import type { UsageContext } from './usage-context.ts';

const COMMIT_BYTES_BASE = 512;
const ENTRY_BYTES_BASE = 900;
/** What an entry takes that no request made and that is about one grant. */
const DUE_ENTRY_BYTES_BASE = 320;
/** What a settlement has beside a charge: its hold, and what became of it. */
const SETTLEMENT_BYTES = 128;
const DRAW_BYTES = 128;
/** The most that a grant takes. */
const GRANT_BYTES = 256;
/** What one of a few grants takes apart from its texts and what it may lack. */
const GRANT_BYTES_BASE = 108;
const EXPIRY_BYTES = 20;
const HELD_BYTES = 14;
/** With so many grants no state is small, so that they are only counted. */
const GRANTS_MEASURED_MAX = 64;
const HOLD_BYTES_BASE = 320;
const STATE_BYTES_BASE = 90;
const PERSONAL_BYTES_BASE = 128;
const DIMENSION_BYTES_BASE = 16;
const UTF8_BYTES_MAX = 3;

/** Computes an upper bound of what an entry takes in a commit. */
export function estimateEntryBytes(entry: Entry): number {
  // A key stands in its entry and in the commit's list of keys.
  const isDue = entry.type === 'grant_started' || entry.type === 'grant_expired';
  let bytes = isDue ? DUE_ENTRY_BYTES_BASE : ENTRY_BYTES_BASE;
  bytes += 2 * (estimateTextBytes(entry.key) + estimateTextBytes(entry.effectKey));
  if (entry.personal !== undefined) bytes += estimatePersonalBytes(entry.personal);
  if ('actor' in entry) bytes += estimateTextBytes(entry.actor);
  if ('action' in entry) bytes += estimateTextBytes(entry.action) + estimateContextBytes(entry);
  if ('price' in entry) bytes += estimateTextBytes(entry.price.unit);
  if ('draws' in entry) bytes += estimateDrawBytes(entry.draws);
  if ('hold' in entry) bytes += estimateDrawBytes(entry.hold.draws);
  if ('end' in entry && entry.end !== undefined) {
    bytes += estimateDrawBytes(entry.end.freed) + estimateDrawBytes(entry.end.expired);
  }
  if (entry.type === 'settled') bytes += SETTLEMENT_BYTES + estimateTextBytes(entry.partId);
  if (entry.type === 'reversed') {
    const { returned, expired, taken, usage } = entry;
    bytes += returned.length * GRANT_BYTES + estimateDrawBytes(expired) + estimateDrawBytes(taken);
    if (usage !== undefined) bytes += estimateTextBytes(usage.action) + estimateContextBytes(usage);
  }
  return bytes;
}

/** Computes an upper bound of what an open hold takes in a state. */
export function estimateHoldBytes(hold: Hold): number {
  return (
    HOLD_BYTES_BASE +
    estimateTextBytes(hold.action) +
    estimateTextBytes(hold.price.unit) +
    estimateContextBytes(hold) +
    estimateDrawBytes(hold.draws)
  );
}

/** Computes an upper bound of what an account takes as a stored state, and a close one where that is little. */
export function estimateStateBytes(state: AccountState): number {
  const { productCode, planCode, grants, pinned, scheduled, holdBytes } = state;
  const bytes = STATE_BYTES_BASE + estimateTextBytes(productCode) + estimateTextBytes(planCode) + holdBytes;
  const count = countGrants(state);
  if (count > GRANTS_MEASURED_MAX) return bytes + count * GRANT_BYTES;
  return [grants.trial, grants.included, grants.payg, pinned, scheduled].reduce(
    (sum, list) => list.reduce((total, grant) => total + estimateGrantBytes(grant), sum),
    bytes,
  );
}

function estimateGrantBytes({ grantId, bucket, source, held, expiresAt }: Grant): number {
  return (
    GRANT_BYTES_BASE +
    estimateTextBytes(grantId) +
    estimateTextBytes(bucket) +
    estimateTextBytes(source) +
    (held > 0n ? HELD_BYTES : 0) +
    (expiresAt === undefined ? 0 : EXPIRY_BYTES)
  );
}

/** Computes an upper bound of what a commit takes as a document. */
export function estimateCommitBytes({ entries, state }: Pick<Commit, 'entries' | 'state'>): number {
  let bytes = COMMIT_BYTES_BASE + (state === undefined ? 0 : estimateStateBytes(state));
  for (const entry of entries) bytes += estimateEntryBytes(entry);
  return bytes;
}

/** Text of which each character takes one byte: most of what is stored. */
const NARROW_TEXT = /^[ -~]*$/;

/** Computes the most that a text takes as UTF-8; counting wide characters exactly would cost more than it saves. */
function estimateTextBytes(text: string | undefined): number {
  if (text === undefined) return 0;
  return NARROW_TEXT.test(text) ? text.length : UTF8_BYTES_MAX * text.length;
}

function estimateDrawBytes(draws: readonly GrantDraw[]): number {
  return draws.length * DRAW_BYTES;
}

function estimateContextBytes({ projectId, workflowId, runId }: UsageContext): number {
  return estimateTextBytes(projectId) + estimateTextBytes(workflowId) + estimateTextBytes(runId);
}

function estimatePersonalBytes({ reason, dimensions }: PersonalText): number {
  let bytes = PERSONAL_BYTES_BASE + estimateTextBytes(reason);
  for (const [name, value] of Object.entries(dimensions ?? {})) {
    bytes += DIMENSION_BYTES_BASE + estimateTextBytes(name) + estimateTextBytes(value);
  }
  return bytes;
}
