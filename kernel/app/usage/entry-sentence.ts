// Owns the one sentence that says how an entry's figures came about. Says nothing that could be about a person: no reason
// and no dimension, so that it is the same after a redaction.

import type {
  Adjusted,
  Charge,
  Entry,
  Granted,
  HoldExtended,
  Reserved,
  Reversed,
  Settled,
} from '../../domain/entry.ts';
import type { GrantDraw } from '../../domain/grant.ts';
import { sumDraws } from '../../domain/grant.ts';
import type { HoldEnd } from '../../domain/hold.ts';
import type { EntryId } from '../../domain/id.ts';
import {
  BUCKET_NAMES,
  describeCredits,
  describeDraws,
  describeGrant,
  describeNumber,
  describeSum,
  describeTime,
  joinClauses,
} from './figure-text.ts';

const RULE_NAMES = { default: 'default price', plan: 'plan price', tenant: 'price of this workspace' } as const;

/** Says in one sentence what an entry records and how its figures came about. */
export function describeEntry(entry: Entry, reversedBy?: EntryId): string {
  return reversedBy === undefined ? `${describe(entry)}.` : `${describe(entry)}; entry ${reversedBy} has undone it.`;
}

function describe(entry: Entry): string {
  switch (entry.type) {
    case 'account_opened':
      return `The account was opened on plan ${entry.planCode} of product ${entry.productCode}${by(entry.actor)}`;
    case 'granted':
      return describeGranting(entry);
    case 'grant_started':
      return joinClauses([
        `Grant ${entry.grantId} began to count at ${describeTime(entry.dueAt)}`,
        paid(entry.deficitPaid),
      ]);
    case 'grant_expired': {
      const { expired, dueAt } = entry;
      return `${describeCredits(expired.microcredits)} of ${describeGrant(expired)} expired at ${describeTime(dueAt)}`;
    }
    case 'debited':
      return joinClauses([
        describeCharge(entry, payersOf(entry.draws, entry.deficit)),
        entry.alreadyPerformed && entry.deficit > 0n
          ? 'charged whatever the funds because the work was already performed'
          : '',
      ]);
    case 'adjusted':
      return describeAdjustment(entry);
    case 'reserved':
      return describeReservation(entry);
    case 'hold_extended':
      return describeExtension(entry);
    case 'settled':
      return describeSettlement(entry);
    case 'hold_released':
      return `Hold ${entry.holdId} was released: ${describeEnd(entry.end)}`;
    case 'hold_expired':
      return `Hold ${entry.holdId} expired at ${describeTime(entry.dueAt)}: ${describeEnd(entry.end)}`;
    case 'reversed':
      return describeReversal(entry);
    case 'redacted':
      return `The personal text of entry ${entry.entryId} was removed${by(entry.actor)}`;
  }
}

function by(actor: string | undefined): string {
  return actor === undefined ? '' : ` by ${actor}`;
}

function paid(deficitPaid: bigint): string {
  return deficitPaid === 0n ? '' : `${describeNumber(deficitPaid)} of it paid an earlier deficit at once`;
}

function describeGranting({ grant, deficitPaid, scheduled, actor }: Granted): string {
  const { granted, effectiveAt, expiresAt } = grant;
  const expiry = expiresAt === undefined ? 'never expires' : `expires at ${describeTime(expiresAt)}`;
  const beginning = scheduled ? `begins to count at ${describeTime(effectiveAt)} and ` : '';
  const given = `A ${describeGrant(grant)} of ${describeCredits(granted)} that ${beginning}${expiry} was given${by(actor)}`;
  return joinClauses([given, paid(deficitPaid)]);
}

/** The price, the quantity and what they come to. */
function describeCharge({ action, quantity, price, cost }: Charge, payers: string): string {
  const { unit, microcreditsPerUnit } = price;
  const what = `${quantity} ${unit} of ${action} at ${describePrice(price)}`;
  if (cost === 0n) return `${what} cost nothing`;
  const rounded = isExact(quantity, microcreditsPerUnit, cost) ? '' : ' (rounded up to the next microcredit)';
  return `${what} cost ${describeCredits(cost)}${rounded}: ${payers}`;
}

function describePrice({ microcreditsPerUnit, unit, rule, effectiveAt }: Charge['price']): string {
  const since = `${RULE_NAMES[rule]} since ${describeTime(effectiveAt)}`;
  return `${describeCredits(microcreditsPerUnit)} per ${unit} (${since})`;
}

