/**
 * Owns: failures as Stripe answers them: HTTP status, type, code, parameter and words.
 * Does not own: when something fails.
 */
import type { ApiObject, JsonFields } from './json.ts';

/** Is Stripe's kind of failure. */
export type StripeErrorType = 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';

/** Are the further fields of an error. */
export interface ErrorDetail {
  readonly code?: string;
  readonly param?: string;
  readonly decline_code?: string;
  readonly charge?: string;
  readonly payment_intent?: ApiObject;
  readonly setup_intent?: ApiObject;
  readonly payment_method?: ApiObject;
}

/** Is a failure that is answered in Stripe's form. */
export class StripeError extends Error {
  readonly status: number;
  readonly type: StripeErrorType;
  readonly detail: ErrorDetail;
  /** Says that what the request did until it failed stays, as with a declined payment. */
  readonly keepsChanges: boolean;

  constructor(status: number, type: StripeErrorType, message: string, detail: ErrorDetail = {}, keepsChanges = false) {
    super(message);
    this.name = 'StripeError';
    this.status = status;
    this.type = type;
    this.detail = detail;
    this.keepsChanges = keepsChanges;
  }
}

/** Makes the failure of a request that is wrong. */
export function invalidRequest(message: string, detail: ErrorDetail = {}, status = 400): StripeError {
  return new StripeError(status, 'invalid_request_error', message, detail);
}

/** Makes the failure of a request that names something that does not exist: 404 in the path, 400 in a parameter. */
export function resourceMissing(kind: string, id: string, param: string, status: 400 | 404 = 400): StripeError {
  return invalidRequest(`No such ${kind}: '${id}'`, { code: 'resource_missing', param }, status);
}

/**
 * Makes the failure of a request that Stripe would take and the sandbox can't: it says so rather than answering as if it
 * had done what it has not.
 */
export function notInSandbox(what: string, param?: string): StripeError {
  return invalidRequest(
    `The local Stripe sandbox does not know ${what}. Add it in dev/stripe-sandbox, or use Stripe.`,
    {
      code: 'sandbox_unsupported',
      ...(param === undefined ? {} : { param }),
    },
  );
}

/** Returns the body that a failure is answered with. */
export function toErrorBody({ type, message, detail }: StripeError): JsonFields {
  const { code } = detail;
  const documented = code === undefined || code === 'sandbox_unsupported' ? {} : toDocumentation(code);
  return { error: { type, message, ...documented, ...withoutAbsent(detail) } };
}

function toDocumentation(code: string): JsonFields {
  return { doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}` };
}

function withoutAbsent(detail: ErrorDetail): JsonFields {
  return Object.fromEntries(
    Object.entries(detail).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}

/** Runs what a transaction does: a failure that keeps its changes is an answer, any other is thrown and undoes them. */
export function attempt<Result>(run: () => Result): Result | StripeError {
  try {
    return run();
  } catch (error) {
    if (error instanceof StripeError && error.keepsChanges) return error;
    throw error;
  }
}
