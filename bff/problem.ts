// Owns how an error looks in REST: one table from reason to HTTP status, title and sentence, and the problem document
// (RFC 9457). Does not own how the kernel's errors are read (kernel-problem.ts) or who sends a problem (app.ts).
// Invariants: every reason of the contract has a row; a document never carries a stack, a cause or a secret.

import type { ErrorReason } from '../gen/wheelhouse/common/v1/error_reason.ts';
import { list, mapOf, object, type Shape, text, url, type ValueOf, whole } from './shape.ts';

/** The name of a reason in the contract's vocabulary, the only one; UNSPECIFIED is never sent. */
export type ProblemReason = Exclude<keyof typeof ErrorReason, 'UNSPECIFIED'>;

/** How a reason looks in REST. */
export interface ProblemKind {
  readonly status: number;
  /** Names the kind of problem; the same for every occurrence, as RFC 9457 wants it. */
  readonly title: string;
  /** Says what happened and what to do, where nothing more precise is known. */
  readonly detail: string;
  /** Is when to try again, where waiting helps and the kernel named no time of its own. */
  readonly retryAfterS?: number;
  /** Says that an operator means it so: no failure of the service, and the kernel's words are for the client. */
  readonly isDeliberate?: true;
}

const OUR_FAULT = 'The service failed. Try again later; if it stays so, report the id of this request (`instance`).';

