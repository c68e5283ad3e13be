// Owns what a kernel says beside the code of a call that failed: google.rpc.Status in the trailer. Does not own what follows from it.
// Invariant: details that can't be read count as none, so that the code alone decides.

import type { ServiceError } from '@grpc/grpc-js';
import type { Duration } from '../../gen/google/protobuf/duration.ts';
import { BadRequest, ErrorInfo, RequestInfo, RetryInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';

const DETAILS_KEY = 'grpc-status-details-bin';
const ERROR_DOMAIN = 'wheelhouse';
const REASON_PATTERN = /^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$/;

/** Is what is wrong with one field of a request. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** What the kernel says beside the status code. */
export interface ErrorDetail {
  /** Is the name of the reason, as `ErrorReason` of the contract has it; absent where no kernel answered. */
  readonly reason?: string;
  /** Says for people what happened and what to do. */
  readonly message?: string;
  /** Are the figures of the reason. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  /** Is how long to wait before a retry can help, in milliseconds. */
  readonly retryDelayMs?: number;
  /** Is what the kernel's log knows the call by. */
  readonly callId?: string;
}

const NO_DETAIL: ErrorDetail = { metadata: {}, violations: [] };

/** Tells an error of a gRPC call from any other. */
export function isServiceError(error: unknown): error is ServiceError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'number' &&
    'details' in error &&
    'metadata' in error
  );
}

/** Reads what the kernel says of a failed call. */
export function readErrorDetail(error: ServiceError): ErrorDetail {
  const [encoded] = error.metadata.get(DETAILS_KEY);
  if (!Buffer.isBuffer(encoded)) return NO_DETAIL;
  try {
    const { message, details } = Status.decode(encoded);
    const parts = details.map(({ typeUrl, value }) => readPart(typeUrl, value));
    return Object.assign({ ...NO_DETAIL, message }, ...parts);
  } catch {
    return NO_DETAIL;
  }
}

function readPart(typeUrl: string, value: Uint8Array): Partial<ErrorDetail> {
  switch (typeUrl.slice(typeUrl.lastIndexOf('/') + 1)) {
    case 'google.rpc.ErrorInfo': {
      const { domain, reason, metadata } = ErrorInfo.decode(value);
      if (domain !== ERROR_DOMAIN || !REASON_PATTERN.test(reason)) return {};
      return { reason, metadata: Object.fromEntries(metadata) };
    }
    case 'google.rpc.BadRequest':
      return {
        violations: BadRequest.decode(value).fieldViolations.map(({ field, description }) => ({ field, description })),
      };
    case 'google.rpc.RetryInfo': {
      const { retryDelay } = RetryInfo.decode(value);
      return retryDelay === undefined ? {} : { retryDelayMs: toMs(retryDelay) };
    }
    case 'google.rpc.RequestInfo':
      return { callId: RequestInfo.decode(value).requestId };
    default:
      return {};
  }
}

function toMs({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1_000 + nanos / 1_000_000;
}
