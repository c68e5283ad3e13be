// Owns until when a call is worth working for. Where the caller states a deadline grpc-js itself answers when it passes;
// where it states none, this kernel's default holds.
// Invariant: a deadline that is too far away to count to is the farthest that can be counted to, never one that has passed.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { DomainError } from '../../domain/error.ts';
import { fieldOf } from '../../domain/field-of.ts';

/** How long a call without a deadline of its own may take, in milliseconds. */
export const DEADLINE_DEFAULT_MS = 30_000;

/** The longest time that a timer can run, in milliseconds: almost 25 days. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** Where Node tells of each HTTP/2 stream before any server hears of it, with the headers that servers will see. */
const STREAM_CREATED = 'http2.server.stream.created';
const TIMEOUT_HEADER = 'grpc-timeout';
/** As grpc-js reads the header. */
const TIMEOUT = /(\d{1,8})\s*([HMSmun])/;
const UNIT_MS = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
]);
const TIMEOUT_FARTHEST = `${Math.floor(TIMER_MS_MAX / 1_000)}S`;

/**
 * Brings timeouts of calls down to what a timer can count, from now on; answers how to stop that. grpc-js cuts longer ones
 * off at 32 bits, so that 25 days would pass at once and 50 days within hours, and it reads them before any interceptor runs.
 */
export function boundTimeouts(): () => void {
  const onCreated = (event: unknown): void => boundTimeout(headersOf(event));
  subscribe(STREAM_CREATED, onCreated);
  return () => void unsubscribe(STREAM_CREATED, onCreated);
}

function boundTimeout(headers: object): void {
  const [, amount, unit = ''] = TIMEOUT.exec(String(Reflect.get(headers, TIMEOUT_HEADER))) ?? [];
  // What the smaller units can say fits.
  const timeoutMs = Number(amount) * (UNIT_MS.get(unit) ?? 0);
  if (timeoutMs > TIMER_MS_MAX) Reflect.set(headers, TIMEOUT_HEADER, TIMEOUT_FARTHEST);
}

function headersOf(event: unknown): object {
  const headers = fieldOf(event, 'headers');
  return typeof headers === 'object' && headers !== null ? headers : {};
}

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