/** The one map from reason to REST. A reason without a row does not compile. */
export const PROBLEM_KINDS: Readonly<Record<ProblemReason, ProblemKind>> = {
  INVALID_FIELD: {
    status: 400,
    title: 'Invalid request',
    detail: 'The request has a field that is missing, malformed or out of bounds; correct what `errors` names.',
  },
  CREDENTIAL_INVALID: {
    status: 401,
    title: 'Not signed in',
    detail: 'The access token is missing, unknown or expired; sign in again.',
  },
  SCOPE_DENIED: {
    status: 403,
    title: 'Not allowed',
    detail: 'This access token does not include this call; use one that does.',
  },
  PRODUCT_SCOPE_MISMATCH: {
    status: 403,
    title: 'Wrong product',
    detail: 'This access token is bound to another product; use the address of that product.',
  },
  ROLE_REQUIRED: {
    status: 403,
    title: 'Role required',
    detail: 'Your role in this workspace is too low for this; ask an admin of the workspace.',
  },
  TENANT_NOT_FOUND: {
    status: 404,
    title: 'Workspace not found',
    detail: 'There is no such workspace, or you are no member of it; check its id.',
  },
  ACCOUNT_NOT_OPEN: {
    status: 409,
    title: 'Account not open',
    detail: 'The workspace was not set up to its end; repeat its creation with the same request id.',
  },
  PRODUCT_NOT_FOUND: {
    status: 404,
    title: 'Product not found',
    detail: 'There is no such product; an operator must register it.',
  },
  PLAN_NOT_FOUND: {
    status: 404,
    title: 'Plan not found',
    detail: 'There is no such plan; see GET /v1/billing/plans.',
  },
  ACTION_NOT_FOUND: {
    status: 404,
    title: 'Action not found',
    detail: 'This action has no price; see GET /v1/billing/action-pricing.',
  },
  INSUFFICIENT_CREDITS: {
    status: 402,
    title: 'Insufficient credits',
    detail: 'The workspace has too few credits for this; `remedies` of `metadata` names what gives it more.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 409,
    title: 'Idempotency key reused',
    detail: 'This idempotency key was used before for a request with other content; use a new key.',
  },
  BALANCE_OUT_OF_RANGE: {
    status: 422,
    title: 'Balance out of range',
    detail: 'The amount, or the balance that it leads to, is beyond ±(2^53 − 1) microcredits; use a smaller amount.',
  },
  GRANT_LIMIT_REACHED: {
    status: 409,
    title: 'Grant limit reached',
    detail: 'The workspace has as many active grants of credit as it may have; wait until some are used or expire.',
  },
  COMMIT_TOO_LARGE: {
    status: 413,
    title: 'Request too large',
    detail: 'This request alone is too large to be recorded; split it or send less with it.',
  },
  QUEUE_FULL: {
    status: 429,
    title: 'Too many requests',
    detail: 'Too many requests wait; nothing was changed. Try again after the time in Retry-After.',
    retryAfterS: 1,
  },
  CLOCK_UNCERTAIN: {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'The service can not tell the time well enough to write; nothing was changed. Try again shortly.',
    retryAfterS: 1,
  },
  HEAD_FROM_FUTURE: {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'The account of this workspace needs an operator; nothing was changed. Report the id of this request.',
    retryAfterS: 60,
  },
  STATE_VERSION_UNSUPPORTED: {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'The service is being updated; nothing was changed. Try again shortly.',
    retryAfterS: 1,
  },
  OUTCOME_UNKNOWN: {
    status: 503,
    title: 'Outcome unknown',
    detail: 'It is not known whether the change was made. Repeat it with the same idempotency key: it happens once.',
    retryAfterS: 1,
  },
  DATABASE_UNAVAILABLE: {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'The database can not be reached. Try again shortly.',
    retryAfterS: 1,
  },
  SHUTTING_DOWN: {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'The service is restarting. Try again now, with the same idempotency key if there was one.',
    retryAfterS: 1,
  },
  DEADLINE_EXCEEDED: {
    status: 504,
    title: 'Took too long',
    detail: 'The answer did not come in time. Try again, with the same idempotency key if there was one.',
  },
  LEDGER_CORRUPT: {
    status: 500,
    title: 'Account damaged',
    detail: 'The records of this account contradict each other and must be repaired; report the id of this request.',
  },
  INTERNAL: { status: 500, title: 'Internal error', detail: OUR_FAULT },
  ROUTE_NOT_FOUND: {
    status: 404,
    title: 'Route not found',
    detail: 'This API has no such path; check it, its letter case and that it has no slash at its end.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'Method not allowed',
    detail: 'This path does not take this method; use one that the Allow header names.',
  },
  HOLD_NOT_FOUND: {
    status: 404,
    title: 'Hold not found',
    detail: 'The account has no such hold; check its id.',
  },
  HOLD_ENDED: {
    status: 409,
    title: 'Hold ended',
    detail: 'The hold was released, settled in full or has expired; reserve anew.',
  },
  HOLD_LIMIT_REACHED: {
    status: 409,
    title: 'Hold limit reached',
    detail: 'The workspace has as many open holds as it may have; settle or release some.',
  },
  ENTRY_NOT_FOUND: {
    status: 404,
    title: 'Entry not found',
    detail: 'The account has no such entry; check its id.',
  },
  ENTRY_NOT_REVERSIBLE: {
    status: 409,
    title: 'Entry not reversible',
    detail: 'Entries of this type can not be reversed; ask an operator for a correction.',
  },
  KILL_SWITCH_OFF: {
    status: 503,
    title: 'Switched off',
    detail: 'This is switched off at present; nothing was changed. Try again later.',
    isDeliberate: true,
    retryAfterS: 300,
  },
  PRODUCT_ALREADY_REGISTERED: {
    status: 409,
    title: 'Product already registered',
    detail: 'There is a product of this code already; change that one.',
  },
  PLAN_SOLD_BY_STRIPE: {
    status: 409,
    title: 'Plan sold elsewhere',
    detail: 'This plan has a price at Stripe; change it there.',
  },
  ENTRY_ALREADY_REVERSED: {
    status: 409,
    title: 'Entry already reversed',
    detail: 'The entry was reversed before; there is nothing left to do.',
  },
  STRIPE_OFF: {
    status: 409,
    title: 'Payments are off',
    detail: 'This service runs without payments; ask its operators.',
  },
  STRIPE_UNAVAILABLE: {
    status: 503,
    title: 'Payments unavailable',
    detail: 'The payment service can not be reached. Try again shortly.',
    retryAfterS: 5,
  },
  STRIPE_REFUSED: {
    status: 409,
    title: 'Payments refused',
    detail: 'The payment service refused the request; ask the operators of this service.',
  },
  SYNC_BUSY: {
    status: 409,
    title: 'Catalog is being synced',
    detail: 'The catalog is being synced by somebody else. Try again shortly.',
    retryAfterS: 2,
  },
  WEBHOOK_EVENT_NOT_FOUND: {
    status: 404,
    title: 'Event not found',
    detail: 'No event of the payment service with this id is stored; check the id.',
  },
  RESUME_TOKEN_EXPIRED: {
    status: 410,
    title: 'Resume token expired',
    detail: 'The watch can not go on from this resume token; start again without one.',
  },
  TRIAL_NOT_OFFERED: {
    status: 409,
    title: 'No trial',
    detail: 'This plan has no trial; see GET /v1/billing/plans for those that have one.',
  },
  TRIAL_ALREADY_USED: {
    status: 409,
    title: 'Trial already used',
    detail: 'The workspace has had its one trial; choose a plan instead.',
  },
  TRIAL_CARD_REQUIRED: {
    status: 402,
    title: 'Card required',
    detail: 'The trial of this plan needs a card; store one first.',
  },
  TRIAL_LIMIT_REACHED: {
    status: 409,
    title: 'Trial limit reached',
    detail: 'You have had as many trials as one person may have; choose a plan instead.',
  },
  TRIAL_NOT_ACTIVE: {
    status: 409,
    title: 'No running trial',
    detail: 'No trial runs that could be cancelled; there is nothing to do.',
  },
  WORKSPACE_REQUIRED: {
    status: 400,
    title: 'Workspace required',
    detail: 'Name the workspace in the header X-Workspace-Id; GET /v1/workspaces lists yours.',
  },
  SLUG_TAKEN: {
    status: 409,
    title: 'Slug taken',
    detail: 'Another workspace has this slug; choose another one.',
  },
  TENANT_SUSPENDED: {
    status: 403,
    title: 'Workspace suspended',
    detail: 'The workspace is suspended: it can be read and its subscription canceled, nothing else. Ask support.',
  },
  TENANT_CLOSED: {
    status: 409,
    title: 'Workspace closed',
    detail: 'The workspace was closed: it can be read, not changed.',
  },
  MEMBER_NOT_FOUND: {
    status: 404,
    title: 'Member not found',
    detail: 'The workspace has no such member; check the id.',
  },
  MEMBER_LIMIT_REACHED: {
    status: 409,
    title: 'Member limit reached',
    detail: 'The plan allows no more members; remove one or change the plan.',
  },
  LAST_ADMIN: {
    status: 409,
    title: 'Last admin',
    detail: 'The workspace needs an admin; make somebody else one first.',
  },
  ALREADY_MEMBER: {
    status: 409,
    title: 'Already a member',
    detail: 'The person is a member of the workspace already; change the role instead.',
  },
  INVITATION_NOT_FOUND: {
    status: 404,
    title: 'Invitation not found',
    detail: 'There is no such invitation; check the link, or ask for another one.',
  },
  INVITATION_ENDED: {
    status: 410,
    title: 'Invitation ended',
    detail: 'The invitation was accepted or taken back, or has expired; ask for another one.',
  },
  EMAIL_NOT_VERIFIED: {
    status: 403,
    title: 'Email address not verified',
    detail: 'Your email address is not verified where you sign in; verify it there.',
  },
  EMAIL_MISMATCH: {
    status: 403,
    title: 'Other email address',
    detail: 'This is for another email address than yours; sign in with that one.',
  },
  PROJECT_NOT_FOUND: {
    status: 404,
    title: 'Project not found',
    detail: 'There is no such project, or you have no role in it; check the id.',
  },
  WORKSPACE_LIMIT_REACHED: {
    status: 409,
    title: 'Limit reached',
    detail: 'There are as many of these as there may be; remove one first.',
  },
  ACCESS_TOKEN_NOT_FOUND: {
    status: 404,
    title: 'Access token not found',
    detail: 'The workspace has no such access token; check the id.',
  },
  SIGNUP_NOT_FOUND: {
    status: 404,
    title: 'Signup not found',
    detail: 'There is no such signup; check the link, or start again.',
  },
  SIGNUP_ENDED: {
    status: 410,
    title: 'Signup ended',
    detail: 'The signup has expired or was confirmed by somebody else; start again.',
  },
  MAIL_LIMIT_REACHED: {
    status: 429,
    title: 'Too many mails',
    detail: 'Too many mails were sent to this address; try again later.',
    retryAfterS: 60,
  },
  MAIL_NOT_FOUND: {
    status: 404,
    title: 'Mail not found',
    detail: 'There is no such mail.',
  },
  SUBSCRIPTION_NOT_FOUND: {
    status: 404,
    title: 'No subscription',
    detail: 'The workspace has no running subscription; choose a plan first.',
  },
  SUBSCRIPTION_EXISTS: {
    status: 409,
    title: 'Subscription exists',
    detail: 'The workspace has a subscription already; change its plan instead.',
  },
  SUBSCRIPTION_BUSY: {
    status: 409,
    title: 'Change under way',
    detail:
      'Another change of the subscription is under way; nothing was changed. Try again after the time in Retry-After.',
    retryAfterS: 2,
  },
  SUBSCRIPTION_UNPAID: {
    status: 402,
    title: 'Invoice open',
    detail: 'An invoice of the subscription is open; pay it first.',
  },
  CONTACT_SALES: {
    status: 409,
    title: 'Contact sales',
    detail: 'This plan is sold by contract; contact sales.',
  },
  PAYMENT_DECLINED: {
    status: 402,
    title: 'Payment declined',
    detail: 'The payment was declined and nothing was changed; use another payment method.',
  },
  PAYMENT_METHOD_REQUIRED: {
    status: 402,
    title: 'Payment method required',
    detail: 'The workspace has no payment method; store one, or ask for a hosted page to pay on.',
  },
  PAYMENT_METHOD_NOT_FOUND: {
    status: 404,
    title: 'Payment method not found',
    detail: 'The workspace has no such payment method; check the id.',
  },
  PLAN_UNCHANGED: {
    status: 409,
    title: 'Nothing to change',
    detail: 'The workspace has this plan already, or nothing waits that could be taken back; there is nothing to do.',
  },
  TOPUP_NOT_FOUND: {
    status: 404,
    title: 'Purchase not found',
    detail: 'The workspace has no such top-up; check the id.',
  },
  TOPUP_NOT_OFFERED: {
    status: 409,
    title: 'Credits not sold',
    detail: 'No credits can be bought on the plan of this workspace; change the plan first.',
  },
  TOPUP_AMOUNT_MISMATCH: {
    status: 400,
    title: 'Amount and credits disagree',
    detail: 'Amount, currency and credits do not agree with the plan; see GET /v1/billing/topups/packages.',
  },
  TOPUP_AMOUNT_OUT_OF_RANGE: {
    status: 400,
    title: 'Amount out of range',
    detail: 'A top-up may not cost so little or so much; see GET /v1/billing/topups/packages.',
  },
  TOPUP_NOT_CANCELABLE: {
    status: 409,
    title: 'Purchase not cancelable',
    detail: 'The top-up is paid, or its payment is on its way; it can not be canceled any more.',
  },
  PROMOTION_NOT_FOUND: {
    status: 404,
    title: 'Code not found',
    detail: 'There is no such code; check the spelling.',
  },
  PROMOTION_ENDED: {
    status: 409,
    title: 'Code ended',
    detail: 'This code can not be redeemed any more; leave it out, or ask for another one.',
  },
  PROMOTION_EXHAUSTED: {
    status: 409,
    title: 'Code used up',
    detail: 'This code was redeemed as often as it may be; leave it out, or ask for another one.',
  },
  PROMOTION_NOT_APPLICABLE: {
    status: 409,
    title: 'Code not applicable',
    detail: 'This code is not for this workspace, or not now; `metadata` says why.',
  },
  PROMOTION_ALREADY_REDEEMED: {
    status: 409,
    title: 'Code already redeemed',
    detail: 'The workspace has redeemed this code before; bring another one.',
  },
  PROMOTION_ALREADY_EXISTS: {
    status: 409,
    title: 'Code taken',
    detail: 'The product has a promotion of this code already; choose another code.',
  },
  PROMOTION_ATTEMPTS_EXCEEDED: {
    status: 429,
    title: 'Too many codes',
    detail: 'Too many codes that there are not were tried; try again later.',
    retryAfterS: 60,
  },
  ALERT_ENDPOINT_NOT_FOUND: {
    status: 404,
    title: 'Alert endpoint not found',
    detail: 'The workspace has no such alert endpoint; check the id.',
  },
  ALERT_ENDPOINT_LIMIT_REACHED: {
    status: 409,
    title: 'Too many alert endpoints',
    detail: 'The workspace has as many alert endpoints as it may have; delete one first.',
  },
  ALERT_DELIVERY_NOT_FOUND: {
    status: 404,
    title: 'Alert delivery not found',
    detail: 'The workspace has no such alert delivery, or not any more; check the id.',
  },
  ALERT_TARGET_FORBIDDEN: {
    status: 409,
    title: 'Address not allowed',
    detail: 'Nothing is sent to this address; name one of the public web, by https.',
  },
  KERNEL_UNAVAILABLE: {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'The billing service can not be reached. Try again shortly.',
    retryAfterS: 1,
  },
  ISSUER_UNAVAILABLE: {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'Access tokens can not be checked now, because their issuer does not answer. Try again shortly.',
    retryAfterS: 2,
  },
  REQUEST_TOO_LARGE: {
    status: 413,
    title: 'Request too large',
    detail: 'The body of the request is too large; send less.',
  },
  REQUEST_HEADER_TOO_LARGE: {
    status: 431,
    title: 'Request header too large',
    detail: 'The address and the header fields of the request are too large together; send less.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    title: 'Request incomplete',
    detail: 'The request did not arrive in time; send it again.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'A body must be uncompressed JSON in UTF-8; send it with `Content-Type: application/json`.',
  },
  RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    detail: 'As many requests as may be were sent in a minute; try again after the time in Retry-After.',
    retryAfterS: 60,
  },
  STREAM_LIMIT_REACHED: {
    status: 429,
    title: 'Too many streams',
    detail: 'As many answers as may be are being streamed; end one, or try again later.',
    retryAfterS: 10,
  },
  CSRF_TOKEN_INVALID: {
    status: 403,
    title: 'Not from this site',
    detail: 'Send the token of this session in the header X-CSRF-Token; GET /v1/me tells it.',
  },
};

