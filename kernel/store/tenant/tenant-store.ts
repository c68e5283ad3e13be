// Owns how workspaces are read and written in MongoDB. Does not own their form (tenant-document.ts).
// Invariants: what a change rests on is read from a majority; a change is written only over the revision that was seen; the
// product of a workspace is written once, when it is made.

import type { Connection, mongo } from 'mongoose';
import type { TenantStore, TimePlace } from '../../app/tenant/ports.ts';
import { DomainError } from '../../domain/error.ts';
import type { ProductCode, TenantId } from '../../domain/id.ts';
import { guardDatabase, isDatabaseFailure, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import {
  fromDocumentStored,
  fromDocumentTenant,
  fromDocumentWorkspace,
  isStamped,
  type TenantDocument,
  toDocumentChanging,
  toDocumentRecord,
  toDocumentStored,
} from './tenant-document.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;
/** Lists show workspaces without their people, which are most of what they weigh. */
const PEOPLE_FREE = { members: 0, invitations: 0, projects: 0, last_record: 0 } as const;

const INDEXES: readonly WantedIndex[] = [
  { name: 'tenant_id', key: { tenant_id: 1 }, unique: true },
  // One request makes one workspace, whichever kernels it reaches.
  { name: 'request_key', key: { request_key: 1 }, unique: true },
  // Workspaces of earlier releases have no slug, and are in nobody's way.
  {
    name: 'product_slug',
    key: { product_code: 1, slug: 1 },
    unique: true,
    partialFilterExpression: { slug: { $exists: true } },
  },
  { name: 'member', key: { 'members.user_id': 1 } },
  { name: 'invitation_token', key: { 'invitations.token_digest': 1 } },
  { name: 'created_at', key: { created_at: 1, tenant_id: 1 } },
  { name: 'product_created_at', key: { product_code: 1, created_at: 1, tenant_id: 1 } },
  { name: 'status_changed_at', key: { status_changed_at: 1 } },
  { name: 'unfinished', key: { unfinished: 1, created_at: 1 } },
];

/**
 * Opens the collection of workspaces and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openTenantStore(connection: Connection): Promise<TenantStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the store of workspaces needs an open database connection');
  const tenants = database.collection<TenantDocument>('tenants');
  const found = await ensureIndexes(tenants, INDEXES);
  if (found !== undefined) {
    const message =
      `The index ${JSON.stringify(found.key)} of collection tenants ${found.problem}: ` +
      'drop an index of the same name or key that differs, and look for duplicate rows.';
    throw new Error(message, { cause: found.cause });
  }
  return new MongoTenantStore(tenants);
}

class MongoTenantStore implements TenantStore {
  readonly #tenants: mongo.Collection<TenantDocument>;

  constructor(tenants: mongo.Collection<TenantDocument>) {
    this.#tenants = tenants;
  }

  insertTenant: TenantStore['insertTenant'] = async (stored) => {
    try {
      await this.#tenants.insertOne(toDocumentStored(stored));
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw isDatabaseFailure(error) ? outcomeUnknown('the tenant was created', error) : error;
    }
  };

  saveWorkspace: TenantStore['saveWorkspace'] = async (after, seenRevision, record) => {
    const seen = seenRevision === 0 ? { revision: { $exists: false } } : { revision: seenRevision };
    const $set = {
      ...toDocumentChanging(after),
      revision: seenRevision + 1,
      last_record: toDocumentRecord(record),
    };
    try {
      const { matchedCount } = await this.#tenants.updateOne({ tenant_id: after.tenantId, ...seen }, { $set });
      return matchedCount === 1 ? 'saved' : 'stale';
    } catch (error) {
      if (isDuplicateKey(error)) return 'slug_taken';
      throw isDatabaseFailure(error) ? outcomeUnknown('the workspace was changed', error) : error;
    }
  };

  finishTenant: TenantStore['finishTenant'] = (tenantId) =>
    guardDatabase(async () => {
      await this.#tenants.updateOne(
        { tenant_id: tenantId },
        { $unset: { unfinished: '', begins_by_itself: '', opened_by: '' } },
      );
    });

  loadTenantByRequestKey: TenantStore['loadTenantByRequestKey'] = (key) =>
    this.#findStored({ request_key: { $eq: key } });

  loadWorkspace: TenantStore['loadWorkspace'] = (tenantId) => this.#findStored({ tenant_id: { $eq: tenantId } });

  loadWorkspaceByInvitation: TenantStore['loadWorkspaceByInvitation'] = (tokenDigest) =>
    this.#findStored({ 'invitations.token_digest': { $eq: tokenDigest } });

  loadUnfinished: TenantStore['loadUnfinished'] = (before, limit) =>
    guardDatabase(async () => {
      const filter = { unfinished: true, created_at: { $lt: new Date(before) } };
      const documents = await this.#tenants.find(filter, { maxTimeMS: READ_TIMEOUT_MS }).limit(limit).toArray();
      return documents.flatMap((found) => (isStamped(found) ? [fromDocumentStored(found)] : []));
    });

  hasSlug: TenantStore['hasSlug'] = (productCode, slug) =>
    guardDatabase(async () => {
      const options = { projection: { _id: 1 }, maxTimeMS: READ_TIMEOUT_MS };
      return (await this.#tenants.findOne({ product_code: productCode, slug }, options)) !== null;
    });

  loadWorkspacesOf: TenantStore['loadWorkspacesOf'] = (userId, productCode, { limit, openOnly }) =>
    guardDatabase(async () => {
      const filter: mongo.Filter<TenantDocument> = {
        ...{ 'members.user_id': userId, product_code: productCode },
        ...(openOnly ? { status: { $ne: 'closed' } } : {}),
      };
      const documents = await this.#tenants.find(filter, { maxTimeMS: READ_TIMEOUT_MS }).limit(limit).toArray();
      return documents.flatMap((found) => (isStamped(found) ? [fromDocumentWorkspace(found)] : []));
    });

  loadTenants: TenantStore['loadTenants'] = ({ productCode, status }, limit, after) =>
    guardDatabase(async () => {
      const filter: mongo.Filter<TenantDocument> = {
        product_code: productCode ?? { $exists: true },
        ...(status === undefined ? {} : { status }),
        ...(after === undefined ? {} : { $or: beforePlace(after) }),
      };
      const options = { projection: PEOPLE_FREE, maxTimeMS: READ_TIMEOUT_MS };
      const sort = { created_at: -1, tenant_id: -1 } as const;
      const documents = await this.#tenants.find(filter, options).sort(sort).limit(limit).toArray();
      return documents.flatMap((found) => (isStamped(found) ? [fromDocumentTenant(found)] : []));
    });

  loadTenantProducts: TenantStore['loadTenantProducts'] = (tenantIds) =>
    guardDatabase(async () => {
      const projection = { _id: 0, tenant_id: 1, product_code: 1 };
      const filter = { tenant_id: { $in: [...tenantIds] } };
      const found = await this.#tenants.find(filter, { projection, maxTimeMS: READ_TIMEOUT_MS }).toArray();
      return new Map(
        found.filter(isStamped).map((row) => [row.tenant_id as TenantId, row.product_code as ProductCode] as const),
      );
    });

  loadStatusChanges: TenantStore['loadStatusChanges'] = (since, limit) =>
    guardDatabase(async () => {
      const projection = { _id: 0, tenant_id: 1, status: 1, status_changed_at: 1 };
      const found = await this.#tenants
        .find({ status_changed_at: { $gte: new Date(since) } }, { projection, maxTimeMS: READ_TIMEOUT_MS })
        .sort({ status_changed_at: 1 })
        .limit(limit)
        .toArray();
      return found.map(({ tenant_id, status, status_changed_at }) => ({
        ...{ tenantId: tenant_id as TenantId, status, changedAt: status_changed_at?.getTime() ?? 0 },
      }));
    });

  #findStored(filter: mongo.Filter<TenantDocument>): ReturnType<TenantStore['loadWorkspace']> {
    return guardDatabase(async () => {
      const document = await this.#tenants.findOne(filter, { maxTimeMS: READ_TIMEOUT_MS });
      return isStamped(document) ? fromDocumentStored(document) : undefined;
    });
  }
}

function beforePlace({ createdAt, id }: TimePlace): mongo.Filter<TenantDocument>[] {
  const at = new Date(createdAt);
  return [{ created_at: { $lt: at } }, { created_at: at, tenant_id: { $lt: id } }];
}

function outcomeUnknown(what: string, cause: unknown): DomainError {
  const message = `the database did not tell whether ${what}: repeat the call with the same request_id`;
  return new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 1_000, cause });
}
