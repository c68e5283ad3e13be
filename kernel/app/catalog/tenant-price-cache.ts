// Owns the rules that single tenants of one product have of their own, as far as they are at hand. Does not own how old
// the product's rules may be, or when they are read (rulebook-cache.ts).
// Invariant: what is at hand for a tenant was read after the last change of its prices that a read of the product's rules
// told of. So nobody asks for each tenant again and again, and it is as new as the product's rules are.

import { LRUCache } from 'lru-cache';
import { createPriceBook, type PriceRow } from '../../domain/action-price.ts';
import type { TenantId } from '../../domain/id.ts';
import type { Rulebook } from '../../domain/rulebook.ts';
import type { ProductRules } from './ports.ts';

/** The rules of the product as they were read last. */
interface Picture {
  readonly rulebook: Rulebook;
  /** A promise of them that is resolved: who asks for them allocates nothing. */
  readonly settled: Promise<Rulebook>;
}

/** What is known of one tenant. */
interface Known {
  readonly tenants: Rulebook['prices']['tenants'];
  /** The product's rules together with the tenant's, and which of the product's they were made of. */
  settled: Promise<Rulebook> | undefined;
  madeOf: Rulebook | undefined;
}

/** Most tenants have no prices of their own: one object says so for all of them. */
const NOTHING: Known = { tenants: new Map(), settled: undefined, madeOf: undefined };

/** Keeps the overrides of a product's tenants at hand. */
export class TenantPriceCache {
  readonly #load: (tenantId: TenantId) => Promise<readonly PriceRow[]>;
  readonly #known: LRUCache<TenantId, Known>;
  readonly #loading = new Map<TenantId, Promise<Known>>();
  #picture: Picture | undefined;
  #hasTenantPrices = false;

  constructor(load: (tenantId: TenantId) => Promise<readonly PriceRow[]>, cachedMax: number) {
    this.#load = load;
    this.#known = new LRUCache({ max: cachedMax });
  }

  /** Takes what a read of the product's rules has told, and forgets the tenants whose prices have changed. */
  accept({ rulebook, changedTenants, hasTenantPrices }: ProductRules): void {
    this.#picture = { rulebook, settled: Promise.resolve(rulebook) };
    this.#hasTenantPrices = hasTenantPrices;
    // A read of a tenant that is under way may have passed its change: its answer is not kept.
    if (changedTenants === undefined) {
      this.#known.clear();
      this.#loading.clear();
    } else {
      for (const tenantId of changedTenants) {
        this.#known.delete(tenantId);
        this.#loading.delete(tenantId);
      }
    }
  }

  /** Answers the rules for a tenant, over the newest of the product. Throws DomainError DATABASE_UNAVAILABLE. */
  rulebookOf(tenantId: TenantId): Promise<Rulebook> {
    const picture = this.#picture;
    if (picture === undefined) throw new Error('the rules of a tenant were asked for before those of its product');
    if (!this.#hasTenantPrices) return picture.settled;
    const known = this.#known.get(tenantId);
    if (known === undefined) return this.#loadRulebook(tenantId);
    return known === NOTHING ? picture.settled : settle(known, picture);
  }

  async #loadRulebook(tenantId: TenantId): Promise<Rulebook> {
    const known = await (this.#loading.get(tenantId) ?? this.#read(tenantId));
    const picture = this.#picture;
    if (picture === undefined) throw new Error('the rules of a product were lost');
    return known === NOTHING ? picture.rulebook : settle(known, picture);
  }

  #read(tenantId: TenantId): Promise<Known> {
    const reading: Promise<Known> = this.#load(tenantId)
      .then((rows) => {
        const known =
          rows.length === 0
            ? NOTHING
            : { tenants: createPriceBook(rows).tenants, settled: undefined, madeOf: undefined };
        if (this.#loading.get(tenantId) === reading) this.#known.set(tenantId, known);
        return known;
      })
      .finally(() => {
        if (this.#loading.get(tenantId) === reading) this.#loading.delete(tenantId);
      });
    this.#loading.set(tenantId, reading);
    return reading;
  }
}

/** Puts the rules of a tenant on top of its product's, anew only where those are new. */
function settle(known: Known, { rulebook }: Picture): Promise<Rulebook> {
  if (known.settled === undefined || known.madeOf !== rulebook) {
    known.settled = Promise.resolve({ ...rulebook, prices: { ...rulebook.prices, tenants: known.tenants } });
    known.madeOf = rulebook;
  }
  return known.settled;
}
