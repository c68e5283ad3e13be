// Owns how a price is set: once for each request, whichever kernels it reaches, and on top of everything that was set for
// the product before. Does not own what can be set (price-draft.ts) or which price holds (domain/action-price.ts).
// Invariant: a row is stored with the revision after the newest that was read before its draft was made, and no two rows
// of a product have the same revision; so nothing was set in between that the draft does not know.

import type { PriceRow } from '../../domain/action-price.ts';
import { DomainError } from '../../domain/error.ts';
import type { Fingerprint, IdempotencyKey, ProductCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { WriteContext } from '../ledger/ledger.ts';
import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import type { AuditNotebook, WriteNote } from '../operator/audit-notebook.ts';
import type { Clock, Pacing } from '../ports.ts';
import { type TenantDirectory, tenantNotFound } from '../tenant/tenant-directory.ts';
import { planNotFound, productNotFound } from './catalog-error.ts';
import type { CatalogStore, PriceRecord, PriceStore } from './ports.ts';
import { draftPrice, PRICE_TIME_TOLERANCE_MS, type SetPriceInput, targetOf } from './price-draft.ts';

/** How often a row is tried to be stored while others set prices of the product, and how long between at most, in ms. */
const ATTEMPTS_MAX = 40;
const ATTEMPT_INTERVAL_MAX_MS = 100;

/** What sets prices. */
export interface PriceSetterParts {
  readonly store: PriceStore;
  readonly catalog: CatalogStore;
  readonly directory: Pick<TenantDirectory, 'findTenant'>;
  /** Told of a change, so that this kernel is the first that charges by it. */
  readonly rulebooks: { takeUpChange(productCode: ProductCode): void };
  readonly clock: Pick<Clock, 'now'>;
  readonly pacing: Pick<Pacing, 'delay' | 'random'>;
  /** Told of what is to be set, before it is. */
  readonly notebook: Pick<AuditNotebook, 'note'>;
}

/** A row as it was set, and whether an earlier call did. */
export interface SetPrice {
  readonly row: PriceRow;
  readonly replayed: boolean;
}

/** Who asks to set a price. */
type PriceAsker = Pick<WriteContext, 'callerScope' | 'requestId' | 'remoteAddress'>;

/** One request to set a price. */
interface PriceRequest extends PriceAsker {
  readonly key: IdempotencyKey;
  readonly fingerprint: Fingerprint;
  readonly input: SetPriceInput;
}

/** Sets prices of actions. */
export class PriceSetter {
  readonly #parts: PriceSetterParts;
  /** What this kernel sets for a product goes one after the other: two at once could only lose to each other. */
  readonly #turns = new Map<ProductCode, Promise<unknown>>();

  constructor(parts: PriceSetterParts) {
    this.#parts = parts;
  }

  /**
   * Sets a price, once for each caller and request id.
   * Throws DomainError PRODUCT_NOT_FOUND, PLAN_NOT_FOUND, TENANT_NOT_FOUND, INVALID_FIELD, IDEMPOTENCY_KEY_REUSED where
   * the request id was used for something else, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async setPrice(input: SetPriceInput, asker: PriceAsker): Promise<SetPrice> {
    const { callerScope, requestId, remoteAddress } = asker;
    const key = requestKey(callerScope, 'set_action_price', requestId);
    const identity = { requestId, callerScope, key, fingerprint: fingerprintOf(input) };
    const request = { ...identity, ...present({ remoteAddress }), input };
    const set = await this.#inTurn(input.productCode, () => this.#set(request));
    // Repeated with every replay: a crash may have come between the row and its mark.
    await this.#parts.store.markSuperseded(input.productCode, set.row);
    this.#parts.rulebooks.takeUpChange(input.productCode);
    return set;
  }

  async #set(request: PriceRequest): Promise<SetPrice> {
    const { store, pacing } = this.#parts;
    const earlier = await this.#findEarlier(request);
    if (earlier !== undefined) return earlier;
    await this.#assertTargetExists(request.input);
    await this.#parts.notebook.note(noteOf(request));
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const record = await this.#draft(request);
      if (await store.insertPrice(record)) return { row: record.row, replayed: false };
      // What took the place may be this very request, and may be seen only when a majority has it.
      const taken = await this.#findEarlier(request);
      if (taken !== undefined) return taken;
      await pacing.delay(pacing.random() * ATTEMPT_INTERVAL_MAX_MS);
    }
    const message =
      'other calls that set prices of this product have not come to an end: repeat the call with the same request_id';
    throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 1_000 });
  }

  async #findEarlier({ key, fingerprint, requestId }: PriceRequest): Promise<SetPrice | undefined> {
    const record = await this.#parts.store.loadPriceByRequestKey(key);
    if (record === undefined) return undefined;
    if (record.fingerprint === fingerprint) return { row: record.row, replayed: true };
    const message = `request_id: ${requestId} was used before to set another price: use a new one for a new price`;
    throw new DomainError('IDEMPOTENCY_KEY_REUSED', message, { metadata: { request_id: requestId } });
  }

  async #assertTargetExists({ productCode, planCode, tenantId }: SetPriceInput): Promise<void> {
    const { catalog, directory } = this.#parts;
    if ((await catalog.loadProduct(productCode)) === undefined) throw productNotFound(productCode);
    if (planCode !== undefined) {
      const plans = await catalog.loadPlans(productCode);
      if (!plans.some((plan) => plan.planCode === planCode)) throw planNotFound(productCode, planCode);
    }
    if (tenantId !== undefined && (await directory.findTenant(tenantId))?.productCode !== productCode) {
      throw tenantNotFound(tenantId);
    }
  }

  async #draft({ key, fingerprint, input }: PriceRequest): Promise<PriceRecord> {
    const { store, clock } = this.#parts;
    const { productCode, action, actor, reason } = input;
    // Read first: a row that is set from here on has this revision's successor or a later one.
    const revision = (await store.loadPriceRevision(productCode)) + 1;
    const now = clock.now();
    const [rows, unit] = await Promise.all([
      store.loadTargetPrices(productCode, targetOf(input), now - 2 * PRICE_TIME_TOLERANCE_MS),
      store.loadUnit(productCode, action),
    ]);
    const draft = draftPrice(input, { rows, unit }, now);
    return { ...draft, productCode, revision, actor, reason, requestKey: key, fingerprint, createdAt: now };
  }

  #inTurn<T>(productCode: ProductCode, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(productCode) ?? Promise.resolve();
    const mine = before.then(work);
    const ended = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(productCode, ended);
    void ended.then(() => {
      if (this.#turns.get(productCode) === ended) this.#turns.delete(productCode);
    });
    return mine;
  }
}

function noteOf({ input, requestId, callerScope, remoteAddress, key, fingerprint }: PriceRequest): WriteNote {
  const { productCode, action, planCode, tenantId, price, effectiveAt, actor, reason } = input;
  return {
    method: 'CatalogService/SetActionPrice',
    ...{ callerScope, actor, reason, requestId, requestKey: key, fingerprint, productCode },
    ...present({ planCode, tenantId, remoteAddress }),
    figures: {
      action,
      ...(price === undefined
        ? { ends_override: 'true' }
        : { microcredits_per_unit: `${price.microcreditsPerUnit}`, unit: price.unit }),
      effective_time: effectiveAt === undefined ? undefined : new Date(effectiveAt).toISOString(),
    },
    evidence: 'action_price',
  };
}

function fingerprintOf({ productCode, action, planCode, tenantId, price, ...rest }: SetPriceInput): Fingerprint {
  const { effectiveAt, actor, reason } = rest;
  const meaning = [price?.microcreditsPerUnit, price?.unit, effectiveAt, actor, reason];
  return computeFingerprint(['set_action_price', productCode, action, planCode, tenantId, ...meaning]);
}
