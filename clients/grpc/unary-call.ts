// Owns one gRPC call as a promise that ends: with its answer, an error, its deadline, or because nobody waits any more.

import {
  type Client,
  type ClientUnaryCall,
  connectivityState,
  status as GrpcStatus,
  type Metadata,
  type ServiceError,
} from '@grpc/grpc-js';

/** How long a connection may take before a call is given up as unavailable, so that another peer can be asked. */
const CONNECT_TIMEOUT_MS = 2_000;

/** A unary method as ts-proto describes it. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
}

/** What goes with a call, and when it ends early. */
export interface UnaryOptions {
  readonly metadata: Metadata;
  /** Is a time, or the number of it in milliseconds; `Infinity` for none. */
  readonly deadline: Date | number;
  /** Cancels the call when it fires. */
  readonly signal?: AbortSignal;
}

/**
 * Makes one call. Throws ServiceError when the peer refuses it, can't be reached (UNAVAILABLE) or does not answer in time
 * (DEADLINE_EXCEEDED), and when the call is cancelled by its signal (CANCELLED).
 */
export function callUnary<Request, Response>(
  client: Client,
  method: UnaryMethod<Request, Response>,
  request: Request,
  { metadata, deadline, signal }: UnaryOptions,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline },
      (error, response) => {
        stopWatching();
        if (response !== undefined && !error) {
          resolve(response);
        } else {
          reject(error?.code === GrpcStatus.CANCELLED && !signal?.aborted ? toUnavailable(error) : error);
        }
      },
    );
    const stopWatching = watchConnection(call, client, signal);
  });
}

/** Cancels a call when its signal fires, or when no connection comes about in time. Returns what ends the watch. */
export function watchConnection(
  call: Pick<ClientUnaryCall, 'cancel'>,
  client: Client,
  signal: AbortSignal | undefined,
): () => void {
  const cancel = (): void => call.cancel();
  const timer = setTimeout(() => {
    const state = client.getChannel().getConnectivityState(false);
    if (state === connectivityState.CONNECTING || state === connectivityState.TRANSIENT_FAILURE) {
      call.cancel();
    }
  }, CONNECT_TIMEOUT_MS);
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted) {
    call.cancel();
  }
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
  };
}

/**
 * A call that ended as cancelled though nobody here gave it up was cut off: no connection came about in time, or the
 * kernel ended in the middle of it. Either way it is unavailable, and another kernel can be asked.
 */
export function toUnavailable(cause: ServiceError): Error {
  const { metadata } = cause;
  const details = 'the kernel could not be connected to in time, or cut the call off';
  return Object.assign(new Error(details, { cause }), { code: GrpcStatus.UNAVAILABLE, details, metadata });
}
