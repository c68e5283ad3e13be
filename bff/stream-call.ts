// Owns one gRPC call that is answered with a stream, as messages that are taken one by one: the peer sends no more than is taken.

import type { Client, Metadata } from '@grpc/grpc-js';
import { status as GrpcStatus, type ServiceError } from '@grpc/grpc-js';
import { toUnavailable, type UnaryMethod, watchConnection } from '../clients/grpc/unary-call.ts';

/** A method that answers with a stream, as ts-proto describes it. */
export interface StreamMethod<Request, Response> extends UnaryMethod<Request, Response> {
  readonly responseStream: true;
}

/** What goes with a call, and when it ends early. */
export interface StreamOptions {
  readonly metadata: Metadata;
  /** Ends the call when it fires. */
  readonly signal: AbortSignal;
}

/**
 * Makes one call and answers its messages until the peer ends it, or whoever takes them does. Throws ServiceError when the peer
 * refuses it, can't be reached or is lost (UNAVAILABLE), and when it is ended by its signal (CANCELLED).
 */
export async function* callStream<Request, Response>(
  client: Client,
  method: StreamMethod<Request, Response>,
  request: Request,
  { metadata, signal }: StreamOptions,
): AsyncGenerator<Response, void, undefined> {
  const { path, requestSerialize, responseDeserialize } = method;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
  const stopWatching = watchConnection(call, client, signal);
  try {
    for await (const message of call) yield message;
  } catch (error) {
    throw isCancelled(error) && !signal.aborted ? toUnavailable(error) : error;
  } finally {
    stopWatching();
    call.cancel();
  }
}

function isCancelled(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && error.code === GrpcStatus.CANCELLED;
}
