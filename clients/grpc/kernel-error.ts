// Owns the error of a call that failed: code, reason and figures, and whether another attempt can help.
// Does not own waiting (backoff.ts).
// Invariants: a reason is one of the contract's, whose name never changes; only what can't do harm counts as retriable.

import { status } from '@grpc/grpc-js';
import { ErrorReason } from '../../gen/wheelhouse/common/v1/error_reason.ts';
import type { DebitError } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { type FieldViolation, isServiceError, readErrorDetail } from './error-detail.ts';

/** Is the name of a reason, as the contract has it; it is never renamed or used for something else. */
export type KernelReason = Exclude<keyof typeof ErrorReason, 'UNSPECIFIED'>;

/** What an error is made of. */
interface KernelErrorParts {
  readonly code: status;
  readonly message: string;
  /** Is the idempotency key of the write that failed; absent for a read. */
  readonly requestId?: string | undefined;
  readonly reason?: KernelReason | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  readonly retryDelayMs?: number | undefined;
  readonly callId?: string | undefined;
  readonly cause?: unknown;
}

/** Says why the kernel did not do what was asked. */
export class KernelError extends Error {
  /** Is the gRPC status code. */
  readonly code: status;
  /** Is the kernel's reason; absent where no kernel answered, or one that knows more reasons than this client. */
  readonly reason: KernelReason | undefined;
  /** Are the figures of the reason, such as `shortfall_microcredits`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Says what is wrong with which field. */
  readonly violations: readonly FieldViolation[];
  /** Is the idempotency key of the write: whoever sends it again has it done once. Absent for a read. */
  readonly requestId: string | undefined;
  /** Is how long the kernel asks to wait before the next attempt, in milliseconds. */
  readonly retryDelayMs: number | undefined;
  /** Is what the kernel's log knows the call by. */
  readonly callId: string | undefined;

  constructor(parts: KernelErrorParts) {
    super(parts.message, parts.cause === undefined ? {} : { cause: parts.cause });
    this.name = 'KernelError';
    this.code = parts.code;
    this.reason = parts.reason;
    this.metadata = parts.metadata ?? {};
    this.violations = parts.violations ?? [];
    this.requestId = parts.requestId;
    this.retryDelayMs = parts.retryDelayMs;
    this.callId = parts.callId;
  }

  /** Says that the same request, under the same request id, can succeed later. */
  get isRetriable(): boolean {
    switch (this.code) {
      case status.UNAVAILABLE:
      case status.DEADLINE_EXCEEDED:
        return true;
      case status.ABORTED:
      case status.RESOURCE_EXHAUSTED:
        return this.retryDelayMs !== undefined || this.reason === 'QUEUE_FULL';
      default:
        return false;
    }
  }
}

/** Translates what a call threw; what is no error of a call stays as it is. */
export function toKernelError(error: unknown, requestId?: string): unknown {
  if (!isServiceError(error)) return error;
  const { reason, message, ...detail } = readErrorDetail(error);
  return new KernelError({
    ...{ ...detail, code: error.code, message: message ?? error.details, cause: error, requestId },
    ...(isKernelReason(reason) && { reason }),
  });
}

/** Translates why one debit of several failed. */
export function fromProtoDebitError({ code, reason, message, metadata }: DebitError, requestId: string): KernelError {
  return new KernelError({
    // The contract says that it is a gRPC status code.
    ...{ code: code as status, message, requestId, metadata: Object.fromEntries(metadata) },
    reason: Object.keys(ErrorReason)
      .filter(isKernelReason)
      .find((name) => ErrorReason[name] === reason),
  });
}

function isKernelReason(name: string | undefined): name is KernelReason {
  return name !== undefined && name !== 'UNSPECIFIED' && Object.hasOwn(ErrorReason, name);
}
