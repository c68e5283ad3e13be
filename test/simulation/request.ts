// Owns what clients of a run ask of a ledger, and what each request means in the model's words.

import type {
  AdjustInput,
  CorrectionInput,
  DebitInput,
  ExtendInput,
  GrantInput,
  Ledger,
  Posting,
  ReserveInput,
  SettleInput,
  TenantRef,
  WriteContext,
} from '../../kernel/app/ledger/ledger.ts';
import type { Entry } from '../../kernel/domain/entry.ts';
import type { HoldId, PlanCode } from '../../kernel/domain/id.ts';
import { formatQuantity } from '../../kernel/domain/quantity.ts';
import type { Ask, Rules } from '../model/account-model.ts';
import { isSame } from './show.ts';

/** What the checker knows of the history when it says a request in the model's words. */
export interface Reading {
  readonly rules: Rules;
  /** The entry that records the request, where it is known. */
  readonly entry?: Entry;
  /** Finds the key of the request that an entry id names; undefined where there is no such entry yet. */
  keyOfEntry(entryId: string): string | undefined;
}

/** A request that writes. Several may share a key: the first that is recorded has it. */
export interface WriteRequest {
  readonly isRead: false;
  readonly text: string;
  readonly tenant: TenantRef;
  /** What makes it happen once; the checker's own spelling of the kernel's key. */
  readonly key: string;
  /** The entry whose text it removes. */
  readonly redacts?: string;
  call(ledger: Ledger, deadlineAtMs: number): Promise<Posting>;
  toAsk(reading: Reading): Ask;
  /** Says whether an entry with the key records this request; its text counts only where `withText`. */
  isRecordedBy(entry: Entry, withText: boolean): boolean;
}

const LONG_ID = /^0198c0de.*-0*(?=\d+$)/;
const SCOPE = 'internal/simulation';
/** What ids stand for that no request has made. */
const NOBODY = 'nobody';
const FALLBACK = 'free' as PlanCode;

export function openRequest(tenant: TenantRef, planCode: PlanCode): WriteRequest {
  const key = `open:${tenant.tenantId}`;
  return {
    ...writeOf(tenant, key, `open ${planCode}`),
    call: (ledger) => ledger.openAccount(tenant, { planCode }),
    toAsk: () => ({ key, to: 'open', plan: planCode }),
    isRecordedBy: (entry) => entry.type === 'account_opened',
  };
}

export function debitRequest(tenant: TenantRef, requestId: string, input: DebitInput): WriteRequest {
  const { action, quantity, alreadyPerformed: mustPay, dimensions, runId } = input;
  const [key, text] = [keyOf('debit', requestId), `${formatQuantity(quantity)} ${action}${mustPay ? ' done' : ''}`];
  return {
    ...writeOf(tenant, key, `debit ${text}`),
    call: (ledger, deadlineAtMs) => ledger.debit(tenant, input, contextOf(requestId, deadlineAtMs)),
    toAsk: ({ rules }) => ({ key, to: 'use', action, millionths: quantity.millionths, mustPay, rules }),
    isRecordedBy: (entry, withText) =>
      entry.type === 'debited' &&
      isSame(
        [entry.action, entry.quantity, entry.alreadyPerformed, entry.runId],
        [action, formatQuantity(quantity), mustPay, runId],
      ) &&
      (!withText || isSame(entry.personal?.dimensions, dimensions)),
  };
}

export function grantRequest(tenant: TenantRef, requestId: string, input: GrantInput): WriteRequest {
  const { bucket, amount, effectiveAt: from, expiresAt: until, reason } = input;
  const key = keyOf('grant', requestId);
  return {
    ...writeOf(tenant, key, `grant ${bucket} ${amount}${spanText(from, until)}`),
    call: (ledger, deadlineAtMs) => ledger.grant(tenant, input, contextOf(requestId, deadlineAtMs)),
    toAsk: ({ entry }) => {
      const credit = entry?.type === 'granted' ? entry.grant.grantId : NOBODY;
      return { key, to: 'give', credit, bucket, amount, from, until };
    },
    isRecordedBy: (entry, withText) =>
      entry.type === 'granted' &&
      isSame([entry.grant.bucket, entry.grant.granted, entry.grant.expiresAt], [bucket, amount, until]) &&
      (!withText || entry.personal?.reason === reason),
  };
}

