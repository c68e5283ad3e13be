// Owns what the kernel answers over HTTP: whether it lives, whether it can work, and its metrics, for probes and scrapers
// inside the network, and the one path for Stripe's deliveries (webhook-endpoint.ts), which alone is for the world outside.
// Invariant: strangers take no more connections than the rest of the kernel can spare.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Registry } from 'prom-client';
import { messageOf } from '../domain/error.ts';
import { type Answer, send, toJson } from './answer.ts';
import { WEBHOOK_PATH, type WebhookEndpoint } from './webhook-endpoint.ts';

/** One thing that must be so for the kernel to work. */
export interface ReadinessCheck {
  readonly name: string;
  /** Throws where it is not so. */
  readonly run: () => Promise<void> | void;
}

export interface HttpServerParts {
  readonly registry: Registry;
  readonly checks: readonly ReadinessCheck[];
  readonly webhooks: Pick<WebhookEndpoint, 'answer'>;
  /** Told of each connection that was closed at once, since there were too many. */
  readonly onConnectionRefused: () => void;
  /** Told the failures of answers that could not be made. */
  readonly onError: (error: unknown) => void;
}

/** How long one check may take before it counts as failed, in milliseconds. */
const CHECK_TIMEOUT_MS = 2_000;
/** How long a request may take to arrive whole, in milliseconds: everything that is asked here is small. */
const REQUEST_TIMEOUT_MS = 15_000;
/** How often connections are held to that, in milliseconds; Node looks every 30 s. */
const CHECKING_INTERVAL_MS = 1_000;
/** How many connections there are at once: many times what Stripe, probes and scrapers open, and few of a process's files. */
export const HTTP_CONNECTIONS_MAX = 1_000;

/** Serves health and metrics over HTTP. */
export class HttpServer {
  readonly #server: Server;

  constructor(parts: HttpServerParts) {
    this.#server = createServer(
      { requestTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: CHECKING_INTERVAL_MS },
      (request, response) => {
        answer(parts, request)
          .catch((error: unknown): Answer => {
            parts.onError(error);
            return toJson(500, { status: 'failed' });
          })
          .then((made) => send(request, response, made))
          .catch(parts.onError);
      },
    );
    this.#server.maxConnections = HTTP_CONNECTIONS_MAX;
    this.#server.on('drop', parts.onConnectionRefused);
  }

  /**
   * Listens; answers the address with the port that was bound.
   * Throws Error with one sentence for people where the address can't be bound.
   */
  async listen(address: string): Promise<string> {
    const split = address.lastIndexOf(':');
    const host = address.slice(0, split);
    const port = Number(address.slice(split + 1));
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => reject(new Error(explainListenFailure(address, cause), { cause })));
      this.#server.listen({ host: host.replaceAll(/[[\]]/g, ''), port }, resolve);
    });
    const bound = this.#server.address();
    return `${host}:${typeof bound === 'object' && bound !== null ? bound.port : port}`;
  }

  /** Stops answering; connections that are open are cut. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(parts: HttpServerParts, request: IncomingMessage): Promise<Answer> {
  const [path] = (request.url ?? '/').split('?');
  if (path === WEBHOOK_PATH) return parts.webhooks.answer(request);
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return toJson(405, { status: 'only GET and HEAD are known here' });
  switch (path) {
    case '/healthz':
      return toJson(200, { status: 'ok' });
    case '/readyz':
      return answerReadiness(parts.checks);
    case '/metrics':
      return { status: 200, contentType: parts.registry.contentType, body: await parts.registry.metrics() };
    default:
      return toJson(404, { status: 'not found: there are /healthz, /readyz and /metrics' });
  }
}

async function answerReadiness(checks: readonly ReadinessCheck[]): Promise<Answer> {
  const results = await Promise.all(checks.map(async (check) => [check.name, await runCheck(check)] as const));
  const isReady = results.every(([, result]) => result === 'ok');
  return toJson(isReady ? 200 : 503, { status: isReady ? 'ok' : 'not ready', checks: Object.fromEntries(results) });
}

async function runCheck(check: ReadinessCheck): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([check.run(), timeout]);
    return 'ok';
  } catch (error) {
    return messageOf(error);
  } finally {
    clearTimeout(timer);
  }
}

function explainListenFailure(address: string, cause: Error): string {
  if ('code' in cause && cause.code === 'EADDRINUSE') {
    return `The HTTP address ${address} is in use: end the program that has it, or set HTTP_ADDRESS to another one.`;
  }
  return `The HTTP address ${address} can't be listened on (${cause.message}): correct HTTP_ADDRESS.`;
}
