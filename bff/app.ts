// Owns the app: what happens to every request before and after its route: context, headers, and the answer to errors.
// Does not own the way of a request to its answer (route-runner.ts), the table of routes (routes/all.ts), or any rule about
// billing, and holds no state.
// Invariants: every error leaves as application/problem+json, but to the person in front of a page; nothing in a request chooses the product; what a client
// does not wait for any more is not computed any further.

import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { isServiceError } from '../clients/grpc/error-detail.ts';
import { isPageRequest } from './console-host.ts';
import { ConversionError } from './convert.ts';
import { createCors } from './cross-origin.ts';
import { fromKernelError } from './kernel-problem.ts';
import { createDocumentPaths } from './openapi/document-path.ts';
import { definePaths, type Handler, type PathMethod } from './path-table.ts';
import { invalidField, Problem } from './problem.ts';
import { parseQuery } from './query.ts';
import { contextOf, openContext } from './request-context.ts';
import { describeError, logWhenClosed } from './request-log.ts';
import { type RouteRunnerDependencies, runRoute, sendJson } from './route-runner.ts';
import { ROUTES } from './routes/all.ts';
import type { Health } from './routes/health.ts';

/** What the app is made of. */
export interface AppDependencies extends RouteRunnerDependencies {
  readonly requestTimeoutMs: number;
  /** Are the proxies before it, whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** Are the origins whose pages may read answers. */
  readonly corsOrigins: readonly string[];
  /** Are the paths for browsers alone: signing in, and the pages that mails lead to; empty where nobody can sign in so. */
  readonly browserPaths: readonly PathMethod[];
  /** Answers whoever typed an address that is none; absent where there are no pages. */
  readonly missingPage: Handler | undefined;
  readonly health: Health;
  readonly logger: Logger;
}

/** Builds the app; it listens to nothing yet. */
export function createApp(dependencies: AppDependencies): Express {
  const { health, logger, trustedProxies, browserPaths, corsOrigins, limits } = dependencies;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('strict routing');
  app.enable('case sensitive routing');
  app.set('query parser', parseQuery);
  app.set('trust proxy', trustedProxies);

  app.use(beginRequest(dependencies));
  app.use(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    }),
  );
  app.use(requireHost);
  definePaths(app, [
    toProbe('/healthz', async () => ({ status: 'ok' })),
    toProbe('/readyz', () => health.answerReadiness()),
  ]);
  if (corsOrigins.length > 0) app.use(createCors(corsOrigins));
  app.use(limits.countAddress);
  definePaths(app, [
    ...createDocumentPaths(dependencies.productCode),
    ...browserPaths,
    ...ROUTES.map((route): PathMethod => {
      const { method, path } = route;
      return { method, path, handle: (request, response) => runRoute(route, dependencies, request, response) };
    }),
  ]);
  app.use(refuseRoute(dependencies));
  app.use(answerError(logger));
  return app;
}

function refuseRoute({ missingPage }: AppDependencies): RequestHandler {
  return (request, response) => {
    if (missingPage === undefined || !isPageRequest(request)) throw new Problem('ROUTE_NOT_FOUND');
    contextOf(response).reason = 'ROUTE_NOT_FOUND';
    return missingPage(request, response);
  };
}

function toProbe(path: string, answer: () => Promise<object>): PathMethod {
  return { method: 'GET', path, handle: async (request, response) => sendJson(request, response, await answer()) };
}

/** Every response, of whatever kind, gets its id, its log line and its cache rule first. */
function beginRequest({ requestTimeoutMs, logger }: AppDependencies): RequestHandler {
  return (request, response, next) => {
    const { requestId } = openContext(request, response, requestTimeoutMs);
    logWhenClosed(logger, request, response);
    response.setHeader('x-request-id', requestId);
    response.setHeader('Cache-Control', 'no-store');
    next();
  };
}

/** HTTP/1.1 wants exactly one Host. Its value is not looked at: it never chooses a product. */
const requireHost: RequestHandler = (request, _response, next) => {
  const hosts = request.headersDistinct['host']?.length ?? 0;
  if (hosts > 1 || (hosts === 0 && request.httpVersion !== '1.0')) {
    throw invalidField({ field: 'Host', message: 'Send exactly one Host header.' });
  }
  next();
};

function answerError(logger: Logger): ErrorRequestHandler {
  return (error: unknown, _request, response, _next) => {
    const context = contextOf(response);
    if (context.signal.aborted) {
      return;
    }
    const problem = toProblem(error);
    context.reason = problem.reason;
    // A problem without a cause is a plain answer, such as that of a probe, and so is what an operator has switched off; the
    // line of the request tells its reason.
    if (problem.kind.status >= 500 && problem.kind.isDeliberate !== true && problem.cause !== undefined) {
      const line = {
        requestId: context.requestId,
        reason: problem.reason,
        error: describeError(problem.cause),
      };
      logger.error(line, 'the request failed');
      logger.debug({ requestId: context.requestId, stack: error instanceof Error ? error.stack : undefined }, 'stack');
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (context.showProblem === undefined) sendProblem(response, problem, context.requestId);
    else context.showProblem(problem);
  };
}

/** Finds the problem that an error of any kind is answered with. */
function toProblem(error: unknown): Problem {
  if (error instanceof Problem) {
    return error;
  }
  if (isServiceError(error)) {
    return fromKernelError(error);
  }
  if (error instanceof ConversionError) {
    return new Problem('INTERNAL', {
      cause: error,
      detail: `The answer can not be shown, because of ${error.field}: ${error.message}. Report the id of this request.`,
      errors: [{ field: error.field, message: error.message }],
    });
  }
  // Express could not read a parameter of the path.
  if (error instanceof URIError) {
    return invalidField({ field: 'path', message: 'Its percent-encoding is broken; send text in UTF-8.' });
  }
  return new Problem('INTERNAL', { cause: error });
}

function sendProblem(response: Response, problem: Problem, requestId: string): void {
  const document = Buffer.from(JSON.stringify(problem.toDocument(requestId)));
  response.statusCode = problem.kind.status;
  for (const [name, value] of Object.entries(problem.toHeaders())) {
    response.setHeader(name, value);
  }
  response.setHeader('Content-Type', 'application/problem+json');
  response.setHeader('Content-Length', document.byteLength);
  response.end(document);
}
