// Owns what happens to every streaming call on its way to a handler and until it ends: until when it may go on, how fast
// it is answered, how it ends, what is counted and logged. Does not own who may call (admission.ts).
//
// A handler of a server stream is `async (request, context, send) => {…}`: it sends as many messages as it has and
// returns. `send` resolves when the transport has taken the message, so awaiting it keeps memory bounded, and rejects
// once nobody waits any more. `context.signal` aborts at that moment: the caller went away, its deadline passed, or the
// kernel ends. What a handler throws becomes the stream's status, as with a unary call. A handler of a bidirectional
// stream gets `messages` in the place of the request: see MessageSource.
// Invariants: a stream ends exactly once, after every message that was sent before; a caller that went away or does not
// read holds up neither its handler nor the end of the kernel; streams have no deadline but the one that they state.

import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type ServerDuplexStream,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import { DomainError } from '../domain/error.ts';
import { ACCESS, type MethodPath } from './access.ts';
import { type Admission, ArrivedCall, describeRequest, shuttingDown } from './admission.ts';
import type { BidiHandler, MessageSource, Send, ServerStreamHandler, StreamContext } from './handler/handler-map.ts';
import { deadlineExceeded, readDeadline, TIMER_MS_MAX } from './interceptors/deadline.ts';
import type { CallRecord } from './interceptors/logging.ts';
import type { StreamMeter } from './interceptors/metrics.ts';
import type { GuardedMethod } from './interceptors/scope.ts';
import { assertReadable } from './request-reader.ts';
import { CODE_BY_REASON, toDomainError, toStatus } from './status.ts';
import { type StreamBounds, StreamLimit } from './stream-limit.ts';

/** While the kernel ends: how long a caller may take no message before its stream is given up, in milliseconds. */
const DRAIN_STALL_MS = 2_000;
/** While the kernel ends: how long a caller may take for messages that wait for it, however it takes them, in milliseconds. */
const DRAIN_TAKE_MS = 5_000;
/** How long a handler may go on once nobody waits for it, before the end of the kernel stops waiting, in milliseconds. */
const HANDLER_GRACE_MS = 1_000;

/** Says that the caller of a stream went away; there is nobody left to tell a reason. */
class CallerGone extends Error {
  constructor() {
    super('the caller of the stream went away');
    this.name = 'CallerGone';
  }
}

/** Passes streams to handlers. */
export class StreamPipeline {
  readonly admission: Admission;
  readonly #bounds: StreamBounds;
  readonly #open = new Set<OpenStream<unknown, unknown>>();

  constructor(admission: Admission, bounds: StreamBounds) {
    this.admission = admission;
    this.#bounds = bounds;
  }

