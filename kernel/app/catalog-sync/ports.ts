// Owns what the sync of the catalog needs of Stripe and of the database, and the shape of what it gets.

import type { KnownPlan, KnownProduct, RowChange } from '../../domain/catalog-diff.ts';
import type { Fingerprint, IdempotencyKey, Instant } from '../../domain/id.ts';
import type { StripePrice } from '../../domain/stripe-price.ts';
import type { PolicyRecord } from '../catalog/ports.ts';

/**
 * Reads Prices at Stripe, each with its Product. Every method throws DomainError STRIPE_UNAVAILABLE where Stripe can't be
 * reached or asks to wait, STRIPE_REFUSED where it refuses the key or the request.
 */
export interface StripeCatalog {
  /** Reads all that are active, or all that are archived, page by page. */
  loadPages(active: boolean): AsyncIterable<readonly StripePrice[]>;
  /** Reads one; undefined where it is gone. */
  loadPrice(priceId: string): Promise<StripePrice | undefined>;
}

/** What is stored, as one sync finds it. */
export interface StoredCatalog {
  readonly products: readonly KnownProduct[];
  readonly plans: readonly KnownPlan[];
  readonly policies: readonly PolicyRecord[];
}

/** A plan whose row is written. */
export type PlanWrite = Pick<RowChange, 'productCode' | 'planCode' | 'kind' | 'stripePriceId'> & {
  readonly plan: NonNullable<RowChange['plan']>;
};

/** The right to sync, for a while; a later one has a greater number. */
export interface SyncTurn {
  readonly number: number;
}

/**
 * Keeps the catalog for the sync, and whose turn it is. Reads are primary + majority. Every method throws DomainError
 * DATABASE_UNAVAILABLE; all may be repeated.
 */
export interface CatalogSyncStore {
  /** Begins a turn; undefined while another one lasts. */
  beginTurn(now: Instant, until: Instant): Promise<SyncTurn | undefined>;
  /** Prolongs a turn; false where a later one has begun. */
  prolongTurn(turn: SyncTurn, until: Instant): Promise<boolean>;
  /** Ends a turn, so that the next one need not wait. */
  endTurn(turn: SyncTurn): Promise<void>;
  loadCatalog(): Promise<StoredCatalog>;
  /** Writes the row of a plan; answers false, and writes nothing, where a later turn, or an operator since it was read, has. */
  savePlan(turn: SyncTurn, change: PlanWrite): Promise<boolean>;
}

/** What a sync came to, in figures. */
export interface SyncFigures {
  readonly pricesRead: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly ignored: number;
  readonly badRows: number;
}

/** A sync that an operator asked for, once it has begun to write. */
export interface SyncNote {
  /** The namespaced key of the request; no two notes have the same. */
  readonly requestKey: IdempotencyKey;
  /** What the request meant. */
  readonly fingerprint: Fingerprint;
  /** Absent until it has come to its end. */
  readonly figures?: SyncFigures;
}

/** Keeps the notes of syncs. Reads are primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface SyncNoteStore {
  loadSyncNote(key: IdempotencyKey): Promise<SyncNote | undefined>;
  /**
   * Stores a note, or the end of the sync of one that is there; answers what is stored then: a note of another meaning, and
   * one whose sync has ended, stay as they are.
   */
  saveSyncNote(note: SyncNote, at: Instant): Promise<SyncNote>;
}

/** Counts and reports what syncs do. */
export interface SyncObserver {
  /** A sync ended well; `changes` rows were written. */
  synced(figures: { readonly durationMs: number; readonly changes: number; readonly badRows: number }): void;
  /** A sync that nobody waits for failed; it is tried again. */
  syncFailed(error: unknown): void;
}
