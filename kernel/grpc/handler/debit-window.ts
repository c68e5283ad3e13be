// Owns how many debits of one stream are under way: each that was read counts until the transport has taken its answer,
// so that neither a slow ledger nor a caller that does not read makes the kernel hold more than a window of them.
// Invariant: every debit that was read is answered, unless nobody waits for answers any more.

import type {
  StreamDebitsRequest,
  StreamDebitsResponse,
} from '../../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import type { MessageSource, Send } from './handler-map.ts';

/**
 * How many debits of one stream may be under way. Less than what may wait for one tenant, so that no stream fills its
 * tenant's queue alone.
 */
export const STREAM_DEBITS_IN_FLIGHT_MAX = 1_024;
/** Reading goes on when so many are left, so that it does not stop and go for each of them. */
const RESUME_AT = STREAM_DEBITS_IN_FLIGHT_MAX * 0.75;

/** Passes the debits of one stream through a bounded window. */
export class DebitWindow {
  readonly #messages: MessageSource<StreamDebitsRequest>;
  readonly #send: Send<StreamDebitsResponse>;
  readonly #answer: (message: StreamDebitsRequest) => Promise<StreamDebitsResponse>;
  #inFlight = 0;
  #isPaused = false;
  #onEmpty: (() => void) | undefined;

  /** @param answer Makes one debit; it must not throw. */
  constructor(
    messages: MessageSource<StreamDebitsRequest>,
    send: Send<StreamDebitsResponse>,
    answer: (message: StreamDebitsRequest) => Promise<StreamDebitsResponse>,
  ) {
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

  #take(message: StreamDebitsRequest): void {
    this.#inFlight += 1;
    if (this.#inFlight >= STREAM_DEBITS_IN_FLIGHT_MAX) {
      this.#isPaused = true;
      this.#messages.pause();
    }
    const leave = (): void => this.#leave();
    // An answer that nobody takes any more is no failure of its own: the stream knows why.
    void this.#answer(message).then(this.#send).then(leave, leave);
  }

  #leave(): void {
    this.#inFlight -= 1;
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
