// Owns bringing the catalog to what Stripe holds: read all Prices, compute what differs, write it. Does not own what differs
// (domain/catalog-diff.ts) or when it runs (sync-schedule.ts).
// Invariants: what an operator sets while a sync runs stays, and the sync compares anew; one sync at a time writes, as long as
// turns are kept; where one is not (a kernel that stood still), the later turn's rows stay, and whoever finds that its turn had
// passed begins anew, so that the last to end saw Stripe last. What a crash leaves half done the next sync finishes, since it
// starts from what is stored.

import {
  type BadRow,
  type CatalogDiff,
  computeCatalogDiff,
  type OnboardingChange,
  type PinnedDifference,
  type RowChange,
} from '../../domain/catalog-diff.ts';
import { DomainError } from '../../domain/error.ts';
import type { StripePrice } from '../../domain/stripe-price.ts';
import { writeSyncedPolicy } from '../catalog/policy-sync.ts';
import type { CatalogStore, PolicyRecord } from '../catalog/ports.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { CatalogSyncStore, StoredCatalog, StripeCatalog, SyncObserver, SyncTurn } from './ports.ts';

/** How long a turn lasts without being prolonged, and how often it is prolonged, in milliseconds. */
const TURN_MS = 10_000;
const PROLONG_INTERVAL_MS = 3_000;
/** How long a sync waits for its turn, and between two looks, in milliseconds. */
const TURN_WAIT_MAX_MS = 15_000;
const TURN_LOOK_INTERVAL_MS = 250;
/** How often a sync begins anew where others write at the same time. */
const ATTEMPTS_MAX = 5;
/** How many rows are written at once. */
const ROWS_AT_ONCE = 16;
/** How many Prices an account may have; far beyond what a catalog needs, and within memory. */
const PRICES_MAX = 20_000;

export interface CatalogSyncParts {
  readonly stripe: StripeCatalog;
  readonly store: CatalogSyncStore;
  readonly catalog: Pick<CatalogStore, 'insertPolicy' | 'saveSyncedPolicy' | 'saveSyncedOnboardingPlan'>;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly pacing: Pick<Pacing, 'delay' | 'monotonicMs'>;
  readonly observer: SyncObserver;
}

/** How far a sync is. */
export interface SyncProgress {
  readonly pricesRead: number;
  readonly rowsWritten: number;
  /** Absent while Prices are read. */
  readonly rowsToWrite?: number;
}

export interface SyncOptions {
  /** Says that nothing is written. */
  readonly dryRun: boolean;
  readonly onProgress?: (progress: SyncProgress) => void;
  /** Awaited before anything is written; what it throws ends the sync. */
  readonly beforeWriting?: () => Promise<void>;
  /** Ends the sync where it is: what was written stays, and the next one goes on from there. */
  readonly signal?: AbortSignal;
}

/** What a sync did, or would do. */
export interface SyncReport {
  readonly changes: readonly RowChange[];
  readonly onboarding: readonly OnboardingChange[];
  readonly badRows: readonly BadRow[];
  readonly pinned: readonly PinnedDifference[];
  readonly pricesRead: number;
  readonly unchanged: number;
  readonly ignored: number;
}

type Diff = CatalogDiff<PolicyRecord>;

/** What a sync has written, over all its attempts. */
interface Written {
  readonly changes: RowChange[];
  readonly onboarding: OnboardingChange[];
}

/** What one attempt came to. */
type Attempt = { readonly kind: 'done'; readonly report: SyncReport } | { readonly kind: 'overtaken' };

/** Syncs the catalog with Stripe. */
export class CatalogSync {
  readonly #parts: CatalogSyncParts;

  constructor(parts: CatalogSyncParts) {
    this.#parts = parts;
  }

