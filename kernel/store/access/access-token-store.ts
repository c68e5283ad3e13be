// Owns how access tokens are kept in MongoDB: collection `access_tokens`. Does not own which of them count.
// Invariants: a token lies there by its SHA-256 alone; a turn at a place of a workspace has one token, by a unique index.

import { type Connection, mongo } from 'mongoose';
import type { AccessToken, AccessTokenStore, StoredAccessToken } from '../../app/access/ports.ts';
import { DomainError } from '../../domain/error.ts';
import type { AccessTokenId, Fingerprint, IdempotencyKey, ProjectId, TenantId, UserId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { Role } from '../../domain/role.ts';
import { guardDatabase, isDatabaseFailure, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;
const COLLECTION_OPTIONS = { ...LEDGER_COLLECTION_OPTIONS, useBigInt64: false } as const;

const INDEXES = [
  { name: 'digest', key: { digest: 1 }, unique: true },
  { name: 'request_key', key: { request_key: 1 }, unique: true },
  { name: 'turn', key: { tenant_id: 1, place: 1, turn: 1 }, unique: true },
  { name: 'tenant', key: { tenant_id: 1, _id: 1 } },
] as const;

interface AccessTokenDocument {
  /** The token's id. */
  readonly _id: string;
  readonly tenant_id: string;
  readonly digest: mongo.Binary;
  readonly token_prefix: string;
  readonly display_name: string;
  readonly role: Role;
  readonly project_ids: readonly string[];
  readonly created_by: string;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly last_used_at?: Date;
  readonly revoked_at?: Date;
  readonly place: number;
  readonly turn: number;
  readonly request_key: string;
  readonly request_fingerprint: string;
}

/**
 * Opens the collection of access tokens and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openAccessTokenStore(connection: Connection): Promise<AccessTokenStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the access tokens need an open database connection');
  const tokens = database.collection<AccessTokenDocument>('access_tokens', COLLECTION_OPTIONS);
  const found = await ensureIndexes(tokens, INDEXES);
  if (found === undefined) return new MongoAccessTokenStore(tokens);
  const message =
    `The index ${JSON.stringify(found.key)} of collection access_tokens ${found.problem}: ` +
    'drop an index of the same name or key that differs, and look for duplicate rows.';
  throw new Error(message, { cause: found.cause });
}

class MongoAccessTokenStore implements AccessTokenStore {
  readonly #tokens: mongo.Collection<AccessTokenDocument>;

  constructor(tokens: mongo.Collection<AccessTokenDocument>) {
    this.#tokens = tokens;
  }

  insertToken: AccessTokenStore['insertToken'] = async (stored) => {
    try {
      await this.#tokens.insertOne(toDocument(stored));
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      if (!isDatabaseFailure(error)) throw error;
      const message =
        'the database did not tell whether the access token was made: repeat the call with the same request_id';
      throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 1_000, cause: error });
    }
  };

  findByDigest: AccessTokenStore['findByDigest'] = (digest) =>
    this.#findOne({ digest: new mongo.Binary(Buffer.from(digest)) });

  loadByRequestKey: AccessTokenStore['loadByRequestKey'] = (key) => this.#findOne({ request_key: key });

  loadToken: AccessTokenStore['loadToken'] = (tenantId, accessTokenId) =>
    this.#findOne({ _id: accessTokenId, tenant_id: tenantId });

  loadTokens: AccessTokenStore['loadTokens'] = (tenantId, limit) =>
    guardDatabase(async () => {
      const documents = await this.#tokens
        .find({ tenant_id: tenantId }, { maxTimeMS: READ_TIMEOUT_MS })
        .sort({ _id: -1 })
        .limit(limit)
        .toArray();
      return documents.map(fromDocument);
    });

  saveRevoked: AccessTokenStore['saveRevoked'] = (accessTokenId, at) =>
    guardDatabase(async () => {
      await this.#tokens.updateOne(
        { _id: accessTokenId, revoked_at: { $exists: false } },
        { $set: { revoked_at: new Date(at) } },
      );
    });

  removeTokens: AccessTokenStore['removeTokens'] = (accessTokenIds) =>
    guardDatabase(async () => {
      await this.#tokens.deleteMany({ _id: { $in: [...accessTokenIds] } });
    });

  saveLastUse: AccessTokenStore['saveLastUse'] = (accessTokenId, at) =>
    guardDatabase(async () => {
      await this.#tokens.updateOne({ _id: accessTokenId }, { $max: { last_used_at: new Date(at) } });
    });

  #findOne(filter: mongo.Filter<AccessTokenDocument>): Promise<StoredAccessToken | undefined> {
    return guardDatabase(async () => {
      const document = await this.#tokens.findOne(filter, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocument(document);
    });
  }
}

function toDocument({ token, digest, requestKey, fingerprint, place }: StoredAccessToken): AccessTokenDocument {
  return {
    _id: token.accessTokenId,
    tenant_id: token.tenantId,
    digest: new mongo.Binary(Buffer.from(digest)),
    token_prefix: token.tokenPrefix,
    display_name: token.displayName,
    role: token.role,
    project_ids: token.projectIds,
    created_by: token.createdBy,
    created_at: new Date(token.createdAt),
    expires_at: new Date(token.expiresAt),
    place: place.number,
    turn: place.turn,
    request_key: requestKey,
    request_fingerprint: fingerprint,
  };
}

function fromDocument(document: AccessTokenDocument): StoredAccessToken {
  const token: AccessToken = {
    accessTokenId: document._id as AccessTokenId,
    tenantId: document.tenant_id as TenantId,
    displayName: document.display_name,
    tokenPrefix: document.token_prefix,
    role: document.role,
    projectIds: document.project_ids as readonly ProjectId[],
    createdBy: document.created_by as UserId,
    createdAt: document.created_at.getTime(),
    expiresAt: document.expires_at.getTime(),
    ...present({ lastUsedAt: document.last_used_at?.getTime(), revokedAt: document.revoked_at?.getTime() }),
  };
  return {
    token,
    digest: new Uint8Array(document.digest.buffer),
    requestKey: document.request_key as IdempotencyKey,
    fingerprint: document.request_fingerprint as Fingerprint,
    place: { number: document.place, turn: document.turn },
  };
}
