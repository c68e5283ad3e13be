// Owns noting when accounts will change by themselves, before the commits that make it so (docs/architecture.md,
// "Time"). A note too many does no harm; one too few would leave something due unrecorded until somebody looks.

import { LRUCache } from 'lru-cache';
import type { Instant, TenantId } from '../../domain/id.ts';
import type { LedgerStore } from '../ports.ts';

/** How many notes are remembered as written, so that grants of one expiry cost one write together. */
const REMEMBERED_NOTES_MAX = 10_000;

/** The grid that due notes of holds stand on, in milliseconds, and what a tenant's place on it is computed with. */
const HOLD_NOTE_GRID_MS = 10_000;
const HASH_FACTOR = 31;

/**
 * Finds when the expiry of a hold is noted: at the first time of the tenant's grid from then on, so that the holds of a busy
 * account share notes. Each tenant's grid begins elsewhere, so that notes spread. Nothing waits for a note: a hold ends at
 * its time for everyone who looks, the note only makes the kernel record it.
 */
export function holdNoteTime(tenantId: TenantId, expiresAt: Instant): Instant {
  let phase = 0;
  for (const character of tenantId) phase = (phase * HASH_FACTOR + character.charCodeAt(0)) % HOLD_NOTE_GRID_MS;
  return Math.ceil((expiresAt - phase) / HOLD_NOTE_GRID_MS) * HOLD_NOTE_GRID_MS + phase;
}

/** Writes due notes, each once. */
export class DueNoteBook {
  readonly #store: LedgerStore;
  readonly #written = new LRUCache<string, Promise<void>>({ max: REMEMBERED_NOTES_MAX });

  constructor(store: LedgerStore) {
    this.#store = store;
  }

  /** Resolves when the time is noted for good. `dueAt` must lie in the future: notes of the past may be gone. */
  note(tenantId: TenantId, dueAt: Instant): Promise<void> {
    const id = `${tenantId}/${dueAt}`;
    const known = this.#written.get(id);
    if (known !== undefined) return known;
    const writing = this.#store.saveDueNotes([{ tenantId, dueAt }]);
    this.#written.set(id, writing);
    writing.catch(() => this.#written.delete(id));
    return writing;
  }
}