export function adjustRequest(tenant: TenantRef, requestId: string, input: AdjustInput): WriteRequest {
  const { bucket, delta, reason } = input;
  const key = keyOf('adjust', requestId);
  return {
    ...writeOf(tenant, key, `adjust ${bucket} ${delta}`),
    call: (ledger, deadlineAtMs) => ledger.adjust(tenant, input, contextOf(requestId, deadlineAtMs)),
    toAsk: ({ entry }) => {
      const credit = entry?.type === 'adjusted' ? (entry.grant?.grantId ?? NOBODY) : NOBODY;
      return { key, to: 'correct', credit, bucket, change: delta };
    },
    isRecordedBy: (entry, withText) =>
      entry.type === 'adjusted' &&
      isSame([entry.bucket, entry.delta], [bucket, delta]) &&
      (!withText || entry.personal?.reason === reason),
  };
}

export function reserveRequest(tenant: TenantRef, requestId: string, input: ReserveInput): WriteRequest {
  const { action, quantity, expiresAt: until, runId } = input;
  const key = keyOf('reserve', requestId);
  return {
    ...writeOf(tenant, key, `reserve ${formatQuantity(quantity)} ${action}${spanText(undefined, until)}`),
    call: (ledger, deadlineAtMs) => ledger.reserve(tenant, input, contextOf(requestId, deadlineAtMs)),
    toAsk: ({ rules, entry }) => {
      const hold = entry?.type === 'reserved' ? entry.holdId : NOBODY;
      // Which expiry a hold got depends on which of several tries was recorded: it is no part of the meaning.
      const recordedUntil = entry?.type === 'reserved' ? entry.hold.expiresAt : until;
      return { key, to: 'hold', hold, action, millionths: quantity.millionths, until: recordedUntil, rules };
    },
    isRecordedBy: (entry) =>
      entry.type === 'reserved' &&
      isSame([entry.action, entry.quantity, entry.runId], [action, formatQuantity(quantity), runId]),
  };
}

export function extendRequest(tenant: TenantRef, requestId: string, input: ExtendInput): WriteRequest {
  const { holdId: hold, expiresAt: until, additionalQuantity: more } = input;
  const key = keyOf('extend', requestId);
  return {
    ...writeOf(
      tenant,
      key,
      `extend ${shortHold(hold)} by ${more === undefined ? '-' : formatQuantity(more)}${spanText(undefined, until)}`,
    ),
    call: (ledger, deadlineAtMs) => ledger.extend(tenant, input, contextOf(requestId, deadlineAtMs)),
    toAsk: ({ rules }) => ({ key, to: 'extend', hold, millionths: more?.millionths, until, rules }),
    isRecordedBy: (entry) =>
      entry.type === 'hold_extended' &&
      isSame([entry.holdId, entry.quantity], [hold, more && formatQuantity(more)]) &&
      (until === undefined || entry.hold.expiresAt === until),
  };
}

export function settleRequest(tenant: TenantRef, input: SettleInput): WriteRequest {
  const { holdId: hold, partId, quantity, final, dimensions } = input;
  const key = `settle:${hold}:${partId}`;
  return {
    ...writeOf(tenant, key, `settle ${shortHold(hold)} ${partId} ${formatQuantity(quantity)}${final ? ' final' : ''}`),
    call: (ledger, deadlineAtMs) => ledger.settle(tenant, input, { callerScope: SCOPE, deadlineAtMs }),
    toAsk: () => ({ key, to: 'settle', hold, millionths: quantity.millionths, final }),
    isRecordedBy: (entry, withText) =>
      entry.type === 'settled' &&
      isSame(
        [entry.holdId, entry.partId, entry.quantity, entry.final],
        [hold, partId, formatQuantity(quantity), final],
      ) &&
      (!withText || isSame(entry.personal?.dimensions, dimensions)),
  };
}

export function releaseRequest(tenant: TenantRef, requestId: string, hold: HoldId): WriteRequest {
  const key = keyOf('release', requestId);
  return {
    ...writeOf(tenant, key, `release ${shortHold(hold)}`),
    call: (ledger, deadlineAtMs) => ledger.release(tenant, hold, contextOf(requestId, deadlineAtMs)),
    toAsk: () => ({ key, to: 'release', hold }),
    isRecordedBy: (entry) => entry.type === 'hold_released' && entry.holdId === hold,
  };
}

