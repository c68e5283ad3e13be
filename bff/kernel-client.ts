// Owns the calls to the kernel: which kernel is asked, what goes with a call, how long it may take, when it ends early.
// Does not own what the answers mean (convert.ts) or how errors look (kernel-problem.ts).
// Invariants: the product comes from the configuration alone; one deadline holds for all attempts of a request; only what
// may happen twice without harm goes on to another kernel; what nobody waits for any more is cancelled.

import { Client, credentials, status as GrpcStatus, Metadata } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { isServiceError } from '../clients/grpc/error-detail.ts';
import { rankByRendezvous } from '../clients/grpc/rendezvous.ts';
import { callUnary, type UnaryMethod } from '../clients/grpc/unary-call.ts';
import {
  CatalogServiceService,
  type ListPlansRequest,
  type ListPlansResponse,
} from '../gen/wheelhouse/catalog/v1/catalog_service.ts';
import {
  type GetBalanceRequest,
  type GetBalanceResponse,
  LedgerServiceService,
} from '../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { CallContext } from './call-context.ts';
import { decodeOnce } from './decode-once.ts';
import { type Identity, keyOf } from './identity.ts';
import { SharedRead } from './shared-read.ts';
import { callStream, type StreamMethod } from './stream-call.ts';

/** The largest page: 1,000 entries with all their dimensions and many draws. */
const RESPONSE_BYTES_MAX = 32 * 1_024 * 1_024;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': RESPONSE_BYTES_MAX,
  // A kernel that comes back is found within a second or so, before the next one is replaced, where the default backs off for up to two minutes.
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // A large page arrives in one go; with the default window of 64 KiB it would wait for a round trip every few entries.
  'grpc-node.flow_control_window': 1_024 * 1_024,
  // A peer that vanished without a word is noticed while calls wait for it.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // The kernel is inside the network: no proxy of the environment, no service config out of DNS.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};

const HEALTH_CHECK: UnaryMethod<object, object> = healthService['Check'] ?? missingMethod('Check');

/** Which kernels to call, and as what. */
export interface KernelClientOptions {
  readonly addresses: readonly string[];
  readonly token: string;
  readonly productCode: string;
  /** Is the PEM of the authority of the kernels' certificates; absent means plain text. */
  readonly authority?: Buffer | undefined;
}

/**
 * The kernel, however many processes it has. Every call throws ServiceError when the kernel refuses it, can't be reached
 * or does not answer in time.
 */
export class KernelClient {
  readonly #options: KernelClientOptions;
  readonly #clients: ReadonlyMap<string, Client>;
  /** Plans seldom change, and everybody is answered with the same. */
  readonly #listPlans = this.#share(decodeOnce(CatalogServiceService.listPlans));
  readonly #getBalance = this.#share(LedgerServiceService.getBalance);

