// Owns how large things become when they are stored, in bytes: upper bounds that cost less than serialising. Tests hold
// them against the real documents.

import { type AccountState, countGrants } from './account.ts';
import type { Commit } from './commit.ts';
import type { Entry, EntryType, PersonalText } from './entry.ts';
import type { Grant, GrantDraw } from './grant.ts';
import type { Hold } from './hold.ts';
import type { Subscription } from './subscription.ts';
import type { Trial, TrialTerms } from './trial.ts';
import type { UsageContext } from './usage-context.ts';

const COMMIT_BYTES_BASE = 512;
const ENTRY_BYTES_BASE = 900;
/** What an entry takes that no request made and that is about one grant, or the trial. */
const DUE_ENTRY_BYTES_BASE = 320;
const DUE_TYPES: ReadonlySet<EntryType> = new Set(['grant_started', 'grant_expired', 'trial_ended']);
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
/** What a trial takes apart from its texts, in an entry beside its grant or in a state. */
const TRIAL_BYTES_BASE = 240;
/** What a subscription takes apart from its texts, its waiting change included. */
const SUBSCRIPTION_BYTES_BASE = 1_000;
/** What a period of an earlier subscription takes apart from its id. */
const EARLIER_PERIOD_BYTES_BASE = 180;
/** What a discount of a subscription takes at most. */
const DISCOUNT_BYTES = 200;
/** What a payback takes apart from what it takes back. */
const PAYBACK_BYTES = 200;
const PERSONAL_BYTES_BASE = 128;
const DIMENSION_BYTES_BASE = 16;
const UTF8_BYTES_MAX = 3;

/** Computes an upper bound of what an entry takes in a commit. */
export function estimateEntryBytes(entry: Entry): number {
  // A key stands in its entry and in the commit's list of keys.
  let bytes = DUE_TYPES.has(entry.type) ? DUE_ENTRY_BYTES_BASE : ENTRY_BYTES_BASE;
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
  if (entry.type === 'payback_settled') bytes += PAYBACK_BYTES + estimateDrawBytes(entry.taken);
  if (entry.type === 'run_reported') bytes += estimateContextBytes(entry);
  bytes += estimatePlanBytes(entry);
  if (entry.type === 'reversed') {
    const { returned, expired, taken, usage } = entry;
    bytes += returned.length * GRANT_BYTES + estimateDrawBytes(expired) + estimateDrawBytes(taken);
    if (usage !== undefined) bytes += estimateTextBytes(usage.action) + estimateContextBytes(usage);
  }
  return bytes;
}

/** What an entry takes that changes what the plan of the account is. */
function estimatePlanBytes(entry: Entry): number {
  switch (entry.type) {
    case 'trial_started':
      return estimateTermsBytes(entry);
    case 'trial_ended':
      return estimateTextBytes(entry.planCode);
    case 'subscription_changed': {
      const { subscription, planCode, lapsed, revived = [] } = entry;
      const credits = estimateDrawBytes(lapsed) + revived.length * DRAW_BYTES;
      return estimateSubscriptionBytes(subscription) + estimateTextBytes(planCode) + credits;
    }
    default:
      return 0;
  }
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
  const { productCode, planCode, trial, subscription, grants, pinned, scheduled, holdBytes } = state;
  const codes = estimateTextBytes(productCode) + estimateTextBytes(planCode);
  const bytes =
    STATE_BYTES_BASE +
    codes +
    holdBytes +
    (trial === undefined ? 0 : estimateTrialBytes(trial)) +
    (subscription === undefined ? 0 : estimateSubscriptionBytes(subscription));
  const count = countGrants(state);
  if (count > GRANTS_MEASURED_MAX) return bytes + count * GRANT_BYTES;
  return [grants.trial, grants.included, grants.payg, pinned, scheduled].reduce(
    (sum, list) => list.reduce((total, grant) => total + estimateGrantBytes(grant), sum),
    bytes,
  );
}

function estimateTrialBytes(trial: Trial): number {
  return estimateTermsBytes(trial) + estimateTextBytes(trial.grantId) + estimateTextBytes(trial.status);
}

function estimateSubscriptionBytes(subscription: Subscription): number {
  const { stripeSubscriptionId, stripePriceId, planCode, fallbackPlanCode, failureCode, pending } = subscription;
  const { earlier = [], discounts = [] } = subscription;
  const own = [stripeSubscriptionId, stripePriceId, planCode, fallbackPlanCode, failureCode];
  const others = earlier.map((period) => period.stripeSubscriptionId);
  const texts = [...own, pending?.terms.stripePriceId, pending?.terms.planCode, ...others];
  const lists = earlier.length * EARLIER_PERIOD_BYTES_BASE + discounts.length * DISCOUNT_BYTES;
  const base = SUBSCRIPTION_BYTES_BASE + lists;
  return texts.reduce((sum, text) => sum + estimateTextBytes(text), base);
}

function estimateTermsBytes({ planCode, fallbackPlanCode, endBehaviour, personId }: TrialTerms): number {
  const texts = [planCode, fallbackPlanCode, endBehaviour, personId];
  return texts.reduce((sum, text) => sum + estimateTextBytes(text), TRIAL_BYTES_BASE);
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
