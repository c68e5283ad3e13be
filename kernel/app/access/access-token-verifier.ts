// Owns telling access tokens that count from all other texts, for the admission of calls. Does not own what a call may do by
// one, or whether its maker is still a member: admission asks that for each call.
// Invariants: what has not the form and checksum of a token is refused without the database; an answer is CACHE_AGE_MS_MAX old
// at most, a refusal too; what this kernel revokes stops to count at once; noting a use keeps nobody waiting.

import { hash, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { isAccessTokenText } from '../../domain/access-token-text.ts';
import type { Instant } from '../../domain/id.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { AccessTokenSource, VerifiedAccessToken } from './access-token-source.ts';
import type { LastUseBook } from './last-use-book.ts';
import type { AccessTokenStore, LoadTokenWorkspace, StoredAccessToken } from './ports.ts';

/** How long it counts what the database said, in milliseconds. */
export const CACHE_AGE_MS_MAX = 5_000;
/** How many tokens, and texts that are none, are remembered; the longest unused goes first. */
const CACHED_MAX = 20_000;

/** What the verifier works with. */
export interface AccessTokenVerifierParts {
  readonly store: Pick<AccessTokenStore, 'findByDigest'>;
  readonly loadWorkspace: LoadTokenWorkspace;
  readonly uses: Pick<LastUseBook, 'note'>;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly pacing: Pick<Pacing, 'monotonicMs'>;
}

interface Finding {
  readonly readAtMs: number;
  readonly token?: VerifiedAccessToken;
  readonly expiresAt?: Instant;
  readonly lastUsedAt?: Instant;
}

/** Verifies access tokens. */
export class AccessTokenVerifier implements AccessTokenSource {
  readonly #parts: AccessTokenVerifierParts;
  readonly #cache = new LRUCache<string, Finding>({ max: CACHED_MAX });
  readonly #loading = new Map<string, Promise<Finding>>();

  constructor(parts: AccessTokenVerifierParts) {
    this.#parts = parts;
  }

  async verify(token: string): Promise<VerifiedAccessToken | undefined> {
    if (!isAccessTokenText(token)) return undefined;
    const digest = digestOf(token);
    const key = keyOf(digest);
    const { clock, pacing, uses } = this.#parts;
    const cached = this.#cache.get(key);
    const isFresh = cached !== undefined && pacing.monotonicMs() - cached.readAtMs < CACHE_AGE_MS_MAX;
    const finding = isFresh ? cached : await (this.#loading.get(key) ?? this.#load(key, digest));
    if (finding.token === undefined || finding.expiresAt === undefined) return undefined;
    const now = clock.estimate();
    if (finding.expiresAt <= now) return undefined;
    uses.note(finding.token.accessTokenId, finding.lastUsedAt, now);
    return finding.token;
  }

  /** Forgets a token that was just revoked here. */
  forget(digest: Uint8Array): void {
    const key = keyOf(digest);
    this.#cache.delete(key);
    this.#loading.delete(key);
  }

  #load(key: string, digest: Uint8Array): Promise<Finding> {
    const readAtMs = this.#parts.pacing.monotonicMs();
    const loading = this.#find(digest, readAtMs).then(
      (finding) => {
        // A read that a revocation has overtaken is answered, since it was asked for before, but not kept.
        if (this.#loading.get(key) === loading) {
          this.#loading.delete(key);
          this.#cache.set(key, finding);
        }
        return finding;
      },
      (error: unknown) => {
        if (this.#loading.get(key) === loading) this.#loading.delete(key);
        throw error;
      },
    );
    this.#loading.set(key, loading);
    return loading;
  }

  async #find(digest: Uint8Array, readAtMs: number): Promise<Finding> {
    const stored = await this.#parts.store.findByDigest(digest);
    if (stored === undefined || !isSame(digest, stored.digest) || stored.token.revokedAt !== undefined) {
      return { readAtMs };
    }
    const workspace = await this.#parts.loadWorkspace(stored.token.tenantId);
    if (workspace === undefined || workspace.isClosed) return { readAtMs };
    return toFinding(stored, readAtMs);
  }
}

/** Computes what a token is found by. */
export function digestOf(token: string): Uint8Array {
  return hash('sha256', token, 'buffer');
}

function toFinding({ token }: StoredAccessToken, readAtMs: number): Finding {
  const { accessTokenId, tenantId, createdBy, role, projectIds, expiresAt, lastUsedAt } = token;
  const verified: VerifiedAccessToken = { accessTokenId, tenantId, userId: createdBy, role, projectIds };
  return { readAtMs, token: verified, expiresAt, ...(lastUsedAt === undefined ? {} : { lastUsedAt }) };
}

/** The index has found it already; that the last bytes agree as well is not for the time to tell. */
function isSame(digest: Uint8Array, stored: Uint8Array): boolean {
  return digest.length === stored.length && timingSafeEqual(digest, stored);
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('base64url');
}
