// Owns what callers are told when the write path can't do, or can't prove, what they asked.

import { trialAlreadyUsed } from '../../domain/decide-trial.ts';
import { formatEntryId } from '../../domain/entry-id.ts';
import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey } from '../../domain/id.ts';
import type { PlacedEntry } from '../ports.ts';
import { requestIdOf } from './request-identity.ts';

const QUEUE_RETRY_DELAY_MS = 200;

/** What a caller is told when reading or deciding failed: the store has named its own failures, the rest are faults of ours. */
export function asDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  return new DomainError('INTERNAL', 'the kernel failed while it worked on this account: report the request id', {
    cause: error,
  });
}

/** Too many requests wait. */
export function queueFull(whose: string, limit: number): DomainError {
  const message = `${limit} requests wait for ${whose} already, the most that may: retry after ${QUEUE_RETRY_DELAY_MS} ms`;
  return new DomainError('QUEUE_FULL', message, {
    metadata: { limit: String(limit) },
    retryDelayMs: QUEUE_RETRY_DELAY_MS,
  });
}

/** This kernel takes no more work. */
export function shuttingDown(): DomainError {
  return new DomainError('SHUTTING_DOWN', 'this kernel is draining: retry at once with the same request id', {
    retryDelayMs: 1,
  });
}

/** A request id came with other content than before. */
export function keyReused(key: IdempotencyKey): DomainError {
  const requestId = requestIdOf(key) ?? key;
  const message = `request_id: ${requestId} was used before by a request with other content: use a new one for a new request`;
  return new DomainError('IDEMPOTENCY_KEY_REUSED', message, { metadata: { request_id: requestId } });
}

/** The database did not tell whether a write happened. */
export function outcomeUnknown(): DomainError {
  const message =
    'the database did not tell whether the write happened: retry with the same request id, it happens exactly once';
  return new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 1_000 });
}

/** The newest commit lies in the future; only an operator can mend that. */
export function headFromFuture(aheadMs: number): DomainError {
  const message = `the newest commit of this account lies ${aheadMs} ms in the future of the database's clock: an operator must look`;
  return new DomainError('HEAD_FROM_FUTURE', message, { metadata: { ahead_ms: String(aheadMs) } });
}

/** What a request wants to do once was done by another request. */
export function effectTaken(placed: PlacedEntry): DomainError {
  if (placed.entry.type === 'trial_started') return trialAlreadyUsed();
  const entryId = formatEntryId(placed, placed.createdAt);
  if (placed.entry.type === 'subscription_changed') {
    const message = `the credits of this period were given before, by ${entryId}, which its subscription does not show: an operator must look`;
    return new DomainError('INTERNAL', message);
  }
  const message = `the entry was reversed before, by ${entryId}: an entry is reversed once`;
  return new DomainError('ENTRY_ALREADY_REVERSED', message, { metadata: { reversed_by_entry_id: entryId } });
}

/** An account has no such entry. */
export function entryNotFound(entryId: string): DomainError {
  const message = `the account has no entry ${JSON.stringify(entryId.slice(0, 64))}: take it as the list of entries gives it`;
  return new DomainError('ENTRY_NOT_FOUND', message);
}

/** An account never had such a hold. */
export function holdNotFound(holdId: string): DomainError {
  const message = `the account has no hold ${JSON.stringify(holdId.slice(0, 64))}: take hold_id as Reserve answered it`;
  return new DomainError('HOLD_NOT_FOUND', message);
}
