// Owns an answer that is sent piece by piece: no faster than its client takes it, and no longer than its client is there.
// Does not own what the pieces are.
// Invariants: what fails before the first piece is answered as a problem, what fails later cuts the connection off, so that a part
// is never taken for the whole; a client that takes nothing for half a minute is given up.

import type { Writable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { Request, Response } from 'express';
import { chooseCompression } from './compression.ts';
import { contextOf } from './request-context.ts';
import type { StreamPlace } from './stream-desk.ts';

/** How long a client may take nothing of what is sent, in milliseconds. */
const STALL_MS_MAX = 30_000;

/** An answer in pieces. */
export interface StreamOptions {
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly pieces: AsyncIterable<string>;
  readonly place: StreamPlace;
  /** Is sent whenever nothing else was for a while, so that nobody on the way takes the connection for dead. */
  readonly heartbeat?: { readonly text: string; readonly intervalMs: number };
  readonly isCompressible: boolean;
}

/** An answer that is sent piece by piece. */
export class StreamReply {
  readonly options: StreamOptions;

  constructor(options: StreamOptions) {
    this.options = options;
  }
}

/** Sends an answer in pieces, to its end. Throws what its pieces throw. */
export async function sendStream(request: Request, response: Response, { options }: StreamReply): Promise<void> {
  const { place, pieces } = options;
  const iterator = pieces[Symbol.asyncIterator]();
  let stopHeartbeat = (): void => undefined;
  try {
    let next = await iterator.next();
    const sink = sendHead(request, response, options);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    stopHeartbeat = startHeartbeat(response, options);
    for (; next.done !== true; next = await iterator.next()) {
      if (!sink.write(next.value)) await waitForRoom(sink, response);
      if (contextOf(response).signal.aborted) return;
    }
    sink.end();
  } finally {
    stopHeartbeat();
    place.release();
    await iterator.return?.();
  }
}

/** Sends the head, and answers what the pieces are written to. */
function sendHead(request: Request, response: Response, options: StreamOptions): Writable {
  response.setHeader('Content-Type', options.contentType);
  for (const [name, value] of Object.entries(options.headers ?? {})) response.setHeader(name, value);
  const isZipped = options.isCompressible && chooseCompression(request, response);
  response.flushHeaders();
  if (!isZipped || request.method === 'HEAD') return response;
  const gzip = createGzip();
  gzip.pipe(response);
  response.once('close', () => gzip.destroy());
  return gzip;
}

function startHeartbeat(response: Response, { heartbeat }: StreamOptions): () => void {
  if (heartbeat === undefined) return () => undefined;
  const timer = setInterval(() => {
    // A client that has not taken what was sent needs no sign of life.
    if (!response.writableNeedDrain && !response.writableEnded) response.write(heartbeat.text);
  }, heartbeat.intervalMs);
  return () => clearInterval(timer);
}

/** Waits until a client has taken what was sent, or is gone. A client that takes nothing for too long is cut off. */
function waitForRoom(sink: Writable, response: Response): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), STALL_MS_MAX);
    const settle = (): void => {
      clearTimeout(timer);
      sink.off('drain', settle);
      response.off('close', settle);
      resolve();
    };
    sink.once('drain', settle);
    response.once('close', settle);
    if (response.destroyed) settle();
  });
}
