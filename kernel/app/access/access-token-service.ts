// Owns how access tokens are made, listed and revoked. Does not own how a call is admitted by one (access-token-verifier.ts).
// Invariants: a token is answered once and kept nowhere; one request id makes one token; a workspace never has more tokens
// that work than ACCESS_TOKENS_MAX: each has a turn at one of that many places, a turn begins only after the one before has
// ended, and a unique index lets it begin once; a token is made for no more than its maker may do.

import { ACCESS_TOKEN_BYTES, accessTokenPrefix, formatAccessToken } from '../../domain/access-token-text.ts';
import { DomainError, invalidField } from '../../domain/error.ts';
import type { AccessTokenId, IdempotencyKey, Instant, ProjectId, TenantId, UserId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { includesRole, type Role } from '../../domain/role.ts';
import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import type { Clock } from '../ports.ts';
import { computeTokenSignature } from '../token-signature.ts';
import { type AccessTokenVerifier, digestOf } from './access-token-verifier.ts';
import type {
  AccessToken,
  AccessTokenIdSource,
  AccessTokenJournal,
  AccessTokenStore,
  CallOrigin,
  LoadTokenWorkspace,
  StoredAccessToken,
  TokenPlace,
} from './ports.ts';

/** How many access tokens of a workspace work at once. */
export const ACCESS_TOKENS_MAX = 100;
/** How many that have ended are kept, for the list, beside the last one of each place; the oldest go first. */
export const ENDED_TOKENS_KEPT = 200;
/** How many projects a token can be limited to. */
export const TOKEN_PROJECTS_MAX = 100;
const DAY_MS = 86_400_000;
export const LIFETIME_DEFAULT_MS = 90 * DAY_MS;
const LIFETIME_MAX_MS = 366 * DAY_MS;
/** All of a workspace, with room for those that several people end at the same time. */
const TOKENS_READ_MAX = ACCESS_TOKENS_MAX + 2 * ENDED_TOKENS_KEPT;
/** How often a place is looked for while others take it. */
const ATTEMPTS_MAX = 30;
const LIST_TOKEN = /^1\.([\w-]{16})\.([\w-]{1,128})$/;

/** What makes the service. */
export interface AccessTokenServiceParts {
  readonly store: AccessTokenStore;
  readonly verifier: Pick<AccessTokenVerifier, 'forget'>;
  readonly loadWorkspace: LoadTokenWorkspace;
  readonly journal: AccessTokenJournal;
  readonly clock: Pick<Clock, 'now' | 'estimate'>;
  readonly ids: AccessTokenIdSource;
}

/** Who makes, lists or revokes tokens: a person in a workspace. */
export interface TokenMaker {
  readonly tenantId: TenantId;
  readonly userId: UserId;
  /** The person's highest role in the workspace; absent for a member who has none. */
  readonly role?: Role;
  /** The projects that the person has a role in; a tenant_admin has all there are. */
  readonly projectIds: readonly ProjectId[];
  readonly origin: CallOrigin;
}

/** Asks for a token. */
export interface NewAccessToken {
  readonly displayName: string;
  readonly role: Role;
  readonly projectIds: readonly ProjectId[];
  /** Absent: {@link LIFETIME_DEFAULT_MS} from now. */
  readonly expiresAt?: Instant;
}

/** A token that was made. */
export interface MadeAccessToken {
  readonly accessToken: AccessToken;
  /** The token itself; absent in a replay. */
  readonly secret?: string;
  readonly replayed: boolean;
}

/** A page of tokens. */
export interface AccessTokenPage {
  readonly accessTokens: readonly AccessToken[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

/** Makes, lists and revokes access tokens. */
export class AccessTokenService {
  readonly #parts: AccessTokenServiceParts;

  constructor(parts: AccessTokenServiceParts) {
    this.#parts = parts;
  }

  /**
   * Makes a token, once for each caller and request id; a replay has no secret.
   * Throws DomainError INVALID_FIELD `expire_time`, `project_ids`, ROLE_REQUIRED, PROJECT_NOT_FOUND, WORKSPACE_LIMIT_REACHED,
   * IDEMPOTENCY_KEY_REUSED, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async create(
    maker: TokenMaker,
    input: NewAccessToken,
    { callerScope, requestId }: { readonly callerScope: string; readonly requestId: string },
  ): Promise<MadeAccessToken> {
    const { store, ids, clock } = this.#parts;
    const key = requestKey(callerScope, 'create_access_token', requestId);
    const fingerprint = fingerprintOf(maker.tenantId, input);
    const before = await this.#findReplay(maker, key, fingerprint, requestId);
    if (before !== undefined) return before;
    const now = clock.now();
    const expiresAt = decideExpiry(input.expiresAt, now);
    await this.#assertWithin(maker, input);
    const secret = formatAccessToken(ids.randomBytes(ACCESS_TOKEN_BYTES));
    const { displayName, role, projectIds } = input;
    const token: AccessToken = {
      ...{ accessTokenId: ids.accessTokenId(), tenantId: maker.tenantId, displayName, role, projectIds, expiresAt },
      ...{ tokenPrefix: accessTokenPrefix(secret), createdBy: maker.userId, createdAt: now },
    };
    const draft = { token, digest: digestOf(secret), requestKey: key, fingerprint };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const place = await this.#findPlace(maker.tenantId, now);
      if (place !== undefined && (await store.insertToken({ ...draft, place }))) {
        await this.#noteCreated(maker, token, key);
        return { accessToken: token, secret, replayed: false };
      }
      const replay = await this.#findReplay(maker, key, fingerprint, requestId);
      if (replay !== undefined) return replay;
      if (place === undefined) throw tooManyTokens();
    }
    const message = 'others make access tokens of this workspace at the same time: retry with the same request_id';
    throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 500 });
  }

  /**
   * Lists tokens, the newest first: a person's own, for a tenant_admin all of the workspace.
   * Throws DomainError INVALID_FIELD `page_token`, DATABASE_UNAVAILABLE.
   */
  async list(viewer: TokenMaker, { includeEnded, pageSize, pageToken }: ListQuery): Promise<AccessTokenPage> {
    const { store, clock } = this.#parts;
    const now = clock.estimate();
    const stored = await store.loadTokens(viewer.tenantId, TOKENS_READ_MAX);
    const rows = stored
      .map(({ token }) => token)
      .filter((token) => mayTouch(viewer, token) && (includeEnded || works(token, now)));
    const signature = computeTokenSignature(['access_tokens', viewer.tenantId, includeEnded]);
    const after = pageToken === '' ? undefined : parseListToken(pageToken, signature);
    // Ids are in the order of time; the one that the token names may be gone.
    const left = after === undefined ? rows : rows.filter(({ accessTokenId }) => accessTokenId < after);
    const accessTokens = left.slice(0, pageSize);
    const last = accessTokens.at(-1);
    const hasMore = left.length > pageSize && last !== undefined;
    return { accessTokens, nextPageToken: hasMore ? formatListToken(last.accessTokenId, signature) : '' };
  }

  /**
   * Revokes a token of the person's own, for a tenant_admin any of the workspace. This kernel takes it no more from the
   * answer on, others within seconds. Throws DomainError ACCESS_TOKEN_NOT_FOUND, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async revoke(viewer: TokenMaker, accessTokenId: string): Promise<AccessToken> {
    const { store, verifier, journal, clock } = this.#parts;
    const stored = await store.loadToken(viewer.tenantId, accessTokenId);
    if (stored === undefined || !mayTouch(viewer, stored.token)) throw accessTokenNotFound(accessTokenId);
    const { token, digest } = stored;
    if (token.revokedAt !== undefined) return token;
    // First, so that it is this person who stands there, whoever finishes what a crash leaves.
    await journal.note({
      ...{ tenantId: token.tenantId, accessTokenId: token.accessTokenId, actor: viewer.userId, origin: viewer.origin },
      ...{ method: 'AccessTokenService/RevokeAccessToken', key: revocationKey(token.accessTokenId) },
    });
    await store.saveRevoked(token.accessTokenId, clock.now());
    verifier.forget(digest);
    const after = await store.loadToken(viewer.tenantId, accessTokenId);
    await this.#tidy(viewer.tenantId, clock.estimate());
    if (after === undefined) throw accessTokenNotFound(accessTokenId);
    return after.token;
  }

  /** Finds what an earlier call made, and notes it where a crash came before that. */
  async #findReplay(
    maker: TokenMaker,
    key: IdempotencyKey,
    fingerprint: string,
    requestId: string,
  ): Promise<MadeAccessToken | undefined> {
    const stored = await this.#parts.store.loadByRequestKey(key);
    if (stored === undefined) return undefined;
    if (stored.fingerprint === fingerprint) {
      await this.#noteCreated(maker, stored.token, key);
      return { accessToken: stored.token, replayed: true };
    }
    const message = `request_id: ${requestId} was used before for an access token with other fields: use a new one`;
    throw new DomainError('IDEMPOTENCY_KEY_REUSED', message, { metadata: { request_id: requestId } });
  }

  async #noteCreated(maker: TokenMaker, token: AccessToken, key: IdempotencyKey): Promise<void> {
    const { tenantId, userId: actor, origin } = maker;
    const act = { tenantId, accessTokenId: token.accessTokenId, actor, key, origin };
    await this.#parts.journal.note({ ...act, method: 'AccessTokenService/CreateAccessToken' });
  }

  /** Throws DomainError where a token would be for more than its maker may do. */
  async #assertWithin(maker: TokenMaker, { role, projectIds }: NewAccessToken): Promise<void> {
    if (maker.role === undefined || !includesRole(maker.role, role)) throw roleTooHigh(maker.role, role);
    if (projectIds.length === 0) return;
    const isAdmin = maker.role === 'tenant_admin';
    const known = isAdmin
      ? (await this.#parts.loadWorkspace(maker.tenantId))?.projectIds
      : new Set<string>(maker.projectIds);
    const missing = projectIds.find((projectId) => known?.has(projectId) !== true);
    if (missing !== undefined) throw projectNotFound(missing);
  }

  /** Finds the next turn at a place whose last one has ended; undefined where there is none. */
  async #findPlace(tenantId: TenantId, now: Instant): Promise<TokenPlace | undefined> {
    const newest = await this.#tidy(tenantId, now);
    const free = Array.from({ length: ACCESS_TOKENS_MAX }, (_, number) => number).flatMap((number) => {
      const last = newest.get(number);
      return last !== undefined && works(last.token, now) ? [] : [{ number, turn: (last?.place.turn ?? 0) + 1 }];
    });
    // Who looks at the same time shall not all want the same one.
    const [lot = 0] = this.#parts.ids.randomBytes(1);
    return free[lot % Math.max(1, free.length)];
  }

  /** Keeps what has ended within its bound, and answers the token of the last turn at each place. */
  async #tidy(tenantId: TenantId, now: Instant): Promise<ReadonlyMap<number, StoredAccessToken>> {
    const { store } = this.#parts;
    const stored = await store.loadTokens(tenantId, TOKENS_READ_MAX);
    const newest = new Map<number, StoredAccessToken>();
    for (const candidate of stored) {
      const { number, turn } = candidate.place;
      if (turn > (newest.get(number)?.place.turn ?? 0)) newest.set(number, candidate);
    }
    const ended = stored.filter(({ token }) => !works(token, now));
    // The last turn of a place stays, so that no turn begins twice.
    const surplus = ended.slice(ENDED_TOKENS_KEPT).filter((old) => newest.get(old.place.number) !== old);
    if (surplus.length > 0) await store.removeTokens(surplus.map(({ token }) => token.accessTokenId));
    return newest;
  }
}

