// Owns noting when access tokens were last used: beside the calls, seldom, and without a promise. A note that gets lost is made
// at the next use.

import { LRUCache } from 'lru-cache';
import type { AccessTokenId, Instant } from '../../domain/id.ts';
import type { AccessTokenStore } from './ports.ts';

/** How far what is stored may lag behind, in milliseconds. */
export const LAST_USE_AGE_MS_MAX = 300_000;
/** How many notes are under way at once; beyond, a use is not noted. */
const RUNNING_MAX = 32;
const REMEMBERED_MAX = 20_000;

/** Notes uses. */
export class LastUseBook {
  readonly #store: Pick<AccessTokenStore, 'saveLastUse'>;
  readonly #notedAt = new LRUCache<AccessTokenId, Instant>({ max: REMEMBERED_MAX });
  readonly #running = new Set<Promise<void>>();

  constructor(store: Pick<AccessTokenStore, 'saveLastUse'>) {
    this.#store = store;
  }

  /** Notes a use, unless one within the last minutes stands there already. Never throws. */
  note(accessTokenId: AccessTokenId, storedAt: Instant | undefined, now: Instant): void {
    const notedAt = Math.max(this.#notedAt.get(accessTokenId) ?? 0, storedAt ?? 0);
    if (now - notedAt < LAST_USE_AGE_MS_MAX || this.#running.size >= RUNNING_MAX) return;
    this.#notedAt.set(accessTokenId, now);
    const run = this.#store
      .saveLastUse(accessTokenId, now)
      .catch(() => {
        this.#notedAt.delete(accessTokenId);
      })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Resolves when no note is under way. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
  }
}
