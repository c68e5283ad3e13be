// Owns the translation of entries, grants and balances into their contract, and of filters out of it.

import {
  type Entry as EntryMessage,
  EntryType as EntryTypeMessage,
  SubscriptionChangeKind,
} from '../../../gen/wheelhouse/ledger/v1/entry.ts';
import type { PostedEntry, Posting } from '../../app/ledger/ledger.ts';
import type {
  Adjusted,
  EntryType,
  PaybackSettled,
  Reversed,
  SubscriptionChange,
  SubscriptionChanged,
  TrialRecord,
} from '../../domain/entry.ts';
import { toProtoBalance, toProtoBucket, toProtoDraw, toProtoGrant } from './balance.ts';
import { toProtoDebit, toProtoRunReport } from './charge.ts';
import { byNumber } from './enum-number.ts';
import { toProtoHoldDetail } from './hold-entry.ts';
import { TRIAL_END_BEHAVIOURS } from './plan-policy.ts';

type Detail = NonNullable<EntryMessage['detail']>;

const ENTRY_TYPES: Readonly<Record<EntryType, EntryTypeMessage>> = {
  account_opened: EntryTypeMessage.ACCOUNT_OPENED,
  granted: EntryTypeMessage.GRANTED,
  grant_started: EntryTypeMessage.GRANT_STARTED,
  grant_expired: EntryTypeMessage.GRANT_EXPIRED,
  debited: EntryTypeMessage.DEBITED,
  adjusted: EntryTypeMessage.ADJUSTED,
  reserved: EntryTypeMessage.RESERVED,
  hold_extended: EntryTypeMessage.HOLD_EXTENDED,
  settled: EntryTypeMessage.SETTLED,
  hold_released: EntryTypeMessage.HOLD_RELEASED,
  hold_expired: EntryTypeMessage.HOLD_EXPIRED,
  reversed: EntryTypeMessage.REVERSED,
  redacted: EntryTypeMessage.REDACTED,
  trial_started: EntryTypeMessage.TRIAL_STARTED,
  trial_canceled: EntryTypeMessage.TRIAL_CANCELED,
  trial_ended: EntryTypeMessage.TRIAL_ENDED,
  trial_consented: EntryTypeMessage.TRIAL_CONSENTED,
  subscription_changed: EntryTypeMessage.SUBSCRIPTION_CHANGED,
  payback_settled: EntryTypeMessage.PAYBACK_SETTLED,
  run_reported: EntryTypeMessage.RUN_REPORTED,
};

const SUBSCRIPTION_CHANGES: Readonly<Record<SubscriptionChange, SubscriptionChangeKind>> = {
  started: SubscriptionChangeKind.STARTED,
  renewed: SubscriptionChangeKind.RENEWED,
  plan_changed: SubscriptionChangeKind.PLAN_CHANGED,
  allowance_raised: SubscriptionChangeKind.ALLOWANCE_RAISED,
  updated: SubscriptionChangeKind.UPDATED,
  renewal_pending: SubscriptionChangeKind.RENEWAL_PENDING,
  payment_failed: SubscriptionChangeKind.PAYMENT_FAILED,
  recovered: SubscriptionChangeKind.RECOVERED,
  ended: SubscriptionChangeKind.ENDED,
};

const TYPE_BY_NUMBER = byNumber(ENTRY_TYPES);

/** Finds the entry type of a number on the wire; undefined where there is none. */
export function fromProtoEntryType(value: number): EntryType | undefined {
  return TYPE_BY_NUMBER.get(value);
}

/** Translates what a write came to. */
export function toProtoPosting({ posted, replayed }: Posting): {
  readonly entry: EntryMessage;
  readonly replayed: boolean;
} {
  return { entry: toProtoEntry(posted), replayed };
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
    detail: toProtoDetail(posted),
    balanceAfter: toProtoBalance(entry.after),
    reversedByEntryId: posted.reversedBy ?? '',
  };
}

