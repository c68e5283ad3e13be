// Owns calling a kernel as an operator: credentials, deadlines, backpressure, and words for what goes wrong.

import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { ClientConfig } from '../config.ts';

/** A line of an export is one commit: a mebibyte of entries, and what JSON adds. */
const RESPONSE_BYTES_MAX = 64 * 1_048_576;

/** How long a call that has one answer may take, in milliseconds. */
const ASK_TIMEOUT_MS = 30_000;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': RESPONSE_BYTES_MAX,
  // A kernel that vanished without a word is noticed while a long verification waits for it.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.enable_http_proxy': 0,
};

/** A method that answers one request with many messages, as the generated service definitions describe it. */
export interface ServerStreamMethod<Request, Response> {
  readonly path: string;
  readonly responseStream: true;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
}

/** A method that answers one request with one message, as the generated service definitions describe it. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly responseStream: false;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
}

/** Says for people why a kernel did not do what was asked. */
export class KernelCallError extends Error {
  /** Says that the kernel knows no such tenant. */
  readonly isNotFound: boolean;
  /** Says that it may have happened all the same. */
  readonly isUncertain: boolean;

  constructor(message: string, cause: ServiceError) {
    super(message, { cause });
    this.name = 'KernelCallError';
    this.isNotFound = cause.code === status.NOT_FOUND;
    this.isUncertain = cause.code === status.UNAVAILABLE || cause.code === status.DEADLINE_EXCEEDED;
  }
}

/** Calls one kernel. */
export class KernelConnection {
  readonly #client: Client;
  readonly #config: ClientConfig;

  constructor(config: ClientConfig) {
    const { authority } = config;
    const security = authority === undefined ? credentials.createInsecure() : credentials.createSsl(authority);
    this.#config = config;
    this.#client = new Client(config.kernelAddress, security, CHANNEL_OPTIONS);
  }

  /** Hands over what the kernel sends, no faster than it is taken; leaving the loop cancels. Throws KernelCallError. */
  async *stream<Request, Response>(
    method: ServerStreamMethod<Request, Response>,
    request: Request,
  ): AsyncGenerator<Response> {
    const { path, requestSerialize, responseDeserialize } = method;
    const metadata = this.#metadata();
    const stream = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
    try {
      for await (const message of stream) yield message as Response;
    } catch (error) {
      throw isServiceError(error) ? explain(error, this.#config) : error;
    } finally {
      stream.cancel();
    }
  }

  /** Asks for one answer. Throws KernelCallError. */
  ask<Request, Response>(method: UnaryMethod<Request, Response>, request: Request): Promise<Response> {
    const { path, requestSerialize, responseDeserialize } = method;
    const settings = { deadline: Date.now() + ASK_TIMEOUT_MS };
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata(),
        settings,
        (error, response) => {
          if (response !== undefined) resolve(response);
          else reject(error === null ? new Error(`${path} answered with nothing.`) : explain(error, this.#config));
        },
      );
    });
  }

  close(): void {
    this.#client.close();
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${this.#config.kernelToken}`);
    return metadata;
  }
}

function explain(error: ServiceError, { kernelAddress, authority }: ClientConfig): KernelCallError {
  const { code, details } = error;
  // Only what a kernel answered has words of its own; an address where none is has the transport's.
  const isKernels = error.metadata?.get('grpc-status-details-bin').length > 0;
  if (isKernels && code === status.UNAUTHENTICATED) {
    return new KernelCallError(`The kernel at ${kernelAddress} does not know this token: correct KERNEL_TOKEN.`, error);
  }
  if (isKernels && code === status.PERMISSION_DENIED) {
    const advice = "use the token of an operator's credential (scope sysadmin) as KERNEL_TOKEN";
    return new KernelCallError(`The token may not do this: ${advice}.`, error);
  }
  if (code === status.UNAVAILABLE && !isKernels) {
    const security = authority === undefined ? 'or set KERNEL_CA_FILE where it speaks TLS' : 'and check KERNEL_CA_FILE';
    const advice = `start it, correct KERNEL_ADDRESS, ${security}`;
    return new KernelCallError(`No kernel answers at ${kernelAddress} (${shorten(details)}): ${advice}.`, error);
  }
  if (code === status.UNIMPLEMENTED) {
    return new KernelCallError(`What answers at ${kernelAddress} is no kernel of this release (${details}).`, error);
  }
  const verb = code === status.INVALID_ARGUMENT || code === status.ALREADY_EXISTS ? 'refused this' : 'could not go on';
  return new KernelCallError(`The kernel at ${kernelAddress} ${verb}: ${details}`, error);
}

/** Takes what happened out of the transport's account of what it tried. */
function shorten(details: string): string {
  return details.replace(/^.*Last error: (Error: )?/s, '').replace(/\.? *Resolution note:.*$/s, '');
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}
