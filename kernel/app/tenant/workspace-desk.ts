// Owns how a workspace is changed: seen, decided, stored where nobody else has changed it meanwhile, and in its log. Does
// not own what a change is (domain/workspace.ts).
// Invariants: a change and its record are one write; the record is in the log before the next change; a request that was
// carried out is found by its key and not carried out again, whichever kernels it reaches; what only an admin may do is stored
// over no change that took that role from who does it.

import { DomainError } from '../../domain/error.ts';
import type { AccessTokenId, Fingerprint, IdempotencyKey, Instant, TenantId, UserId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { findMember, type Workspace } from '../../domain/workspace.ts';
import type { FieldChange } from '../operator/ports.ts';
import type { PeopleDirectory } from '../people/people-directory.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { StoredWorkspace, TenantIdSource, TenantStore, WorkspaceLogStore, WorkspaceRecord } from './ports.ts';
import { tenantNotFound } from './tenant-directory.ts';

/** How often a change is tried over what others have just made of the workspace. */
const ATTEMPTS_MAX = 60;
const RETRY_MS_MAX = 40;

/** Who does something to a workspace, and how. */
export interface Act {
  /** The method, as credentials name it, such as `MemberService/UpdateMember`. */
  readonly method: string;
  /** A `usr_` id, or an operator's name. */
  readonly actor: string;
  readonly accessTokenId?: AccessTokenId;
  readonly remoteAddress?: string;
  /** The id of the request in logs. */
  readonly logId: string;
  /** Says that the actor may do it as a tenant_admin alone, who is to be one still when it is stored. */
  readonly asAdmin?: boolean;
}

/** What makes a request this one request. */
export interface ActIdentity {
  readonly key: IdempotencyKey;
  readonly fingerprint: Fingerprint;
  /** The id that the caller gave, for the error where it meant something else before. */
  readonly requestId: string;
}

/** What a change makes of a workspace. */
export interface WorkspaceChange {
  /** The very same object means that nothing is to be done. */
  readonly workspace: Workspace;
  /** What it is about; absent where that is the workspace itself. */
  readonly subjectId?: string;
  readonly changes?: readonly FieldChange[];
}

/** What became of a change. */
export interface WorkspaceOutcome {
  readonly workspace: Workspace;
  /** What the change was about, also where it was made before. */
  readonly subjectId: string | undefined;
  readonly replayed: boolean;
}

/** What the desk works with. */
export interface WorkspaceDeskParts {
  readonly store: TenantStore;
  readonly log: WorkspaceLogStore;
  readonly people: Pick<PeopleDirectory, 'forget'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: TenantIdSource;
  readonly pacing: Pick<Pacing, 'delay' | 'random'>;
}

/** Changes workspaces. */
export class WorkspaceDesk {
  readonly #parts: WorkspaceDeskParts;

  constructor(parts: WorkspaceDeskParts) {
    this.#parts = parts;
  }

  /** Reads a workspace. Throws DomainError TENANT_NOT_FOUND, DATABASE_UNAVAILABLE. */
  async load(tenantId: TenantId): Promise<Workspace> {
    return (await this.#load(tenantId)).workspace;
  }

  /**
   * Changes a workspace, once for each identity; without one the change must be the same however often it is made.
   * Throws what `decide` throws, and DomainError TENANT_NOT_FOUND, ROLE_REQUIRED, SLUG_TAKEN, IDEMPOTENCY_KEY_REUSED, QUEUE_FULL where too
   * many change it at once, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async change(
    tenantId: TenantId,
    act: Act,
    identity: ActIdentity | undefined,
    decide: (workspace: Workspace, now: Instant) => WorkspaceChange,
  ): Promise<WorkspaceOutcome> {
    const { store, people, clock, pacing } = this.#parts;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const stored = await this.#load(tenantId);
      await this.settle(stored);
      const replay = identity === undefined ? undefined : await this.#findReplay(stored, identity);
      if (replay !== undefined) return replay;
      if (act.asAdmin === true) assertAdmin(stored.workspace, act.actor as UserId);
      const now = clock.now();
      const decided = decide(stored.workspace, now);
      const { workspace, subjectId } = decided;
      if (workspace === stored.workspace) return { workspace, subjectId, replayed: true };
      const record = this.draftRecord(tenantId, act, identity, decided, now);
      // Also where nobody knows what became of it: a role that was taken away must not count a moment longer here.
      const outcome = await store
        .saveWorkspace(workspace, stored.revision, record)
        .finally(() => people.forget(tenantId));
      if (outcome === 'slug_taken') throw slugTaken(workspace.slug ?? '');
      if (outcome === 'saved') {
        await this.#log(record);
        return { workspace, subjectId, replayed: false };
      }
      await pacing.delay(pacing.random() * RETRY_MS_MAX);
    }
    const message = `too many change ${tenantId} at once: retry shortly, with the same request_id`;
    throw new DomainError('QUEUE_FULL', message, { metadata: { limit: String(ATTEMPTS_MAX) } });
  }

  /** Makes sure that the record of a workspace's last change is in its log. */
  async settle({ lastRecord }: Pick<StoredWorkspace, 'lastRecord'>): Promise<void> {
    if (lastRecord !== undefined) await this.#parts.log.insertRecord(lastRecord);
  }

  /** Makes the record of an act. */
  draftRecord(
    tenantId: TenantId,
    { method, actor, accessTokenId, remoteAddress, logId }: Act,
    identity: ActIdentity | undefined,
    { subjectId, changes = [] }: Omit<WorkspaceChange, 'workspace'>,
    now: Instant,
  ): WorkspaceRecord {
    const recordId = this.#parts.ids.workspaceRecordId();
    return {
      ...{ recordId, tenantId, method, actor, requestId: logId, changes, createdAt: now },
      ...present({ accessTokenId, remoteAddress, subjectId }),
      requestKey: identity?.key ?? (`act:${recordId}` as IdempotencyKey),
      fingerprint: identity?.fingerprint ?? ('' as Fingerprint),
    };
  }

  async #load(tenantId: TenantId): Promise<StoredWorkspace> {
    const stored = await this.#parts.store.loadWorkspace(tenantId);
    if (stored === undefined) throw tenantNotFound(tenantId);
    return stored;
  }

  async #findReplay(
    { workspace, lastRecord }: StoredWorkspace,
    identity: ActIdentity,
  ): Promise<WorkspaceOutcome | undefined> {
    const isLast = lastRecord?.requestKey === identity.key;
    const record = isLast ? lastRecord : await this.#parts.log.loadRecordByKey(workspace.tenantId, identity.key);
    if (record === undefined) return undefined;
    if (record.fingerprint === identity.fingerprint) {
      // What the log has may have been done after the workspace was read.
      const after = isLast ? workspace : await this.load(workspace.tenantId);
      return { workspace: after, subjectId: record.subjectId, replayed: true };
    }
    const { requestId } = identity;
    const message = `request_id: ${requestId} was used before for a request with other fields: use a new one`;
    throw new DomainError('IDEMPOTENCY_KEY_REUSED', message, { metadata: { request_id: requestId } });
  }

  /** The change stands already, with its record: that it is not in the log yet keeps nobody from the answer. */
  async #log(record: WorkspaceRecord): Promise<void> {
    try {
      await this.#parts.log.insertRecord(record);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
    }
  }
}

/**
 * Admission has asked this before, of what may be some seconds old.
 * Throws DomainError TENANT_NOT_FOUND, ROLE_REQUIRED unless a person is a tenant_admin.
 */
function assertAdmin(workspace: Workspace, userId: UserId): void {
  const member = findMember(workspace, userId);
  if (member === undefined) throw tenantNotFound(workspace.tenantId);
  if (member.tenantAdmin) return;
  const message = 'you are tenant_admin here no more; this needs tenant_admin: ask an administrator of the workspace';
  throw new DomainError('ROLE_REQUIRED', message, { metadata: { required_role: 'tenant_admin' } });
}

/** Builds the error for a slug that another workspace of the product has. */
export function slugTaken(slug: string): DomainError {
  const message = `slug: another workspace of this product has ${slug}: choose another one`;
  return new DomainError('SLUG_TAKEN', message, { metadata: { slug } });
}
