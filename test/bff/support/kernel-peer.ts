// Owns a stand-in for the kernel at the other end of real gRPC: it answers what a test tells it to, by the generated
// service definitions, and remembers what it was asked. It knows no rule of billing.

import {
  status as GrpcStatus,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { BadRequest, ErrorInfo, RetryInfo } from '../../../gen/google/rpc/error_details.ts';
import { Status } from '../../../gen/google/rpc/status.ts';
import { AlertEndpointServiceService } from '../../../gen/wheelhouse/alert/v1/alert_endpoint_service.ts';
import { AlertServiceService } from '../../../gen/wheelhouse/alert/v1/alert_service.ts';
import { CatalogServiceService } from '../../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { LedgerServiceService } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  LedgerStreamServiceService,
  type StreamDebitsRequest,
  type StreamDebitsResponse,
  type WatchBalanceRequest,
  type WatchBalanceResponse,
} from '../../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { UsageServiceService } from '../../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { PaymentHistoryServiceService } from '../../../gen/wheelhouse/payment/v1/payment_history_service.ts';
import { PaymentMethodServiceService } from '../../../gen/wheelhouse/payment/v1/payment_method_service.ts';
import { TopUpServiceService } from '../../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { PromotionServiceService } from '../../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import { SubscriptionServiceService } from '../../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { TrialServiceService } from '../../../gen/wheelhouse/subscription/v1/trial_service.ts';
import { AccessTokenServiceService } from '../../../gen/wheelhouse/tenant/v1/access_token_service.ts';
import { InvitationServiceService } from '../../../gen/wheelhouse/tenant/v1/invitation_service.ts';
import { MemberServiceService } from '../../../gen/wheelhouse/tenant/v1/member_service.ts';
import { ProjectServiceService } from '../../../gen/wheelhouse/tenant/v1/project_service.ts';
import { SignupServiceService } from '../../../gen/wheelhouse/tenant/v1/signup_service.ts';
import { TenantServiceService } from '../../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { UserServiceService } from '../../../gen/wheelhouse/tenant/v1/user_service.ts';

const SERVICES = [
  CatalogServiceService,
  LedgerServiceService,
  LedgerStreamServiceService,
  UsageServiceService,
  TrialServiceService,
  SubscriptionServiceService,
  PaymentMethodServiceService,
  PromotionServiceService,
  AlertServiceService,
  AlertEndpointServiceService,
  TopUpServiceService,
  PaymentHistoryServiceService,
  AccessTokenServiceService,
  InvitationServiceService,
  MemberServiceService,
  ProjectServiceService,
  SignupServiceService,
  TenantServiceService,
  UserServiceService,
] as const;

/** Are the methods of all services; no two have the same name. */
type Methods = typeof CatalogServiceService &
  typeof LedgerServiceService &
  typeof LedgerStreamServiceService &
  typeof UsageServiceService &
  typeof TrialServiceService &
  typeof SubscriptionServiceService &
  typeof PaymentMethodServiceService &
  typeof PromotionServiceService &
  typeof AlertServiceService &
  typeof AlertEndpointServiceService &
  typeof TopUpServiceService &
  typeof PaymentHistoryServiceService &
  typeof AccessTokenServiceService &
  typeof InvitationServiceService &
  typeof MemberServiceService &
  typeof ProjectServiceService &
  typeof SignupServiceService &
  typeof TenantServiceService &
  typeof UserServiceService;

type AnswerTo<Method> = Method extends {
  requestSerialize: (value: infer Request) => Buffer;
  responseDeserialize: (bytes: Buffer) => infer Response;
}
  ? (request: Request) => Response | Promise<Response>
  : never;

/** What a test lets the peer answer; a thrown KernelRefusal or RawRefusal becomes the error of the call. */
export type Answers = { -readonly [Name in keyof Methods]: AnswerTo<Methods[Name]> };

/** A watch of a balance, as its peer has it. */
export type BalanceWatch = ServerWritableStream<WatchBalanceRequest, WatchBalanceResponse>;

/** A stream of debits, as its peer has it. */
export type DebitStreamCall = ServerDuplexStream<StreamDebitsRequest, StreamDebitsResponse>;

/** One call as the peer received it. */
export interface ReceivedCall {
  readonly method: keyof Answers;
  readonly request: unknown;
  readonly metadata: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  isCancelled: boolean;
}

/** An error as the kernel sends it: google.rpc.Status with its details in the trailer. */
export interface Refusal {
  readonly code: GrpcStatus;
  readonly reason: string;
  readonly message?: string;
  readonly domain?: string;
  readonly metadata?: Record<string, string>;
  readonly violations?: readonly { field: string; description: string }[];
  readonly retryDelayMs?: number;
}

