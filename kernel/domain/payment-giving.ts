// Owns how often the credits of a top-up come, and how many of them its account keeps: once, and again only where what came before
// was undone or was too little. Does not own what taking some back does (payback.ts).
// Invariant: an account keeps what was asked for, less the share of it whose payment went back, whatever came under whichever key.

import type { IdempotencyKey, TopUpId } from './id.ts';
import { computePaybackTarget, paymentKey } from './payback.ts';

const SEPARATOR = ':';
const FIRST = paymentKey('' as TopUpId);

/** Builds the key under which credits of a top-up come for the so many-th time, from 1 on. */
export function givingKey(topUpId: TopUpId, number: number): IdempotencyKey {
  const first = paymentKey(topUpId);
  // The form is the parameter's: an id of a top-up has no colon.
  return number === 1 ? first : (`${first}${SEPARATOR}${number}` as IdempotencyKey);
}

/** Reads which top-up a key gives credits for; undefined for a key of something else. */
export function topUpOfGiving(key: string): TopUpId | undefined {
  if (!key.startsWith(FIRST)) return undefined;
  const [topUpId = ''] = key.slice(FIRST.length).split(SEPARATOR);
  // Keys of this form are made by givingKey alone.
  return topUpId as TopUpId;
}

/** What was asked for, what was paid, and what of that went back: in microcredits and minor units. */
export interface PaidCredits {
  readonly microcredits: bigint;
  readonly minorUnits: bigint;
  /** What a bank says went back can be more than was paid, for its currency. */
  readonly returned: bigint;
}

/** Computes how many microcredits an account keeps of a top-up that is paid. Throws RangeError where nothing was paid. */
export function computeKept({ microcredits, minorUnits, returned }: PaidCredits): bigint {
  const back = returned < minorUnits ? returned : minorUnits;
  return microcredits - computePaybackTarget(microcredits, minorUnits, back);
}

/** Computes how many of the `given` microcredits have to be taken back in all. Throws as {@link computeKept}. */
export function computeTaken(given: bigint, paid: PaidCredits): bigint {
  const kept = computeKept(paid);
  return given > kept ? given - kept : 0n;
}
