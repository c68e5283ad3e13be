// Owns how a request goes to the API and how its answer comes back: headers of the session, keys that make writes safe to repeat,
// and problems as errors. Does not own which calls there are (api.ts).
// Invariants: everything goes to the origin that the page is from; a write whose answer was lost is sent again by its own key.

import { ApiProblem, unreachable } from './problem.ts';

/** Says by which session and about which workspace requests are made. */
export interface RequestScope {
  readonly csrfToken: string | null;
  readonly workspaceId: string | null;
}

/** What a request asks for. */
export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: object;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
  /** Is the id of the last event that a stream had. */
  readonly lastEventId?: string | undefined;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const WRITE_ATTEMPTS_MAX = 3;
const RETRY_DELAY_MS = 600;
/** Are the statuses after which the same write may be sent again. */
const RETRIED_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

/** Sends a request. Returns the answer that is no problem. Throws ApiProblem. */
export async function send(
  scope: RequestScope,
  method: Method,
  path: string,
  options: RequestOptions = {},
): Promise<Response> {
  const request = toRequest(scope, method, path, options);
  for (let attempt = 1; ; attempt += 1) {
    const isLast = method === 'GET' || attempt >= WRITE_ATTEMPTS_MAX;
    const response = await tryToFetch(request.clone());
    if (response?.ok === true) return response;
    if (isLast || (response !== undefined && !RETRIED_STATUSES.has(response.status))) {
      throw response === undefined ? unreachable() : await readProblem(response);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS * attempt));
  }
}

/** Sends a request, and reads the JSON of its answer. Throws ApiProblem. */
export async function sendForJson<Answer>(
  scope: RequestScope,
  method: Method,
  path: string,
  options: RequestOptions = {},
): Promise<Answer> {
  const response = await send(scope, method, path, options);
  // The document of the API, which the types are made from, says that it has this shape; the service's tests hold it to that.
  return (await response.json()) as Answer;
}

function toRequest(scope: RequestScope, method: Method, path: string, options: RequestOptions): Request {
  const headers = new Headers({ accept: options.accept ?? 'application/json' });
  if (scope.workspaceId !== null) headers.set('x-workspace-id', scope.workspaceId);
  if (options.body !== undefined) headers.set('content-type', 'application/json');
  if (options.lastEventId !== undefined) headers.set('last-event-id', options.lastEventId);
  if (method !== 'GET') {
    headers.set('idempotency-key', crypto.randomUUID());
    if (scope.csrfToken !== null) headers.set('x-csrf-token', scope.csrfToken);
  }
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== '') search.set(name, value);
  }
  const address = search.size === 0 ? path : `${path}?${search.toString()}`;
  return new Request(new URL(address, location.origin), {
    method,
    headers,
    ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    ...(options.signal !== undefined && { signal: options.signal }),
  });
}

async function tryToFetch(request: Request): Promise<Response | undefined> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    return undefined;
  }
}

interface ProblemDocument {
  readonly reason?: string;
  readonly detail?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

async function readProblem(response: Response): Promise<ApiProblem> {
  const document = await response.json().then(
    // Anything can answer in the place of our service; what is no problem document has none of these fields.
    (json: unknown) => (typeof json === 'object' && json !== null ? (json as ProblemDocument) : {}),
    () => ({}) as ProblemDocument,
  );
  return new ApiProblem({
    status: response.status,
    reason: document.reason ?? `HTTP_${response.status}`,
    detail: document.detail ?? response.statusText,
    metadata: document.metadata ?? {},
    requestId: response.headers.get('x-request-id'),
  });
}
