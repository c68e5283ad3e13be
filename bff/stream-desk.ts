// Owns how many answers are streamed at once, to one caller and to all, and when they must end. Each holds memory and a connection
// for as long as its client likes, so unlike other answers they are bounded by number. Does not own what is streamed.
// Invariant: no caller alone can keep the others out.

import { type Identity, keyOf } from './identity.ts';
import { Problem } from './problem.ts';

/** How many answers may be streamed at once, by this process. */
export interface StreamBounds {
  readonly total: number;
  readonly perCaller: number;
}

export const STREAM_BOUNDS: StreamBounds = { total: 1_000, perCaller: 8 };
/**
 * How long one stream goes on at most, in milliseconds. Then its client comes again with its credential: what was revoked
 * meanwhile does not go on.
 */
const STREAM_AGE_MS_MAX = 600_000;

/** A stream that is under way. */
export interface StreamPlace {
  /** Fires when the stream has to end by itself: this process drains, or the stream has gone on for as long as it may. */
  readonly ending: AbortSignal;
  /** Makes room for another; may be called again. */
  release(): void;
}

/** Gives places to streams. */
export class StreamDesk {
  readonly #bounds: StreamBounds;
  readonly #draining = new AbortController();
  readonly #byCaller = new Map<string, number>();
  #count = 0;

  constructor(bounds = STREAM_BOUNDS) {
    this.#bounds = bounds;
  }

  /** Takes a place. Throws STREAM_LIMIT_REACHED where there is none. */
  open(identity: Identity): StreamPlace {
    const key = `${identity.kind}\n${keyOf(identity)}`;
    const own = this.#byCaller.get(key) ?? 0;
    if (own >= this.#bounds.perCaller) throw limitReached(this.#bounds.perCaller, 'this caller');
    if (this.#count >= this.#bounds.total) throw limitReached(this.#bounds.total, 'this process');
    this.#count += 1;
    this.#byCaller.set(key, own + 1);
    let isOpen = true;
    return {
      ending: AbortSignal.any([this.#draining.signal, AbortSignal.timeout(STREAM_AGE_MS_MAX)]),
      release: () => {
        if (isOpen) this.#release(key);
        isOpen = false;
      },
    };
  }

  /** Lets the streams that go on by themselves end. */
  startDraining(): void {
    this.#draining.abort();
  }

  #release(key: string): void {
    this.#count -= 1;
    const left = (this.#byCaller.get(key) ?? 1) - 1;
    if (left === 0) this.#byCaller.delete(key);
    else this.#byCaller.set(key, left);
  }
}

function limitReached(limit: number, who: string): Problem {
  return new Problem('STREAM_LIMIT_REACHED', {
    detail: `${limit} answers are being streamed to ${who}, the most that may be; end one, or try again later.`,
    metadata: { limit: String(limit) },
  });
}
