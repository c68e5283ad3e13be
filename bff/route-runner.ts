// Owns the way of a request to a route's answer: who calls, what was sent, which workspace, then the kernel.
// Does not own how errors are answered (app.ts), or any of these steps.
// Invariants: nothing of a request is read before it is known who sent it; the kernel hears nothing of a request whose form is
// wrong.

import type { Request, Response } from 'express';
import { v7 as newUuid } from 'uuid';
import type { Admission, Caller } from './admission.ts';
import { readBody, refuseBody } from './body.ts';
import type { CallContext } from './call-context.ts';
import { chooseCompression, compress, compressOnce, gainsByCompression } from './compression.ts';
import { type Identity, NOBODY } from './identity.ts';
import type { KernelClient } from './kernel-client.ts';
import { invalidField } from './problem.ts';
import type { RateLimits } from './rate-limit.ts';
import { toRemoteAddress } from './remote-address.ts';
import { JSON_TYPE, type Rendered, RenderedJson } from './rendered-json.ts';
import { contextOf } from './request-context.ts';
import { readIdempotencyKey, readNamedWorkspace } from './request-field.ts';
import { type Answer, type RawInput, Reply, type Route, type RouteCall, type RouteMethod } from './routes/route.ts';
import type { StreamDesk } from './stream-desk.ts';
import { StreamReply, sendStream } from './stream-reply.ts';
import type { WorkspaceFinder } from './workspace-finder.ts';

/** What routes are run with. */
export interface RouteRunnerDependencies {
  readonly productCode: string;
  readonly kernel: KernelClient;
  readonly admission: Admission;
  readonly workspaces: WorkspaceFinder;
  readonly streams: StreamDesk;
  readonly limits: RateLimits;
}

/** Says which methods have a body; the others are refused with one. */
const METHODS_WITH_BODY: ReadonlySet<RouteMethod> = new Set<RouteMethod>(['POST', 'PUT', 'PATCH']);

/** Answers a request by a route. Throws what the route and the steps before it throw. */
export async function runRoute(
  route: Route,
  dependencies: RouteRunnerDependencies,
  request: Request,
  response: Response,
): Promise<void> {
  const { admission, kernel, productCode, streams, limits } = dependencies;
  const caller = route.needs === 'nothing' ? { identity: NOBODY } : await admission.admit(request);
  const context = contextOf(response);
  context.identity = caller.identity;
  await limits.countCaller(caller.identity, request, response);
  const body = await readExpectedBody(route, request, response);
  const raw: RawInput = {
    ...{ query: request.query, body, parameters: request.params, ...toKey(route, request) },
    accepts: (types) => request.accepts([...types]),
    lastEventId: request.get('last-event-id') ?? '',
  };
  const call = { kernel, productCode, streams, ...toCall(route, caller, request, response) };
  if (route.workspace === 'none' || route.workspace === 'named') {
    await sendAnswer(request, response, await route.prepare(raw)(call));
    return;
  }
  const answer = route.prepare(raw);
  const tenantId = call.context.tenantId ?? (await dependencies.workspaces.find(call.context));
  context.tenantId = tenantId;
  await sendAnswer(request, response, await answer({ ...call, tenantId, context: { ...call.context, tenantId } }));
}

/** A request that names no key is told from every other by one that is made for it. */
function toKey({ method }: Route, request: Request): { readonly idempotencyKey: string; readonly namesKey: boolean } {
  if (method === 'GET') return { idempotencyKey: '', namesKey: false };
  const named = readIdempotencyKey(request);
  return { idempotencyKey: named ?? newUuid(), namesKey: named !== undefined };
}

async function readExpectedBody(route: Route, request: Request, response: Response): Promise<unknown> {
  if (METHODS_WITH_BODY.has(route.method)) {
    return await readBody(request, response);
  }
  await refuseBody(request, response);
  return undefined;
}

/** Gathers what goes with every call of the kernel for this request. */
function toCall(
  route: Route,
  { identity, csrfToken }: Caller,
  request: Request,
  response: Response,
): Pick<RouteCall, 'context' | 'csrfToken'> {
  const tenantId = route.needs === 'nothing' ? undefined : chooseWorkspace(route, request);
  contextOf(response).tenantId = tenantId;
  const context = { ...toCallContext(identity, request, response), ...(tenantId !== undefined && { tenantId }) };
  return { context, ...(csrfToken !== undefined && { csrfToken }) };
}

/** Says for whom the kernel is called for a request, from where, and until when. */
export function toCallContext(identity: Identity, request: Request, response: Response): CallContext {
  const { requestId, deadline, signal } = contextOf(response);
  const remoteAddress = toRemoteAddress(request.ip);
  return { ...{ identity, requestId, deadline, signal }, ...(remoteAddress !== undefined && { remoteAddress }) };
}

/**
 * Says which workspace a request names, where its route is about one. Throws INVALID_FIELD where its header and its path
 * name two.
 */
function chooseWorkspace(route: Route, request: Request): string | undefined {
  const named = readNamedWorkspace(request);
  if (route.workspace === 'none') return undefined;
  if (route.workspace !== 'path') return named;
  const inPath = String(request.params['workspace_id']);
  if (named !== undefined && named !== inPath) {
    throw invalidField({ field: 'X-Workspace-Id', message: 'It names another workspace than the path; leave it out.' });
  }
  return inPath;
}

/** Sends an answer. One that was made before has a tag, by which a client that has it already gets 304 and no body. */
async function sendAnswer(request: Request, response: Response, answer: Answer): Promise<void> {
  if (answer instanceof StreamReply) {
    await sendStream(request, response, answer);
    return;
  }
  if (answer instanceof RenderedJson) {
    sendRendered(request, response, answer);
    return;
  }
  if (!(answer instanceof Reply)) {
    await sendJson(request, response, answer);
    return;
  }
  response.statusCode = answer.status;
  if (answer.replayed) {
    response.setHeader('Idempotency-Replayed', 'true');
  }
  if (answer.location !== undefined) {
    response.setHeader('Location', answer.location);
  }
  if (answer.body === undefined) {
    response.end();
    return;
  }
  await sendJson(request, response, answer.body);
}

/** Sends what was made before; who asked may keep it, and asks again each time. */
export function sendRendered(request: Request, response: Response, answer: Rendered): void {
  const isZipped = gainsByCompression(answer.bytes.byteLength) && chooseCompression(request, response);
  // The same content in other bytes has no strong tag in common.
  response.setHeader('ETag', isZipped ? `W/${answer.entityTag}` : answer.entityTag);
  response.setHeader('Cache-Control', 'private, no-cache');
  if (answer.isHeldBy(request.headers['if-none-match'])) {
    response.statusCode = 304;
    response.removeHeader('Content-Encoding');
    response.end();
    return;
  }
  sendBytes(response, isZipped ? compressOnce(answer.bytes) : answer.bytes, answer.contentType);
}

/** Sends JSON. */
export async function sendJson(request: Request, response: Response, value: object): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(value));
  const isZipped = gainsByCompression(bytes.byteLength) && chooseCompression(request, response);
  sendBytes(response, isZipped ? await compress(bytes) : bytes, JSON_TYPE);
}

function sendBytes(response: Response, bytes: Buffer, contentType: string): void {
  response.setHeader('Content-Type', contentType);
  response.setHeader('Content-Length', bytes.byteLength);
  response.end(bytes);
}
