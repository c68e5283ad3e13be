/**
 * Owns: HTTP of the sandbox: listening on the loopback interface, reading bodies, writing answers.
 * Does not own: what is answered.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { LOOPBACK } from '../port.ts';
import { StackError, toMessage } from '../stack-error.ts';
import { invalidRequest, toErrorBody } from './stripe-error.ts';

const BODY_BYTES_MAX = 1024 * 1024;

/** A client that was busy for a while shall still find its connection open. */
const KEEP_ALIVE_MS = 120_000;

/** Is a request with its whole body. */
export interface WholeRequest {
  readonly method: string;
  readonly path: string;
  /** Is what follows the question mark. */
  readonly query: string;
  /** Are the headers by lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** Is an answer; `isLost` closes the connection instead. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isLost?: boolean;
}

/** Is a server that listens. */
export interface ListeningServer {
  readonly port: number;
  /** Says what answers; until then requests wait. */
  serve(answer: (request: WholeRequest) => Promise<WholeAnswer>): void;
  close(): Promise<void>;
}

/** Listens on a port; 0 means any free one. Throws StackError when it can't. */
export async function listen(port: number): Promise<ListeningServer> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  const serving = Promise.withResolvers<(request: WholeRequest) => Promise<WholeAnswer>>();
  server.on('request', (request, response) => void handle(serving.promise, request, response));
  const listeningPort = await bind(server, port);
  return {
    port: listeningPort,
    serve: serving.resolve,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function bind(server: Server, port: number): Promise<number> {
  return await new Promise<number>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new StackError(`The Stripe sandbox can't listen on port ${port}: ${toMessage(error)}.`)),
    );
    server.listen({ host: LOOPBACK, port }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

async function handle(
  serving: Promise<(request: WholeRequest) => Promise<WholeAnswer>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const body = await readBody(request);
    const answer = await serving;
    if (body === undefined) {
      const error = invalidRequest(`The body is larger than ${BODY_BYTES_MAX} bytes.`);
      response.writeHead(413, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify(toErrorBody(error)));
      return;
    }
    const { status, headers, body: text, isLost } = await answer(toWholeRequest(request, body));
    if (isLost === true) {
      response.destroy();
      return;
    }
    response.writeHead(status, headers);
    response.end(text);
  } catch (error) {
    // Who asked may be gone; a mistake of ours must not end the sandbox.
    if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`The sandbox failed: ${toMessage(error)}\n`);
  }
}

function toWholeRequest(request: IncomingMessage, body: string): WholeRequest {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  const headers = Object.entries(request.headers).map(([name, value]): [string, string | undefined] => [
    name,
    Array.isArray(value) ? value.join(', ') : value,
  ]);
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.search.slice(1),
    headers: Object.fromEntries(headers),
    body,
  };
}

/** Returns the body, or undefined where it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