/** What a list is asked for. */
export interface ListQuery {
  readonly includeEnded: boolean;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Says whether a token counts at a time, as far as it tells by itself. */
function works({ revokedAt, expiresAt }: Pick<AccessToken, 'revokedAt' | 'expiresAt'>, now: Instant): boolean {
  return revokedAt === undefined && expiresAt > now;
}

function revocationKey(accessTokenId: AccessTokenId): IdempotencyKey {
  return `revoke:${accessTokenId}` as IdempotencyKey;
}

function mayTouch({ role, userId }: TokenMaker, { createdBy }: AccessToken): boolean {
  return role === 'tenant_admin' || createdBy === userId;
}

function fingerprintOf(tenantId: TenantId, { displayName, role, projectIds, expiresAt }: NewAccessToken) {
  return computeFingerprint([
    'create_access_token',
    tenantId,
    displayName,
    role,
    [...projectIds].sort().join(','),
    expiresAt,
  ]);
}

function decideExpiry(asked: Instant | undefined, now: Instant): Instant {
  const expiresAt = asked ?? now + LIFETIME_DEFAULT_MS;
  if (expiresAt > now && expiresAt <= now + LIFETIME_MAX_MS) return expiresAt;
  throw invalidField({ field: 'expire_time', description: 'must be a time from now on, at most 366 days ahead' });
}

function parseListToken(text: string, signature: string): string {
  const [, stated, id] = LIST_TOKEN.exec(Buffer.from(text, 'base64url').toString()) ?? [];
  if (id !== undefined && stated === signature) return id;
  const description = 'is not a token of this list: repeat the call without it, or with the fields of the page before';
  throw invalidField({ field: 'page_token', description });
}

function formatListToken(id: string, signature: string): string {
  return Buffer.from(`1.${signature}.${id}`).toString('base64url');
}

function accessTokenNotFound(accessTokenId: string): DomainError {
  const message = `access_token_id: the workspace has no access token ${accessTokenId} that you may see: see ListAccessTokens`;
  return new DomainError('ACCESS_TOKEN_NOT_FOUND', message, { metadata: { access_token_id: accessTokenId } });
}

function roleTooHigh(held: Role | undefined, wanted: Role): DomainError {
  const who = held === undefined ? 'you have no role in this workspace' : `you are ${held} here`;
  const message = `role: ${who}, and an access token can't do more than who makes it: choose a lower role than ${wanted}`;
  return new DomainError('ROLE_REQUIRED', message, { metadata: { required_role: wanted } });
}

function projectNotFound(projectId: ProjectId): DomainError {
  const message = `project_ids: the workspace has no project ${projectId}, or you have no role in it: see ListProjects`;
  return new DomainError('PROJECT_NOT_FOUND', message, { metadata: present({ project_id: projectId }) });
}

function tooManyTokens(): DomainError {
  const limit = String(ACCESS_TOKENS_MAX);
  const message = `the workspace has ${limit} access tokens that work, which is as many as it may have: revoke one first`;
  return new DomainError('WORKSPACE_LIMIT_REACHED', message, { metadata: { what: 'access_tokens', limit } });
}
