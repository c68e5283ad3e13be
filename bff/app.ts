// Owns the way of a request through the BFF: context, headers, route, authentication, checks, kernel, answer or problem.
// Does not own any rule about billing, and holds no state: each step stands in its own file.
// Invariants: every error leaves as application/problem+json; nothing in a request chooses the product; what a client
// does not wait for any more is not computed any further.

import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Authenticator } from './authentication.ts';
import { refuseBody } from './body.ts';
import { ConversionError } from './convert.ts';
import type { KernelClient } from './kernel-client.ts';
import { fromKernelError, isServiceError } from './kernel-problem.ts';
import { invalidField, Problem } from './problem.ts';
import { parseQuery } from './query.ts';
import { RenderedJson } from './rendered-json.ts';
import { contextOf, openContext } from './request-context.ts';
import { describeError, logWhenClosed } from './request-log.ts';
import { actionPricingRoute } from './routes/action-pricing.ts';
import type { Health } from './routes/health.ts';
import { planRoute } from './routes/plan.ts';
import type { Route } from './routes/route.ts';
import { usageRoute } from './routes/usage.ts';
import { usageHistoryRoute } from './routes/usage-history.ts';

/** What the app is made of. */
export interface AppDependencies {
  readonly productCode: string;
  readonly requestTimeoutMs: number;
  readonly kernel: KernelClient;
  readonly authenticator: Authenticator;
  readonly health: Health;
  readonly logger: Logger;
}

const ALLOWED_METHODS = 'GET, HEAD, OPTIONS';
const ROUTES: readonly Route[] = [planRoute, usageRoute, actionPricingRoute, usageHistoryRoute];

/** Builds the app; it listens to nothing yet. */
export function createApp(dependencies: AppDependencies): Express {
  const { health, logger } = dependencies;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('strict routing');
  app.enable('case sensitive routing');
  app.set('query parser', parseQuery);

  app.use(beginRequest(dependencies));
  app.use(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    }),
  );
  app.use(requireHost);

  defineGet(app, '/healthz', async () => ({ status: 'ok' }));
  defineGet(app, '/readyz', () => health.answerReadiness());
  for (const route of ROUTES) {
    defineGet(app, route.path, (request, response) => answerRoute(route, dependencies, request, response));
  }
  app.use(() => {
    throw new Problem('ROUTE_NOT_FOUND');
  });
  app.use(answerError(logger));
  return app;
}

/** Every response, of whatever kind, gets its id, its log line and its cache rule first. */
function beginRequest({ requestTimeoutMs, health, logger }: AppDependencies): RequestHandler {
  return (request, response, next) => {
    const { requestId } = openContext(request, response, requestTimeoutMs);
    logWhenClosed(logger, request, response);
    response.setHeader('x-request-id', requestId);
    response.setHeader('Cache-Control', 'no-store');
    if (health.isDraining) {
      response.setHeader('Connection', 'close');
    }
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

/** Defines what GET answers, and with it HEAD; any other method is refused. */
function defineGet(
  app: Express,
  path: string,
  answer: (request: Request, response: Response) => Promise<object | RenderedJson>,
): void {
  app
    .route(path)
    .get(async (request, response) => {
      sendJson(request, response, await answer(request, response));
    })
    .options((_request, response) => {
      response.setHeader('Allow', ALLOWED_METHODS);
      response.status(204).end();
    })
    .all((request) => {
      throw new Problem('METHOD_NOT_ALLOWED', {
        detail: `${path} does not take ${request.method}; use GET.`,
        headers: { Allow: ALLOWED_METHODS },
      });
    });
}

async function answerRoute(
  route: Route,
  { authenticator, kernel, productCode }: AppDependencies,
  request: Request,
  response: Response,
): Promise<object | RenderedJson> {
  const context = contextOf(response);
  const identity = await authenticator.authenticate(request.headersDistinct['authorization']);
  context.identity = identity;
  await refuseBody(request, response);
  return route.answer(request.query, { kernel, productCode, context: { ...context, identity } });
}

/** Sends an answer. One that was made before has a tag, by which a client that has it already gets 304 and no body. */
function sendJson(request: Request, response: Response, answer: object | RenderedJson): void {
  if (answer instanceof RenderedJson) {
    response.setHeader('ETag', answer.entityTag);
    // It may be kept by who asked, and is asked for again each time.
    response.setHeader('Cache-Control', 'private, no-cache');
    if (answer.isHeldBy(request.headers['if-none-match'])) {
      response.statusCode = 304;
      response.end();
      return;
    }
  }
  const bytes = answer instanceof RenderedJson ? answer.bytes : Buffer.from(JSON.stringify(answer));
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', bytes.byteLength);
  response.end(bytes);
}

function answerError(logger: Logger): ErrorRequestHandler {
  return (error: unknown, _request, response, _next) => {
    const context = contextOf(response);
    if (context.signal.aborted) {
      return;
    }
    const problem = toProblem(error);
    context.reason = problem.reason;
    // A problem without a cause is a plain answer, such as that of a probe; the line of the request tells its reason.
    if (problem.kind.status >= 500 && problem.cause !== undefined) {
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
    sendProblem(response, problem, context.requestId);
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
