// Owns how long the rules of a product are kept at hand, with what is switched off by then, and how often they are read at most. Does
// not own the rules, or what single tenants have of their own (tenant-price-cache.ts).
// Invariants: what `loadRulebook` answers is at most RULEBOOK_AGE_MAX_MS old; what `refreshRulebook` answers was read
// after the call; one product causes at most one read each REFRESH_INTERVAL_MS, however many unknown actions come in;
// how many tenants have prices of their own does not matter to what is read for the others.

import type { Instant, ProductCode, TenantId } from '../../domain/id.ts';
import type { Rulebook } from '../../domain/rulebook.ts';
import type { Clock, Pacing, RulebookSource } from '../ports.ts';
import type { PriceStore } from './ports.ts';
import { TenantPriceCache } from './tenant-price-cache.ts';

/** After this time the rules are read again behind the back of the callers, in milliseconds. */
const RULEBOOK_FRESH_MS = 2_000;
/** Beyond this age callers wait for the new rules, in milliseconds. */
export const RULEBOOK_AGE_MAX_MS = 5_000;
/** The least time between the beginnings of two reads of one product, in milliseconds. */
export const REFRESH_INTERVAL_MS = 250;
/** How many tenants of one product are kept at hand; the longest unused goes first. */
const TENANTS_CACHED_MAX = 100_000;
/**
 * How far back the rules at hand reach, in milliseconds. Debits are decided at the database's time, which is known to
 * within seconds; prices that were superseded before then are not even read.
 */
const RULES_REACH_MS = 3_600_000;

type RuleStore = Pick<PriceStore, 'loadProductRules' | 'loadTenantPrices'>;

/** What is known of one product. */
interface Shelf {
  readonly productCode: ProductCode;
  readonly tenants: TenantPriceCache;
  /** The newest change of prices that is known here; undefined before the first read. */
  revision: number | undefined;
  /** When the newest read that succeeded began. */
  readAtMs: number;
  /** The read that runs now. */
  running: Promise<void> | undefined;
  /** The read that will begin after it, for those who came too late for it. */
  next: Promise<void> | undefined;
  lastBeginMs: number;
}

/** What the cache works with. */
export interface RulebookCacheParts {
  readonly store: RuleStore;
  /** Answers what is switched off now. Throws DomainError DATABASE_UNAVAILABLE. */
  readonly loadSwitchedOff: () => Promise<NonNullable<Rulebook['switchedOff']>>;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly pacing: Pick<Pacing, 'monotonicMs' | 'delay'>;
  /** @default 100,000 */
  readonly tenantsCachedMax?: number;
}

/** Keeps the rules of each product at hand for seconds. */
export class RulebookCache implements RulebookSource {
  readonly #store: RuleStore;
  readonly #loadSwitchedOff: RulebookCacheParts['loadSwitchedOff'];
  readonly #clock: RulebookCacheParts['clock'];
  readonly #pacing: RulebookCacheParts['pacing'];
  readonly #tenantsCachedMax: number;
  readonly #shelves = new Map<ProductCode, Shelf>();

  constructor({ store, loadSwitchedOff, clock, pacing, tenantsCachedMax = TENANTS_CACHED_MAX }: RulebookCacheParts) {
    this.#store = store;
    this.#loadSwitchedOff = loadSwitchedOff;
    this.#clock = clock;
    this.#pacing = pacing;
    this.#tenantsCachedMax = tenantsCachedMax;
  }

  /** Answers the newest rules known here. Throws DomainError DATABASE_UNAVAILABLE where there are none young enough. */
  loadRulebook(productCode: ProductCode, tenantId: TenantId): Promise<Rulebook> {
    const shelf = this.#shelfOf(productCode);
    const ageMs = this.#pacing.monotonicMs() - shelf.readAtMs;
    if (ageMs <= RULEBOOK_FRESH_MS) return shelf.tenants.rulebookOf(tenantId);
    const reading = shelf.running ?? this.#read(shelf);
    if (ageMs > RULEBOOK_AGE_MAX_MS) return reading.then(() => shelf.tenants.rulebookOf(tenantId));
    // Who fails to refresh in the background is not told: as long as the rules are young enough, they hold.
    reading.catch(() => undefined);
    return shelf.tenants.rulebookOf(tenantId);
  }

  /** Answers rules that were read after this call. Throws DomainError DATABASE_UNAVAILABLE. */
  refreshRulebook(productCode: ProductCode, tenantId: TenantId): Promise<Rulebook> {
    const shelf = this.#shelfOf(productCode);
    return this.#refresh(shelf).then(() => shelf.tenants.rulebookOf(tenantId));
  }

  /** Reads the rules of a product that are at hand again soon, while nobody waits. */
  takeUpChange(productCode: ProductCode): void {
    const shelf = this.#shelves.get(productCode);
    if (shelf !== undefined) this.#refresh(shelf).catch(() => undefined);
  }

  #refresh(shelf: Shelf): Promise<void> {
    const waitMs = shelf.lastBeginMs + REFRESH_INTERVAL_MS - this.#pacing.monotonicMs();
    if (shelf.running === undefined && shelf.next === undefined && waitMs <= 0) return this.#read(shelf);
    // A read that runs may have passed what the caller asks about, so one more begins after it, for all who wait.
    shelf.next ??= this.#readNext(shelf);
    return shelf.next;
  }

  async #readNext(shelf: Shelf): Promise<void> {
    for (;;) {
      const waitMs = shelf.lastBeginMs + REFRESH_INTERVAL_MS - this.#pacing.monotonicMs();
      if (shelf.running !== undefined) await shelf.running.catch(() => undefined);
      else if (waitMs > 0) await this.#pacing.delay(waitMs);
      else break;
    }
    shelf.next = undefined;
    return this.#read(shelf);
  }

  #read(shelf: Shelf): Promise<void> {
    const beginMs = this.#pacing.monotonicMs();
    shelf.lastBeginMs = beginMs;
    const running = Promise.all([
      this.#store.loadProductRules(shelf.productCode, this.#since(), shelf.revision),
      this.#loadSwitchedOff(),
    ])
      .then(([rules, switchedOff]) => {
        shelf.tenants.accept({ ...rules, rulebook: { ...rules.rulebook, switchedOff } });
        shelf.revision = rules.revision;
        shelf.readAtMs = beginMs;
      })
      .finally(() => {
        shelf.running = undefined;
      });
    shelf.running = running;
    return running;
  }

  #since(): Instant {
    return this.#clock.estimate() - RULES_REACH_MS;
  }

  #shelfOf(productCode: ProductCode): Shelf {
    const known = this.#shelves.get(productCode);
    if (known !== undefined) return known;
    const load = (tenantId: TenantId) => this.#store.loadTenantPrices(productCode, tenantId, this.#since());
    const shelf: Shelf = {
      productCode,
      tenants: new TenantPriceCache(load, this.#tenantsCachedMax),
      revision: undefined,
      readAtMs: Number.NEGATIVE_INFINITY,
      running: undefined,
      next: undefined,
      lastBeginMs: Number.NEGATIVE_INFINITY,
    };
    this.#shelves.set(productCode, shelf);
    return shelf;
  }
}
