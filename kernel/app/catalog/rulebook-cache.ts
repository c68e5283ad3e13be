// Owns how long the rules of a product are kept at hand, and how often they are read at most. Does not own the rules.
// Invariants: what `loadRulebook` answers is at most RULEBOOK_AGE_MAX_MS old; what `refreshRulebook` answers was read
// after the call; one product causes at most one read each REFRESH_INTERVAL_MS, however many unknown actions come in.

import type { ProductCode } from '../../domain/id.ts';
import type { Rulebook } from '../../domain/rulebook.ts';
import type { Pacing, RulebookSource } from '../ports.ts';
import type { CatalogStore } from './ports.ts';

/** After this time the rules are read again behind the back of the callers, in milliseconds. */
const RULEBOOK_FRESH_MS = 2_000;
/** Beyond this age callers wait for the new rules, in milliseconds. */
export const RULEBOOK_AGE_MAX_MS = 5_000;
/** The least time between the beginnings of two reads of one product, in milliseconds. */
export const REFRESH_INTERVAL_MS = 250;

/** What is known of one product. */
interface Shelf {
  /** The newest rules, as a promise that is resolved: the hot path allocates nothing. */
  current: Promise<Rulebook> | undefined;
  /** When the read of `current` began. */
  readAtMs: number;
  /** The read that runs now. */
  running: Promise<Rulebook> | undefined;
  /** The read that will begin after it, for those who came too late for it. */
  next: Promise<Rulebook> | undefined;
  lastBeginMs: number;
}

/** Keeps the rules of each product at hand for seconds. */
export class RulebookCache implements RulebookSource {
  readonly #store: Pick<CatalogStore, 'loadRulebook'>;
  readonly #pacing: Pick<Pacing, 'monotonicMs' | 'delay'>;
  readonly #shelves = new Map<ProductCode, Shelf>();

  constructor(store: Pick<CatalogStore, 'loadRulebook'>, pacing: Pick<Pacing, 'monotonicMs' | 'delay'>) {
    this.#store = store;
    this.#pacing = pacing;
  }

  /** Answers the newest rules known here. Throws DomainError DATABASE_UNAVAILABLE where there are none young enough. */
  loadRulebook(productCode: ProductCode): Promise<Rulebook> {
    const shelf = this.#shelfOf(productCode);
    const { current } = shelf;
    if (current === undefined) return shelf.running ?? this.#read(shelf, productCode);
    const ageMs = this.#pacing.monotonicMs() - shelf.readAtMs;
    if (ageMs <= RULEBOOK_FRESH_MS) return current;
    const reading = shelf.running ?? this.#read(shelf, productCode);
    if (ageMs > RULEBOOK_AGE_MAX_MS) return reading;
    // Who fails to refresh in the background is not told: as long as the rules are young enough, they hold.
    reading.catch(() => undefined);
    return current;
  }

  /** Answers rules that were read after this call. Throws DomainError DATABASE_UNAVAILABLE. */
  refreshRulebook(productCode: ProductCode): Promise<Rulebook> {
    const shelf = this.#shelfOf(productCode);
    const { running } = shelf;
    const waitMs = shelf.lastBeginMs + REFRESH_INTERVAL_MS - this.#pacing.monotonicMs();
    if (running === undefined && shelf.next === undefined && waitMs <= 0) return this.#read(shelf, productCode);
    // A read that runs may have passed what the caller asks about, so one more begins after it, for all who wait.
    shelf.next ??= this.#readNext(shelf, productCode);
    return shelf.next;
  }

  async #readNext(shelf: Shelf, productCode: ProductCode): Promise<Rulebook> {
    for (;;) {
      const waitMs = shelf.lastBeginMs + REFRESH_INTERVAL_MS - this.#pacing.monotonicMs();
      if (shelf.running !== undefined) await shelf.running.catch(() => undefined);
      else if (waitMs > 0) await this.#pacing.delay(waitMs);
      else break;
    }
    shelf.next = undefined;
    return this.#read(shelf, productCode);
  }

  #read(shelf: Shelf, productCode: ProductCode): Promise<Rulebook> {
    const beginMs = this.#pacing.monotonicMs();
    shelf.lastBeginMs = beginMs;
    const running = this.#store
      .loadRulebook(productCode)
      .then((rulebook) => {
        shelf.current = Promise.resolve(rulebook);
        shelf.readAtMs = beginMs;
        return rulebook;
      })
      .finally(() => {
        shelf.running = undefined;
      });
    shelf.running = running;
    return running;
  }

  #shelfOf(productCode: ProductCode): Shelf {
    const known = this.#shelves.get(productCode);
    if (known !== undefined) return known;
    const shelf: Shelf = {
      current: undefined,
      readAtMs: Number.NEGATIVE_INFINITY,
      running: undefined,
      next: undefined,
      lastBeginMs: Number.NEGATIVE_INFINITY,
    };
    this.#shelves.set(productCode, shelf);
    return shelf;
  }
}
