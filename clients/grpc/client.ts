// Owns the client of the kernel for services inside the platform: credential, deadlines, repeats that are safe.
// Does not own debits that travel together (debit-queue.ts), nor which methods there are (service-method.ts).
// Invariants: a write that is repeated bears the same request id, so that it happens once; no call is under way for longer than its
// time; what is refused for good is not repeated.

import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { v7 as newUuid } from 'uuid';
import { computeBackoffMs } from './backoff.ts';
import { requireTimeMs } from './bound.ts';
import { DebitQueue, type DebitQueueOptions } from './debit-queue.ts';
import { KernelError, toKernelError } from './kernel-error.ts';
import { rankByRendezvous } from './rendezvous.ts';
import { withRequestId } from './request-id.ts';
import { type Fields, SERVICE_METHODS, type ServiceMethod } from './service-method.ts';
import { callUnary, type UnaryMethod } from './unary-call.ts';

const TIMEOUT_MS = 30_000;
/** One kernel that hangs must not use up the time in which another one would have answered. */
const ATTEMPT_TIMEOUT_MS = 10_000;
const ADDRESS_PATTERN = /^\S+:\d{1,5}$/;
const TOKEN_PATTERN = /^[\x21-\x7e]*$/;
/** A page of 1,000 entries with all their dimensions and many draws. */
const RESPONSE_BYTES_MAX = 32 * 1_048_576;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': RESPONSE_BYTES_MAX,
  // A kernel that comes back is found within a second or so, before the next one is replaced, where the default backs off for up to two minutes.
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // Many answers arrive in one go; with the default window of 64 KiB they would wait for round trips.
  'grpc-node.flow_control_window': 1_048_576,
  // A peer that vanished without a word is noticed while calls wait for it.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // The kernel is inside the network: no proxy of the environment, no service config out of DNS.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};

/** Says where the kernels are, and who calls. */
export interface ServiceClientOptions {
  /** Are the kernels, each `host:port`; any of them can do everything. */
  readonly addresses: readonly string[];
  /** Is the token of the service's credential; secret. */
  readonly token: string;
  /** Is the PEM of the authority of the kernels' certificates; absent means plain text. */
  readonly authority?: Buffer;
  /** Is how long a call may take with all its attempts, in milliseconds; default 30,000. */
  readonly timeoutMs?: number;
  /** Is how long one attempt may take, in milliseconds; default 10,000. */
  readonly attemptTimeoutMs?: number;
}

/** What one call may have of its own. */
export interface CallOptions {
  /** Is how long it may take with all its attempts, in milliseconds. */
  readonly timeoutMs?: number;
  /** Ends the call when it fires; what was written by then stays. */
  readonly signal?: AbortSignal;
}

type MethodName = keyof typeof SERVICE_METHODS;

/**
 * Are the calls: each takes the fields that are set. A write without a request id gets one. Throws KernelError where the kernel refuses
 * for good, or there was no answer in time; RangeError where `timeoutMs` is no time.
 */
export type ServiceCalls = {
  readonly [Name in MethodName]: (typeof SERVICE_METHODS)[Name] extends ServiceMethod<infer Request, infer Response>
    ? (fields: Fields<Request>, options?: CallOptions) => Promise<Response>
    : never;
};

/** Calls the kernel, however many processes it has, as one service. */
export class ServiceClient {
  /** Calls one method. */
  readonly calls: ServiceCalls;
  readonly #token: string;
  readonly #timeoutMs: number;
  readonly #attemptTimeoutMs: number;
  readonly #clients: ReadonlyMap<string, Client>;
  readonly #closing = new AbortController();