/** Names one part of a request that can't be accepted, and says why. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** What a problem carries beside its reason. */
export interface ProblemOptions {
  /** Says what happened here and what to do; default the sentence of the reason. */
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  /** Figures behind the reason, as the kernel gave them. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retryAfterS?: number;
  /** Header fields that the status asks for, such as `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What made it happen, for the log; never sent. */
  readonly cause?: unknown;
}

const PROBLEM_FIELDS = object({
  type: url(),
  title: text('Is the same for every problem of the same reason.'),
  status: whole('Is the HTTP status.'),
  detail: text('Says what happened here and what to do.'),
  instance: text('Is the id of the request (X-Request-Id).'),
  reason: text('Is the stable name of the reason: what programs go by.'),
});

/** The problem document, as it is sent. */
export const PROBLEM: Shape<ProblemDocument> = {
  title: 'Problem',
  ...PROBLEM_FIELDS,
  properties: {
    ...Object(PROBLEM_FIELDS['properties']),
    errors: list(
      object({ field: text(), message: text() }),
      'Names each part of the request that can’t be accepted, and says why.',
    ),
    metadata: mapOf(text(), 'Are figures behind the reason.'),
  },
  description: 'Says why a request was refused (RFC 9457).',
};

/** The problem document, as it is sent. */
export interface ProblemDocument extends ValueOf<typeof PROBLEM_FIELDS> {
  errors?: readonly FieldError[];
  metadata?: Readonly<Record<string, string>>;
}

