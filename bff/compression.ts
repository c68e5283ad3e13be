// Owns which answers are sent compressed: those that are large enough to gain by it, to clients that take it. It is asked for by
// the answer, and not part of every request's way: most answers are too small. gzip alone: every client that takes anything
// takes it.

import { promisify } from 'node:util';
import { gzip, gzipSync } from 'node:zlib';
import type { Request, Response } from 'express';

/** Answers below this many bytes are sent as they are. */
const COMPRESSED_BYTES_MIN = 1_024;

const zip = promisify(gzip);
const zipped = new WeakMap<Buffer, Buffer>();

/** Says whether an answer of so many bytes gains by compression. */
export function gainsByCompression(bytes: number): boolean {
  return bytes >= COMPRESSED_BYTES_MIN;
}

/**
 * Chooses whether an answer that would gain is compressed, by what its client takes, and says so in its header fields. Caches on the
 * way learn that the choice was the client's.
 */
export function chooseCompression(request: Request, response: Response): boolean {
  response.vary('Accept-Encoding');
  // Most programs don't name it, so that nothing has to be weighed.
  const isNamed = request.headers['accept-encoding']?.includes('gzip') === true;
  const isChosen = isNamed && request.acceptsEncodings('gzip', 'identity') === 'gzip';
  if (isChosen) response.setHeader('Content-Encoding', 'gzip');
  return isChosen;
}

/** Compresses bytes that are sent once, beside the event loop. */
export function compress(bytes: Buffer): Promise<Buffer> {
  return zip(bytes);
}

/** Compresses bytes that are sent to many, once. */
export function compressOnce(bytes: Buffer): Buffer {
  const known = zipped.get(bytes) ?? gzipSync(bytes);
  zipped.set(bytes, known);
  return known;
}
