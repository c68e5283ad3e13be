// Owns what happens to every call on its way to a handler and back: who calls, whether it may, until when, what it is
// answered, counted and logged. One thin pass for each call instead of a chain of interceptors, since unary debits are
// bounded by what a gRPC call costs.
// Invariants: a call is answered exactly once; what a handler throws never reaches the caller as it is; a call that
// succeeds at log level info writes nothing.

import { type handleUnaryCall, type Metadata, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { v7 as newUuid } from 'uuid';
import { DomainError, invalidField } from '../domain/error.ts';
import { ACCESS, type MethodPath } from './access.ts';
import type { CallContext, Caller } from './caller.ts';
import type { Handler } from './handler/handler-map.ts';
import { authenticate, type Credential } from './interceptors/authentication.ts';
import { cutOff, deadlineExceeded, readDeadline } from './interceptors/deadline.ts';
import { Gate } from './interceptors/gate.ts';
import type { CallLog, CallRecord } from './interceptors/logging.ts';
import type { CallMeter } from './interceptors/metrics.ts';
import { type GuardedMethod, ScopeGuard } from './interceptors/scope.ts';
import { CODE_BY_REASON, toDomainError, toStatus } from './status.ts';

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** What the pipeline works with. */
export interface PipelineParts {
  readonly credentials: readonly Credential[];
  readonly meter: CallMeter;
  readonly log: CallLog;
  /** How long a call without a deadline of its own may take, in milliseconds. */
  readonly deadlineDefaultMs: number;
}

/** Stands in the place of a request whose bytes could not be read. */
class UnreadableRequest {}
const UNREADABLE = new UnreadableRequest();

/** Wraps a deserializer so that bytes which are no such message get an answer with a reason. */
export function readSafely<Request>(
  deserialize: (bytes: Buffer) => Request,
): (bytes: Buffer) => Request | UnreadableRequest {
  return (bytes) => {
    try {
      return deserialize(bytes);
    } catch {
      return UNREADABLE;
    }
  };
}

/** Passes calls to handlers. */
export class UnaryPipeline {
  readonly parts: PipelineParts;
  readonly guard: ScopeGuard;
  readonly gate: Gate;
  #inFlight = 0;
  #isDraining = false;
  #onIdle: (() => void) | undefined;

  constructor(parts: PipelineParts) {
    this.parts = parts;
    this.guard = new ScopeGuard(parts.credentials);
    this.gate = new Gate({ ...parts, requestIdOf });
  }

  /** Builds what grpc-js calls for one method. */
  handle<Request, Response>(path: MethodPath, handler: Handler<Request, Response>): handleUnaryCall<Request, Response> {
    const method: GuardedMethod = { path, access: ACCESS[path] };
    return (call, callback) => {
      this.#inFlight += 1;
      this.parts.meter.begin();
      new PendingCall(this, method, call, callback).run(handler);
    };
  }

  /** Says whether calls are refused because the kernel ends. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Refuses calls from now on, and resolves when those that began are answered. */
  drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Notes that a call was answered. */
  end(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#onIdle?.();
  }
}

/** One call, from its arrival to its answer. */
class PendingCall<Request, Response> implements CallContext {
  readonly #pipeline: UnaryPipeline;
  readonly #method: GuardedMethod;
  readonly #call: ServerUnaryCall<Request, Response>;
  readonly #callback: sendUnaryData<Response>;
  readonly #startMs = performance.now();
  #credential: Credential | undefined;
  #caller: Caller | undefined;
  #requestId: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isAnswered = false;
  deadlineAtMs = Number.POSITIVE_INFINITY;

  constructor(
    pipeline: UnaryPipeline,
    method: GuardedMethod,
    call: ServerUnaryCall<Request, Response>,
    callback: sendUnaryData<Response>,
  ) {
    this.#pipeline = pipeline;
    this.#method = method;
    this.#call = call;
    this.#callback = callback;
  }

  get caller(): Caller {
    if (this.#caller === undefined) throw new Error('a handler ran before its caller was known');
    return this.#caller;
  }

  reportFailure(error: unknown): void {
    this.#pipeline.parts.log.failed(toDomainError(error), () => this.#record());
  }

  run(handler: Handler<Request, Response>): void {
    try {
      this.#admit();
    } catch (error) {
      this.#fail(error);
      return;
    }
    // It never rejects: every failure becomes an answer.
    void this.#answer(handler);
  }

  /** Throws DomainError where the call may not be made, or not any more. */
  #admit(): void {
    const { metadata, request } = this.#call;
    const { credentials, deadlineDefaultMs } = this.#pipeline.parts;
    if (this.#pipeline.isDraining) throw shuttingDown();
    this.#credential = this.#pipeline.gate.credentialOf(metadata) ?? authenticate(credentials, metadata);
    this.#caller = this.#pipeline.guard.admit(this.#credential, this.#method, metadata);
    if (request instanceof UnreadableRequest) {
      throw invalidField({
        field: 'request',
        description: 'is not a message of this method: its bytes are something else',
      });
    }
    const deadline = readDeadline(this.#call.getDeadline(), this.#startMs, deadlineDefaultMs);
    this.deadlineAtMs = deadline.atMs;
    if (deadline.atMs <= this.#startMs) throw deadlineExceeded();
    if (!deadline.isStated) {
      this.#timer = setTimeout(
        () => this.#fail(cutOff(deadlineDefaultMs, this.#method.access.writes)),
        deadlineDefaultMs,
      );
    }
  }

  async #answer(handler: Handler<Request, Response>): Promise<void> {
    try {
      this.#succeed(await handler(this.#call.request, this));
    } catch (error) {
      this.#fail(error);
    }
  }

  #succeed(response: Response): void {
    if (!this.#end(status.OK)) return;
    this.#callback(null, response);
    const { log } = this.#pipeline.parts;
    const { access } = this.#method;
    if (access.writes && this.#caller?.scope === 'sysadmin') log.operatorWrote(this.#record());
    else if (log.logsSuccess) log.succeeded(this.#record());
  }

  #fail(thrown: unknown): void {
    const error = toDomainError(thrown);
    if (!this.#end(CODE_BY_REASON[error.reason])) return;
    this.#callback(toStatus(error, this.#knownRequestId()));
    this.#pipeline.parts.log.failed(error, () => this.#record());
  }

  /** Counts the call; answers false where it was answered before. */
  #end(code: status): boolean {
    if (this.#isAnswered) return false;
    this.#isAnswered = true;
    clearTimeout(this.#timer);
    this.#pipeline.parts.meter.end(this.#method.path, code, performance.now() - this.#startMs);
    this.#pipeline.end();
    return true;
  }

  #record(): CallRecord {
    const { request } = this.#call;
    const tenantId = hasTenantId(request) ? request.tenantId.slice(0, 128) : undefined;
    return {
      path: this.#method.path,
      requestId: this.#knownRequestId(),
      ...(this.#credential === undefined ? {} : { caller: `${this.#credential.scope}/${this.#credential.name}` }),
      ...(tenantId === undefined ? {} : { tenantId }),
      durationMs: Math.round((performance.now() - this.#startMs) * 1_000) / 1_000,
    };
  }

  /** Only a call that is logged or refused needs its id, so only then one is made. */
  #knownRequestId(): string {
    this.#requestId ??= requestIdOf(this.#call.metadata);
    return this.#requestId;
  }
}

function requestIdOf(metadata: Metadata): string {
  const [stated] = metadata.get('x-request-id');
  return typeof stated === 'string' && REQUEST_ID.test(stated) ? stated : newUuid();
}

function hasTenantId(request: unknown): request is { readonly tenantId: string } {
  return (
    typeof request === 'object' && request !== null && 'tenantId' in request && typeof request.tenantId === 'string'
  );
}

function shuttingDown(): DomainError {
  return new DomainError('SHUTTING_DOWN', 'this kernel is ending: retry at once, with the same request_id');
}
