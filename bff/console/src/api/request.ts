// Owns how the Console's calls go to the API: by the REST client, in the session of the browser, with problems as errors.
// Does not own which calls there are (api.ts), how they are repeated (REST client), or their keys (order-key.ts).
// Invariant: everything goes to the origin that the page is from.

import type { paths } from '../../../../clients/rest/billing-api.ts';
import { createBillingClient } from '../../../../clients/rest/client.ts';
import { createOrderKeys } from './order-key.ts';
import { ApiProblem, unreachable } from './problem.ts';

/** Somebody is waiting: what has taken longer is told, with a button to try again. */
const REPEAT_MS = 5_000;

/** Says by which session and about which workspace requests are made. */
export interface RequestScope {
  readonly csrfToken: string | null;
  readonly workspaceId: string | null;
}

/** Is the REST client. */
export type Client = ReturnType<typeof createBillingClient>;

/** Is a body that a call sends. */
export type BodyOf<Path extends keyof paths, Method extends keyof paths[Path]> = paths[Path][Method] extends {
  requestBody?: { content: { 'application/json': infer Body } };
}
  ? Body
  : never;

/** Are the parameters that a call may have in its address. */
export type QueryOf<Path extends keyof paths> = paths[Path] extends { get: { parameters: { query?: infer Query } } }
  ? NonNullable<Query>
  : never;

/** Makes the client of a session. What takes long by its nature gets more time than the client gives. */
export function createClientOf({ csrfToken, workspaceId }: RequestScope, timeoutMs?: number): Client {
  const client = createBillingClient({
    url: location.origin,
    csrfToken: csrfToken ?? undefined,
    workspaceId: workspaceId ?? undefined,
    repeatMs: REPEAT_MS,
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  client.use(createOrderKeys());
  return client;
}

/** Is what the client says of a call that was answered. */
interface Outcome<Answer> {
  readonly data?: Answer;
  readonly error?: unknown;
  readonly response: Response;
}

/** Returns what a call was answered with. Throws ApiProblem where it was refused, or where no answer came. */
export async function read<Answer>(call: Promise<Outcome<Answer>>): Promise<Answer> {
  const { data, error, response } = await reach(call);
  if (data === undefined || !response.ok) throw toProblem(error, response);
  return data;
}

/** Waits for a call that is answered with nothing. Throws as `read` does. */
export async function finish(call: Promise<Outcome<unknown>>): Promise<void> {
  const { error, response } = await reach(call);
  if (!response.ok) throw toProblem(error, response);
}

async function reach<Answer>(call: Promise<Outcome<Answer>>): Promise<Outcome<Answer>> {
  return await call.catch((error: unknown) => {
    throw error instanceof ApiProblem ? error : unreachable();
  });
}

/** Anything can answer in the place of our service: what is no problem document has none of its fields. */
function toProblem(error: unknown, response: Response): ApiProblem {
  const { reason, detail, metadata }: Partial<Record<string, unknown>> = Object(error);
  return new ApiProblem({
    status: response.status,
    reason: typeof reason === 'string' ? reason : `HTTP_${response.status}`,
    detail: typeof detail === 'string' ? detail : response.statusText,
    metadata: Object.fromEntries(Object.entries(Object(metadata)).map(([name, value]) => [name, String(value)])),
    requestId: response.headers.get('x-request-id'),
  });
}
