// Owns how signups are kept in MongoDB: collection `signups`. Does not own what the states mean (app/signup/ports.ts).
// Invariants: a token lies there by its digest alone; every step is a compare-and-set on the one document; what is over is
// removed by the database itself, and nothing that is half done is.

import type { Connection, mongo } from 'mongoose';
import type { SignupState, SignupStore, StoredSignup } from '../../app/signup/ports.ts';
import { DomainError } from '../../domain/error.ts';
import type { Fingerprint, IdempotencyKey, ProductCode, SignupId, TenantId, UserId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, isDatabaseFailure, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;
/** How long a signup is kept after it could be confirmed, in milliseconds. */
const RETENTION_MS = 30 * 86_400_000;
/** More than an address gets mails of. */
const RESEND_KEYS_MAX = 100;
const COLLECTION_OPTIONS = { ...LEDGER_COLLECTION_OPTIONS, useBigInt64: false } as const;

const INDEXES: readonly WantedIndex[] = [
  { name: 'signup_id', key: { signup_id: 1 }, unique: true },
  { name: 'request_key', key: { request_key: 1 }, unique: true, ...partOf('request_key') },
  { name: 'token_digest', key: { token_digest: 1 }, unique: true, ...partOf('token_digest') },
  { name: 'state_due', key: { state: 1, due_at: 1 } },
  { name: 'expiry', key: { remove_at: 1 }, expireAfterSeconds: 0 },
];

interface SignupDocument {
  readonly signup_id: string;
  readonly product_code: string;
  readonly email: string;
  readonly workspace_name: string;
  readonly state: SignupState;
  readonly token_digest: string;
  readonly token_at: Date;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly confirmed_by?: string;
  readonly tenant_id?: string;
  /** When it was claimed, or until when a worker has it; only while it is being confirmed. */
  readonly due_at?: Date;
  /** From when on the database may remove it; absent while it is being confirmed. */
  readonly remove_at?: Date;
  readonly request_key: string;
  readonly request_fingerprint: string;
  /** Absent where nobody asked for another mail. */
  readonly resend_keys?: readonly string[];
}

/**
 * Opens the collection of signups and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openSignupStore(connection: Connection): Promise<SignupStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the signups need an open database connection');
  const signups = database.collection<SignupDocument>('signups', COLLECTION_OPTIONS);
  const found = await ensureIndexes(signups, INDEXES);
  if (found === undefined) return new MongoSignupStore(signups);
  const message =
    `The index ${JSON.stringify(found.key)} of collection signups ${found.problem}: ` +
    'drop an index of the same name or key that differs, and look for duplicate rows.';
  throw new Error(message, { cause: found.cause });
}

/** Rows of an earlier release may lack a field that is unique where it is there. */
function partOf(field: string): Pick<WantedIndex, 'partialFilterExpression'> {
  return { partialFilterExpression: { [field]: { $exists: true } } };
}

class MongoSignupStore implements SignupStore {
  readonly #signups: mongo.Collection<SignupDocument>;

  constructor(signups: mongo.Collection<SignupDocument>) {
    this.#signups = signups;
  }

  insertSignup: SignupStore['insertSignup'] = async (stored) => {
    try {
      await this.#signups.insertOne(toDocument(stored));
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      if (!isDatabaseFailure(error)) throw error;
      const message =
        'the database did not tell whether the signup was stored: repeat the call with the same request_id';
      throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 1_000, cause: error });
    }
  };

  loadByRequestKey: SignupStore['loadByRequestKey'] = (key) => this.#findOne({ request_key: key });

  loadByTokenDigest: SignupStore['loadByTokenDigest'] = (tokenDigest) => this.#findOne({ token_digest: tokenDigest });

  loadSignup: SignupStore['loadSignup'] = (signupId) => this.#findOne({ signup_id: signupId });

  removePending: SignupStore['removePending'] = (signupId, tokenDigest) =>
    guardDatabase(async () => {
      await this.#signups.deleteOne({ signup_id: signupId, state: 'pending', token_digest: tokenDigest });
    });

  renewToken: SignupStore['renewToken'] = (signupId, seenDigest, token) =>
    guardDatabase(async () => {
      const { tokenDigest, tokenAt, expiresAt, resendKey } = token;
      const keys = { $each: [resendKey ?? ''], $slice: -RESEND_KEYS_MAX };
      const { modifiedCount } = await this.#signups.updateOne(
        { signup_id: signupId, state: 'pending', token_digest: seenDigest },
        {
          $set: {
            token_digest: tokenDigest,
            token_at: new Date(tokenAt),
            expires_at: new Date(expiresAt),
            remove_at: new Date(expiresAt + RETENTION_MS),
          },
          ...(resendKey === undefined ? {} : { $push: { resend_keys: keys } }),
        },
      );
      return modifiedCount === 1;
    });

  claim: SignupStore['claim'] = (signupId, userId, at) =>
    guardDatabase(async () => {
      const { modifiedCount } = await this.#signups.updateOne(
        { signup_id: signupId, state: 'pending' },
        { $set: { state: 'confirming', confirmed_by: userId, due_at: new Date(at) }, $unset: { remove_at: '' } },
      );
      return modifiedCount === 1;
    });

  release: SignupStore['release'] = (signupId, userId) =>
    guardDatabase(async () => {
      const found = await this.#signups.findOne({ signup_id: signupId }, { maxTimeMS: READ_TIMEOUT_MS });
      if (found === null) return;
      await this.#signups.updateOne(
        { signup_id: signupId, state: 'confirming', confirmed_by: userId },
        {
          $set: { state: 'pending', remove_at: new Date(found.expires_at.getTime() + RETENTION_MS) },
          $unset: { confirmed_by: '', due_at: '' },
        },
      );
    });

  saveConfirmed: SignupStore['saveConfirmed'] = (signupId, userId, tenantId) =>
    guardDatabase(async () => {
      const found = await this.#signups.findOne({ signup_id: signupId }, { maxTimeMS: READ_TIMEOUT_MS });
      if (found === null) return false;
      // Whoever has it at the moment: a workspace is made of it for one owner only, and this is who that is.
      const { modifiedCount } = await this.#signups.updateOne(
        { signup_id: signupId, state: { $in: ['pending', 'confirming'] } },
        {
          $set: {
            ...{ state: 'confirmed', confirmed_by: userId, tenant_id: tenantId },
            remove_at: new Date(found.expires_at.getTime() + RETENTION_MS),
          },
          $unset: { due_at: '' },
        },
      );
      return modifiedCount === 1;
    });

  claimLeft: SignupStore['claimLeft'] = (before, until) =>
    guardDatabase(async () => {
      const document = await this.#signups.findOneAndUpdate(
        { state: 'confirming', due_at: { $lt: new Date(before) } },
        { $set: { due_at: new Date(until) } },
        { sort: { due_at: 1 }, returnDocument: 'after', maxTimeMS: READ_TIMEOUT_MS },
      );
      return document === null ? undefined : fromDocument(document);
    });

  #findOne(filter: mongo.Filter<SignupDocument>): Promise<StoredSignup | undefined> {
    return guardDatabase(async () => {
      const document = await this.#signups.findOne(filter, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocument(document);
    });
  }
}