  /** Throws RangeError where there is no address, or an option can't be what it is for. It connects when it is first used. */
  constructor(options: ServiceClientOptions) {
    if (options.addresses.length === 0) throw new RangeError('addresses is empty; give the address of a kernel');
    const wrong = options.addresses.find((address) => !ADDRESS_PATTERN.test(address));
    if (wrong !== undefined) {
      throw new RangeError(
        `addresses has ${JSON.stringify(wrong)}; give each kernel as host:port, such as kernel:50051`,
      );
    }
    if (!TOKEN_PATTERN.test(options.token)) {
      throw new RangeError('token has characters that no token has, such as a line break; give it as it was issued');
    }
    this.#token = options.token;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#attemptTimeoutMs = options.attemptTimeoutMs ?? ATTEMPT_TIMEOUT_MS;
    requireTimeMs('timeoutMs', this.#timeoutMs);
    requireTimeMs('attemptTimeoutMs', this.#attemptTimeoutMs);
    const security =
      options.authority === undefined ? credentials.createInsecure() : credentials.createSsl(options.authority);
    // Of an address that is given twice the first of two clients would never be closed.
    const addresses = [...new Set(options.addresses)];
    this.#clients = new Map(addresses.map((address) => [address, new Client(address, security, CHANNEL_OPTIONS)]));
    // Each name has the call of its own method: `ServiceCalls` has the types that are lost on the way.
    const methods = Object.entries(SERVICE_METHODS as unknown as Record<MethodName, ServiceMethod<object, object>>);
    const calls = methods.map(([name, method]) => [name, this.#toCall(method)]);
    this.calls = Object.fromEntries(calls) as ServiceCalls;
  }

  /**
   * Opens a queue that sends single debits together over a stream. Close it before the client. Throws RangeError where an option is no
   * bound.
   */
  openDebits(options: DebitQueueOptions = {}): DebitQueue {
    const ranked = this.#rank(newUuid()).map((address) => this.#clientAt(address));
    return new DebitQueue(ranked, () => this.#metadata(), {
      ...options,
      timeoutMs: options.timeoutMs ?? this.#timeoutMs,
    });
  }

  /** Closes the connections; calls and debits that still wait end with an error. */
  close(): void {
    this.#closing.abort();
    for (const client of this.#clients.values()) client.close();
  }

  #toCall<Request extends object, Response>({ method, toRequest }: ServiceMethod<Request, Response>) {
    return async (fields: Fields<Request>, options: CallOptions = {}): Promise<Response> =>
      this.#callUntilAnswered(method, withRequestId(toRequest(fields)), options);
  }

  async #callUntilAnswered<Request extends object, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    { timeoutMs = this.#timeoutMs, signal }: CallOptions,
  ): Promise<Response> {
    // Who calls with what is left of a time of their own may have nothing left.
    if (!(timeoutMs <= 0)) requireTimeMs('timeoutMs', timeoutMs);
    const deadlineMs = Date.now() + Math.max(timeoutMs, 0);
    const ranked = this.#rank(textOf(request, 'tenantId') ?? '');
    if (this.#closing.signal.aborted) throw isClosed(request);
    for (let attempt = 1; ; attempt += 1) {
      const deadline = new Date(Math.min(deadlineMs, Date.now() + this.#attemptTimeoutMs));
      const settings = { metadata: this.#metadata(), deadline, ...(signal && { signal }) };
      const client = this.#clientAt(ranked[(attempt - 1) % ranked.length] ?? '');
      try {
        return await callUnary(client, method, request, settings);
      } catch (thrown) {
        const error = toKernelError(thrown, textOf(request, 'requestId'));
        const waitMs = waitMsAfter(error, attempt);
        if (waitMs === undefined || signal?.aborted || Date.now() + waitMs >= deadlineMs) throw error;
        const ends = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
        await delay(waitMs, undefined, { signal: ends }).catch(() => Promise.reject(givenUp(error)));
      }
    }
  }

  /** A tenant is asked about at the same kernel each time, which is faster where many write. */
  #rank(key: string): readonly string[] {
    return rankByRendezvous([...this.#clients.keys()], key);
  }

  #clientAt(address: string): Client {
    const client = this.#clients.get(address);
    if (client === undefined) throw new Error(`there is no client for the kernel at ${address}`);
    return client;
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${this.#token}`);
    return metadata;
  }
}

function waitMsAfter(error: unknown, attempt: number): number | undefined {
  return error instanceof KernelError && error.isRetriable ? computeBackoffMs(attempt, error.retryDelayMs) : undefined;
}

function isClosed(request: unknown): KernelError {
  const message = 'the client is closed, and the call was not sent; make another client';
  return new KernelError({ code: status.CANCELLED, message, requestId: textOf(request, 'requestId') });
}

/** Says that the caller, or who closed the client, ended a call that was to be sent again. */
function givenUp(last: unknown): unknown {
  if (!(last instanceof KernelError)) return last;
  const message = `the call was given up before another attempt; the last one failed with: ${last.message}`;
  return new KernelError({ code: status.CANCELLED, message, requestId: last.requestId, cause: last });
}

function textOf(request: unknown, field: string): string | undefined {
  const value: unknown = typeof request === 'object' && request !== null ? Reflect.get(request, field) : undefined;
  return typeof value === 'string' ? value : undefined;
}