function toProtoDetail({ tenantId, entry }: PostedEntry): Detail {
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
    case 'reversed':
      return { $case: 'reversal', value: toProtoReversal(entry, reason) };
    case 'redacted':
      return { $case: 'redaction', value: { redactedEntryId: entry.entryId, actor: entry.actor, reason } };
    case 'trial_started':
    case 'trial_canceled':
    case 'trial_consented':
    case 'trial_ended':
      return toProtoTrialDetail(entry, reason);
    case 'subscription_changed':
      return { $case: 'subscriptionChange', value: toProtoSubscriptionChange(entry) };
    case 'payback_settled':
      return { $case: 'paybackSettlement', value: toProtoPayback(entry) };
    case 'run_reported':
      return { $case: 'runReport', value: toProtoRunReport(entry) };
    case 'reserved':
    case 'hold_extended':
    case 'settled':
    case 'hold_released':
    case 'hold_expired':
      return toProtoHoldDetail(tenantId, entry);
  }
}

function toProtoTrialDetail(entry: TrialRecord, reason: string): Detail {
  switch (entry.type) {
    case 'trial_started': {
      const { planCode, fallbackPlanCode, endsAt, grant, deficitPaid, revokesUnused, endBehaviour, actor = '' } = entry;
      const value = {
        ...{ planCode, fallbackPlanCode, revokesUnused, actor, reason },
        endTime: new Date(endsAt),
        grant: grant === undefined ? undefined : toProtoGrant(grant),
        deficitPaidMicrocredits: deficitPaid,
        trialEndBehaviour: TRIAL_END_BEHAVIOURS[endBehaviour],
      };
      return { $case: 'trialStart', value };
    }
    case 'trial_canceled':
      return { $case: 'trialCancellation', value: { actor: entry.actor ?? '', reason } };
    case 'trial_consented':
      return { $case: 'trialConsent', value: { consentTime: new Date(entry.at) } };
    case 'trial_ended':
      return { $case: 'trialEnd', value: { planCode: entry.planCode, dueTime: new Date(entry.dueAt) } };
  }
}

function toProtoSubscriptionChange(
  entry: SubscriptionChanged,
): Extract<Detail, { $case: 'subscriptionChange' }>['value'] {
  const { change, subscription, planCode, at, endsTrial, lapsed, grant, rolledOver, deficitPaid } = entry;
  const { cancelAt, pending, graceEndsAt } = subscription;
  return {
    kind: SUBSCRIPTION_CHANGES[change],
    stripeSubscriptionId: subscription.stripeSubscriptionId,
    planCode,
    periodStartTime: new Date(subscription.periodStart),
    periodEndTime: new Date(subscription.periodEnd),
    happenTime: new Date(at),
    endsTrial,
    lapsed: lapsed.map(toProtoDraw),
    grant: grant === undefined ? undefined : toProtoGrant(grant),
    rolledOverMicrocredits: rolledOver,
    deficitPaidMicrocredits: deficitPaid,
    cancelTime: cancelAt === undefined ? undefined : new Date(cancelAt),
    pendingPlanCode: pending?.terms.planCode ?? '',
    graceEndTime: graceEndsAt === undefined ? undefined : new Date(graceEndsAt),
  };
}

function toProtoPayback(entry: PaybackSettled): Extract<Detail, { $case: 'paybackSettlement' }>['value'] {
  return {
    topUpId: entry.topUpId,
    totalMicrocredits: entry.total,
    waivedTotalMicrocredits: entry.waivedTotal,
    taken: entry.taken.map(toProtoDraw),
    deficitMicrocredits: entry.deficit,
    grant: entry.grant === undefined ? undefined : toProtoGrant(entry.grant),
    deficitPaidMicrocredits: entry.deficitPaid,
  };
}

function toProtoAdjustment(entry: Adjusted, reason: string): Extract<Detail, { $case: 'adjustment' }>['value'] {
  return {
    bucket: toProtoBucket(entry.bucket),
    deltaMicrocredits: entry.delta,
    draws: entry.draws.map(toProtoDraw),
    grant: entry.grant === undefined ? undefined : toProtoGrant(entry.grant),
    deficitPaidMicrocredits: entry.deficitPaid,
    actor: entry.actor,
    reason,
  };
}

function toProtoReversal(entry: Reversed, reason: string): Extract<Detail, { $case: 'reversal' }>['value'] {
  return {
    reversedEntryId: entry.entryId,
    reversedType: ENTRY_TYPES[entry.reversedType],
    returned: entry.returned.map((grant) => toProtoDraw({ ...grant, microcredits: grant.remaining })),
    expired: entry.expired.map(toProtoDraw),
    taken: entry.taken.map(toProtoDraw),
    deficitCancelledMicrocredits: entry.deficitCancelled,
    deficitPaidMicrocredits: entry.deficitPaid,
    actor: entry.actor,
    reason,
  };
}
