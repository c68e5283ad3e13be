// Owns what is logged about a request: one line when it ends.
// Invariants: no header, query, token or body is logged, and no stack unless the level is debug.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { isServiceError } from '../clients/grpc/error-detail.ts';
import { kernelReasonOf } from './kernel-problem.ts';
import { contextOf } from './request-context.ts';

const PATH_LENGTH_MAX = 256;
const CAUSE_DEPTH_MAX = 4;
const STACK_FRAME_PATTERN = /^\s+at /;

/** Logs one line when the response has ended, or its client has gone. */
export function logWhenClosed(logger: Logger, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? '').split('?', 1)[0]?.slice(0, PATH_LENGTH_MAX);
  response.once('close', () => {
    const { requestId, startTimeMs, identity, tenantId, reason } = contextOf(response);
    const line = {
      requestId,
      method: request.method,
      path,
      ...(response.writableFinished ? { status: response.statusCode } : { aborted: true }),
      durationMs: Math.round((performance.now() - startTimeMs) * 10) / 10,
      caller: identity?.kind,
      subject: identity?.kind === 'person' ? identity.subject : undefined,
      tenantId,
      reason,
    };
    logger[isProbe(path) ? 'debug' : 'info'](line, 'request');
  });
}

/** Describes an error for the log: what it says and where it arose, through its causes. */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) {
    return String(error);
  }
  const isKernelError = isServiceError(error);
  return {
    name: error.name,
    message: error.message,
    ...('code' in error && { code: error.code }),
    ...(isKernelError && { kernelReason: kernelReasonOf(error) }),
    ...(!isKernelError && {
      at: error.stack
        ?.split('\n')
        .find((line) => STACK_FRAME_PATTERN.test(line))
        ?.trim(),
    }),
    ...(error.cause !== undefined && depth < CAUSE_DEPTH_MAX && { cause: describeError(error.cause, depth + 1) }),
  };
}

function isProbe(path: string | undefined): boolean {
  return path === '/healthz' || path === '/readyz';
}
