// Owns what happens to every unary call on its way to a handler and back: until when, what it is answered, counted and
// logged. One thin pass for each call instead of a chain of interceptors, since unary debits are bounded by what a gRPC
// call costs. Does not own who may call (admission.ts).
// Invariants: a call is answered exactly once.

import { type handleUnaryCall, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { ACCESS, type MethodPath } from './access.ts';
import { type Admission, ArrivedCall, describeRequest } from './admission.ts';
import type { Handler } from './handler/handler-map.ts';
import { cutOff, deadlineExceeded, readDeadline } from './interceptors/deadline.ts';
import type { CallRecord } from './interceptors/logging.ts';
import type { GuardedMethod } from './interceptors/scope.ts';
import { assertReadable } from './request-reader.ts';
import { CODE_BY_REASON, toDomainError, toStatus } from './status.ts';

/** Passes calls to handlers. */
export class UnaryPipeline {
  readonly admission: Admission;
  #inFlight = 0;
  #onIdle: (() => void) | undefined;

  constructor(admission: Admission) {
    this.admission = admission;
  }

  /** Builds what grpc-js calls for one method. */
  handle<Request, Response>(path: MethodPath, handler: Handler<Request, Response>): handleUnaryCall<Request, Response> {
    const method: GuardedMethod = { path, access: ACCESS[path] };
    return (call, callback) => {
      this.#inFlight += 1;
      this.admission.parts.meter.begin();
      new PendingCall(this, method, call, callback).run(handler);
    };
  }

  /** Resolves when the calls that began are answered; the admission is closed before. */
  drain(): Promise<void> {
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
class PendingCall<Request, Response> extends ArrivedCall {
  readonly #pipeline: UnaryPipeline;
  readonly #call: ServerUnaryCall<Request, Response>;
  readonly #callback: sendUnaryData<Response>;
  #timer: NodeJS.Timeout | undefined;
  #isAnswered = false;

  constructor(
    pipeline: UnaryPipeline,
    method: GuardedMethod,
    call: ServerUnaryCall<Request, Response>,
    callback: sendUnaryData<Response>,
  ) {
    super(pipeline.admission, method, call);
    this.#pipeline = pipeline;
    this.#call = call;
    this.#callback = callback;
  }

  run(handler: Handler<Request, Response>): void {
    let admitted: Promise<void> | undefined;
    try {
      admitted = this.admit();
      this.#begin();
    } catch (error) {
      // Who is looked up for nothing may not be found either.
      admitted?.catch(() => undefined);
      this.#fail(error);
      return;
    }
    // It never rejects: every failure becomes an answer.
    void this.#answer(handler, admitted);
  }

  protected override describe(): Partial<CallRecord> {
    return describeRequest(this.#call.request);
  }

  /** Throws DomainError where the request can't be read, or nobody waits for its answer any more. */
  #begin(): void {
    assertReadable(this.#call.request);
    const { deadlineDefaultMs } = this.admission.parts;
    const deadline = readDeadline(this.#call.getDeadline(), this.startMs, deadlineDefaultMs);
    this.deadlineAtMs = deadline.atMs;
    if (deadline.atMs <= this.startMs) throw deadlineExceeded();
    if (!deadline.isStated) {
      this.#timer = setTimeout(
        () => this.#fail(cutOff(deadlineDefaultMs, this.method.access.writes)),
        deadlineDefaultMs,
      );
    }
  }

  async #answer(handler: Handler<Request, Response>, admitted: Promise<void> | undefined): Promise<void> {
    try {
      if (admitted !== undefined) {
        await admitted;
        if (this.#isAnswered) return;
      }
      this.#succeed(await handler(this.#call.request, this));
    } catch (error) {
      this.#fail(error);
    }
  }

  #succeed(response: Response): void {
    if (!this.#end(status.OK)) return;
    this.#callback(null, response);
    this.logSucceeded();
  }

  #fail(thrown: unknown): void {
    const error = toDomainError(thrown);
    if (!this.#end(CODE_BY_REASON[error.reason])) return;
    this.#callback(toStatus(error, this.requestId));
    this.logFailed(error);
  }

  /** Counts the call; answers false where it was answered before. */
  #end(code: status): boolean {
    if (this.#isAnswered) return false;
    this.#isAnswered = true;
    clearTimeout(this.#timer);
    this.admission.parts.meter.end(this.method.path, code, performance.now() - this.startMs);
    this.#pipeline.end();
    return true;
  }
}
