// Owns ending calls that are answered although their caller has not said that its request is whole. grpc-js answers and then
// waits for the rest of the request, so such a call would stay open for as long as its caller likes, with what it holds.
// HTTP/2 lets a server end it once its answer is complete (RFC 9113, 8.1: RST_STREAM with NO_ERROR).
// Invariant: nothing is ended before its answer has left.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import { fieldOf } from '../domain/field-of.ts';

/** Where Node tells of each HTTP/2 stream before any server hears of it. */
const STREAM_CREATED = 'http2.server.stream.created';
/** How long an answer's last frame may take to leave behind its messages, in milliseconds. */
const TRAILERS_GRACE_MS = 1_000;

/** Ends answered calls whose request does not end, from now on; answers how to stop that. */
export function endHalfOpenCalls(): () => void {
  const onCreated = (event: unknown): void => {
    const stream = streamOf(event);
    // A request that is whole with its headers has no rest that could be waited for.
    if (stream !== undefined && !stream.endAfterHeaders) stream.once('finish', () => endSoon(stream));
  };
  subscribe(STREAM_CREATED, onCreated);
  return () => void unsubscribe(STREAM_CREATED, onCreated);
}

function endSoon(stream: ServerHttp2Stream): void {
  if (isOver(stream)) return;
  const end = (): void => {
    if (!isOver(stream)) stream.close(constants.NGHTTP2_NO_ERROR);
  };
  // A refusal is one frame, which has been handed over by now; after messages comes one more.
  if (isRefusal(stream)) setImmediate(end);
  else setTimeout(end, TRAILERS_GRACE_MS).unref();
}

/** Says that there is nothing to wait for: the request is whole, or the call is gone. */
function isOver(stream: ServerHttp2Stream): boolean {
  return stream.readableEnded || stream.closed || stream.destroyed;
}

/** Says that the answer is a status without any message, which gRPC sends as headers alone. */
function isRefusal({ sentHeaders }: ServerHttp2Stream): boolean {
  return sentHeaders?.['grpc-status'] !== undefined;
}

function streamOf(event: unknown): ServerHttp2Stream | undefined {
  const stream = fieldOf(event, 'stream');
  // What this channel tells of is never another kind of stream.
  return stream instanceof Duplex ? (stream as ServerHttp2Stream) : undefined;
}
