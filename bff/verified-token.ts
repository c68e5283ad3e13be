// Owns which access tokens were verified a moment ago, so that a client that sends many requests has its token's signature
// checked once every few seconds and not each time. Does not own what makes a token count.
// Invariants: a token is kept by its digest alone, never as it is; it counts without being verified again for a few seconds
// at most, never past its own end, and never by keys other than those that the issuer has published last.

import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** How long a token counts without being verified again, in milliseconds. */
const AGE_MS_MAX = 5_000;
/** How many tokens are kept, some half a kilobyte each. */
const TOKENS_MAX = 10_000;

interface Verified<Value> {
  readonly value: Value;
  /** On the clock that only goes on. */
  readonly verifiedAtMs: number;
  /** In milliseconds since 1970. */
  readonly expiresAtMs: number;
  /** Names the keys by which it was verified. */
  readonly keyGeneration: number;
}

/** What is known of a token that was verified. */
export interface Verification<Value> {
  /** What it says. */
  readonly value: Value;
  /** The seconds since 1970 after which it does not count. */
  readonly exp: number;
  /** Names the keys that were held before it was verified; undefined where none were. */
  readonly keyGeneration: number | undefined;
}

/** Tells the time. */
export interface TokenClock {
  /** Is the milliseconds since 1970, which a token's end is told in. */
  readonly now: () => number;
  /** Is milliseconds that only ever go on. */
  readonly monotonicMs: () => number;
}

const MACHINE_CLOCK: TokenClock = { now: Date.now, monotonicMs: () => performance.now() };

/** Remembers verified tokens for a few seconds. */
export class VerifiedTokens<Value> {
  readonly #clock: TokenClock;
  readonly #tokens = new LRUCache<string, Verified<Value>>({ max: TOKENS_MAX });

  constructor(clock: TokenClock = MACHINE_CLOCK) {
    this.#clock = clock;
  }

  /** Finds what a token says if it was verified a moment ago, by the keys that are held now. */
  find(token: string, keyGeneration: number | undefined): Value | undefined {
    const verified = this.#tokens.get(digestOf(token));
    const isGood =
      verified !== undefined &&
      verified.keyGeneration === keyGeneration &&
      this.#clock.monotonicMs() - verified.verifiedAtMs < AGE_MS_MAX &&
      this.#clock.now() < verified.expiresAtMs;
    return isGood ? verified.value : undefined;
  }

  /** Remembers a token that was verified. */
  add(token: string, { value, exp, keyGeneration }: Verification<Value>): void {
    if (keyGeneration === undefined) return;
    const verifiedAtMs = this.#clock.monotonicMs();
    this.#tokens.set(digestOf(token), { value, verifiedAtMs, expiresAtMs: exp * 1_000, keyGeneration });
  }
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64');
}
