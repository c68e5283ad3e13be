// Owns the gRPC server: which services it has, where it listens, how it ends. Does not own what the services do.
// Invariant: drain answers every call that began; only what outlasts the drain is cut off.

import { Server, ServerCredentials, type UntypedHandleCall, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { METHOD_PATHS, type MethodPath, SERVED_SERVICES } from './access.ts';
import { Admission, type PipelineParts } from './admission.ts';
import { endHalfOpenCalls } from './half-open.ts';
import { type AccessTokenHandlerParts, createAccessTokenHandlers } from './handler/access-token-handler.ts';
import { type AlertEndpointHandlerParts, createAlertEndpointHandlers } from './handler/alert-endpoint-handler.ts';
import { type AlertHandlerParts, createAlertHandlers } from './handler/alert-handler.ts';
import { type CatalogAdminHandlerParts, createCatalogAdminHandlers } from './handler/catalog-admin-handler.ts';
import { type CatalogHandlerParts, createCatalogHandlers } from './handler/catalog-handler.ts';
import { type CatalogSyncHandlerParts, createCatalogSyncHandlers } from './handler/catalog-sync-handler.ts';
import type { BidiHandler, Handler, ServerStreamHandler, ServiceMethod } from './handler/handler-map.ts';
import { createHoldHandlers } from './handler/hold-handler.ts';
import { createLedgerAuditHandlers, type LedgerAuditHandlerParts } from './handler/ledger-audit-handler.ts';
import { createLedgerHandlers, type LedgerHandlerParts } from './handler/ledger-handler.ts';
import { createLedgerStreamHandlers, type LedgerStreamHandlerParts } from './handler/ledger-stream-handler.ts';
import { createMailServiceHandlers, type MailHandlerParts } from './handler/mail-handler.ts';
import { createOperatorHandlers, type OperatorHandlerParts } from './handler/operator-handler.ts';
import { createPaymentHistoryHandlers, type PaymentHistoryHandlerParts } from './handler/payment-history-handler.ts';
import { createPaymentMethodHandlers, type PaymentMethodHandlerParts } from './handler/payment-method-handler.ts';
import {
  createInvitationHandlers,
  createMemberHandlers,
  createProjectHandlers,
  createUserHandlers,
  type PeopleHandlerParts,
} from './handler/people-handler.ts';
import { createPromotionAdminHandlers, type PromotionAdminHandlerParts } from './handler/promotion-admin-handler.ts';
import { createPromotionHandlers, type PromotionHandlerParts } from './handler/promotion-handler.ts';
import { createReconciliationHandlers, type ReconciliationHandlerParts } from './handler/reconciliation-handler.ts';
import { createSignupHandlers, type SignupHandlerParts } from './handler/signup-handler.ts';
import { createSubscriptionHandlers, type SubscriptionHandlerParts } from './handler/subscription-handler.ts';
import { createTenantHandlers, type TenantHandlerParts } from './handler/tenant-handler.ts';
import { createTopUpHandlers, type TopUpHandlerParts } from './handler/top-up-handler.ts';
import { createTrialHandlers, type TrialHandlerParts } from './handler/trial-handler.ts';
import { createUsageHandlers, type UsageHandlerParts } from './handler/usage-handler.ts';
import { createWebhookServiceHandlers, type WebhookHandlerParts } from './handler/webhook-handler.ts';
import { Health } from './health.ts';
import { boundTimeouts } from './interceptors/deadline.ts';
import { addReflection } from './reflection.ts';
import { readSafely } from './request-reader.ts';
import { STREAM_BOUNDS, type StreamBounds } from './stream-limit.ts';
import { StreamPipeline } from './stream-pipeline.ts';
import { UnaryPipeline } from './unary-pipeline.ts';

/** 1,000 debits with their dimensions come to about 4 MiB at most in practice. */
const REQUEST_BYTES_MAX = 4 * 1_024 * 1_024;
/** How long answers that are on their way may take to leave, once every call is answered, in milliseconds. */
const FLUSH_TIMEOUT_MS = 1_000;

const SERVER_OPTIONS = {
  'grpc.max_receive_message_length': REQUEST_BYTES_MAX,
  // A peer that vanished without a word is noticed, so that its calls don't count for ever.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  // More than all that one caller may have open: 5,000 watches of a balance, streams of debits, and calls in flight.
  'grpc.max_concurrent_streams': 8_192,
  // Whoever connects and calls nothing is let go; clients connect again by themselves with their next call.
  'grpc.max_connection_idle_ms': 300_000,
  // Bookkeeping of each call for a debugging service that is not served.
  'grpc.enable_channelz': 0,
};

/** A certificate and its key, in PEM. */
export interface TlsPair {
  readonly certificate: Buffer;
  readonly key: Buffer;
}

/** What the gRPC server is made of. */
export interface GrpcServerParts
  extends PipelineParts,
    CatalogHandlerParts,
    CatalogAdminHandlerParts,
    OperatorHandlerParts,
    CatalogSyncHandlerParts,
    LedgerHandlerParts,
    LedgerStreamHandlerParts,
    LedgerAuditHandlerParts,
    UsageHandlerParts,
    TrialHandlerParts,
    SubscriptionHandlerParts,
    PaymentMethodHandlerParts,
    TopUpHandlerParts,
    PromotionHandlerParts,
    PromotionAdminHandlerParts,
    AlertHandlerParts,
    AlertEndpointHandlerParts,
    PaymentHistoryHandlerParts,
    WebhookHandlerParts,
    PeopleHandlerParts,
    TenantHandlerParts,
    AccessTokenHandlerParts,
    SignupHandlerParts,
    MailHandlerParts,
    ReconciliationHandlerParts {
  /** Absent: plain text, for networks that are trusted. */
  readonly tls?: TlsPair;
  /** @default STREAM_BOUNDS */
  readonly streamBounds?: StreamBounds;
}

/** Serves the kernel's contracts over gRPC. */
export class GrpcServer {
  readonly #server: Server;
  readonly #admission: Admission;
  readonly #unary: UnaryPipeline;
  readonly #streams: StreamPipeline;
  readonly #health: Health;
  readonly #credentials: ServerCredentials;
  readonly #stopWatching: readonly (() => void)[];

  constructor(parts: GrpcServerParts) {
    const names = Object.keys(SERVED_SERVICES);
    this.#admission = new Admission(parts);
    this.#unary = new UnaryPipeline(this.#admission);
    this.#streams = new StreamPipeline(this.#admission, parts.streamBounds ?? STREAM_BOUNDS);
    this.#server = new Server({ ...SERVER_OPTIONS, interceptors: [this.#admission.gate.interceptor] });
    this.#health = new Health(names);
    this.#credentials = toServerCredentials(parts.tls);
    this.#stopWatching = [boundTimeouts(), endHalfOpenCalls()];
    this.#addServices(parts);
    this.#health.addTo(this.#server);
    addReflection(this.#server, names);
  }

  /**
   * Listens; answers the address with the port that was bound.
   * Throws Error with one sentence for people where the address can't be bound.
   */
  async listen(address: string): Promise<string> {
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(address, this.#credentials, (cause, bound) => {
        if (cause === null) resolve(bound);
        else reject(new Error(explainBindFailure(address, cause), { cause }));
      });
    });
    this.#health.set('SERVING');
    return `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
  }

  /** Stops taking calls, and resolves when those that began are answered and their answers have left. */
  async drain(): Promise<void> {
    this.#health.set('NOT_SERVING');
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    this.#admission.close();
    await Promise.all([this.#unary.drain(), this.#streams.drain()]);
    // What is still open now are streams of health and reflection, which end only when their clients want to.
    let timer: NodeJS.Timeout | undefined;
    const flushed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_TIMEOUT_MS);
    });
    await Promise.race([closed, flushed]);
    clearTimeout(timer);
    this.forceStop();
  }

  /** Cuts off everything that is still open. */
  forceStop(): void {
    this.#server.forceShutdown();
    for (const stop of this.#stopWatching) stop();
  }

  #addServices(parts: GrpcServerParts): void {
    const handlers = {
      'wheelhouse.catalog.v1.CatalogService': createCatalogHandlers(parts),
      'wheelhouse.catalog.v1.CatalogAdminService': createCatalogAdminHandlers(parts),
      'wheelhouse.operator.v1.OperatorService': createOperatorHandlers(parts),
      'wheelhouse.catalog.v1.CatalogSyncService': createCatalogSyncHandlers(parts),
      'wheelhouse.tenant.v1.TenantService': createTenantHandlers(parts),
      'wheelhouse.tenant.v1.UserService': createUserHandlers(parts),
      'wheelhouse.tenant.v1.MemberService': createMemberHandlers(parts),
      'wheelhouse.tenant.v1.InvitationService': createInvitationHandlers(parts),
      'wheelhouse.tenant.v1.ProjectService': createProjectHandlers(parts),
      'wheelhouse.subscription.v1.TrialService': createTrialHandlers(parts),
      'wheelhouse.subscription.v1.SubscriptionService': createSubscriptionHandlers(parts),
      'wheelhouse.payment.v1.PaymentMethodService': createPaymentMethodHandlers(parts),
      'wheelhouse.payment.v1.TopUpService': createTopUpHandlers(parts),
      'wheelhouse.promotion.v1.PromotionService': createPromotionHandlers(parts),
      'wheelhouse.promotion.v1.PromotionAdminService': createPromotionAdminHandlers(parts),
      'wheelhouse.alert.v1.AlertService': createAlertHandlers(parts),
      'wheelhouse.alert.v1.AlertEndpointService': createAlertEndpointHandlers(parts),
      'wheelhouse.payment.v1.PaymentHistoryService': createPaymentHistoryHandlers(parts),
      'wheelhouse.ledger.v1.LedgerService': createLedgerHandlers(parts),
      'wheelhouse.ledger.v1.HoldService': createHoldHandlers(parts),
      'wheelhouse.ledger.v1.LedgerStreamService': createLedgerStreamHandlers(parts),
      'wheelhouse.ledger.v1.UsageService': createUsageHandlers(parts),
      'wheelhouse.ledger.v1.LedgerAuditService': createLedgerAuditHandlers(parts),
      'wheelhouse.operator.v1.WebhookService': createWebhookServiceHandlers(parts),
      'wheelhouse.operator.v1.MailService': createMailServiceHandlers(parts),
      'wheelhouse.operator.v1.ReconciliationService': createReconciliationHandlers(parts),
      'wheelhouse.tenant.v1.AccessTokenService': createAccessTokenHandlers(parts),
      'wheelhouse.tenant.v1.SignupService': createSignupHandlers(parts),
    } satisfies Record<keyof typeof SERVED_SERVICES, object>;
    for (const [name, definition] of Object.entries(SERVED_SERVICES)) {
      this.#addService(definition, handlers[name as keyof typeof SERVED_SERVICES]);
    }
  }

  /** The types of a service's methods were checked where its handlers were built; here they only pass through. */
  #addService(definition: object, handlers: object): void {
    const served: Record<string, ServiceMethod<unknown, unknown>> = {};
    const implementation: UntypedServiceImplementation = {};
    const byName = new Map<string, unknown>(Object.entries(handlers));
    for (const [name, method] of Object.entries(definition as Record<string, ServiceMethod<unknown, unknown>>)) {
      const path = METHOD_PATHS.find((candidate) => candidate === method.path);
      if (path === undefined) throw new Error(`the access table has no line for ${method.path}`);
      served[name] = { ...method, requestDeserialize: readSafely(method.requestDeserialize) };
      implementation[name] = this.#handle(path, method, byName.get(name));
    }
    this.#server.addService(served as Parameters<Server['addService']>[0], implementation);
  }

  #handle(path: MethodPath, method: ServiceMethod<unknown, unknown>, handler: unknown): UntypedHandleCall {
    if (method.requestStream) return this.#streams.converse(path, handler as BidiHandler<unknown, unknown>);
    if (method.responseStream) return this.#streams.serve(path, handler as ServerStreamHandler<unknown, unknown>);
    return this.#unary.handle(path, handler as Handler<unknown, unknown>);
  }
}

function toServerCredentials(tls: TlsPair | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(null, [{ private_key: tls.key, cert_chain: tls.certificate }]);
}

function explainBindFailure(address: string, cause: Error): string {
  if (cause.message.includes('EADDRINUSE')) {
    return `The gRPC address ${address} is in use: end the program that has it, or set GRPC_ADDRESS to another one.`;
  }
  return `The gRPC address ${address} can't be listened on (${cause.message}): correct GRPC_ADDRESS.`;
}
