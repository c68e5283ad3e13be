// Owns what the use cases of workspaces need of the database and of chance. Does not own how it is done.

import type {
  AccessTokenId,
  Fingerprint,
  IdempotencyKey,
  Instant,
  InvitationId,
  ProductCode,
  ProjectId,
  TenantId,
  UserId,
} from '../../domain/id.ts';
import type { Workspace, WorkspaceStatus } from '../../domain/workspace.ts';
import type { FieldChange } from '../operator/ports.ts';

/** A workspace, as those who read it alone see it. */
export type Tenant = Omit<Workspace, 'members' | 'invitations' | 'projects'>;

/** One act on a workspace, as it stands in its log. */
export interface WorkspaceRecord {
  readonly recordId: string;
  readonly tenantId: TenantId;
  readonly method: string;
  /** A `usr_` id, or an operator's name. */
  readonly actor: string;
  readonly accessTokenId?: AccessTokenId;
  readonly remoteAddress?: string;
  /** The id of the request in logs, which need not be its idempotency key. */
  readonly requestId: string;
  /** What it was about; absent where that is the workspace itself. */
  readonly subjectId?: string;
  readonly changes: readonly FieldChange[];
  /** No two records of a workspace have the same: a retry has that of the first. */
  readonly requestKey: IdempotencyKey;
  readonly fingerprint: Fingerprint;
  readonly createdAt: Instant;
}

/** A workspace as it is stored, with what its next change is decided by. */
export interface StoredWorkspace {
  readonly workspace: Workspace;
  /** Numbers the changes: whoever changes it says which one was seen. */
  readonly revision: number;
  /** The act that led to this revision. It stands here until it is in the log as well, which comes before the next change. */
  readonly lastRecord?: WorkspaceRecord;
  /** The namespaced key of the request that made the workspace; no two have the same. */
  readonly requestKey: IdempotencyKey;
  /** What that request meant. */
  readonly fingerprint: Fingerprint;
  /** Says that what belongs to a new workspace is not all there yet. */
  readonly unfinished: boolean;
  /** Says, while it is unfinished, that nobody has named its plan, so that what begins with a new workspace does. */
  readonly beginsByItself: boolean;
  /** The operator who made it, and why, for whoever finishes it; absent where a person did, and once it is whole. */
  readonly operator?: { readonly actor: string; readonly reason: string };
}

/** Limits a list of workspaces; every filter that is set must match. */
export interface TenantFilter {
  readonly productCode?: ProductCode;
  readonly status?: WorkspaceStatus;
}

/** Limits a list of records; every filter that is set must match. */
export interface WorkspaceRecordFilter {
  readonly method?: string;
  readonly startAt?: Instant;
  readonly endAt?: Instant;
}

/** A place in a list by time. */
export interface TimePlace {
  readonly createdAt: Instant;
  readonly id: string;
}

/** What became of storing a workspace: another change came first, or another workspace has the slug, or neither. */
export type SaveOutcome = 'saved' | 'stale' | 'slug_taken';

/** Keeps workspaces. Every read is primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface TenantStore {
  /**
   * Stores a new workspace; answers false where its request key, or its slug in the product, is taken.
   * Throws DomainError OUTCOME_UNKNOWN where the database did not tell.
   */
  insertTenant(stored: StoredWorkspace): Promise<boolean>;
  loadTenantByRequestKey(key: IdempotencyKey): Promise<StoredWorkspace | undefined>;
  loadWorkspace(tenantId: TenantId): Promise<StoredWorkspace | undefined>;
  /** Finds the workspace that has an invitation with this digest of its token. */
  loadWorkspaceByInvitation(tokenDigest: string): Promise<StoredWorkspace | undefined>;
  /**
   * Stores a workspace after a change, with the record of it, where it still has the revision that was seen and nobody else of
   * the product has its slug. Throws DomainError OUTCOME_UNKNOWN where the database did not tell.
   */
  saveWorkspace(after: Workspace, seenRevision: number, record: WorkspaceRecord): Promise<SaveOutcome>;
  /** Says whether a workspace of a product has a slug. */
  hasSlug(productCode: ProductCode, slug: string): Promise<boolean>;
  /** Marks a new workspace as whole. */
  finishTenant(tenantId: TenantId): Promise<void>;
  /** Lists workspaces that are not whole although they were made before a time, at most `limit`. */
  loadUnfinished(before: Instant, limit: number): Promise<readonly StoredWorkspace[]>;
  /** Loads the workspaces of a product that a person is in, closed ones too unless `openOnly`, at most `limit`. */
  loadWorkspacesOf(
    userId: UserId,
    productCode: ProductCode,
    bounds: { readonly limit: number; readonly openOnly: boolean },
  ): Promise<readonly Workspace[]>;
  /** Loads workspaces, the newest first, at most `limit`, after a place. */
  loadTenants(filter: TenantFilter, limit: number, after?: TimePlace): Promise<readonly Tenant[]>;
  /** Loads the products of many tenants in one query; the ones that don't exist, or have none yet, are left out. */
  loadTenantProducts(tenantIds: readonly TenantId[]): Promise<ReadonlyMap<TenantId, ProductCode>>;
  /** Loads who may not be charged: what became suspended or closed, or went on, since a time, soonest first. */
  loadStatusChanges(since: Instant, limit: number): Promise<readonly StatusChange[]>;
}

/** A change of whether a workspace may be used. */
export interface StatusChange {
  readonly tenantId: TenantId;
  readonly status: WorkspaceStatus;
  readonly changedAt: Instant;
}

/** Keeps the logs of workspaces. Nothing in them is changed. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface WorkspaceLogStore {
  /** Stores a record unless it is there. */
  insertRecord(record: WorkspaceRecord): Promise<void>;
  loadRecordByKey(tenantId: TenantId, key: IdempotencyKey): Promise<WorkspaceRecord | undefined>;
  /** Loads records, the newest first, at most `limit`, after a place. */
  loadRecords(
    tenantId: TenantId,
    filter: WorkspaceRecordFilter,
    limit: number,
    after?: TimePlace,
  ): Promise<readonly WorkspaceRecord[]>;
}

/** Makes ids and secrets of workspaces. */
export interface TenantIdSource {
  tenantId(): TenantId;
  invitationId(): InvitationId;
  projectId(): ProjectId;
  workspaceRecordId(): string;
  /** A secret of 256 random bits, as text for a link. */
  secret(): string;
}
