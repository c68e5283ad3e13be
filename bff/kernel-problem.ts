// Owns how an error of the kernel becomes a problem: gRPC status and details in, reason and sentence out.
// Does not own how details are read (clients/grpc), nor the table of reasons (problem.ts).
// Invariants: a reason of the kernel keeps its name; what is no fault of the client never reads like one, and shows
// none of the kernel's words, unless an operator means it so.

import { status as GrpcStatus, type ServiceError } from '@grpc/grpc-js';
import { type FieldViolation, readErrorDetail } from '../clients/grpc/error-detail.ts';
import { invalidToken } from './bearer-challenge.ts';
import { type FieldError, PROBLEM_KINDS, Problem, type ProblemKind, type ProblemReason } from './problem.ts';

const FILTER_PREFIX_PATTERN = /\bfilter\.(?=[a-z])/g;
const LEADING_FIELD_PATTERN = /^[a-z_.]+(?=: )/;
const RETRY_AFTER_S_MAX = 3_600;

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

/** Translates an error of a kernel call into the problem to answer with. */
export function fromKernelError(error: ServiceError): Problem {
  const details = readErrorDetail(error);
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
  const errors = details.violations.map(toFieldError);
  const detail = errors.length > 0 ? tellErrors(errors) : details.message && toRestWords(details.message);
  return new Problem(isKnown(reason) ? reason : { name: reason, kind }, {
    cause: error,
    ...(details.retryDelayMs !== undefined && { retryAfterS: toRetryAfterS(details.retryDelayMs) }),
    ...(isForClient && { errors, metadata: details.metadata }),
    ...(isForClient && detail && { detail }),
  });
}

/** Names the kernel's reason of a failed call for the log, whatever the client is told. */
export function kernelReasonOf(error: ServiceError): string | undefined {
  return readErrorDetail(error).reason;
}

function isKnown(reason: string): reason is ProblemReason {
  return Object.hasOwn(PROBLEM_KINDS, reason);
}

function toFieldError({ field, description }: FieldViolation): FieldError {
  return { field: REST_FIELD_NAMES.get(field) ?? toParameterNames(field), message: toParameterNames(description) };
}

/** REST's query parameters are flat, where the contract gathers the filters of a list in one message. */
function toParameterNames(text: string): string {
  return text.replaceAll(FILTER_PREFIX_PATTERN, '');
}

/** Many sentences of the kernel begin with the field that they are about, by the contract's name. */
function toRestWords(message: string): string {
  return message.replace(LEADING_FIELD_PATTERN, (field) => REST_FIELD_NAMES.get(field) ?? field);
}

/** The kernel's own sentence has the names of the contract. */
function tellErrors(errors: readonly FieldError[]): string {
  return errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
}

/** Retry-After counts whole seconds: rounded up, at least one, so that nobody comes back too early. */
function toRetryAfterS(delayMs: number): number {
  return Math.min(Math.max(Math.ceil(delayMs / 1_000), 1), RETRY_AFTER_S_MAX);
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
