// Owns what is known about a request from its first moment: its id, when it must be answered, whether its client is
// still there. Invariant: every response of the app has a context before any other code sees it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { v7 as newUuid } from 'uuid';
import type { Identity } from './identity.ts';
import type { Problem } from './problem.ts';

/** What is known about one request. */
export interface RequestContext {
  readonly requestId: string;
  readonly startTimeMs: number;
  readonly deadline: Date;
  /** Fires when the client goes away before it has its answer. */
  readonly signal: AbortSignal;
  /** Is who calls, once that is known; for the log. */
  identity?: Identity;
  /** Is the workspace that the call is about, once that is known; for the log. */
  tenantId?: string | undefined;
  /** Is the reason of the problem that is answered, if one is; for the log. */
  reason?: string;
  /** Shows a problem to the person at a browser; absent where it is answered as a document. */
  showProblem?: (problem: Problem) => void;
}

/** An id of a client: visible in logs and problem documents, so nothing that needs quoting anywhere. */
const REQUEST_ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const contexts = new WeakMap<ServerResponse, RequestContext>();

/** Opens the context of a request. A well-formed `x-request-id` is taken over; for any other a new one is made. */
export function openContext(request: IncomingMessage, response: ServerResponse, timeoutMs: number): RequestContext {
  const sent = request.headersDistinct['x-request-id'];
  const requestId = sent?.length === 1 && REQUEST_ID_PATTERN.test(sent[0] ?? '') ? sent[0] : undefined;
  const clientGone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) {
      clientGone.abort();
    }
  });
  const context: RequestContext = {
    requestId: requestId ?? newUuid(),
    startTimeMs: performance.now(),
    deadline: new Date(Date.now() + timeoutMs),
    signal: clientGone.signal,
  };
  contexts.set(response, context);
  return context;
}

/** Finds the context of a response. Throws when it has none, which is a fault of the wiring. */
export function contextOf(response: ServerResponse): RequestContext {
  const context = contexts.get(response);
  if (!context) {
    throw new Error('the request has no context: openContext must come first');
  }
  return context;
}
