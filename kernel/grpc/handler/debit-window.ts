// Owns how many debits of one stream are under way: each that was read counts until the transport has taken its answer,
// so that neither a slow ledger nor a caller that does not read makes the kernel hold more than a window of them.
// Invariant: every debit that was read is answered, unless nobody waits for answers any more.

import type { DebitRequest } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type {
  StreamDebitsRequest,
  StreamDebitsResponse,
  StreamedDebit,
} from '../../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { invalidField } from '../../domain/error.ts';
import type { MessageSource, Send } from './handler-map.ts';

/**
 * How many debits of one stream may be under way. Less than what may wait for one tenant, so that no stream fills its
 * tenant's queue alone.
 */
export const STREAM_DEBITS_IN_FLIGHT_MAX = 1_024;
/** How many debits one message may have. */
export const STREAM_DEBITS_PER_MESSAGE_MAX = 256;
/** How large an answer with several debits is, in bytes: a gRPC client takes 4 MiB unless it says otherwise. */
const ANSWER_BYTES_MAX = 2 * 1_048_576;
/** Reading goes on when so many are left, so that it does not stop and go for each of them. */
const RESUME_AT = STREAM_DEBITS_IN_FLIGHT_MAX * 0.75;

/** What became of one debit. */
export interface DebitAnswer extends StreamedDebit {
  /** About how large it is, in bytes; not more than what a caller takes in one message. */
  readonly bytes: number;
}

/** Makes one debit, or says that it is not there; `prefix` is its path within the message. It must not throw. */
export type AnswerDebit = (debit: DebitRequest | undefined, prefix: string) => Promise<DebitAnswer>;

/** Passes the debits of one stream through a bounded window. */
export class DebitWindow {
  readonly #messages: MessageSource<StreamDebitsRequest>;
  readonly #send: Send<StreamDebitsResponse>;
  readonly #answer: AnswerDebit;
  /** What has ended of debits that travelled together, and is not sent yet. */
  #ended: StreamedDebit[] = [];
  #endedBytes = 0;
  #inFlight = 0;
  #isPaused = false;
  #onEmpty: (() => void) | undefined;

  constructor(messages: MessageSource<StreamDebitsRequest>, send: Send<StreamDebitsResponse>, answer: AnswerDebit) {
    this.#messages = messages;
    this.#send = send;
    this.#answer = answer;
  }

  /** Resolves when the messages have ended and every one that was read is answered. Throws what reading throws. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#messages.readAll((message) => this.#take(message));
    } finally {
      await this.#untilEmpty(signal);
    }
  }

  /** Throws DomainError INVALID_FIELD where the message says two things, or too much. */
  #take({ debit, debits }: StreamDebitsRequest): void {
    if (debits.length === 0) {
      this.#enter(1);
      // An answer that nobody takes any more is no failure of its own: the stream knows why.
      void this.#answer(debit, 'debit.')
        .then(({ tenantId, requestId, result }) => this.#send({ tenantId, requestId, result, results: [] }))
        .then(...this.#leaver(1));
      return;
    }
    assertTogether(debit, debits);
    this.#enter(debits.length);
    for (const [index, each] of debits.entries()) {
      void this.#answer(each, `debits[${index}].`).then((answer) => this.#collect(answer));
    }
  }

  /** What ends in one turn, as a whole commit does, is answered in one message. */
  #collect(answer: DebitAnswer): void {
    if (this.#endedBytes + answer.bytes > ANSWER_BYTES_MAX) this.#flush();
    if (this.#ended.length === 0) setImmediate(() => this.#flush());
    this.#ended.push(answer);
    this.#endedBytes += answer.bytes;
  }

  #flush(): void {
    const results = this.#ended;
    if (results.length === 0) return;
    this.#ended = [];
    this.#endedBytes = 0;
    void this.#send({ tenantId: '', requestId: '', result: undefined, results }).then(...this.#leaver(results.length));
  }

  #enter(count: number): void {
    this.#inFlight += count;
    if (this.#inFlight >= STREAM_DEBITS_IN_FLIGHT_MAX && !this.#isPaused) {
      this.#isPaused = true;
      this.#messages.pause();
    }
  }

  #leaver(count: number): [() => void, () => void] {
    const leave = (): void => this.#leave(count);
    return [leave, leave];
  }

  #leave(count: number): void {
    this.#inFlight -= count;
    if (this.#isPaused && this.#inFlight <= RESUME_AT) {
      this.#isPaused = false;
      this.#messages.resume();
    }
    if (this.#inFlight === 0) this.#onEmpty?.();
  }

  /** Where nobody waits any more, nothing can be answered: what is under way goes on in the ledger by itself. */
  async #untilEmpty(signal: AbortSignal): Promise<void> {
    if (this.#inFlight === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

function assertTogether(debit: DebitRequest | undefined, debits: readonly DebitRequest[]): void {
  if (debit !== undefined) {
    const description = 'is sent together with `debits`: send one of them';
    throw invalidField({ field: 'debit', description });
  }
  if (debits.length > STREAM_DEBITS_PER_MESSAGE_MAX) {
    const description = `has ${debits.length} debits: send at most ${STREAM_DEBITS_PER_MESSAGE_MAX} in one message`;
    throw invalidField({ field: 'debits', description });
  }
}