export function reverseRequest(tenant: TenantRef, requestId: string, input: CorrectionInput): WriteRequest {
  const key = keyOf('reverse', requestId);
  return {
    ...writeOf(tenant, key, `reverse ${shortHold(input.entryId)}`),
    call: (ledger, deadlineAtMs) => ledger.reverse(tenant, input, contextOf(requestId, deadlineAtMs)),
    toAsk: ({ entry, keyOfEntry }) => {
      const credit = (entry?.type === 'reversed' ? entry.returned.at(-1)?.grantId : undefined) ?? NOBODY;
      return { key, to: 'undo', target: keyOfEntry(input.entryId), credit };
    },
    isRecordedBy: (entry) => entry.type === 'reversed' && entry.entryId === input.entryId,
  };
}

export function redactRequest(tenant: TenantRef, requestId: string, input: CorrectionInput): WriteRequest {
  const key = keyOf('redact', requestId);
  return {
    ...writeOf(tenant, key, `redact ${shortHold(input.entryId)}`),
    redacts: input.entryId,
    call: (ledger, deadlineAtMs) => ledger.redact(tenant, input, contextOf(requestId, deadlineAtMs)),
    toAsk: ({ keyOfEntry }) => ({ key, to: 'redact', target: keyOfEntry(input.entryId) }),
    isRecordedBy: (entry) => entry.type === 'redacted' && entry.entryId === input.entryId,
  };
}

export function startTrialRequest(
  tenant: TenantRef,
  requestId: string,
  { planCode, granted, endsAt }: { readonly planCode: PlanCode; readonly granted: bigint; readonly endsAt: number },
): WriteRequest {
  const key = keyOf('start_trial', requestId);
  // What no question says depends on what it does say: another request with the same id means the same then.
  const [revokesUnused, onlyFromFallback] = [planCode === 'pro', granted % 2n === 0n];
  const terms = {
    planCode,
    fallbackPlanCode: FALLBACK,
    endsAt,
    granted,
    revokesUnused,
    endBehaviour: 'fallback',
  } as const;
  const input = { question: { planCode, granted }, terms, onlyFromFallback };
  return {
    ...writeOf(tenant, key, `try ${planCode} ${granted}${spanText(undefined, endsAt)}`),
    call: (ledger, deadlineAtMs) => ledger.startTrial(tenant, input, contextOf(requestId, deadlineAtMs)),
    toAsk: ({ entry }) => {
      const isRecorded = entry?.type === 'trial_started';
      return {
        ...{ key, to: 'try', plan: planCode, after: FALLBACK, amount: granted },
        credit: (isRecorded ? entry.grant?.grantId : undefined) ?? NOBODY,
        // The end is no part of the question: which one it got depends on which of several tries was recorded.
        until: isRecorded ? entry.endsAt : endsAt,
        ...{ lapses: revokesUnused, onlyFromAfter: onlyFromFallback, decidedBy: Number.POSITIVE_INFINITY },
      };
    },
    isRecordedBy: (entry) =>
      entry.type === 'trial_started' && isSame([entry.planCode, entry.granted], [planCode, granted]),
  };
}

export function cancelTrialRequest(tenant: TenantRef, requestId: string): WriteRequest {
  const key = keyOf('cancel_trial', requestId);
  return {
    ...writeOf(tenant, key, 'quit'),
    call: (ledger, deadlineAtMs) => ledger.cancelTrial(tenant, {}, contextOf(requestId, deadlineAtMs)),
    toAsk: () => ({ key, to: 'quit' }),
    isRecordedBy: (entry) => entry.type === 'trial_canceled',
  };
}

function writeOf(
  tenant: TenantRef,
  key: string,
  what: string,
): Pick<WriteRequest, 'isRead' | 'tenant' | 'key' | 'text'> {
  return {
    isRead: false,
    tenant,
    key,
    text: `${tenant.tenantId.slice(-1)} ${what} (${key.split(':').at(-1)?.replace(LONG_ID, '…')})`,
  };
}

function keyOf(operation: string, requestId: string): string {
  return `req:${SCOPE}:${operation}:${requestId}`;
}

function contextOf(requestId: string, deadlineAtMs: number): WriteContext {
  return { callerScope: SCOPE, requestId, deadlineAtMs };
}

function spanText(from: number | undefined, until: number | undefined): string {
  const begins = from === undefined ? '' : ` from …${from % 100_000}`;
  return until === undefined ? begins : `${begins} until …${until % 100_000}`;
}

/** The part of an id that carries the place. */
function shortHold(id: string): string {
  return `${id.slice(0, 4)}${id.slice(-12, -3)}`;
}
