// Owns `GET /v1/billing/usage/stream`: the balance as it changes, by server-sent events (WHATWG HTML, "Server-sent events").
// Invariants: the first event is what the workspace holds now, unless the client has seen that; a kernel that ends is followed by
// another without a word; the stream ends in order when this process drains, and clients come again by themselves.

import { setTimeout as delay } from 'node:timers/promises';
import { isServiceError } from '../../clients/grpc/error-detail.ts';
import { LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  LedgerStreamServiceService,
  type WatchBalanceResponse,
} from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import type { CallContext } from '../call-context.ts';
import { fromProtoBalance, fromProtoInteger } from '../convert.ts';
import { fromKernelError } from '../kernel-problem.ts';
import { invalidField, type Problem } from '../problem.ts';
import { StreamReply } from '../stream-reply.ts';
import { defineWorkspaceRoute, type WorkspaceCall } from './route.ts';

const EVENT_STREAM_TYPE = 'text/event-stream';
/** Shorter than the idle times of common proxies. */
const HEARTBEAT_INTERVAL_MS = 15_000;
/** How long a client waits before it comes again, in milliseconds. */
const RETRY_MS = 2_000;
const RECONNECT_DELAY_MS_FIRST = 100;
/** How often a kernel may be looked for in vain before the client is told. */
const RECONNECTS_MAX = 8;
/** What a resume token of the kernel looks like: a client sends back what it was given. */
const LAST_EVENT_ID_PATTERN = /^[A-Za-z0-9_-]{1,512}$/;

export const usageStreamRoute = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/billing/usage/stream',
  workspace: 'required',
  name: 'watchUsage',
  summary: 'Follow the balance',
  description:
    'Server-sent events: `balance` with what the workspace holds, now and after each change, and `problem` with a problem document before an end that trying again may not mend. Changes that follow each other faster than the client reads are merged. Send the id of the last event as `Last-Event-ID` to go on after it, as an EventSource does by itself. A stream ends after ten minutes, and when the service restarts: come again.',
  needs: 'project_contributor',
  responses: { 200: null },
  alternatives: { [EVENT_STREAM_TYPE]: 'Events, without end.' },
  reasons: ['STREAM_LIMIT_REACHED'],
  async answer({ lastEventId }, call) {
    const { kernel, context, tenantId, streams } = call;
    if (lastEventId !== '' && !LAST_EVENT_ID_PATTERN.test(lastEventId)) {
      throw invalidField({
        field: 'Last-Event-ID',
        message: 'It must be the id of an event of this stream; or leave it out.',
      });
    }
    // A watch that goes on says nothing before a change: who may not watch is refused by this.
    await kernel.call(LedgerServiceService.getBalance, { tenantId, includeGrants: false, atTime: undefined }, context);
    const place = streams.open(context.identity);
    const signal = AbortSignal.any([context.signal, place.ending]);
    return new StreamReply({
      contentType: `${EVENT_STREAM_TYPE}; charset=utf-8`,
      // Proxies such as nginx would keep events back.
      headers: { 'X-Accel-Buffering': 'no' },
      pieces: followBalance(call, { ...context, signal }, lastEventId),
      place,
      heartbeat: { text: ': alive\n\n', intervalMs: HEARTBEAT_INTERVAL_MS },
      isCompressible: false,
    });
  },
});

/** How far a stream is. */
interface Progress {
  /** Goes on after the last balance that was sent; empty for one that begins with what the workspace holds now. */
  resumeToken: string;
  /** How often a kernel was looked for since then. */
  reconnects: number;
}

async function* followBalance(
  call: WorkspaceCall,
  context: CallContext,
  lastEventId: string,
): AsyncGenerator<string, void, undefined> {
  const { signal } = context;
  const progress: Progress = { resumeToken: lastEventId, reconnects: 0 };
  yield `retry: ${RETRY_MS}\n\n`;
  while (!signal.aborted) {
    const problem = yield* watchOnce(call, context, progress);
    if (signal.aborted) return;
    if (problem !== undefined) {
      yield `event: problem\ndata: ${JSON.stringify(problem.toDocument(context.requestId))}\n\n`;
      return;
    }
    await delay(RECONNECT_DELAY_MS_FIRST * 2 ** progress.reconnects, undefined, { signal }).catch(() => undefined);
    progress.reconnects += 1;
  }
}

/** Follows one kernel until it ends; answers the problem where no other one may be asked. */
async function* watchOnce(
  { kernel, tenantId }: WorkspaceCall,
  context: CallContext,
  progress: Progress,
): AsyncGenerator<string, Problem | undefined, undefined> {
  const request = { tenantId, resumeToken: progress.resumeToken };
  try {
    for await (const message of kernel.stream(LedgerStreamServiceService.watchBalance, request, context)) {
      progress.resumeToken = message.resumeToken;
      progress.reconnects = 0;
      yield toEvent(message);
    }
    return undefined;
  } catch (error) {
    if (context.signal.aborted) return undefined;
    if (!isServiceError(error)) throw error;
    return judge(fromKernelError(error), progress);
  }
}

/** Says whether a stream can't go on: undefined where another kernel may be asked, or the watch begun anew. */
function judge(problem: Problem, progress: Progress): Problem | undefined {
  if (problem.reason === 'RESUME_TOKEN_EXPIRED') {
    progress.resumeToken = '';
    return undefined;
  }
  return problem.kind.status === 503 && progress.reconnects < RECONNECTS_MAX ? undefined : problem;
}

function toEvent({ balance, commitSeq, resumeToken }: WatchBalanceResponse): string {
  const json = { ...fromProtoBalance(balance), commit_seq: fromProtoInteger(commitSeq, 'commit_seq') };
  return `id: ${resumeToken}\nevent: balance\ndata: ${JSON.stringify(json)}\n\n`;
}
