// Owns the JSON of what stands behind one metered event. Does not own the event's own (convert.ts), or any figure.

import { Bucket } from '../gen/wheelhouse/common/v1/bucket.ts';
import type { Grant, GrantDraw } from '../gen/wheelhouse/ledger/v1/balance.ts';
import type { Entry } from '../gen/wheelhouse/ledger/v1/entry.ts';
import type { Hold } from '../gen/wheelhouse/ledger/v1/hold.ts';
import type { ExplainEntryResponse } from '../gen/wheelhouse/ledger/v1/usage_service.ts';
import {
  BALANCE,
  ConversionError,
  fromProtoBalance,
  fromProtoInteger,
  fromProtoTime,
  fromProtoUsageEvent,
  USAGE_EVENT,
} from './convert.ts';
import { Problem } from './problem.ts';
import { list, named, object, oneOf, orNull, text, time, type ValueOf, whole } from './shape.ts';

const BUCKETS = ['trial', 'included', 'payg'] as const;

const GRANT = named(
  'ExplainedGrant',
  {
    grant_id: text(),
    bucket: oneOf(BUCKETS),
    source: text('Says where its credit came from.'),
    granted_microcredits: whole(),
    remaining_before_microcredits: whole('Is what was left of it right before the event, what is held not included.'),
    paid_microcredits: whole('Is what it paid of the event.'),
    effective_time: time(),
    expire_time: orNull(time(), 'Is null where it never expires.'),
  },
  'One grant of credit that paid for an event.',
);

const HOLD = object({
  hold_id: text(),
  held_microcredits: whole('Is what it kept back right before the event.'),
  settled_microcredits: whole('Is what had been charged through it.'),
  expire_time: time(),
});

/** The answer of `GET /v1/billing/usage-history/{entry_id}`. */
export const EXPLANATION = named(
  'UsageExplanation',
  {
    event: USAGE_EVENT,
    summary: text('Says in one sentence how the figure came about.'),
    balance_before: BALANCE,
    grants: list(GRANT, 'Are the grants that paid, in the order in which they did.'),
    hold: orNull(HOLD, 'Is null where the work was charged through none.'),
    request_id: orNull(text(), 'Is the idempotency key that the service charged it with.'),
    commit: object(
      { commit_id: text(), commit_seq: whole(), hash: text('Is the SHA-256 of the commit, in hexadecimal.') },
      'Is the place of the event in the tamper-evident history.',
    ),
  },
  'All that stands behind one metered event.',
);
export type ExplanationJson = ValueOf<typeof EXPLANATION>;

/**
 * Translates what stands behind an event. Throws the problem ENTRY_NOT_FOUND where the entry is no metered event, and
 * ConversionError where it can't be shown.
 */
export function fromProtoExplanation(response: ExplainEntryResponse, tenantId: string): ExplanationJson {
  const { entry, balanceBefore, grants, hold, commitId, commitHash, summary } = response;
  if (entry === undefined) throw new ConversionError('entry', 'the kernel answered without an entry');
  const draws = drawsOf(entry);
  if (draws === undefined) throw new Problem('ENTRY_NOT_FOUND');
  return {
    event: fromProtoUsageEvent(entry, tenantId),
    summary,
    balance_before: fromProtoBalance(balanceBefore, 'balance_before'),
    grants: payersOf(grants, draws),
    hold: hold === undefined ? null : fromProtoHold(hold),
    request_id: entry.requestId || null,
    commit: {
      commit_id: commitId,
      commit_seq: fromProtoInteger(entry.commitSeq, 'commit_seq'),
      hash: commitHash,
    },
  };
}

/** What the grants of an event paid; undefined for an entry that is none. */
function drawsOf({ detail }: Entry): readonly GrantDraw[] | undefined {
  if (detail?.$case === 'debit') return detail.value.draws;
  return detail?.$case === 'settlement' ? detail.value.charge?.draws : undefined;
}

/** A grant may have paid twice, out of a hold and beside it; one that paid nothing is no part of the answer. */
function payersOf(grants: readonly Grant[], draws: readonly GrantDraw[]): ValueOf<typeof GRANT>[] {
  return [...Map.groupBy(draws, ({ grantId }) => grantId)].map(([grantId, parts]) => {
    const grant = grants.find((other) => other.grantId === grantId);
    if (grant === undefined) throw new ConversionError('grants', `the kernel answered without the grant ${grantId}`);
    const paid = parts.reduce((sum, { microcredits }) => sum + microcredits, 0n);
    return {
      grant_id: grantId,
      bucket: fromProtoBucket(grant.bucket),
      source: grant.source,
      granted_microcredits: fromProtoInteger(grant.grantedMicrocredits, 'grants.granted_microcredits'),
      remaining_before_microcredits: fromProtoInteger(
        grant.remainingMicrocredits,
        'grants.remaining_before_microcredits',
      ),
      paid_microcredits: fromProtoInteger(paid, 'grants.paid_microcredits'),
      effective_time: fromProtoTime(grant.effectiveTime, 'grants.effective_time'),
      expire_time: grant.expireTime === undefined ? null : fromProtoTime(grant.expireTime, 'grants.expire_time'),
    };
  });
}

function fromProtoHold(hold: Hold): ValueOf<typeof HOLD> {
  return {
    hold_id: hold.holdId,
    held_microcredits: fromProtoInteger(hold.heldMicrocredits, 'hold.held_microcredits'),
    settled_microcredits: fromProtoInteger(hold.settledMicrocredits, 'hold.settled_microcredits'),
    expire_time: fromProtoTime(hold.expireTime, 'hold.expire_time'),
  };
}

function fromProtoBucket(bucket: Bucket): (typeof BUCKETS)[number] {
  switch (bucket) {
    case Bucket.TRIAL:
      return 'trial';
    case Bucket.INCLUDED:
      return 'included';
    case Bucket.PAYG:
      return 'payg';
    default:
      throw new ConversionError('grants.bucket', 'the kernel answered with a bucket that this release does not know');
  }
}
