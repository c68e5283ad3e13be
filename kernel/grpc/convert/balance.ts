// Owns the translation of balances, grants and the parts of amounts that they paid.

import { Bucket as BucketMessage } from '../../../gen/wheelhouse/common/v1/bucket.ts';
import type {
  Balance as BalanceMessage,
  GrantDraw as GrantDrawMessage,
  Grant as GrantMessage,
} from '../../../gen/wheelhouse/ledger/v1/balance.ts';
import { computeAvailable, type Totals } from '../../domain/account.ts';
import type { Bucket } from '../../domain/bucket.ts';
import type { Grant, GrantDraw } from '../../domain/grant.ts';
import { byNumber } from './enum-number.ts';

const BUCKETS: Readonly<Record<Bucket, BucketMessage>> = {
  trial: BucketMessage.TRIAL,
  included: BucketMessage.INCLUDED,
  payg: BucketMessage.PAYG,
};

const BUCKET_BY_NUMBER = byNumber(BUCKETS);

/** Finds the bucket of a number on the wire; undefined where there is none. */
export function fromProtoBucket(value: number): Bucket | undefined {
  return BUCKET_BY_NUMBER.get(value);
}

export function toProtoBucket(bucket: Bucket): BucketMessage {
  return BUCKETS[bucket];
}

export function toProtoBalance(totals: Totals): BalanceMessage {
  return {
    trialRemainingMicrocredits: totals.trial,
    includedRemainingMicrocredits: totals.included,
    paygRemainingMicrocredits: totals.payg,
    heldMicrocredits: totals.held,
    availableMicrocredits: computeAvailable(totals),
    deficitMicrocredits: totals.deficit,
  };
}

export function toProtoGrant(grant: Grant): GrantMessage {
  return {
    grantId: grant.grantId,
    bucket: BUCKETS[grant.bucket],
    grantedMicrocredits: grant.granted,
    remainingMicrocredits: grant.remaining,
    effectiveTime: new Date(grant.effectiveAt),
    expireTime: grant.expiresAt === undefined ? undefined : new Date(grant.expiresAt),
    source: grant.source,
    heldMicrocredits: grant.held,
  };
}

export function toProtoDraw({ grantId, bucket, microcredits }: GrantDraw): GrantDrawMessage {
  return { grantId, bucket: BUCKETS[bucket], microcredits };
}