  /**
   * Syncs once. Repeating it changes nothing that is as Stripe has it.
   * Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, SYNC_BUSY where other syncs leave it no turn, SHUTTING_DOWN where
   * it is ended by its signal, DATABASE_UNAVAILABLE.
   */
  async run(options: SyncOptions): Promise<SyncReport> {
    const { pacing, observer } = this.#parts;
    if (options.dryRun) return this.#preview(options);
    const beganMs = pacing.monotonicMs();
    const written: Written = { changes: [], onboarding: [] };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const outcome = await this.#inTurn(options, (turn) => this.#attempt(turn, options, written));
      if (outcome.kind === 'overtaken') continue;
      const { changes, badRows } = outcome.report;
      const durationMs = pacing.monotonicMs() - beganMs;
      observer.synced({ durationMs, changes: changes.length, badRows: badRows.length });
      return outcome.report;
    }
    throw busy('others changed the catalog each time this sync wrote to it');
  }

  async #preview(options: SyncOptions): Promise<SyncReport> {
    const { prices, diff } = await this.#compare(options);
    return toReport(prices.length, diff, diff);
  }

  async #inTurn(options: SyncOptions, work: (turn: SyncTurn) => Promise<Attempt>): Promise<Attempt> {
    const turn = await this.#beginTurn(options);
    const keeping = this.#keepTurn(turn);
    try {
      const outcome = await work(turn);
      // Whoever began a turn meanwhile may have read Stripe after this one did, and written before it.
      return (await keeping.isKept()) ? outcome : { kind: 'overtaken' };
    } finally {
      keeping.stop();
      await this.#parts.store.endTurn(turn).catch(() => undefined);
    }
  }

  async #beginTurn(options: SyncOptions): Promise<SyncTurn> {
    const { store, clock, pacing } = this.#parts;
    const giveUpAtMs = pacing.monotonicMs() + TURN_WAIT_MAX_MS;
    for (;;) {
      assertGoesOn(options);
      const now = clock.estimate();
      const turn = await store.beginTurn(now, now + TURN_MS);
      if (turn !== undefined) return turn;
      if (pacing.monotonicMs() >= giveUpAtMs) throw busy('another kernel is syncing');
      await pacing.delay(TURN_LOOK_INTERVAL_MS);
    }
  }

  /** Prolongs a turn until it is stopped; a failure to do so only lets it pass. */
  #keepTurn(turn: SyncTurn): { isKept(): Promise<boolean>; stop(): void } {
    const { store, clock, pacing } = this.#parts;
    let isStopped = false;
    const prolong = (): Promise<boolean> => store.prolongTurn(turn, clock.estimate() + TURN_MS);
    const keep = async (): Promise<void> => {
      for (;;) {
        await pacing.delay(PROLONG_INTERVAL_MS);
        if (isStopped) return;
        await prolong().catch(() => false);
      }
    };
    void keep();
    return {
      isKept: prolong,
      stop: () => {
        isStopped = true;
      },
    };
  }

  async #attempt(turn: SyncTurn, options: SyncOptions, written: Written): Promise<Attempt> {
    const { prices, diff } = await this.#compare(options);
    if (diff.changes.length + diff.onboarding.length > 0) await options.beforeWriting?.();
    const isWritten = await this.#write(turn, { diff, pricesRead: prices.length, written }, options);
    return isWritten ? { kind: 'done', report: toReport(prices.length, diff, written) } : { kind: 'overtaken' };
  }

  async #compare(options: SyncOptions): Promise<{ readonly prices: readonly StripePrice[]; readonly diff: Diff }> {
    const byId = new Map<string, StripePrice>();
    // A Price that is archived meanwhile is in both lists, and the second one knows better.
    for (const active of [true, false]) await this.#readPages(active, byId, options);
    const known = await this.#parts.store.loadCatalog();
    await this.#readMissing(known, byId, options);
    const prices = [...byId.values()];
    return { prices, diff: computeCatalogDiff(prices, known) };
  }

  async #readPages(active: boolean, byId: Map<string, StripePrice>, options: SyncOptions): Promise<void> {
    for await (const page of this.#parts.stripe.loadPages(active)) {
      for (const price of page) byId.set(price.priceId, price);
      assertGoesOn(options);
      if (byId.size > PRICES_MAX) {
        const message = `Stripe has more than ${PRICES_MAX} Prices: this is not the account of a catalog`;
        throw new DomainError('STRIPE_REFUSED', message, { metadata: { limit: `${PRICES_MAX}` } });
      }
      options.onProgress?.({ pricesRead: byId.size, rowsWritten: 0 });
    }
  }

  /** A Price that was made active between the two lists is in neither: before a plan is archived, its Price is looked at. */
  async #readMissing(known: StoredCatalog, byId: Map<string, StripePrice>, options: SyncOptions): Promise<void> {
    for (const { stripePriceId, archived } of known.plans) {
      if (stripePriceId === undefined || archived || byId.has(stripePriceId)) continue;
      assertGoesOn(options);
      const price = await this.#parts.stripe.loadPrice(stripePriceId);
      if (price !== undefined) byId.set(stripePriceId, price);
    }
  }

  /** Writes what differs; answers whether all of it was written over what was read. */
  async #write(
    turn: SyncTurn,
    { diff, pricesRead, written }: { readonly diff: Diff; readonly pricesRead: number; readonly written: Written },
    options: SyncOptions,
  ): Promise<boolean> {
    const { store, catalog, clock } = this.#parts;
    const { changes, onboarding } = diff;
    let isWhole = true;
    for (let from = 0; from < changes.length; from += ROWS_AT_ONCE) {
      assertGoesOn(options);
      // A kernel that stood still must not begin to write what it read long ago.
      if (!(await store.prolongTurn(turn, clock.estimate() + TURN_MS))) return false;
      const rows = changes.slice(from, from + ROWS_AT_ONCE);
      const areWritten = await Promise.all(rows.map((change) => this.#writeRow(turn, change)));
      written.changes.push(...rows.filter((_, index) => areWritten[index] === true));
      if (areWritten.includes(false)) isWhole = false;
      options.onProgress?.({ pricesRead, rowsWritten: from + rows.length, rowsToWrite: changes.length });
    }
    // After the plans that are named there.
    for (const change of onboarding) {
      if (await catalog.saveSyncedOnboardingPlan(change.productCode, change.planCode)) written.onboarding.push(change);
      else isWhole = false;
    }
    return isWhole;
  }

  /** Writes one plan; the policy first: without one a plan would be sold on terms that nobody set. */
  async #writeRow(turn: SyncTurn, change: RowChange<PolicyRecord>): Promise<boolean> {
    const { store, catalog } = this.#parts;
    const { plan, policy } = change;
    if (policy !== undefined) {
      // What an operator has changed meanwhile stays, and is compared anew, so that the report says what is so.
      const isWritten = await writeSyncedPolicy(catalog, change, policy.synced, policy.read);
      if (isWritten === undefined) return false;
    }
    return plan === undefined || store.savePlan(turn, { ...change, plan });
  }
}

function toReport(
  pricesRead: number,
  { badRows, pinned, unchanged, ignored }: Diff,
  { changes, onboarding }: Pick<SyncReport, 'changes' | 'onboarding'>,
): SyncReport {
  return { changes, onboarding, badRows, pinned, pricesRead, unchanged, ignored };
}

function assertGoesOn({ signal }: SyncOptions): void {
  if (signal?.aborted === true) {
    throw new DomainError('SHUTTING_DOWN', 'the sync was ended before it was done: sync again');
  }
}

function busy(why: string): DomainError {
  return new DomainError('SYNC_BUSY', `the catalog was not synced, since ${why}: sync again`, { retryDelayMs: 2_000 });
}