/** Says whether a cost is the product itself and nothing was rounded. */
function isExact(quantity: string, microcreditsPerUnit: bigint, cost: bigint): boolean {
  const [integer = '', fraction = ''] = quantity.split('.');
  return BigInt(integer + fraction) * microcreditsPerUnit === cost * 10n ** BigInt(fraction.length);
}

function payersOf(draws: readonly GrantDraw[], deficit: bigint): string {
  return joinClauses([
    describeDraws(draws),
    deficit === 0n ? '' : `${describeNumber(deficit)} that no grant covered and the account owes`,
  ]);
}

function describeAdjustment({ bucket, delta, draws, grant, deficitPaid, actor }: Adjusted): string {
  const place = `bucket ${BUCKET_NAMES[bucket]} was corrected by ${delta > 0n ? '+' : ''}${describeNumber(delta)}`;
  const amount = delta === 1_000_000n || delta === -1_000_000n ? 'credit' : 'credits';
  const how = grant === undefined ? describeDraws(draws) : `it made ${describeGrant(grant)}`;
  return joinClauses([`The ${place} ${amount} by ${actor}: ${how}`, paid(deficitPaid)]);
}

function describeReservation({ holdId, action, quantity, price, hold }: Reserved): string {
  const amount = sumDraws(hold.draws) + hold.overdraft;
  const what = `Hold ${holdId} keeps ${describeCredits(amount)} until ${describeTime(hold.expiresAt)}`;
  const why = `${quantity} ${price.unit} of ${action} at ${describePrice(price)}`;
  const cover = joinClauses([describeDraws(hold.draws), overdraftOf(hold.overdraft)]);
  return `${what} for ${why}${cover === '' ? '' : `: ${cover}`}`;
}

function describeExtension({ holdId, quantity, draws, overdraft, hold }: HoldExtended): string {
  const until = `Hold ${holdId} now lasts until ${describeTime(hold.expiresAt)}`;
  if (quantity === undefined) return until;
  const added = describeCredits(sumDraws(draws) + overdraft);
  const cover = joinClauses([describeDraws(draws), overdraftOf(overdraft)]);
  return `${until} and keeps ${added} more for a further quantity of ${quantity}${cover === '' ? '' : `: ${cover}`}`;
}

function overdraftOf(overdraft: bigint): string {
  return overdraft === 0n ? '' : `${describeNumber(overdraft)} of overdraft`;
}

function describeSettlement(entry: Settled): string {
  const { holdId, partId, draws, drawsFromHold, deficit, late, end } = entry;
  const held = draws.slice(0, drawsFromHold);
  const payers = joinClauses([
    held.length === 0 ? '' : `${describeDraws(held)} out of the hold`,
    payersOf(draws.slice(drawsFromHold), deficit),
  ]);
  const charge = `Part ${partId} of hold ${holdId}: ${describeCharge(entry, payers)}`;
  if (late) return `${charge}; the hold had ended before, so the part was charged without it`;
  return end === undefined ? charge : `${charge}; it ended the hold: ${describeEnd(end)}`;
}

function describeEnd({ freed, expired, deficitPaid }: HoldEnd): string {
  if (freed.length === 0 && expired.length === 0) return 'nothing was held any more';
  return joinClauses([
    freed.length === 0 ? '' : `${describeSum(freed, 'to')} became free again`,
    paid(deficitPaid),
    expired.length === 0 ? '' : `${describeSum(expired, 'of')} expired at once because the grant had expired meanwhile`,
  ]);
}

function describeReversal(entry: Reversed): string {
  const { entryId, returned, expired, taken, unscheduled, deficitCancelled, deficitPaid, actor } = entry;
  const back = returned.map(({ grantId, bucket, remaining }) => ({ grantId, bucket, microcredits: remaining }));
  const moved = joinClauses([
    back.length === 0 ? '' : `${describeSum(back, 'to')} came back`,
    paid(deficitPaid),
    expired.length === 0 ? '' : `${describeSum(expired, 'of')} did not, because the grant had expired meanwhile`,
    deficitCancelled === 0n ? '' : `the account no longer owes ${describeCredits(deficitCancelled)} of its deficit`,
    taken.length === 0 ? '' : `that took back ${describeSum(taken, 'from')}`,
    unscheduled === undefined ? '' : `grant ${unscheduled} will not begin`,
  ]);
  return `Entry ${entryId} was undone by ${actor}: ${moved === '' ? 'it had moved no credits' : moved}`;
}
