// Owns how an error looks on the wire: gRPC code, ErrorInfo, BadRequest and RetryInfo. Does not own reasons or sentences.
// Invariants: every reason has one code, which is the one that error_reason.proto states; trailers stay small enough for
// any client; what an unknown failure says stays in the log.

import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import type { Any } from '../../gen/google/protobuf/any.ts';
import { BadRequest, ErrorInfo, RequestInfo, RetryInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';
import { DomainError, type FieldViolation, type Reason } from '../domain/error.ts';

const ERROR_DOMAIN = 'wheelhouse';
const DETAILS_KEY = 'grpc-status-details-bin';
const TYPE_PREFIX = 'type.googleapis.com/google.rpc.';
/** Java clients take 8 KiB of trailers at most: message and details must stay within that together. */
const MESSAGE_LENGTH_MAX = 512;
const VIOLATIONS_MAX = 20;
const DESCRIPTION_LENGTH_MAX = 160;
const METADATA_VALUE_LENGTH_MAX = 256;

/** The gRPC code of each reason. */
export const CODE_BY_REASON: Readonly<Record<Reason, status>> = {
  INVALID_FIELD: status.INVALID_ARGUMENT,
  CREDENTIAL_INVALID: status.UNAUTHENTICATED,
  SCOPE_DENIED: status.PERMISSION_DENIED,
  PRODUCT_SCOPE_MISMATCH: status.PERMISSION_DENIED,
  ROLE_REQUIRED: status.PERMISSION_DENIED,
  TENANT_NOT_FOUND: status.NOT_FOUND,
  ACCOUNT_NOT_OPEN: status.FAILED_PRECONDITION,
  PRODUCT_NOT_FOUND: status.NOT_FOUND,
  PLAN_NOT_FOUND: status.NOT_FOUND,
  ACTION_NOT_FOUND: status.NOT_FOUND,
  INSUFFICIENT_CREDITS: status.FAILED_PRECONDITION,
  IDEMPOTENCY_KEY_REUSED: status.ALREADY_EXISTS,
  BALANCE_OUT_OF_RANGE: status.OUT_OF_RANGE,
  GRANT_LIMIT_REACHED: status.RESOURCE_EXHAUSTED,
  COMMIT_TOO_LARGE: status.RESOURCE_EXHAUSTED,
  QUEUE_FULL: status.RESOURCE_EXHAUSTED,
  CLOCK_UNCERTAIN: status.UNAVAILABLE,
  HEAD_FROM_FUTURE: status.UNAVAILABLE,
  STATE_VERSION_UNSUPPORTED: status.UNAVAILABLE,
  OUTCOME_UNKNOWN: status.UNAVAILABLE,
  DATABASE_UNAVAILABLE: status.UNAVAILABLE,
  SHUTTING_DOWN: status.UNAVAILABLE,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  LEDGER_CORRUPT: status.DATA_LOSS,
  RESUME_TOKEN_EXPIRED: status.OUT_OF_RANGE,
  INTERNAL: status.INTERNAL,
  HOLD_NOT_FOUND: status.NOT_FOUND,
  HOLD_ENDED: status.FAILED_PRECONDITION,
  HOLD_LIMIT_REACHED: status.RESOURCE_EXHAUSTED,
  ENTRY_NOT_FOUND: status.NOT_FOUND,
  ENTRY_NOT_REVERSIBLE: status.FAILED_PRECONDITION,
  ENTRY_ALREADY_REVERSED: status.FAILED_PRECONDITION,
  KILL_SWITCH_OFF: status.FAILED_PRECONDITION,
  PRODUCT_ALREADY_REGISTERED: status.ALREADY_EXISTS,
  PLAN_SOLD_BY_STRIPE: status.FAILED_PRECONDITION,
  STRIPE_OFF: status.FAILED_PRECONDITION,
  STRIPE_UNAVAILABLE: status.UNAVAILABLE,
  STRIPE_REFUSED: status.FAILED_PRECONDITION,
  SYNC_BUSY: status.ABORTED,
  WEBHOOK_EVENT_NOT_FOUND: status.NOT_FOUND,
  TRIAL_NOT_OFFERED: status.FAILED_PRECONDITION,
  TRIAL_ALREADY_USED: status.FAILED_PRECONDITION,
  TRIAL_CARD_REQUIRED: status.FAILED_PRECONDITION,
  TRIAL_LIMIT_REACHED: status.FAILED_PRECONDITION,
  TRIAL_NOT_ACTIVE: status.FAILED_PRECONDITION,
  WORKSPACE_REQUIRED: status.FAILED_PRECONDITION,
  SLUG_TAKEN: status.ALREADY_EXISTS,
  TENANT_SUSPENDED: status.FAILED_PRECONDITION,
  TENANT_CLOSED: status.FAILED_PRECONDITION,
  MEMBER_NOT_FOUND: status.NOT_FOUND,
  MEMBER_LIMIT_REACHED: status.FAILED_PRECONDITION,
  LAST_ADMIN: status.FAILED_PRECONDITION,
  ALREADY_MEMBER: status.ALREADY_EXISTS,
  INVITATION_NOT_FOUND: status.NOT_FOUND,
  INVITATION_ENDED: status.FAILED_PRECONDITION,
  EMAIL_NOT_VERIFIED: status.FAILED_PRECONDITION,
  EMAIL_MISMATCH: status.FAILED_PRECONDITION,
  PROJECT_NOT_FOUND: status.NOT_FOUND,
  WORKSPACE_LIMIT_REACHED: status.RESOURCE_EXHAUSTED,
  ACCESS_TOKEN_NOT_FOUND: status.NOT_FOUND,
  SIGNUP_NOT_FOUND: status.NOT_FOUND,
  SIGNUP_ENDED: status.FAILED_PRECONDITION,
  MAIL_LIMIT_REACHED: status.RESOURCE_EXHAUSTED,
  MAIL_NOT_FOUND: status.NOT_FOUND,
  SUBSCRIPTION_NOT_FOUND: status.NOT_FOUND,
  SUBSCRIPTION_EXISTS: status.ALREADY_EXISTS,
  SUBSCRIPTION_BUSY: status.ABORTED,
  SUBSCRIPTION_UNPAID: status.FAILED_PRECONDITION,
  CONTACT_SALES: status.FAILED_PRECONDITION,
  PAYMENT_DECLINED: status.FAILED_PRECONDITION,
  PAYMENT_METHOD_REQUIRED: status.FAILED_PRECONDITION,
  PAYMENT_METHOD_NOT_FOUND: status.NOT_FOUND,
  PLAN_UNCHANGED: status.FAILED_PRECONDITION,
  TOPUP_NOT_FOUND: status.NOT_FOUND,
  TOPUP_NOT_OFFERED: status.FAILED_PRECONDITION,
  TOPUP_AMOUNT_MISMATCH: status.INVALID_ARGUMENT,
  TOPUP_AMOUNT_OUT_OF_RANGE: status.INVALID_ARGUMENT,
  TOPUP_NOT_CANCELABLE: status.FAILED_PRECONDITION,
  PROMOTION_NOT_FOUND: status.NOT_FOUND,
  PROMOTION_ENDED: status.FAILED_PRECONDITION,
  PROMOTION_EXHAUSTED: status.FAILED_PRECONDITION,
  PROMOTION_NOT_APPLICABLE: status.FAILED_PRECONDITION,
  PROMOTION_ALREADY_REDEEMED: status.FAILED_PRECONDITION,
  PROMOTION_ALREADY_EXISTS: status.ALREADY_EXISTS,
  PROMOTION_ATTEMPTS_EXCEEDED: status.RESOURCE_EXHAUSTED,
  ALERT_ENDPOINT_NOT_FOUND: status.NOT_FOUND,
  ALERT_ENDPOINT_LIMIT_REACHED: status.FAILED_PRECONDITION,
  ALERT_DELIVERY_NOT_FOUND: status.NOT_FOUND,
  ALERT_TARGET_FORBIDDEN: status.FAILED_PRECONDITION,
};

/** How long to wait before a retry can help, in milliseconds, where the error does not say. */
const RETRY_DELAY_MS: Readonly<Partial<Record<Reason, number>>> = {
  QUEUE_FULL: 200,
  CLOCK_UNCERTAIN: 1_000,
  HEAD_FROM_FUTURE: 5_000,
  STATE_VERSION_UNSUPPORTED: 1_000,
  OUTCOME_UNKNOWN: 500,
  DATABASE_UNAVAILABLE: 1_000,
  SHUTTING_DOWN: 0,
  MAIL_LIMIT_REACHED: 60_000,
  SUBSCRIPTION_BUSY: 2_000,
  PROMOTION_ATTEMPTS_EXCEEDED: 60_000,
};

/** Answers a DomainError as it is; anything else becomes INTERNAL, which tells callers nothing of what it was. */
export function toDomainError(thrown: unknown): DomainError {
  if (thrown instanceof DomainError) return thrown;
  const message = 'the kernel failed in a way it does not know: tell the operators the request id';
  return new DomainError('INTERNAL', message, { cause: thrown });
}

/** Translates an error into the status that a call ends with. */
export function toStatus(error: DomainError, requestId: string): StatusObject {
  const code = CODE_BY_REASON[error.reason];
  const message = truncate(error.message, MESSAGE_LENGTH_MAX);
  const metadata = new Metadata();
  const details = [
    toErrorInfo(error),
    ...toBadRequest(error.violations),
    ...toRetryInfo(error),
    toRequestInfo(requestId),
  ];
  metadata.set(DETAILS_KEY, Buffer.from(Status.encode({ code, message, details }).finish()));
  return { code, details: message, metadata };
}

function toErrorInfo({ reason, metadata }: DomainError): Any {
  const bounded = Object.entries(metadata).map(([name, value]): [string, string] => [
    name,
    truncate(value, METADATA_VALUE_LENGTH_MAX),
  ]);
  const info = { reason, domain: ERROR_DOMAIN, metadata: new Map(bounded) };
  return { typeUrl: `${TYPE_PREFIX}ErrorInfo`, value: Buffer.from(ErrorInfo.encode(info).finish()) };
}

function toBadRequest(violations: readonly FieldViolation[]): Any[] {
  if (violations.length === 0) return [];
  const fieldViolations = violations.slice(0, VIOLATIONS_MAX).map(({ field, description }) => ({
    field: truncate(field, DESCRIPTION_LENGTH_MAX),
    description: truncate(description, DESCRIPTION_LENGTH_MAX),
    reason: '',
    localizedMessage: undefined,
  }));
  return [{ typeUrl: `${TYPE_PREFIX}BadRequest`, value: Buffer.from(BadRequest.encode({ fieldViolations }).finish()) }];
}

function toRetryInfo({ reason, retryDelayMs }: DomainError): Any[] {
  const delayMs = retryDelayMs ?? RETRY_DELAY_MS[reason];
  if (delayMs === undefined) return [];
  const retryDelay = { seconds: BigInt(Math.floor(delayMs / 1_000)), nanos: Math.round(delayMs % 1_000) * 1_000_000 };
  return [{ typeUrl: `${TYPE_PREFIX}RetryInfo`, value: Buffer.from(RetryInfo.encode({ retryDelay }).finish()) }];
}

function toRequestInfo(requestId: string): Any {
  const info = { requestId, servingData: '' };
  return { typeUrl: `${TYPE_PREFIX}RequestInfo`, value: Buffer.from(RequestInfo.encode(info).finish()) };
}

/** A cut may fall inside a character, which would make text that no header can carry. */
function truncate(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1).toWellFormed()}…`;
}
