// Owns one stream of debits: what goes out, what comes back, and its one end. Does not own which debits go over it (debit-queue.ts).
// Invariant: its end is told once, after its last answer.

import { type Client, type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { DebitRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  LedgerStreamServiceService,
  type StreamDebitsResponse,
  type StreamedDebit,
} from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { readErrorDetail } from './error-detail.ts';
import { KernelError, toKernelError } from './kernel-error.ts';
import { toUnavailable, watchConnection } from './unary-call.ts';

/** As these a stream that was reset or cut off ends, whoever did that; a kernel that means one of them gives its reason. */
const BREAKS: ReadonlySet<status> = new Set([
  status.CANCELLED,
  status.UNKNOWN,
  status.INTERNAL,
  status.RESOURCE_EXHAUSTED,
]);

/** Who hears of a stream. */
export interface DebitStreamListener {
  onAnswers(answers: readonly StreamedDebit[]): void;
  /** Is told why no answer comes any more. */
  onEnd(error: unknown): void;
}

/** A stream that is open. */
export interface DebitStream {
  send(debits: readonly DebitRequest[]): void;
  /** Says that no more debits come; the stream ends when all are answered. */
  finish(): void;
  /** Gives the stream up. */
  cancel(): void;
}

/** Opens a stream at one kernel. */
export function openDebitStream(client: Client, metadata: Metadata, listener: DebitStreamListener): DebitStream {
  const { path, requestSerialize, responseDeserialize } = LedgerStreamServiceService.streamDebits;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  const stopWatching = watchConnection(call, client, undefined);
  let hasEnded = false;
  const end = (error: unknown): void => {
    if (hasEnded) return;
    hasEnded = true;
    stopWatching();
    listener.onEnd(error);
  };
  call.on('data', ({ results }: StreamDebitsResponse) => {
    if (!hasEnded) listener.onAnswers(results);
  });
  call.on('error', (error: ServiceError) => {
    end(toKernelError(isBreak(error) ? toUnavailable(error) : error));
  });
  // An error comes before.
  call.on('end', () => end(endedByKernel()));
  return {
    send: (debits) => void call.write({ debit: undefined, debits: [...debits] }),
    finish: () => void call.end(),
    cancel: () => call.cancel(),
  };
}

function isBreak(error: ServiceError): boolean {
  return BREAKS.has(error.code) && readErrorDetail(error).reason === undefined;
}

function endedByKernel(): KernelError {
  return new KernelError({ code: status.UNAVAILABLE, message: 'the kernel has ended the stream of debits' });
}
