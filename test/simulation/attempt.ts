// Owns what became of one call of one client to one kernel, and what a client may conclude from it.

import type { Posting } from '../../kernel/app/ledger/ledger.ts';
import { DomainError, type Reason } from '../../kernel/domain/error.ts';
import type { WriteRequest } from './request.ts';

/** A question that writes nothing; `verify` says what is wrong with its answer. */
export interface ReadRequest<Value = unknown> {
  readonly isRead: true;
  readonly text: string;
  readonly tenant: WriteRequest['tenant'];
  call(ledger: Parameters<WriteRequest['call']>[0]): Promise<Value>;
  verify(value: Value, window: Window): string | undefined;
  /** Says what is wrong with a refusal. */
  verifyRefusal(error: DomainError, window: Window): string | undefined;
}

/** When a call began and ended, by everything that moves. */
export interface Window {
  readonly startMs: number;
  readonly endMs: number;
  /** The kernel's clock. */
  readonly clockStart: number;
  readonly clockEnd: number;
  /** How many commits of the tenant a majority had. */
  readonly commitsStart: number;
  readonly commitsEnd: number;
}

/** How a call ended; a call of a kernel that died has no end. */
export type Ending =
  | { readonly kind: 'posted'; readonly posting: Posting }
  | { readonly kind: 'read'; readonly value: unknown }
  /** The account refused it, so it never happens unless it is asked again. */
  | { readonly kind: 'refused'; readonly error: DomainError }
  /** The kernel did not take it: nothing was written. */
  | { readonly kind: 'unwritten'; readonly reason: Reason }
  | { readonly kind: 'unknown'; readonly reason: Reason }
  /** What never may come. */
  | { readonly kind: 'fault'; readonly message: string };

/** One call. */
export interface Attempt {
  readonly request: WriteRequest | ReadRequest;
  readonly kernel: string;
  readonly begun: Pick<Window, 'startMs' | 'clockStart' | 'commitsStart'>;
  ended?: Window;
  ending?: Ending;
}

const UNKNOWN: ReadonlySet<Reason> = new Set<Reason>(['OUTCOME_UNKNOWN', 'DATABASE_UNAVAILABLE']);
const UNWRITTEN: ReadonlySet<Reason> = new Set<Reason>([
  'QUEUE_FULL',
  'SHUTTING_DOWN',
  'CLOCK_UNCERTAIN',
  'DEADLINE_EXCEEDED',
]);
const FAULT: ReadonlySet<Reason> = new Set<Reason>([
  'HEAD_FROM_FUTURE',
  'LEDGER_CORRUPT',
  'INTERNAL',
  'STATE_VERSION_UNSUPPORTED',
  'COMMIT_TOO_LARGE',
]);

/** Reads what a call threw. */
export function endingOf(error: unknown): Ending {
  if (!(error instanceof DomainError)) {
    return { kind: 'fault', message: error instanceof Error ? `${error.stack}` : String(error) };
  }
  const { reason } = error;
  if (UNKNOWN.has(reason)) return { kind: 'unknown', reason };
  if (UNWRITTEN.has(reason)) return { kind: 'unwritten', reason };
  if (!FAULT.has(reason)) return { kind: 'refused', error };
  const cause = error.cause instanceof Error ? ` (${error.cause.stack})` : '';
  return { kind: 'fault', message: `${reason}: ${error.message}${cause}` };
}

/** Says in short how a call ended. */
export function describeEnding(ending: Ending): string {
  switch (ending.kind) {
    case 'posted': {
      const { seq, entry } = ending.posting.posted;
      return `#${seq} ${entry.type}${ending.posting.replayed ? ' again' : ''}`;
    }
    case 'read':
      return 'read';
    case 'refused':
      return ending.error.reason;
    case 'unwritten':
    case 'unknown':
      return `${ending.kind}: ${ending.reason}`;
    case 'fault':
      return `FAULT ${ending.message}`;
  }
}
