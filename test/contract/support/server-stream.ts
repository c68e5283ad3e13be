// A server stream read to its end, for tests that want all of its messages or the refusal.

import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { ServerStreamMethod } from '../../../kernel/cli/kernel-connection.ts';

/** Reads all messages of a stream. Throws ServiceError where it is refused or breaks off. */
export async function callStream<Request, Response>(
  address: string,
  token: string | undefined,
  method: ServerStreamMethod<Request, Response>,
  request: Request,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly Response[]> {
  const client = new Client(address, credentials.createInsecure());
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const { path, requestSerialize, responseDeserialize } = method;
  const messages: Response[] = [];
  try {
    const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
    for await (const message of stream) messages.push(message as Response);
    return messages;
  } finally {
    client.close();
  }
}
