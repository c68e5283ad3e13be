// Owns debits that were handed over one by one and travel together: how many wait, which are sent, which are sent again.
// Does not own the stream (debit-stream.ts), which debits can be sent at all (outgoing-debit.ts), nor what becomes of a debit.
// Invariants: a debit is settled once, and before its time is over; what is sent again bears the same request id; no more debits are
// kept than the bounds allow, whatever the kernel does.

import { isDeepStrictEqual } from 'node:util';
import { type Client, type Metadata, status } from '@grpc/grpc-js';
import type { DebitRequest, DebitResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { StreamedDebit } from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { computeBackoffMs } from './backoff.ts';
import { requireCount, requireTimeMs } from './bound.ts';
import { type DebitStream, openDebitStream } from './debit-stream.ts';
import { fromProtoDebitError, KernelError } from './kernel-error.ts';
import { Line } from './line.ts';
import { keyOf, type OutgoingDebit, toOutgoingDebit } from './outgoing-debit.ts';
import type { Fields } from './service-method.ts';

const PENDING_MAX = 4_096;
const WAITING_MAX = 65_536;
const TIMEOUT_MS = 30_000;
/** A stream on which debits wait and nothing is answered for so long is given up. */
const SILENCE_MS_MAX = 15_000;
/** As many as the kernel reads of one stream before it answers. */
const SENT_MAX = 1_024;
/** As many as the contract allows in one message. */
const PER_MESSAGE_MAX = 256;
/** The kernel takes 4 MiB. */
const MESSAGE_BYTES_MAX = 2 * 1_048_576;
/** How long a stream of which everything is answered may take to end. */
const FINISH_MS_MAX = 5_000;
/** How often is looked for what is over, in milliseconds. */
const TICK_MS = 50;

/** Says how much a queue keeps, and for how long. */
export interface DebitQueueOptions {
  /** Is how many debits may be under way; default 4,096. */
  readonly pendingMax?: number;
  /** Is how many more may wait for room; default 65,536. */
  readonly waitingMax?: number;
  /** Says what becomes of a debit that finds no room: it waits, or is refused at once. Default `wait`. */
  readonly whenFull?: 'wait' | 'refuse';
  /** Is how long a debit may take from being handed over to its answer, in milliseconds; default that of the client. */
  readonly timeoutMs?: number;
}

/** Says that a debit was not taken, so that nothing was charged. */
export class DebitNotTakenError extends Error {
  /** Is the idempotency key of the debit. */
  readonly requestId: string;

  constructor(message: string, requestId: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'DebitNotTakenError';
    this.requestId = requestId;
  }
}

/** One debit on its way. */
interface Item extends OutgoingDebit {
  readonly expiresAtMs: number;
  readonly promise: Promise<DebitResponse>;
  readonly resolve: (response: DebitResponse) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
  /** Is when it may be sent again. */
  restsUntilMs: number;
}

/** Turns single debits into a stream of them, each with an answer of its own. */
export class DebitQueue {
  readonly #clients: readonly Client[];
  readonly #toMetadata: () => Metadata;
  readonly #options: Required<DebitQueueOptions>;
  /** Are all that are not settled, in the order in which they came, which is that in which their time ends. */
  readonly #items = new Map<string, Item>();
  /** Are those that found no room. */
  readonly #waiting = new Line<Item>();
  /** Are those to be sent. */
  readonly #ready = new Line<Item>();
  /** Are those that the open stream has not answered. */
  readonly #sent = new Map<string, Item>();
  /** Are those whose time was over before the open stream answered them: what it answers yet is about them. */
  readonly #left = new Map<string, DebitRequest>();
  /** Are those that the kernel wants to come again later. */
  readonly #resting = new Set<Item>();
  #stream: DebitStream | undefined;
  #streamEnd = Promise.resolve();
  #heardAtMs = 0;
  /** Is how many streams ended in a row without having answered anything. */
  #failures = 0;
  /** Is why the last of them ended. */
  #failure: unknown;
  #opensAtMs = 0;
  #streams = 0;
  #isFlushDue = false;
  #isClosing = false;
  #ticker: NodeJS.Timeout | undefined;

  /** Throws RangeError where an option is no bound. */
  constructor(clients: readonly Client[], toMetadata: () => Metadata, options: DebitQueueOptions) {
    this.#clients = clients;
    this.#toMetadata = toMetadata;
    const { pendingMax = PENDING_MAX, waitingMax = WAITING_MAX, whenFull = 'wait', timeoutMs = TIMEOUT_MS } = options;
    requireCount('pendingMax', pendingMax, 1);
    requireCount('waitingMax', waitingMax, 0);
    requireTimeMs('timeoutMs', timeoutMs);
    this.#options = { pendingMax, waitingMax, whenFull, timeoutMs };
  }

  /** Is how many debits are under way, and how many wait for room. */
  get size(): { readonly pending: number; readonly waiting: number } {
    return { pending: this.#items.size - this.#waiting.length, waiting: this.#waiting.length };
  }

  /**
   * Charges usage, as `calls.debit` does; one without a request id gets one. The same debit again, while it is under way, shares its
   * answer. Throws KernelError where the kernel refuses it for good, and with DEADLINE_EXCEEDED where it was not answered in time, which
   * says nothing of whether it was charged; DebitNotTakenError where the queue is full or closed, or nothing was sent of it.
   */
  debit(fields: Fields<DebitRequest>): Promise<DebitResponse> {
    try {
      return this.#takeOver(toOutgoingDebit(fields));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Takes no more debits, and resolves when all are settled and the stream has ended. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.allSettled([...this.#items.values()].map(({ promise }) => promise));
    const cutOff = setTimeout(() => this.#stream?.cancel(), FINISH_MS_MAX);
    this.#stream?.finish();
    await this.#streamEnd;
    clearTimeout(cutOff);
  }

  #takeOver(debit: OutgoingDebit): Promise<DebitResponse> {
    const { key, request } = debit;
    const same = this.#items.get(key);
    const first = same?.request ?? this.#left.get(key);
    if (first !== undefined && !isDeepStrictEqual(first, request)) throw keyReused(request);
    if (same !== undefined) return same.promise;
    this.#refuseWhereClosedOrFull(request);
    const item = this.#toItem(debit);
    const hasRoom = this.size.pending < this.#options.pendingMax;
    this.#items.set(item.key, item);
    if (hasRoom) this.#admit(item);
    else this.#waiting.push(item);
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS);
    return item.promise;
  }

  #refuseWhereClosedOrFull({ requestId }: DebitRequest): void {
    if (this.#isClosing) throw new DebitNotTakenError('the queue is closed; open another one', requestId);
    const { pendingMax, waitingMax, whenFull } = this.#options;
    const { pending, waiting } = this.size;
    if (pending >= pendingMax && (whenFull === 'refuse' || waiting >= waitingMax)) {
      const advice = `${pending} debits are under way and ${waiting} wait; await some of them before more are made`;
      throw new DebitNotTakenError(`the queue is full: ${advice}`, requestId);
    }
  }

  #toItem(debit: OutgoingDebit): Item {
    return {
      ...{ ...Promise.withResolvers<DebitResponse>(), ...debit },
      ...{ expiresAtMs: performance.now() + this.#options.timeoutMs, attempts: 0, restsUntilMs: 0 },
    };
  }

  #admit(item: Item): void {
    if (this.#left.delete(item.key)) {
      // It is on its way since it was handed over before: the answer to that is the answer to this.
      this.#markSent(item);
      return;
    }
    this.#ready.push(item);
    this.#flushSoon();
  }

  #markSent(item: Item): void {
    item.attempts += 1;
    this.#sent.set(item.key, item);
  }

  /** What is handed over in one turn travels together. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#ready.length === 0 || (this.#stream === undefined && performance.now() < this.#opensAtMs)) return;
    this.#stream ??= this.#open();
    if (this.#stream === undefined) return;
    if (this.#countUnanswered() === 0) this.#heardAtMs = performance.now();
    while (this.#ready.length > 0 && this.#countUnanswered() < SENT_MAX) {
      const message = this.#ready.take(this.#countForMessage());
      for (const item of message) this.#markSent(item);
      this.#stream.send(message.map(({ request }) => request));
    }
  }

  #countUnanswered(): number {
    return this.#sent.size + this.#left.size;
  }

  #countForMessage(): number {
    const countMax = Math.min(PER_MESSAGE_MAX, SENT_MAX - this.#countUnanswered());
    let bytes = 0;
    const tooMany = this.#ready.first(countMax).findIndex((item) => {
      bytes += item.bytes;
      return bytes > MESSAGE_BYTES_MAX;
    });
    return tooMany === -1 ? countMax : tooMany;
  }

  /** Answers none where no stream can be opened any more. */
  #open(): DebitStream | undefined {
    const client = this.#clients[this.#streams % this.#clients.length];
    if (client === undefined) throw new Error('there is no kernel to open a stream at');
    this.#streams += 1;
    const { promise, resolve } = Promise.withResolvers<void>();
    try {
      const stream = openDebitStream(client, this.#toMetadata(), {
        onAnswers: (answers) => {
          if (this.#stream === stream) this.#take(answers);
        },
        onEnd: (error) => {
          resolve();
          if (this.#stream === stream) this.#recover(error);
        },
      });
      this.#streamEnd = promise;
      return stream;
    } catch (error) {
      this.#fail(cannotOpen(error));
      return undefined;
    }
  }

  #take(answers: readonly StreamedDebit[]): void {
    for (const answer of answers) {
      const key = keyOf(answer);
      const item = this.#sent.get(key);
      // A kernel that tells of what nobody asked has answered nothing.
      if (!this.#left.delete(key) && item === undefined) continue;
      this.#heardAtMs = performance.now();
      [this.#failures, this.#failure] = [0, undefined];
      if (item !== undefined) this.#conclude(item, answer);
    }
    this.#flush();
  }

  #conclude(item: Item, { requestId, result }: StreamedDebit): void {
    const outcome = result?.outcome;
    if (outcome?.$case === 'debit') {
      this.#settle(item, () => item.resolve(outcome.value));
      return;
    }
    const error =
      outcome === undefined
        ? new KernelError({ code: status.INTERNAL, message: 'the kernel answered with no result', requestId })
        : fromProtoDebitError(outcome.value, requestId);
    if (!error.isRetriable) {
      this.#settle(item, () => item.reject(error));
      return;
    }
    this.#sent.delete(item.key);
    item.restsUntilMs = performance.now() + (computeBackoffMs(item.attempts) ?? 0);
    this.#resting.add(item);
  }

  /** Sends what the stream did not answer over the next one, unless the kernels refuse the caller itself. */
  #recover(error: unknown): void {
    this.#stream = undefined;
    this.#failure = error;
    const unanswered = [...this.#sent.values()];
    this.#sent.clear();
    this.#left.clear();
    this.#ready.putFirst(unanswered);
    const waitMs = error instanceof KernelError && error.isRetriable ? this.#computeWaitMs(error) : undefined;
    if (waitMs !== undefined) {
      this.#opensAtMs = performance.now() + waitMs;
      return;
    }
    this.#fail(error);
  }

  /** Ends all that there are. */
  #fail(error: unknown): void {
    for (const line of [this.#ready, this.#waiting]) line.take(line.length);
    for (const item of [...this.#items.values()]) this.#settle(item, () => item.reject(toFailure(error, item)));
  }

  #computeWaitMs({ retryDelayMs }: KernelError): number | undefined {
    this.#failures += 1;
    return computeBackoffMs(this.#failures, retryDelayMs);
  }

  #settle(item: Item, tell: () => void): void {
    this.#items.delete(item.key);
    this.#sent.delete(item.key);
    this.#resting.delete(item);
    tell();
    const [next] = this.size.pending < this.#options.pendingMax ? this.#waiting.take(1) : [];
    if (next !== undefined) this.#admit(next);
    if (this.#items.size > 0) return;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#expire(nowMs);
    for (const item of this.#resting) {
      if (item.restsUntilMs > nowMs) continue;
      this.#resting.delete(item);
      this.#ready.push(item);
    }
    // Its end is told as that of any other broken stream.
    if (this.#countUnanswered() > 0 && nowMs - this.#heardAtMs > SILENCE_MS_MAX) this.#stream?.cancel();
    this.#flush();
  }

  #expire(nowMs: number): void {
    const over: Item[] = [];
    for (const item of this.#items.values()) {
      if (item.expiresAtMs > nowMs) break;
      over.push(item);
    }
    if (over.length === 0) return;
    const isOver = new Set(over);
    for (const line of [this.#ready, this.#waiting]) line.remove(isOver);
    for (const item of over) {
      if (this.#sent.has(item.key)) this.#left.set(item.key, item.request);
      this.#settle(item, () => item.reject(this.#expired(item)));
    }
  }

  #expired({ request: { requestId }, attempts }: Item): Error {
    const { timeoutMs } = this.#options;
    if (attempts === 0)
      return new DebitNotTakenError(
        `the debit was not sent within ${timeoutMs} ms: others went before it, or no kernel was there`,
        requestId,
        this.#failure,
      );
    const advice = `it may have been charged; send it again under the request id ${requestId} to know`;
    const message = `the debit was not answered within ${timeoutMs} ms: ${advice}`;
    return new KernelError({ code: status.DEADLINE_EXCEEDED, message, requestId, cause: this.#failure });
  }
}

/** Two debits of one key that are under way at once could not be told apart by their answers. */
function keyReused({ requestId }: DebitRequest): KernelError {
  const message = `another debit is under way with the request id ${requestId}; give each debit one of its own`;
  return new KernelError({ code: status.ALREADY_EXISTS, reason: 'IDEMPOTENCY_KEY_REUSED', message, requestId });
}

/** A client that is closed opens nothing more. */
function cannotOpen(cause: unknown): KernelError {
  const advice = 'close the queue before the client, and open another one at a client that is open';
  const message = `no stream of debits can be opened: ${messageOf(cause)}; ${advice}`;
  return new KernelError({ code: status.CANCELLED, message, cause });
}

function toFailure(error: unknown, { request: { requestId }, attempts }: Item): unknown {
  if (attempts === 0) return new DebitNotTakenError(`the debit was not sent: ${messageOf(error)}`, requestId, error);
  return error instanceof KernelError ? new KernelError({ ...error, message: error.message, requestId }) : error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
