// Sends debits over streams as a careful caller would: what a stream did not answer for good is sent again over the next
// one, with the same request ids, until everything is answered.

import { setTimeout as delay } from 'node:timers/promises';
import { ErrorReason } from '../../gen/wheelhouse/common/v1/error_reason.ts';
import { DebitRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { StreamDebitsResponse } from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { type DebitStream, openDebitStream } from './stream-client.ts';

/** One unit of it costs one credit. */
const ACTION = 'memory_index_file_mb';
const RETRY_DELAY_MS = 100;
/** What may be sent again with the same request id. */
const RETRIABLE: ReadonlySet<number> = new Set([
  ErrorReason.OUTCOME_UNKNOWN,
  ErrorReason.DATABASE_UNAVAILABLE,
  ErrorReason.SHUTTING_DOWN,
  ErrorReason.QUEUE_FULL,
  ErrorReason.CLOCK_UNCERTAIN,
  ErrorReason.DEADLINE_EXCEEDED,
]);

/** A caller that streams debits of one credit each. */
export interface StreamDriver {
  /** The entry of each request id that was answered for good. */
  readonly entries: ReadonlyMap<string, string>;
  /** How many answers said that an earlier one had been made already. */
  readonly replays: () => number;
  /** How many streams were opened. */
  readonly streams: () => number;
  /** The stream that is open now. */
  readonly current: () => DebitStream | undefined;
  readonly done: Promise<void>;
}

/** Streams a debit for each request id, each stream through the next address. */
export function driveStream(
  addresses: readonly string[],
  token: string,
  tenantId: string,
  requestIds: readonly string[],
): StreamDriver {
  const entries = new Map<string, string>();
  let replays = 0;
  let streams = 0;
  let current: DebitStream | undefined;
  const note = ({ requestId, result }: StreamDebitsResponse): void => {
    const outcome = result?.outcome;
    if (outcome?.$case === 'debit') {
      if (outcome.value.replayed) replays += 1;
      entries.set(requestId, outcome.value.entry?.entryId ?? '');
    } else if (outcome === undefined || !RETRIABLE.has(outcome.value.reason)) {
      throw new Error(`debit ${requestId} failed for good: ${outcome?.value.message}`);
    }
  };
  const drive = async (): Promise<void> => {
    for (; entries.size < requestIds.length; await delay(RETRY_DELAY_MS)) {
      const stream = openDebitStream(addresses[streams % addresses.length] ?? '', { token });
      current = stream;
      streams += 1;
      stream.onMessage(note);
      for (const requestId of requestIds) {
        if (entries.has(requestId)) continue;
        const sent = stream.send(DebitRequest.fromPartial({ requestId, tenantId, action: ACTION, quantity: '1' }));
        // A stream that has ended takes nothing any more.
        if ((await Promise.race([sent, stream.ended])) !== undefined) break;
      }
      stream.halfClose();
      await stream.ended;
      stream.close();
    }
  };
  return { entries, replays: () => replays, streams: () => streams, current: () => current, done: drive() };
}
