/**
 * Owns: calling a kernel's RPCs with any credential, once each: a deadline on every call.
 * Does not own: what is called, nor the call itself (`clients/grpc`).
 */
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { callUnary, type UnaryMethod } from '../clients/grpc/unary-call.ts';
import { toMessage } from './stack-error.ts';

const DEADLINE_MS_DEFAULT = 20_000;
const STREAM_DEADLINE_MS = 120_000;

/** Answers of large batches arrive in one go; with the default window of 64 KiB they would wait for round trips. */
const CHANNEL_OPTIONS = { 'grpc-node.flow_control_window': 1_024 * 1_024 };

/** Is a method that answers one request with many messages. */
export interface ServerStreamMethod<Request, Response> extends UnaryMethod<Request, Response> {
  readonly responseStream: true;
}

/** Is what may accompany a call. */
export interface CallSettings {
  readonly deadlineMs?: number;
  /** Is further metadata, such as `x-product-code`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Calls one kernel under one credential. */
export interface KernelClient {
  /** Calls a method. Throws grpc-js's ServiceError when the kernel refuses or can't be reached. */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    settings?: CallSettings,
  ): Promise<Response>;
  /** Hands over what a method that streams sends, until it ends or two minutes are over. Throws as `call` does. */
  stream<Request, Response>(
    method: ServerStreamMethod<Request, Response>,
    request: Request,
  ): AsyncGenerator<Response, void, void>;
  close(): void;
}

/** Returns the kernel's own words for why it refused; gRPC puts its code in front of them. */
export function explainKernelError(error: unknown): string {
  return error instanceof Error && 'details' in error ? String(error.details) : toMessage(error);
}

/** Makes a client of the kernel at `address`; without a token its calls carry none. It connects when first used. */
export function createKernelClient(address: string, token: string | undefined): KernelClient {
  const client = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
  const createMetadata = (): Metadata => {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    return metadata;
  };
  return {
    call: (method, request, settings = {}) => {
      const metadata = createMetadata();
      for (const [name, value] of Object.entries(settings.metadata ?? {})) metadata.set(name, value);
      const deadline = Date.now() + (settings.deadlineMs ?? DEADLINE_MS_DEFAULT);
      return callUnary(client, method, request, { metadata, deadline });
    },
    async *stream<Request, Response>(method: ServerStreamMethod<Request, Response>, request: Request) {
      const { path, requestSerialize, responseDeserialize } = method;
      const deadline = Date.now() + STREAM_DEADLINE_MS;
      const metadata = createMetadata();
      const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata, {
        deadline,
      });
      try {
        // A stream's messages are what its deserializer returns.
        for await (const message of call) yield message as Response;
      } finally {
        call.cancel();
      }
    },
    close: () => client.close(),
  };
}
