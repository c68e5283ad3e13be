// Owns how an error of the kernel becomes a problem: gRPC status and google.rpc details in, reason and sentence out.
// Does not own the table of reasons (problem.ts).
// Invariants: a reason of the kernel keeps its name; what is no fault of the client never reads like one, and shows
// none of the kernel's words, unless an operator means it so.

import { status as GrpcStatus, type ServiceError } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from '../gen/google/rpc/error_details.ts';
import { Status } from '../gen/google/rpc/status.ts';
import { invalidToken } from './bearer-challenge.ts';
import { type FieldError, PROBLEM_KINDS, Problem, type ProblemKind, type ProblemReason } from './problem.ts';

const DETAILS_KEY = 'grpc-status-details-bin';
const ERROR_DOMAIN = 'wheelhouse';
const FILTER_PREFIX_PATTERN = /\bfilter\.(?=[a-z])/g;
const RETRY_AFTER_S_MAX = 3_600;
const REASON_PATTERN = /^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$/;

/**
 * Reasons by which the kernel refuses the BFF itself: its credential, or the product that it is bound to. The client
 * can do nothing about them, and "sign in again" would send it in circles.
 */
const DEPLOYMENT_FAULTS: ReadonlySet<string> = new Set<ProblemReason>(['CREDENTIAL_INVALID', 'PRODUCT_SCOPE_MISMATCH']);

/** What REST calls otherwise than the contract does. */
const REST_FIELD_NAMES: ReadonlyMap<string, string> = new Map([
  ['request_id', 'Idempotency-Key'],
  ['tenant_id', 'workspace_id'],
  ['price.minor_units', 'amount_cents'],
  ['price.currency_code', 'currency'],
]);

/** What the kernel says beside the status code. */
interface KernelErrorDetails {
  reason?: string;
  message?: string;
  metadata: Readonly<Record<string, string>>;
  errors: readonly FieldError[];
  retryAfterS?: number;
}

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

/** Translates an error of a kernel call into the problem to answer with. */
export function fromKernelError(error: ServiceError): Problem {
  const details = readDetails(error);
  const { reason } = details;
  if (reason === undefined) {
    return new Problem(reasonWithoutDetails(error.code), { cause: error });
  }
  if (reason === 'CREDENTIAL_INVALID' && details.metadata['credential'] === 'access_token') {
    return invalidToken('The personal access token is unknown, revoked or expired; make another one.', error);
  }
  if (DEPLOYMENT_FAULTS.has(reason)) {
    return new Problem('INTERNAL', { cause: error });
  }
  const kind = isKnown(reason) ? PROBLEM_KINDS[reason] : kindOfCode(error.code);
  const isForClient = kind.status < 500 || kind.isDeliberate === true;
  const detail = details.errors.length > 0 ? tellErrors(details.errors) : details.message;
  return new Problem(isKnown(reason) ? reason : { name: reason, kind }, {
    cause: error,
    ...(details.retryAfterS !== undefined && { retryAfterS: details.retryAfterS }),
    ...(isForClient && { errors: details.errors, metadata: details.metadata }),
    ...(isForClient && detail && { detail }),
  });
}

/** Names the kernel's reason of a failed call for the log, whatever the client is told. */
export function kernelReasonOf(error: ServiceError): string | undefined {
  return readDetails(error).reason;
}

function isKnown(reason: string): reason is ProblemReason {
  return Object.hasOwn(PROBLEM_KINDS, reason);
}

/** Reads google.rpc.Status from the trailer. Malformed details count as none: the code alone then decides. */
function readDetails(error: ServiceError): KernelErrorDetails {
  const details: KernelErrorDetails = { metadata: {}, errors: [] };
  const [encoded] = error.metadata.get(DETAILS_KEY);
  if (!Buffer.isBuffer(encoded)) {
    return details;
  }
  try {
    const status = Status.decode(encoded);
    details.message = status.message;
    for (const { typeUrl, value } of status.details) {
      readDetail(details, typeUrl, value);
    }
    return details;
  } catch {
    return { metadata: {}, errors: [] };
  }
}

function readDetail(details: KernelErrorDetails, typeUrl: string, value: Uint8Array): void {
  switch (typeUrl.slice(typeUrl.lastIndexOf('/') + 1)) {
    case 'google.rpc.ErrorInfo': {
      const info = ErrorInfo.decode(value);
      if (info.domain === ERROR_DOMAIN && REASON_PATTERN.test(info.reason)) {
        details.reason = info.reason;
        details.metadata = Object.fromEntries(info.metadata);
      }
      break;
    }
    case 'google.rpc.BadRequest':
      details.errors = BadRequest.decode(value).fieldViolations.map(({ field, description }) => ({
        field: REST_FIELD_NAMES.get(field) ?? toParameterNames(field),
        message: toParameterNames(description),
      }));
      break;
    case 'google.rpc.RetryInfo': {
      const delay = RetryInfo.decode(value).retryDelay;
      if (delay) {
        details.retryAfterS = toRetryAfterS(delay.seconds, delay.nanos);
      }
      break;
    }
    default:
      break;
  }
}

/** REST's query parameters are flat, where the contract gathers the filters of a list in one message. */
function toParameterNames(text: string): string {
  return text.replaceAll(FILTER_PREFIX_PATTERN, '');
}

/** The kernel's own sentence has the names of the contract. */
function tellErrors(errors: readonly FieldError[]): string {
  return errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
}

/** Retry-After counts whole seconds: rounded up, at least one, so that nobody comes back too early. */
function toRetryAfterS(seconds: bigint, nanos: number): number {
  const delayS = Math.ceil(Number(seconds) + nanos / 1e9);
  return Math.min(Math.max(delayS, 1), RETRY_AFTER_S_MAX);
}

/** The reason of a call that the kernel did not answer itself: the transport, a deadline, a broken contract. */
function reasonWithoutDetails(code: GrpcStatus): ProblemReason {
  switch (code) {
    case GrpcStatus.UNAVAILABLE:
      return 'KERNEL_UNAVAILABLE';
    case GrpcStatus.DEADLINE_EXCEEDED:
      return 'DEADLINE_EXCEEDED';
    default:
      return 'INTERNAL';
  }
}

/** How a reason that only a newer kernel knows looks in REST: by its code, as google.rpc.Code documents. */
function kindOfCode(code: GrpcStatus): ProblemKind {
  switch (code) {
    case GrpcStatus.INVALID_ARGUMENT:
    case GrpcStatus.OUT_OF_RANGE:
      return { status: 400, title: 'Invalid request', detail: PROBLEM_KINDS.INVALID_FIELD.detail };
    case GrpcStatus.NOT_FOUND:
      return { status: 404, title: 'Not found', detail: 'There is no such thing; check the ids of the request.' };
    case GrpcStatus.PERMISSION_DENIED:
      return { status: 403, title: 'Not allowed', detail: 'This access token does not allow this.' };
    case GrpcStatus.ALREADY_EXISTS:
    case GrpcStatus.FAILED_PRECONDITION:
    case GrpcStatus.ABORTED:
      return { status: 409, title: 'Conflict', detail: 'This can not be done in the present state of the workspace.' };
    case GrpcStatus.RESOURCE_EXHAUSTED:
      return { status: 429, title: 'Limit reached', detail: 'A limit was reached; try again later.' };
    case GrpcStatus.UNAVAILABLE:
      return PROBLEM_KINDS.KERNEL_UNAVAILABLE;
    case GrpcStatus.DEADLINE_EXCEEDED:
      return PROBLEM_KINDS.DEADLINE_EXCEEDED;
    default:
      return PROBLEM_KINDS.INTERNAL;
  }
}