/** Says that a request is answered with an error; its reason decides the status. */
export class Problem extends Error {
  readonly reason: string;
  readonly kind: ProblemKind;
  readonly errors: readonly FieldError[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterS: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  /** Takes a kind only where the reason is none of this BFF's own, as a newer kernel may send. */
  constructor(reason: ProblemReason | { name: string; kind: ProblemKind }, options: ProblemOptions = {}) {
    const kind = typeof reason === 'string' ? PROBLEM_KINDS[reason] : reason.kind;
    super(options.detail ?? kind.detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Problem';
    this.reason = typeof reason === 'string' ? reason : reason.name;
    this.kind = kind;
    this.errors = options.errors ?? [];
    this.metadata = options.metadata ?? {};
    this.retryAfterS = options.retryAfterS ?? kind.retryAfterS;
    this.headers = options.headers ?? {};
  }

  /** Builds the document that is sent for the request of this id. */
  toDocument(requestId: string): ProblemDocument {
    return {
      type: `https://wheelhouse.dev/errors/${this.reason}`,
      title: this.kind.title,
      status: this.kind.status,
      detail: this.message,
      instance: requestId,
      reason: this.reason,
      ...(this.errors.length > 0 && { errors: this.errors }),
      ...(Object.keys(this.metadata).length > 0 && { metadata: this.metadata }),
    };
  }

  /** Builds the header fields that go with the document. */
  toHeaders(): Record<string, string> {
    return {
      ...this.headers,
      ...(this.retryAfterS !== undefined && { 'Retry-After': String(this.retryAfterS) }),
    };
  }
}

/** Builds the INVALID_FIELD problem of one or more fields. */
export function invalidField(...errors: readonly FieldError[]): Problem {
  return new Problem('INVALID_FIELD', {
    detail: errors.map(({ field, message }) => `${field}: ${message}`).join(' '),
    errors,
  });
}
