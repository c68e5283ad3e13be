// Owns the one sentence that says how an entry's figures came about. Says nothing that could be about a person: no reason
// and no dimension, so that it is the same after a redaction.

import type {
  Adjusted,
  Charge,
  Entry,
  Granted,
  HoldExtended,
  PaybackSettled,
  Reserved,
  Reversed,
  Settled,
  SubscriptionChanged,
  TrialStarted,
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
    case 'run_reported':
      return `Run ${entry.runId} was reported as ${entry.runStatus}`;
    case 'trial_started':
      return describeTrial(entry);
    case 'trial_canceled':
      return `The trial was canceled${by(entry.actor)}: it goes on to its end, and nothing follows it`;
    case 'trial_consented':
      return 'It was agreed that the workspace is charged for the plan of its trial once that ends';
    case 'payback_settled':
      return describePayback(entry);
    case 'subscription_changed':
      return describeSubscription(entry);
    case 'trial_ended':
      return `The trial ended at ${describeTime(entry.dueAt)}: the plan is ${entry.planCode} from then on`;
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

function describeTrial(entry: TrialStarted): string {
  const { planCode, endsAt, grant, granted, revokesUnused, deficitPaid, actor } = entry;
  const start = `A trial of plan ${planCode} until ${describeTime(endsAt)} was started${by(actor)}`;
  if (grant === undefined) return `${start}, without credits`;
  const fate = revokesUnused ? 'what is left expires with it' : 'what is left never expires';
  const gift = `it gave ${describeCredits(granted)} (${describeGrant(grant)}), of which ${fate}`;
  return joinClauses([`${start}: ${gift}`, paid(deficitPaid)]);
}

const CHANGES: Readonly<Record<SubscriptionChanged['change'], (entry: SubscriptionChanged) => string>> = {
  // What gives no cycle was bought before.
  started: ({ planCode, subscription, effectKey }) =>
    effectKey === undefined
      ? `Plan ${planCode} goes on: at Stripe it had not ended`
      : `Plan ${planCode} was bought, and is paid until ${endOf(subscription)}`,
  renewed: ({ planCode, subscription }) => `Plan ${planCode} was renewed, and is paid until ${endOf(subscription)}`,
  plan_changed: ({ planCode }) => `The plan was changed to ${planCode}`,
  allowance_raised: ({ planCode }) => `The change to plan ${planCode} was paid`,
  updated: ({ subscription }) => describeOutlook(subscription),
  renewal_pending: ({ at }) =>
    `The period ended at ${describeTime(at)}, and everything stays until its renewal is paid`,
  payment_failed: ({ subscription: { graceEndsAt } }) =>
    graceEndsAt === undefined
      ? 'A payment for the plan failed'
      : `A payment for the plan failed: it can be made up for until ${describeTime(graceEndsAt)}`,
  recovered: () => 'The payment that had failed was made up for',
  ended: ({ at, planCode }) => `The subscription ended at ${describeTime(at)}: the plan is ${planCode} from then on`,
};

function describePayback(entry: PaybackSettled): string {
  const { topUpId, total, waivedTotal, taken, deficit, grant, deficitPaid } = entry;
  const said =
    grant === undefined
      ? `The payment of top-up ${topUpId} went back to its payer, so that ${describeCredits(total)} of it are taken back in all`
      : `The payment of top-up ${topUpId} came again: it gave back ${describeCredits(grant.granted)} (${describeGrant(grant)})`;
  return joinClauses([
    said,
    taken.length === 0 ? '' : `${describeSum(taken, 'of')} went`,
    deficit === 0n ? '' : `${describeCredits(deficit)} had been used and are owed`,
    waivedTotal === 0n ? '' : `${describeCredits(waivedTotal)} had been used and are waived`,
    paid(deficitPaid),
  ]);
}

function describeSubscription(entry: SubscriptionChanged): string {
  const { change, lapsed, grant, rolledOver, deficitPaid, endsTrial } = entry;
  const gone = lapsed.filter(({ microcredits }) => microcredits > 0n);
  const kept = rolledOver === 0n ? '' : `, of which ${describeNumber(rolledOver)} are left over from the cycle before`;
  const given = grant === undefined ? '' : `it gave ${describeCredits(grant.granted)} (${describeGrant(grant)})${kept}`;
  return joinClauses([
    CHANGES[change](entry),
    endsTrial ? 'the trial ended with it' : '',
    gone.length === 0 ? '' : `${describeSum(gone, 'of')} lapsed`,
    given,
    paid(deficitPaid),
  ]);
}

function endOf({ periodEnd }: SubscriptionChanged['subscription']): string {
  return describeTime(periodEnd);
}

function describeOutlook({ cancelAt, pending }: SubscriptionChanged['subscription']): string {
  if (cancelAt !== undefined) return `The subscription ends at ${describeTime(cancelAt)}`;
  if (pending === undefined) return 'The subscription goes on as it is';
  return `The plan changes to ${pending.terms.planCode} at ${describeTime(pending.effectiveAt)}`;
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
