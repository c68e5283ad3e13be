// Owns the translation of entries, grants and balances into their contract, and of filters out of it.

import { Bucket as BucketMessage } from '../../../gen/wheelhouse/common/v1/bucket.ts';
import type {
  Balance as BalanceMessage,
  GrantDraw as GrantDrawMessage,
  Grant as GrantMessage,
} from '../../../gen/wheelhouse/ledger/v1/balance.ts';
import {
  type Entry as EntryMessage,
  EntryType as EntryTypeMessage,
  RunStatus as RunStatusMessage,
} from '../../../gen/wheelhouse/ledger/v1/entry.ts';
import type { PostedEntry } from '../../app/ledger/ledger.ts';
import { computeAvailable, type Totals } from '../../domain/account.ts';
import type { Bucket } from '../../domain/bucket.ts';
import type { Adjusted, Debited, Entry, EntryType, RunStatus } from '../../domain/entry.ts';
import type { Grant, GrantDraw } from '../../domain/grant.ts';
import { toProtoActionPrice } from './plan.ts';

type Detail = NonNullable<EntryMessage['detail']>;

const BUCKETS: Readonly<Record<Bucket, BucketMessage>> = {
  trial: BucketMessage.TRIAL,
  included: BucketMessage.INCLUDED,
  payg: BucketMessage.PAYG,
};

const ENTRY_TYPES: Readonly<Record<EntryType, EntryTypeMessage>> = {
  account_opened: EntryTypeMessage.ACCOUNT_OPENED,
  granted: EntryTypeMessage.GRANTED,
  grant_started: EntryTypeMessage.GRANT_STARTED,
  grant_expired: EntryTypeMessage.GRANT_EXPIRED,
  debited: EntryTypeMessage.DEBITED,
  adjusted: EntryTypeMessage.ADJUSTED,
};

const RUN_STATUSES: Readonly<Record<RunStatus, RunStatusMessage>> = {
  running: RunStatusMessage.RUNNING,
  succeeded: RunStatusMessage.SUCCEEDED,
  failed: RunStatusMessage.FAILED,
  canceled: RunStatusMessage.CANCELED,
};

const TYPE_BY_NUMBER: ReadonlyMap<number, EntryType> = new Map(
  Object.entries(ENTRY_TYPES).map(([type, number]) => [number, type as EntryType]),
);

/** Finds the entry type of a number on the wire; undefined where there is none. */
export function fromProtoEntryType(value: number): EntryType | undefined {
  return TYPE_BY_NUMBER.get(value);
}

export function toProtoEntry(posted: PostedEntry): EntryMessage {
  const { entry } = posted;
  return {
    entryId: posted.entryId,
    tenantId: posted.tenantId,
    type: ENTRY_TYPES[entry.type],
    createTime: new Date(posted.createdAt),
    commitSeq: BigInt(posted.seq),
    requestId: posted.requestId ?? '',
    detail: toProtoDetail(entry),
    balanceAfter: toProtoBalance(entry.after),
  };
}

function toProtoDetail(entry: Entry): Detail {
  const reason = entry.personal?.reason ?? '';
  switch (entry.type) {
    case 'account_opened': {
      const { productCode, planCode, actor = '' } = entry;
      return { $case: 'accountOpening', value: { productCode, planCode, actor, reason } };
    }
    case 'granted': {
      const { grant, deficitPaid, actor = '' } = entry;
      const value = { grant: toProtoGrant(grant), deficitPaidMicrocredits: deficitPaid, actor, reason };
      return { $case: 'granting', value };
    }
    case 'grant_started':
      return { $case: 'grantStart', value: { grantId: entry.grantId, deficitPaidMicrocredits: entry.deficitPaid } };
    case 'grant_expired':
      return { $case: 'grantExpiry', value: { expired: toProtoDraw(entry.expired), dueTime: new Date(entry.dueAt) } };
    case 'debited':
      return { $case: 'debit', value: toProtoDebit(entry) };
    case 'adjusted':
      return { $case: 'adjustment', value: toProtoAdjustment(entry, reason) };
  }
}

function toProtoDebit(entry: Debited): Extract<Detail, { $case: 'debit' }>['value'] {
  return {
    action: entry.action,
    quantity: entry.quantity,
    price: toProtoActionPrice(entry.action, entry.price),
    costMicrocredits: entry.cost,
    draws: entry.draws.map(toProtoDraw),
    deficitMicrocredits: entry.deficit,
    projectId: entry.projectId ?? '',
    workflowId: entry.workflowId ?? '',
    runId: entry.runId ?? '',
    runStatus: entry.runStatus === undefined ? RunStatusMessage.UNSPECIFIED : RUN_STATUSES[entry.runStatus],
    dimensions: new Map(Object.entries(entry.personal?.dimensions ?? {})),
    alreadyPerformed: entry.alreadyPerformed,
  };
}

function toProtoAdjustment(entry: Adjusted, reason: string): Extract<Detail, { $case: 'adjustment' }>['value'] {
  return {
    bucket: BUCKETS[entry.bucket],
    deltaMicrocredits: entry.delta,
    draws: entry.draws.map(toProtoDraw),
    grant: entry.grant === undefined ? undefined : toProtoGrant(entry.grant),
    deficitPaidMicrocredits: entry.deficitPaid,
    actor: entry.actor,
    reason,
  };
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
  };
}

function toProtoDraw({ grantId, bucket, microcredits }: GrantDraw): GrantDrawMessage {
  return { grantId, bucket: BUCKETS[bucket], microcredits };
}
