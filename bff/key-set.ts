// Owns the issuer's public keys (JWKS): fetching, keeping and refreshing them. Does not own what a token must say.
// Invariants: keys are used at most KEYS_AGE_MS_MAX after they were fetched, so that a withdrawn key stops working; an
// issuer that does not answer is never taken for a token that is wrong; tokens with made-up key ids can't make this BFF
// flood the issuer.

import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTHeaderParameters, type JWTVerifyGetKey } from 'jose';
import { Problem } from './problem.ts';

/** Keys older than this are fetched again beside the request that notices it. */
const KEYS_AGE_MS_REFRESH = 5 * 60_000;
/** Keys older than this are not used; how long sign-in survives an issuer that is down. */
const KEYS_AGE_MS_MAX = 60 * 60_000;
/** How long an unknown key id, after a fetch, does not lead to another one. */
const UNKNOWN_KEY_COOLDOWN_MS = 10_000;
/** How long after a fetch that failed none is tried. */
const FAILURE_COOLDOWN_MS = 2_000;
const KEY_SET_BYTES_MAX = 262_144;

type GetKey = ReturnType<typeof createLocalJWKSet>;
type TokenToVerify = Parameters<JWTVerifyGetKey>[1];

/** What a key set needs. */
export interface KeySetOptions {
  readonly uri: URL;
  readonly timeoutMs: number;
  /** Hears of fetches that failed though nobody waited for them. */
  readonly onRefreshError: (error: unknown) => void;
  /** Tells the time in milliseconds; default the machine's. */
  readonly now?: () => number;
}

/** The issuer's keys, fetched when first needed. */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #now: () => number;
  #keys: { get: GetKey; fetchTime: number; generation: number } | undefined;
  #generation = 0;
  #failure: { error: unknown; time: number } | undefined;
  #pending: Promise<GetKey> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Finds the key that a token names. Throws JWKSNoMatchingKey when the issuer has no such key, and the problem
   * ISSUER_UNAVAILABLE when that can't be found out.
   */
  async find(header: JWTHeaderParameters, token: TokenToVerify): Promise<Awaited<ReturnType<GetKey>>> {
    const get = await this.#usableKeys();
    try {
      return await get(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || this.#ageMs() < UNKNOWN_KEY_COOLDOWN_MS) {
        throw error;
      }
    }
    const fetched = await this.#fetchOnce();
    return fetched(header, token);
  }

  /** Names the keys that are held; undefined where there are none that may be used. Keys that are fetched have a new name. */
  get generation(): number | undefined {
    return this.#ageMs() > KEYS_AGE_MS_MAX ? undefined : this.#keys?.generation;
  }

  #usableKeys(): GetKey | Promise<GetKey> {
    if (!this.#keys || this.#ageMs() > KEYS_AGE_MS_MAX) {
      return this.#fetchOnce();
    }
    if (this.#ageMs() > KEYS_AGE_MS_REFRESH && !this.#isCoolingDown()) {
      this.#fetchOnce().catch(this.#options.onRefreshError);
    }
    return this.#keys.get;
  }

  #ageMs(): number {
    return this.#keys ? this.#now() - this.#keys.fetchTime : Number.POSITIVE_INFINITY;
  }

  #isCoolingDown(): boolean {
    return this.#failure !== undefined && this.#now() - this.#failure.time < FAILURE_COOLDOWN_MS;
  }

  /** Fetches the keys; all who ask meanwhile wait for the same answer. */
  #fetchOnce(): Promise<GetKey> {
    if (this.#failure && this.#isCoolingDown()) {
      return Promise.reject(new Problem('ISSUER_UNAVAILABLE', { cause: this.#failure.error }));
    }
    this.#pending ??= this.#fetch().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #fetch(): Promise<GetKey> {
    try {
      const get = createLocalJWKSet(await this.#download());
      this.#generation += 1;
      this.#keys = { get, fetchTime: this.#now(), generation: this.#generation };
      this.#failure = undefined;
      return get;
    } catch (error) {
      this.#failure = { error, time: this.#now() };
      throw new Problem('ISSUER_UNAVAILABLE', { cause: error });
    }
  }

  async #download(): Promise<JSONWebKeySet> {
    const { uri, timeoutMs } = this.#options;
    const response = await fetch(uri, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw new Error(`${uri.href} answered ${response.status} where the issuer's keys should be`);
    }
    const keys: unknown = JSON.parse(await readText(response.body));
    if (!isKeySet(keys)) {
      throw new Error(`${uri.href} answered something else than a JSON Web Key Set`);
    }
    return keys;
  }
}

async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > KEY_SET_BYTES_MAX) {
      throw new Error(`the issuer's key set is larger than ${KEY_SET_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return (
    typeof value === 'object' &&
    value !== null &&
    'keys' in value &&
    Array.isArray(value.keys) &&
    value.keys.every((key: unknown) => typeof key === 'object' && key !== null)
  );
}
