// Calls of any kind, unary or streaming, up to the first thing that comes back: for tests that walk over all methods.

import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';

/** What all generated method definitions have in common; each is called with its own request type. */
export interface AnyMethod {
  readonly path: string;
  readonly requestSerialize: (message: unknown) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/** How a method is called. */
interface AnyCall {
  readonly address: string;
  readonly token: string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 20_000;

/**
 * Sends one message, and resolves with the first one that comes back, or undefined where the call ends well without one.
 * Rejects with grpc-js's ServiceError where it is refused. On the wire every kind of call is a stream each way.
 */
export function callForFirstAnswer(
  method: AnyMethod,
  request: unknown,
  { address, token, metadata = {} }: AnyCall,
): Promise<unknown> {
  const client = new Client(address, credentials.createInsecure());
  const sent = new Metadata();
  if (token !== undefined) sent.set('authorization', `Bearer ${token}`);
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  const { path, requestSerialize, responseDeserialize } = method;
  const options = { deadline: Date.now() + DEADLINE_MS };
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, sent, options);
  const first = new Promise((resolve, reject) => {
    call.on('data', resolve);
    // What comes after the first answer, our own cancellation included, changes nothing any more.
    call.on('error', (error: ServiceError) => reject(error));
    call.on('status', ({ code }: { readonly code: status }) => {
      if (code === status.OK) resolve(undefined);
    });
  });
  call.write(request);
  call.end();
  return first.finally(() => {
    call.cancel();
    client.close();
  });
}
