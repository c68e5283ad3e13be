// Owns the REST client of the billing API, for programs and for the Console: typed by the document, with what says who calls, and
// with repeats that are safe.
// Does not own the types of requests and answers (billing-api.ts, made from the document by `npm run gen`).
// Invariants: a write that is repeated bears the same idempotency key, so that it happens once; what is refused for good is not
// repeated; no request is under way for longer than its time.

import createClient, { type Client } from 'openapi-fetch';
import type { paths } from './billing-api.ts';

const ATTEMPTS_MAX = 4;
const TIMEOUT_MS = 30_000;
const REPEAT_MS = 60_000;
/** A server that wants longer is not waited for: its answer is the program's to judge. */
const WAIT_MS_MAX = 10_000;
const WAIT_MS = 250;
/** Say that the same request can succeed later; what was done is not done again. 502 is a proxy's, whose way to the API broke. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Are the types of answers that calls read; a list that can also be had as CSV is read as JSON. */
type Json = 'application/json' | 'application/problem+json';

/** Says where the API is, and who calls it. */
export interface BillingClientOptions {
  /** Is the address of a BFF, such as `https://api.example.com`. */
  readonly url: string;
  /** Is a personal access token, or the access token of a person; absent in a browser, whose session says who calls. */
  readonly token?: string | undefined;
  /** Is what a browser's session gives its own pages (`GET /v1/me`), so that no other page can write in its name. */
  readonly csrfToken?: string | undefined;
  /** Is the workspace that calls are about; a personal access token has its own. */
  readonly workspaceId?: string | undefined;
  /** Is how long one attempt may take, in milliseconds; default 30,000. */
  readonly timeoutMs?: number;
  /** Is how long after its beginning a call is still repeated, in milliseconds; default 60,000. */
  readonly repeatMs?: number;
  /** Is how requests are sent; default `fetch`. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

/**
 * Makes a client. Its calls answer `data` or, where the API refuses, `error`, a problem document. They throw where no answer
 * came after several attempts.
 */
export function createBillingClient(options: BillingClientOptions): Client<paths, Json> {
  const { url, token, csrfToken, workspaceId, fetch: send = fetch } = options;
  const limits = { timeoutMs: options.timeoutMs ?? TIMEOUT_MS, repeatMs: options.repeatMs ?? REPEAT_MS };
  return createClient<paths, Json>({
    baseUrl: url,
    headers: {
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(csrfToken !== undefined && { 'X-CSRF-Token': csrfToken }),
      ...(workspaceId !== undefined && { 'X-Workspace-Id': workspaceId }),
    },
    fetch: (request) => sendUntilAnswered(withKey(request), limits, send),
  });
}

/** A write that names no key gets one, by which its repeats are known. */
function withKey(request: Request): Request {
  if (request.method === 'GET' || request.headers.has('Idempotency-Key')) return request;
  const headers = new Headers(request.headers);
  headers.set('Idempotency-Key', crypto.randomUUID());
  return new Request(request, { headers });
}

async function sendUntilAnswered(
  request: Request,
  { timeoutMs, repeatMs }: { readonly timeoutMs: number; readonly repeatMs: number },
  send: (request: Request) => Promise<Response>,
): Promise<Response> {
  const repeatedUntil = Date.now() + repeatMs;
  for (let attempt = 1; ; attempt += 1) {
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
    const outcome = await send(new Request(request.clone(), { signal })).catch((error: unknown) => ({ error }));
    const waitMs = computeWaitMs(outcome, attempt);
    const isLast = attempt === ATTEMPTS_MAX || request.signal.aborted || Date.now() + (waitMs ?? 0) > repeatedUntil;
    if (isLast || waitMs === undefined) {
      if (outcome instanceof Response) return outcome;
      throw outcome.error;
    }
    await waitUnlessAborted(waitMs, request.signal);
  }
}

/** Throws the reason of the signal where it fires before the time is over. */
function waitUnlessAborted(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, waitMs);
    signal.addEventListener('abort', end);
  });
}

/** Says how long to wait before the next attempt, in milliseconds; undefined where the answer is final. */
function computeWaitMs(outcome: Response | { readonly error: unknown }, attempt: number): number | undefined {
  const backoffMs = WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
  if (!(outcome instanceof Response)) return backoffMs;
  if (!TRANSIENT_STATUSES.has(outcome.status)) return undefined;
  const askedMs = readAskedMs(outcome.headers.get('Retry-After') ?? '');
  return askedMs > WAIT_MS_MAX ? undefined : Math.max(askedMs, backoffMs);
}

/** Reads seconds or, as proxies write it, the time from which on to come again; what is neither asks for nothing. */
function readAskedMs(retryAfter: string): number {
  const seconds = Number(retryAfter);
  const askedMs = Number.isNaN(seconds) ? Date.parse(retryAfter) - Date.now() : seconds * 1_000;
  return Number.isNaN(askedMs) ? 0 : askedMs;
}
