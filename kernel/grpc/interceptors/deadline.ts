// Owns until when a call is worth working for. Where the caller states a deadline grpc-js itself answers when it passes;
// where it states none, this kernel's default holds.

import { DomainError } from '../../domain/error.ts';

/** How long a call without a deadline of its own may take, in milliseconds. */
export const DEADLINE_DEFAULT_MS = 30_000;

/** Until when a call is worth working for. */
export interface CallDeadline {
  /** On `performance.now()`'s clock. */
  readonly atMs: number;
  /** Says that the caller stated it, so that grpc-js watches it. */
  readonly isStated: boolean;
}

/** Reads the deadline of a call that began at `startMs`, or sets the default. */
export function readDeadline(stated: Date | number, startMs: number, defaultMs: number): CallDeadline {
  const epochMs = typeof stated === 'number' ? stated : stated.getTime();
  if (!Number.isFinite(epochMs)) return { atMs: startMs + defaultMs, isStated: false };
  return { atMs: startMs + epochMs - Date.now(), isStated: true };
}

/** Builds the error for a call whose deadline passed before its work began. */
export function deadlineExceeded(): DomainError {
  return new DomainError('DEADLINE_EXCEEDED', 'the deadline passed before the work began: allow more time, or retry');
}

/** Builds the error for a call that is cut off while its work goes on: of a write, nobody can say what became of it. */
export function cutOff(timeoutMs: number, writes: boolean): DomainError {
  if (!writes) return new DomainError('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms: retry`);
  const message = `no answer within ${timeoutMs} ms; the write may still happen: retry with the same request_id`;
  return new DomainError('OUTCOME_UNKNOWN', message);
}
