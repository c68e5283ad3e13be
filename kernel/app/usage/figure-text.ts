// Owns how figures read in a sentence: credits, grants, times.

import type { Bucket } from '../../domain/bucket.ts';
import type { GrantDraw } from '../../domain/grant.ts';
import { sumDraws } from '../../domain/grant.ts';
import type { Instant } from '../../domain/id.ts';
import { formatQuantity } from '../../domain/quantity.ts';

const DAY_MS = 86_400_000;
const MILLISECONDS_ZERO = '.000Z';

export const BUCKET_NAMES: Readonly<Record<Bucket, string>> = {
  trial: 'trial',
  included: 'included',
  payg: 'pay-as-you-go',
};

/** Writes microcredits as a number of credits, such as `2.5`; a credit is a million of them. */
export function describeNumber(microcredits: bigint): string {
  return microcredits < 0n
    ? `-${formatQuantity({ millionths: -microcredits })}`
    : formatQuantity({ millionths: microcredits });
}

/** Writes microcredits as `2.5 credits`. */
export function describeCredits(microcredits: bigint): string {
  return microcredits === 1_000_000n ? '1 credit' : `${describeNumber(microcredits)} credits`;
}

/** Writes a time as a date where it is midnight (UTC), else to the second, or as exactly as it is. */
export function describeTime(at: Instant): string {
  const text = new Date(at).toISOString();
  if (at % DAY_MS === 0) return text.slice(0, text.indexOf('T'));
  return text.endsWith(MILLISECONDS_ZERO) ? `${text.slice(0, -MILLISECONDS_ZERO.length)}Z` : text;
}

/** Names a grant, such as `trial grant grt_…`. */
export function describeGrant({ bucket, grantId }: Pick<GrantDraw, 'bucket' | 'grantId'>): string {
  return `${BUCKET_NAMES[bucket]} grant ${grantId}`;
}

/** Writes who paid how much, such as `1 from trial grant grt_…`. */
export function describeDraws(draws: readonly GrantDraw[], preposition = 'from'): string {
  return draws.map((draw) => `${describeNumber(draw.microcredits)} ${preposition} ${describeGrant(draw)}`).join(', ');
}

/** Writes the sum of draws as `2.5 credits (1 from …, 1.5 from …)`. */
export function describeSum(draws: readonly GrantDraw[], preposition: string): string {
  return `${describeCredits(sumDraws(draws))} (${describeDraws(draws, preposition)})`;
}

/** Joins clauses that are there; the others are empty. */
export function joinClauses(clauses: readonly string[], separator = ', '): string {
  return clauses.filter((clause) => clause !== '').join(separator);
}