  /** Builds what grpc-js calls for one method that answers one request with many messages. */
  serve<Request, Response>(
    path: MethodPath,
    handler: ServerStreamHandler<Request, Response>,
  ): handleServerStreamingCall<Request, Response> {
    const method: GuardedMethod = { path, access: ACCESS[path] };
    const limit = new StreamLimit(this.#bounds, path);
    return (call) => {
      const stream = new OutgoingStream(this.admission, method, call);
      this.#track(stream, limit, () => {
        assertReadable(call.request);
        return handler(call.request, stream, stream.send);
      });
    };
  }

  /** Builds what grpc-js calls for one method in which both sides send many messages. */
  converse<Request, Response>(
    path: MethodPath,
    handler: BidiHandler<Request, Response>,
  ): handleBidiStreamingCall<Request, Response> {
    const method: GuardedMethod = { path, access: ACCESS[path] };
    const limit = new StreamLimit(this.#bounds, path);
    return (call) => {
      const stream = new Conversation(this.admission, method, call);
      this.#track(stream, limit, () => handler(stream, stream, stream.send));
    };
  }

  /** Ends the streams that are open, and resolves when they have ended; the admission is closed before. */
  async drain(): Promise<void> {
    const open = [...this.#open];
    for (const stream of open) stream.drain();
    await Promise.all(open.map((stream) => stream.settled));
  }

  #track<Request, Response>(
    stream: OpenStream<Request, Response>,
    limit: StreamLimit,
    handle: () => Promise<void>,
  ): void {
    const tracked = stream as OpenStream<unknown, unknown>;
    this.#open.add(tracked);
    void stream.settled.then(() => this.#open.delete(tracked));
    stream.run(limit, handle);
  }
}

type WritableCall<Request, Response> = ServerWritableStream<Request, Response> | ServerDuplexStream<Request, Response>;

/** One stream, from its arrival until its handler is done with it. */
abstract class OpenStream<Request, Response> extends ArrivedCall implements StreamContext {
  /** Resolves when the stream has ended and its handler is done, or has had its time. */
  readonly settled: Promise<void>;
  protected readonly meter: StreamMeter;
  protected received = 0;
  protected isDraining = false;
  readonly #call: WritableCall<Request, Response>;
  readonly #abort = new AbortController();
  /** What waits for the caller; each is told when nobody waits any more. */
  readonly #waiting = new Set<(error: Error) => void>();
  #settle: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  #isOver = false;
  #sent = 0;
  #lastTakenMs = 0;

  constructor(admission: Admission, method: GuardedMethod, call: WritableCall<Request, Response>) {
    super(admission, method, call);
    this.#call = call;
    this.meter = admission.parts.meter.beginStream(method.path);
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
    // grpc-js tells the same way that a stream ended in order: by then it is over here.
    call.once('cancelled', () => this.#leave());
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  run(limit: StreamLimit, handle: () => Promise<void>): void {
    let admitted: Promise<void> | undefined;
    try {
      admitted = this.admit();
      this.#enter(limit);
      this.#watchDeadline();
    } catch (error) {
      // Who is looked up for nothing may not be found either.
      admitted?.catch(() => undefined);
      this.#fail(error);
      this.#settle();
      return;
    }
    // It never rejects: every failure becomes a status.
    void this.#complete(admitted === undefined ? handle : () => this.#handleAdmitted(admitted, handle));
  }

  /** Ends the stream because the kernel ends. */
  drain(): void {
    this.isDraining = true;
    const beganMs = performance.now();
    this.#lastTakenMs = beganMs;
    this.#stallTimer = setInterval(() => this.#endIfStalled(beganMs), DRAIN_STALL_MS / 4);
    this.onDrain();
  }

  /** What ending means for this kind of stream. */
  protected abstract onDrain(): void;

  /** Says that the handler returned although the caller has more to ask. */
  protected abstract get isCutShort(): boolean;

  readonly send: Send<Response> = (message) =>
    new Promise((resolve, reject) => {
      if (this.#isOver) {
        reject(this.#abort.signal.reason ?? new CallerGone());
        return;
      }
      this.#waiting.add(reject);
      // One that is never called back belongs to a stream that was cancelled: it is told by `#waiting`.
      this.#call.write(message, () => {
        if (!this.#waiting.delete(reject)) return;
        this.#sent += 1;
        this.#lastTakenMs = performance.now();
        this.meter.sent();
        resolve();
      });
    });

  protected abort(error: Error): void {
    if (this.signal.aborted) return;
    this.#fail(error);
    this.#abort.abort(error);
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
    setTimeout(this.#settle, HANDLER_GRACE_MS).unref();
  }

  /** Lets something that waits for the caller be told when nobody waits any more; answers how to stop that. */
  protected tellAbort(reject: (error: Error) => void): () => void {
    this.#waiting.add(reject);
    return () => this.#waiting.delete(reject);
  }

  protected override describe(): Partial<CallRecord> {
    return { received: this.received, sent: this.#sent };
  }

  /** The place is kept until the handler is done: what it holds is held until then. */
  #enter(limit: StreamLimit): void {
    const { credentialName } = this;
    limit.enter(credentialName);
    void this.settled.then(() => limit.leave(credentialName));
  }

  /** grpc-js ends the stream by itself when its deadline passes, but tells nobody here while the caller does not read. */
  #watchDeadline(): void {
    const deadline = readDeadline(this.#call.getDeadline(), this.startMs, Number.POSITIVE_INFINITY);
    this.deadlineAtMs = deadline.atMs;
    if (!deadline.isStated) return;
    const leftMs = deadline.atMs - performance.now();
    if (leftMs <= 0) throw deadlineExceeded();
    this.#timer = setTimeout(() => this.abort(streamDeadlineExceeded()), Math.min(leftMs, TIMER_MS_MAX));
  }

  async #handleAdmitted(admitted: Promise<void>, handle: () => Promise<void>): Promise<void> {
    await admitted;
    // Whoever went away meanwhile is answered nothing any more.
    this.signal.throwIfAborted();
    await handle();
  }

  async #complete(handle: () => Promise<void>): Promise<void> {
    try {
      await handle();
      if (this.isCutShort) this.#fail(shuttingDown());
      else this.#succeed();
    } catch (error) {
      this.#fail(error);
    }
    this.#settle();
  }

  #succeed(): void {
    if (!this.#end(status.OK)) return;
    this.#call.end();
    this.logSucceeded();
  }

  #fail(thrown: unknown): void {
    if (thrown instanceof CallerGone) {
      if (this.#end(status.CANCELLED)) this.admission.parts.log.left(() => this.record());
      return;
    }
    const error = toDomainError(thrown);
    if (!this.#end(CODE_BY_REASON[error.reason])) return;
    // grpc-js sends it as the status, behind the messages that are on their way.
    this.#call.emit('error', toStatus(error, this.requestId));
    this.logFailed(error);
  }

  #leave(): void {
    if (this.#isOver) return;
    const isLate = performance.now() >= this.deadlineAtMs;
    this.abort(isLate ? streamDeadlineExceeded() : new CallerGone());
  }

  #endIfStalled(drainBeganMs: number): void {
    if (this.#call.writableLength === 0) return;
    const nowMs = performance.now();
    const isStalled = nowMs - this.#lastTakenMs >= DRAIN_STALL_MS || nowMs - drainBeganMs >= DRAIN_TAKE_MS;
    if (isStalled) this.abort(shuttingDown());
  }

  /** Counts the stream; answers false where it ended before. */
  #end(code: status): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#timer);
    clearInterval(this.#stallTimer);
    this.meter.end(code);
    return true;
  }
}

/** A stream of messages that answer one request. */
class OutgoingStream<Request, Response> extends OpenStream<Request, Response> {
  readonly #request: Request;

  constructor(admission: Admission, method: GuardedMethod, call: ServerWritableStream<Request, Response>) {
    super(admission, method, call);
    this.#request = call.request;
    this.received = 1;
    this.meter.received();
  }

  protected override get isCutShort(): boolean {
    return false;
  }

  protected override onDrain(): void {
    this.abort(shuttingDown());
  }

  protected override describe(): Partial<CallRecord> {
    return { ...describeRequest(this.#request), ...super.describe() };
  }
}

/** A stream in which both sides send. */
class Conversation<Request, Response> extends OpenStream<Request, Response> implements MessageSource<Request> {
  readonly #call: ServerDuplexStream<Request, Response>;
  #isHalfClosed = false;
  #stop: () => void = () => undefined;

  constructor(admission: Admission, method: GuardedMethod, call: ServerDuplexStream<Request, Response>) {
    super(admission, method, call);
    this.#call = call;
  }

  readAll(take: (message: Request) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = this.#call;
      const stop = (): void => {
        call.off('data', onMessage).off('end', onEnd);
        call.pause();
        forget();
        this.#stop = () => undefined;
      };
      const onMessage = (message: Request): void => {
        try {
          assertReadable(message);
          this.received += 1;
          this.meter.received();
          take(message);
        } catch (error) {
          stop();
          reject(error);
        }
      };
      const onEnd = (): void => {
        this.#isHalfClosed = true;
        stop();
        resolve();
      };
      const forget = this.tellAbort((error) => {
        stop();
        reject(error);
      });
      this.#stop = () => {
        stop();
        resolve();
      };
      if (this.signal.aborted) reject(this.signal.reason);
      else if (this.isDraining) this.#stop();
      else call.on('data', onMessage).once('end', onEnd);
    });
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    if (!this.isDraining && this.#call.listenerCount('data') > 0) this.#call.resume();
  }

  protected override get isCutShort(): boolean {
    return this.isDraining && !this.#isHalfClosed;
  }

  /** What was read is answered; the handler sees the end of the messages. */
  protected override onDrain(): void {
    this.#stop();
  }
}

function streamDeadlineExceeded(): DomainError {
  return new DomainError('DEADLINE_EXCEEDED', 'the deadline of the stream passed: begin another one');
}