function toDocument(stored: StoredSignup): SignupDocument {
  const { signup, tokenDigest, tokenAt, requestKey, fingerprint, resendKeys } = stored;
  return {
    signup_id: signup.signupId,
    product_code: signup.productCode,
    email: signup.email,
    workspace_name: signup.workspaceName,
    state: signup.state,
    token_digest: tokenDigest,
    token_at: new Date(tokenAt),
    created_at: new Date(signup.createdAt),
    expires_at: new Date(signup.expiresAt),
    remove_at: new Date(signup.expiresAt + RETENTION_MS),
    request_key: requestKey,
    request_fingerprint: fingerprint,
    ...(resendKeys.length > 0 && { resend_keys: resendKeys }),
  };
}

function fromDocument(document: SignupDocument): StoredSignup {
  return {
    signup: {
      signupId: document.signup_id as SignupId,
      productCode: document.product_code as ProductCode,
      email: document.email,
      workspaceName: document.workspace_name,
      state: document.state,
      createdAt: document.created_at.getTime(),
      expiresAt: document.expires_at.getTime(),
      ...present({
        confirmedBy: document.confirmed_by as UserId | undefined,
        tenantId: document.tenant_id as TenantId | undefined,
      }),
    },
    tokenDigest: document.token_digest,
    tokenAt: document.token_at.getTime(),
    requestKey: document.request_key as IdempotencyKey,
    fingerprint: document.request_fingerprint as Fingerprint,
    resendKeys: (document.resend_keys ?? []) as readonly IdempotencyKey[],
  };
}