/** Builds the error of a call with the details that the contract asks for. */
export function refusal(options: Refusal): ServiceError {
  const message = options.message ?? `refused: ${options.reason}`;
  const details = [
    any(
      'google.rpc.ErrorInfo',
      ErrorInfo.encode(
        ErrorInfo.create({
          reason: options.reason,
          domain: options.domain ?? 'wheelhouse',
          metadata: new Map(Object.entries(options.metadata ?? {})),
        }),
      ).finish(),
    ),
  ];
  if (options.violations) {
    const fieldViolations = options.violations.map((violation) => ({ ...violation }));
    details.push(any('google.rpc.BadRequest', BadRequest.encode(BadRequest.fromPartial({ fieldViolations })).finish()));
  }
  if (options.retryDelayMs !== undefined) {
    const seconds = BigInt(Math.trunc(options.retryDelayMs / 1_000));
    const retryDelay = { seconds, nanos: (options.retryDelayMs % 1_000) * 1_000_000 };
    details.push(any('google.rpc.RetryInfo', RetryInfo.encode(RetryInfo.fromPartial({ retryDelay })).finish()));
  }
  const status = Status.encode({ code: options.code, message, details }).finish();
  return rawRefusal(options.code, message, Buffer.from(status));
}

/** Builds the error of a call with any bytes, or none, as its details. */
export function rawRefusal(code: GrpcStatus, details: string, statusDetails?: Buffer): ServiceError {
  const metadata = new Metadata();
  if (statusDetails) {
    metadata.set('grpc-status-details-bin', statusDetails);
  }
  return Object.assign(new Error(details), { code, details, metadata });
}

function any(name: string, value: Uint8Array): { typeUrl: string; value: Buffer } {
  return { typeUrl: `type.googleapis.com/${name}`, value: Buffer.from(value) };
}

/** A gRPC server that answers as told. */
export class KernelPeer {
  readonly calls: ReceivedCall[] = [];
  readonly health = new HealthImplementation({ '': 'SERVING' });
  answers: Partial<Answers> = {};
  /** Is told of each watch of a balance, and writes to it; it ends with the peer, or as the test says. */
  onWatch: (call: BalanceWatch) => void = (call) =>
    void call.emit('error', rawRefusal(GrpcStatus.UNIMPLEMENTED, 'no watch'));
  /** Is told of each stream of debits, and reads and answers it as the test says. */
  onDebits: (call: DebitStreamCall) => void = refuseDebits;
  readonly #credentials: ServerCredentials;
  #server = new Server();
  #port = 0;

  constructor(credentials = ServerCredentials.createInsecure()) {
    this.#credentials = credentials;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Starts to serve, on the port of the time before if there was one. */
  async start(): Promise<void> {
    this.#server = new Server();
    for (const service of SERVICES) {
      // What is a method of one of the services is one of all.
      const names = Object.keys(service) as (keyof Answers)[];
      this.#server.addService(service, {
        ...Object.fromEntries(names.map((name) => [name, this.#handle(name)])),
        ...(service === LedgerStreamServiceService && { watchBalance: this.#watch, streamDebits: this.#streamDebits }),
      });
    }
    this.health.addToServer(this.#server);
    this.#port = await new Promise((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${this.#port}`, this.#credentials, (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
  }

  /** Ends at once; open calls are cut off. */
  stop(): void {
    this.#server.forceShutdown();
  }

  reset(): void {
    this.calls.length = 0;
    this.answers = {};
    this.onWatch = (call) => void call.emit('error', rawRefusal(GrpcStatus.UNIMPLEMENTED, 'no watch'));
    this.onDebits = refuseDebits;
  }

  readonly #streamDebits = (call: DebitStreamCall): void => this.onDebits(call);

  readonly #watch = (call: BalanceWatch): void => {
    const received: ReceivedCall = {
      ...{ method: 'watchBalance', request: call.request, metadata: toStrings(call.metadata), isCancelled: false },
      deadlineMs: Number(call.getDeadline()),
    };
    this.calls.push(received);
    call.on('cancelled', () => {
      received.isCancelled = true;
    });
    this.onWatch(call);
  };

  #handle<Name extends keyof Answers>(method: Name) {
    return async <Request, Response>(
      call: ServerUnaryCall<Request, Response>,
      callback: sendUnaryData<Response>,
    ): Promise<void> => {
      const received: ReceivedCall = {
        method,
        request: call.request,
        metadata: toStrings(call.metadata),
        deadlineMs: Number(call.getDeadline()),
        isCancelled: false,
      };
      this.calls.push(received);
      call.on('cancelled', () => {
        received.isCancelled = true;
      });
      try {
        // The method's name pairs request and answer; TypeScript can't follow that through the handler's own generics.
        const answer = this.answers[method] as unknown as
          | ((request: Request) => Response | Promise<Response>)
          | undefined;
        if (!answer) {
          throw rawRefusal(GrpcStatus.UNIMPLEMENTED, `the test has no answer for ${method}`);
        }
        callback(null, await answer(call.request));
      } catch (error) {
        // Tests throw nothing but refusals, which are ServiceErrors.
        callback(error as ServiceError);
      }
    };
  }
}

function refuseDebits(call: DebitStreamCall): void {
  call.emit('error', rawRefusal(GrpcStatus.UNIMPLEMENTED, 'no debits'));
}

function toStrings(metadata: Metadata): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata.toJSON()).map(([name, values]) => [name, values.map(String).join(', ')]),
  );
}
