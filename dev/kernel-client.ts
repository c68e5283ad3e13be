/**
 * Owns: calling a kernel's RPCs with a credential: promises in place of callbacks, a deadline on every call.
 * Does not own: what is called.
 */
import { Client, credentials, Metadata } from '@grpc/grpc-js';

const DEADLINE_MS_DEFAULT = 20_000;

/** Answers of large batches arrive in one go; with the default window of 64 KiB they would wait for round trips. */
const CHANNEL_OPTIONS = { 'grpc-node.flow_control_window': 1_024 * 1_024 };

/** Is a unary method as the generated service definitions describe it, such as `LedgerServiceService.debit`. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
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
  close(): void;
}

/** Makes a client of the kernel at `address`; without a token its calls carry none. It connects when first used. */
export function createKernelClient(address: string, token: string | undefined): KernelClient {
  const client = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
  return {
    call: (method, request, settings = {}) =>
      new Promise((resolve, reject) => {
        const metadata = new Metadata();
        if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
        for (const [name, value] of Object.entries(settings.metadata ?? {})) metadata.set(name, value);
        const { path, requestSerialize, responseDeserialize } = method;
        const deadline = Date.now() + (settings.deadlineMs ?? DEADLINE_MS_DEFAULT);
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          { deadline },
          (...answer) => {
            const [error, response] = answer;
            if (response !== undefined) resolve(response);
            else reject(error ?? new Error(`${path} answered with nothing.`));
          },
        );
      }),
    close: () => client.close(),
  };
}
