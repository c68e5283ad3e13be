// Owns how Stripe is spoken to: where, as whom, how long and how often. Does not own what is asked.
// Invariants: the API version is the one that the SDK's types are of; a key never gets into an error or a log.

import { Stripe } from 'stripe';
import { DomainError } from '../domain/error.ts';

/** How long one try of a call may take, in milliseconds, and how often a call is tried again. */
const CALL_TIMEOUT_MS = 20_000;
const RETRIES_MAX = 2;
const RETRY_DELAY_MS = 5_000;
const MESSAGE_LENGTH_MAX = 300;
/** What a message of Stripe may quote of a key is masked by Stripe; this holds for what lies between. */
const KEY = /\b(sk|rk|pk|whsec)_[A-Za-z0-9_*]+/g;

export interface StripeClientOptions {
  readonly secretKey: string;
  /** Scheme and host, perhaps a port. */
  readonly apiUrl: string;
  /** Told of each answer, by its HTTP status. */
  readonly onResponse: (status: number) => void;
}

/** Speaks to Stripe. */
export type StripeClient = Stripe;

/** Opens a client; nothing is sent until it is asked something. */
export function createStripeClient({ secretKey, apiUrl, onResponse }: StripeClientOptions): StripeClient {
  const { protocol, hostname, port } = new URL(apiUrl);
  const client = new Stripe(secretKey, {
    protocol: protocol === 'http:' ? 'http' : 'https',
    host: hostname,
    ...(port === '' ? {} : { port }),
    timeout: CALL_TIMEOUT_MS,
    maxNetworkRetries: RETRIES_MAX,
    telemetry: false,
    appInfo: { name: 'wheelhouse' },
  });
  client.on('response', ({ status }: { readonly status: number }) => onResponse(status));
  return client;
}

/** Runs a call to Stripe. Throws DomainError STRIPE_UNAVAILABLE or STRIPE_REFUSED; what is no error of Stripe's passes. */
export async function guardStripe<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw error instanceof Stripe.errors.StripeError ? toDomainError(error) : error;
  }
}

/** Answers the error of Stripe that was thrown, where it definitely says no: the status is below 500, and not "wait". */
export function findRefusal(thrown: unknown): InstanceType<typeof Stripe.errors.StripeError> | undefined {
  return thrown instanceof Stripe.errors.StripeError && isRefusal(thrown) ? thrown : undefined;
}

/** Runs a call that may come too late: what Stripe refuses because it is over already is no error. */
export async function unlessOver(call: () => Promise<unknown>, isOver: () => Promise<boolean>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (findRefusal(error) === undefined || !(await isOver())) throw error;
  }
}

/** Says whether Stripe has no object of the id that was asked for. */
export function isMissing(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeError && error.statusCode === 404;
}

function toDomainError(error: InstanceType<typeof Stripe.errors.StripeError>): DomainError {
  const detail = error.message.replaceAll(KEY, '$1_…').slice(0, MESSAGE_LENGTH_MAX).toWellFormed();
  const { statusCode, requestId, code } = error;
  const metadata = {
    ...(statusCode === undefined ? {} : { stripe_status: `${statusCode}` }),
    ...(code === undefined ? {} : { stripe_code: code }),
    ...(requestId === undefined ? {} : { stripe_request_id: requestId }),
  };
  // The error itself holds the headers of the request: its message is all that is kept.
  if (error instanceof Stripe.errors.StripeAuthenticationError) {
    return new DomainError('STRIPE_REFUSED', `Stripe does not know the key: correct STRIPE_SECRET_KEY`, { metadata });
  }
  if (isRefusal(error)) {
    return new DomainError('STRIPE_REFUSED', `Stripe refused a request of the kernel: ${detail}`, { metadata });
  }
  const message = `Stripe can't be reached, or asks to wait: ${detail}`;
  return new DomainError('STRIPE_UNAVAILABLE', message, { metadata, retryDelayMs: RETRY_DELAY_MS });
}

/** A key that was used with other parameters before, or is in use, says nothing of what the first request came to. */
function isRefusal(error: InstanceType<typeof Stripe.errors.StripeError>): boolean {
  const { statusCode } = error;
  if (statusCode === undefined || statusCode >= 500) return false;
  return statusCode !== 409 && statusCode !== 429 && !(error instanceof Stripe.errors.StripeIdempotencyError);
}