  constructor(options: KernelClientOptions) {
    this.#options = options;
    const security = options.authority ? credentials.createSsl(options.authority) : credentials.createInsecure();
    this.#clients = new Map(
      options.addresses.map((address) => [address, new Client(address, security, CHANNEL_OPTIONS)]),
    );
  }

  /**
   * Lists plans of this deployment's product; an answer like the last is the same object. Throws ServiceError when the
   * kernel does not answer with a page.
   */
  listPlans(request: ListPlansRequest, context: CallContext): Promise<ListPlansResponse> {
    return this.#listPlans.read(request, context);
  }

  /** Reads the balance of a workspace. Throws ServiceError when the kernel does not answer with one. */
  getBalance(request: GetBalanceRequest, context: CallContext): Promise<GetBalanceResponse> {
    return this.#getBalance.read(request, context);
  }

  /**
   * Calls a method that reads, or whose effect happens once however often it is called: where a kernel can't be reached, or
   * is lost before its answer, another one is asked. Throws ServiceError when the kernel does not answer with a response.
   */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    context: CallContext,
  ): Promise<Response> {
    return this.#callUntilReached(method, request, context);
  }

  /**
   * Calls a method that answers with a stream, and answers its messages as they are taken; it has no deadline. Where a kernel can't
   * be reached, or is lost before its first message, another one is asked. Throws ServiceError.
   */
  async *stream<Request, Response>(
    method: StreamMethod<Request, Response>,
    request: Request,
    context: CallContext,
  ): AsyncGenerator<Response, void, undefined> {
    let unavailable: unknown;
    for (const address of this.#rank(context)) {
      let hasBegun = false;
      try {
        const metadata = toMetadata(this.#options, context);
        for await (const message of callStream(this.#clientAt(address), method, request, {
          metadata,
          signal: context.signal,
        })) {
          hasBegun = true;
          yield message;
        }
        return;
      } catch (error) {
        if (hasBegun || context.signal.aborted || !isUnavailable(error)) throw error;
        unavailable = error;
      }
    }
    throw unavailable;
  }

  /** Says whether at least one kernel can be reached and serves, by the standard health service. */
  async isServing(timeoutMs: number): Promise<boolean> {
    const deadline = new Date(Date.now() + timeoutMs);
    const checkHealth = async (client: Client): Promise<void> => {
      const response = await callUnary(client, HEALTH_CHECK, { service: '' }, { metadata: new Metadata(), deadline });
      if (!('status' in response) || response.status !== 'SERVING') {
        throw new Error('the kernel does not serve');
      }
    };
    try {
      await Promise.any([...this.#clients.values()].map(checkHealth));
      return true;
    } catch {
      return false;
    }
  }

  /** Closes the connections; calls that still wait end with an error. */
  close(): void {
    for (const client of this.#clients.values()) {
      client.close();
    }
  }

  #share<Request, Response>(method: UnaryMethod<Request, Response>): SharedRead<Request, Response> {
    return new SharedRead({
      toBytes: method.requestSerialize,
      call: (request, context) => this.#callUntilReached(method, request, context),
    });
  }

  /** Asks the kernels in the tenant's order of preference until one of them can be reached. */
  async #callUntilReached<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    context: CallContext,
  ): Promise<Response> {
    const { deadline, signal } = context;
    let unavailable: unknown;
    for (const address of this.#rank(context)) {
      try {
        return await this.#attempt(address, method, request, context);
      } catch (error) {
        if (!isUnavailable(error) || signal.aborted || Date.now() >= deadline.getTime()) {
          throw error;
        }
        unavailable = error;
      }
    }
    throw unavailable;
  }

  #rank({ identity, tenantId }: CallContext): readonly string[] {
    return rankByRendezvous(this.#options.addresses, tenantId ?? keyOf(identity));
  }

  #attempt<Request, Response>(
    address: string,
    method: UnaryMethod<Request, Response>,
    request: Request,
    context: CallContext,
  ): Promise<Response> {
    const { deadline, signal } = context;
    const metadata = toMetadata(this.#options, context);
    return callUnary(this.#clientAt(address), method, request, { metadata, deadline, signal });
  }

  #clientAt(address: string): Client {
    const client = this.#clients.get(address);
    if (!client) {
      throw new Error(`there is no client for the kernel at ${address}`);
    }
    return client;
  }
}

function isUnavailable(error: unknown): boolean {
  return isServiceError(error) && error.code === GrpcStatus.UNAVAILABLE;
}

/** What goes with every call: the BFF's own credential and product, and whoever it calls for. */
function toMetadata({ token, productCode }: KernelClientOptions, context: CallContext): Metadata {
  const { identity, requestId, tenantId, remoteAddress } = context;
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  metadata.set('x-product-code', productCode);
  metadata.set('x-request-id', requestId);
  addIdentity(metadata, identity);
  if (tenantId) {
    metadata.set('x-tenant-id', tenantId);
  }
  if (remoteAddress) {
    metadata.set('x-remote-address', remoteAddress);
  }
  return metadata;
}

function addIdentity(metadata: Metadata, identity: Identity): void {
  if (identity.kind === 'program') {
    metadata.set('x-access-token', identity.accessToken);
  }
  if (identity.kind !== 'person') {
    return;
  }
  metadata.set('x-issuer', identity.issuer);
  metadata.set('x-subject', identity.subject);
  // Metadata is ASCII; what people are called is not.
  if (identity.email) {
    metadata.set('x-email', encodeURIComponent(identity.email));
  }
  if (identity.displayName) {
    metadata.set('x-name', encodeURIComponent(identity.displayName));
  }
}

function missingMethod(name: string): never {
  throw new Error(`grpc-health-check does not describe the method ${name}`);
}
