// What a refused call carries, read as a client would read it: the status and google.rpc details of its trailer.

import type { ServiceError } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RequestInfo, RetryInfo } from '../../../gen/google/rpc/error_details.ts';
import { Status } from '../../../gen/google/rpc/status.ts';

/** A refused call. */
export interface Failure {
  readonly code: number;
  readonly message: string;
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Descriptions by field. */
  readonly violations: Readonly<Record<string, string>>;
  readonly retryDelayMs: number | undefined;
  readonly requestId: string;
}

/** Waits for a call that must be refused; throws where it is answered. */
export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  let answer: unknown;
  try {
    answer = await call;
  } catch (error) {
    if (isServiceError(error)) return readFailure(error);
    throw error;
  }
  throw new Error(`the call was answered: ${JSON.stringify(answer, (_, value) => toJsonValue(value))}`);
}

/** Waits for calls of which some may be refused. */
export async function settle<T>(calls: readonly Promise<T>[]): Promise<{ answers: T[]; failures: Failure[] }> {
  const answers: T[] = [];
  const failures: Failure[] = [];
  for (const result of await Promise.allSettled(calls)) {
    if (result.status === 'fulfilled') answers.push(result.value);
    else if (isServiceError(result.reason)) failures.push(readFailure(result.reason));
    else throw result.reason;
  }
  return { answers, failures };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'metadata' in error;
}

function readFailure(error: ServiceError): Failure {
  const [encoded] = error.metadata.get('grpc-status-details-bin');
  const status = Buffer.isBuffer(encoded) ? Status.decode(encoded) : undefined;
  const detail = (type: string): Buffer =>
    status?.details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${type}`)?.value ??
    Buffer.alloc(0);
  const { reason, domain, metadata } = ErrorInfo.decode(detail('ErrorInfo'));
  const { fieldViolations } = BadRequest.decode(detail('BadRequest'));
  const { retryDelay } = RetryInfo.decode(detail('RetryInfo'));
  return {
    code: error.code,
    message: error.details,
    reason,
    domain,
    metadata: Object.fromEntries(metadata),
    violations: Object.fromEntries(fieldViolations.map(({ field, description }) => [field, description])),
    retryDelayMs:
      retryDelay === undefined ? undefined : Number(retryDelay.seconds) * 1_000 + retryDelay.nanos / 1_000_000,
    requestId: RequestInfo.decode(detail('RequestInfo')).requestId,
  };
}

function toJsonValue(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
