// Owns the vocabulary of errors inside the kernel. Does not own how gRPC or REST show them.
// Invariant: a reason is stable; the wire enum `wheelhouse.common.v1.ErrorReason` has each of them.

/** Every reason the kernel can give for not doing what was asked, as named in `ErrorReason` without its prefix. */
export const REASONS = [
  'INVALID_FIELD',
  'CREDENTIAL_INVALID',
  'SCOPE_DENIED',
  'PRODUCT_SCOPE_MISMATCH',
  'ROLE_REQUIRED',
  'TENANT_NOT_FOUND',
  'ACCOUNT_NOT_OPEN',
  'PRODUCT_NOT_FOUND',
  'PLAN_NOT_FOUND',
  'ACTION_NOT_FOUND',
  'INSUFFICIENT_CREDITS',
  'IDEMPOTENCY_KEY_REUSED',
  'BALANCE_OUT_OF_RANGE',
  'GRANT_LIMIT_REACHED',
  'COMMIT_TOO_LARGE',
  'QUEUE_FULL',
  'CLOCK_UNCERTAIN',
  'HEAD_FROM_FUTURE',
  'STATE_VERSION_UNSUPPORTED',
  'OUTCOME_UNKNOWN',
  'DATABASE_UNAVAILABLE',
  'SHUTTING_DOWN',
  'DEADLINE_EXCEEDED',
  'LEDGER_CORRUPT',
  'RESUME_TOKEN_EXPIRED',
  'INTERNAL',
  'HOLD_NOT_FOUND',
  'HOLD_ENDED',
  'HOLD_LIMIT_REACHED',
  'ENTRY_NOT_FOUND',
  'ENTRY_NOT_REVERSIBLE',
  'ENTRY_ALREADY_REVERSED',
  'KILL_SWITCH_OFF',
  'PRODUCT_ALREADY_REGISTERED',
  'PLAN_SOLD_BY_STRIPE',
  'STRIPE_OFF',
  'STRIPE_UNAVAILABLE',
  'STRIPE_REFUSED',
  'SYNC_BUSY',
  'WEBHOOK_EVENT_NOT_FOUND',
  'TRIAL_NOT_OFFERED',
  'TRIAL_ALREADY_USED',
  'TRIAL_CARD_REQUIRED',
  'TRIAL_LIMIT_REACHED',
  'TRIAL_NOT_ACTIVE',
  'WORKSPACE_REQUIRED',
  'SLUG_TAKEN',
  'TENANT_SUSPENDED',
  'TENANT_CLOSED',
  'MEMBER_NOT_FOUND',
  'MEMBER_LIMIT_REACHED',
  'LAST_ADMIN',
  'ALREADY_MEMBER',
  'INVITATION_NOT_FOUND',
  'INVITATION_ENDED',
  'EMAIL_NOT_VERIFIED',
  'EMAIL_MISMATCH',
  'PROJECT_NOT_FOUND',
  'WORKSPACE_LIMIT_REACHED',
  'ACCESS_TOKEN_NOT_FOUND',
  'SIGNUP_NOT_FOUND',
  'SIGNUP_ENDED',
  'MAIL_LIMIT_REACHED',
  'MAIL_NOT_FOUND',
  'SUBSCRIPTION_NOT_FOUND',
  'SUBSCRIPTION_EXISTS',
  'SUBSCRIPTION_BUSY',
  'SUBSCRIPTION_UNPAID',
  'CONTACT_SALES',
  'PAYMENT_DECLINED',
  'PAYMENT_METHOD_REQUIRED',
  'PAYMENT_METHOD_NOT_FOUND',
  'PLAN_UNCHANGED',
  'TOPUP_NOT_FOUND',
  'TOPUP_NOT_OFFERED',
  'TOPUP_AMOUNT_MISMATCH',
  'TOPUP_AMOUNT_OUT_OF_RANGE',
  'TOPUP_NOT_CANCELABLE',
  'PROMOTION_NOT_FOUND',
  'PROMOTION_ENDED',
  'PROMOTION_EXHAUSTED',
  'PROMOTION_NOT_APPLICABLE',
  'PROMOTION_ALREADY_REDEEMED',
  'PROMOTION_ALREADY_EXISTS',
  'PROMOTION_ATTEMPTS_EXCEEDED',
  'ALERT_ENDPOINT_NOT_FOUND',
  'ALERT_ENDPOINT_LIMIT_REACHED',
  'ALERT_DELIVERY_NOT_FOUND',
  'ALERT_TARGET_FORBIDDEN',
] as const;

/** One of {@link REASONS}. */
export type Reason = (typeof REASONS)[number];

/** Names one field of a request that can't be accepted, by its path in the contract, and says why. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** What an error carries beside its reason and its sentence. */
export interface DomainErrorDetail {
  /** Figures behind the reason, as strings; the keys are part of the contract. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The fields at fault, for INVALID_FIELD. */
  readonly violations?: readonly FieldViolation[];
  /** How long to wait before a retry can help, in milliseconds. */
  readonly retryDelayMs?: number;
  /** What made it happen, for the log; never shown to callers. */
  readonly cause?: unknown;
}

/** Says that the kernel did not do what was asked, why, and what to do; the reason decides the status on the wire. */
export class DomainError extends Error {
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryDelayMs: number | undefined;

  constructor(reason: Reason, message: string, detail: DomainErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'DomainError';
    this.reason = reason;
    this.metadata = detail.metadata ?? {};
    this.violations = detail.violations ?? [];
    this.retryDelayMs = detail.retryDelayMs;
  }
}

/** Builds the INVALID_FIELD error of one or more fields. */
export function invalidField(...violations: readonly FieldViolation[]): DomainError {
  const sentence = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  return new DomainError('INVALID_FIELD', sentence, { violations });
}

/** Answers what was thrown as a sentence, whatever it is. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
