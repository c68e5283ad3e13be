// Owns the HTTP server below the app: its limits, the errors that Node finds before the app sees a request, and the end.
// Invariants: also those errors are application/problem+json; a slow or broken client can't hold the server.

import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { v7 as newUuid } from 'uuid';
import { Problem } from './problem.ts';

/** How much longer a whole request may take to arrive than its head. */
const BODY_TIMEOUT_FACTOR = 2;
/** A connection on which nothing moved for so long is dead, whatever it waits for: longer than any answer may take. */
const IDLE_TIMEOUT_MS = 150_000;
/** Longer than the idle time of common load balancers, so that these close first and never race a request. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const TIMEOUT_CHECK_INTERVAL_MS_MAX = 5_000;
/** How often a drain looks for connections that have become idle. */
const IDLE_CHECK_INTERVAL_MS = 50;
const HEADER_BYTES_MAX = 16_384;

/** What a server allows its clients. */
export interface HttpServerOptions {
  readonly connectionsMax: number;
  /** Is how long the head of a request may take to arrive; a whole one may take twice as long. */
  readonly arrivalTimeoutMs: number;
}

/** What is known of a server's connections. */
interface Traffic {
  /** Are the connections on which no request has arrived. */
  readonly unused: Set<Socket>;
  /** Are the answers that are not sent yet. */
  readonly open: Set<ServerResponse>;
  isEnding: boolean;
}

const trafficOf = new WeakMap<Server, Traffic>();

/** Builds the server; it does not listen yet. */
export function createHttpServer(
  handle: RequestListener,
  { connectionsMax, arrivalTimeoutMs }: HttpServerOptions,
): Server {
  const server = createServer({
    headersTimeout: arrivalTimeoutMs,
    requestTimeout: BODY_TIMEOUT_FACTOR * arrivalTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_INTERVAL_MS_MAX, arrivalTimeoutMs),
    maxHeaderSize: HEADER_BYTES_MAX,
    // The app checks it, so that this error too is a problem document.
    requireHostHeader: false,
  });
  server.maxConnections = connectionsMax;
  server.setTimeout(IDLE_TIMEOUT_MS);
  const traffic: Traffic = { unused: new Set(), open: new Set(), isEnding: false };
  const { unused, open } = traffic;
  trafficOf.set(server, traffic);
  server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  const openOn = new WeakMap<Socket, Set<ServerResponse>>();
  const listener: RequestListener = (request, response) => {
    const { socket } = request;
    unused.delete(socket);
    const ofSocket = openOn.get(socket) ?? new Set();
    openOn.set(socket, ofSocket.add(response));
    open.add(response);
    if (traffic.isEnding) response.shouldKeepAlive = false;
    response.once('close', () => {
      ofSocket.delete(response);
      open.delete(response);
    });
    handle(request, response);
  };
  server.on('request', listener);
  // An expectation that we don't know may be ignored (RFC 9110 §10.1.1); Node would answer it without a body.
  server.on('checkExpectation', listener);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    answerClientError(error, socket, [...(openOn.get(socket) ?? [])]);
  });
  return server;
}

/** Starts to listen and tells where. Throws when the address is taken or not ours. */
export async function listen(server: Server, address: { host: string; port: number }): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  return address.host.includes(':') ? `[${address.host}]:${port}` : `${address.host}:${port}`;
}

/**
 * Lets each answer from now on, also of requests that have arrived, say that its connection ends with it: so clients send their next
 * request over another connection, instead of over one that is about to be closed.
 */
export function announceEnd(server: Server): void {
  const traffic = trafficOf.get(server);
  if (traffic === undefined) return;
  traffic.isEnding = true;
  for (const response of traffic.open) response.shouldKeepAlive = false;
}

/** Takes no new connection, lets open requests end, and cuts off what is left after the time given. */
export async function closeGracefully(server: Server, timeoutMs: number): Promise<void> {
  const cutOff = setTimeout(() => server.closeAllConnections(), timeoutMs);
  // A connection that was busy when the drain began becomes idle with its answer, and would stay open for the next.
  const closeIdle = setInterval(() => {
    server.closeIdleConnections();
    // One that clients opened in advance, and sent nothing on, is none of the idle for Node.
    for (const socket of trafficOf.get(server)?.unused ?? []) if (socket.bytesRead === 0) socket.destroy();
  }, IDLE_CHECK_INTERVAL_MS);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(closeIdle);
  clearTimeout(cutOff);
}

/** What arrives here is no request: there is nothing to answer it with but the socket. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket, open: readonly ServerResponse[]): void {
  // Inside another answer on the same connection, or before the one of an earlier request, it would be taken for that.
  const isOthers = open.some(({ headersSent, req }) => headersSent || req.complete);
  if (error.code === 'ECONNRESET' || !socket.writable || isOthers) {
    socket.destroy();
    return;
  }
  const problem = toProblem(error.code);
  const requestId = newUuid();
  const document = JSON.stringify(problem.toDocument(requestId));
  const head = [
    `HTTP/1.1 ${problem.kind.status} ${problem.kind.title}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(document)}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    `x-request-id: ${requestId}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${document}`);
}

function toProblem(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('REQUEST_HEADER_TOO_LARGE', {
        detail: `The address and the header fields of a request may have at most ${HEADER_BYTES_MAX} bytes together; send less.`,
      });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('REQUEST_TIMEOUT');
    default:
      return new Problem('INVALID_FIELD', {
        detail: 'This is no well-formed HTTP request; check what the client or the proxies on its way send.',
      });
  }
}
