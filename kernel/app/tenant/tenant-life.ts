// Owns what becomes of a workspace after it was made: its name, slug and owner, suspension and closing, and its log. Does not
// own how it comes to be (tenant-service.ts). Its product never changes: nothing here can change it.

import type { TenantId, UserId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { assertUsable, changeOwner, type Workspace, type WorkspaceStatus } from '../../domain/workspace.ts';
import { computeFingerprint } from '../ledger/request-identity.ts';
import type { AuditNotebook } from '../operator/audit-notebook.ts';
import type { FieldChange } from '../operator/ports.ts';
import type { Clock } from '../ports.ts';
import type { CustomerStore } from '../subscription/ports.ts';
import { noteWorkspaceWrite, type OperatorAct } from './operator-act.ts';
import type {
  Tenant,
  TenantFilter,
  TenantStore,
  WorkspaceLogStore,
  WorkspaceRecord,
  WorkspaceRecordFilter,
} from './ports.ts';
import type { TenantStatusBoard } from './tenant-status-board.ts';
import { formatTimeToken, parseTimeToken } from './time-token.ts';
import type { Act, ActIdentity, WorkspaceDesk, WorkspaceOutcome } from './workspace-desk.ts';

/** How soon Stripe is asked about a workspace whose closing or suspension was cut off, in milliseconds: longer than either takes. */
const BARRING_MS_MAX = 60_000;

/** What the life of workspaces is made with. */
export interface TenantLifeParts {
  readonly store: Pick<TenantStore, 'loadTenants' | 'loadWorkspace'>;
  readonly log: WorkspaceLogStore;
  readonly desk: WorkspaceDesk;
  readonly board: Pick<TenantStatusBoard, 'note'>;
  readonly notebook: Pick<AuditNotebook, 'note'>;
  readonly customers: Pick<CustomerStore, 'requestSync'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** What is to become of a workspace; fields that are absent stay. */
export interface TenantChange {
  readonly displayName?: string;
  readonly slug?: string;
  readonly ownerUserId?: UserId;
}

/** A page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

/** Changes workspaces as a whole, and lists them. */
export class TenantLife {
  readonly #parts: TenantLifeParts;

  constructor(parts: TenantLifeParts) {
    this.#parts = parts;
  }

  /** Reads a workspace. Throws DomainError TENANT_NOT_FOUND, DATABASE_UNAVAILABLE. */
  load(tenantId: TenantId): Promise<Workspace> {
    return this.#parts.desk.load(tenantId);
  }

  /**
   * Changes name, slug or owner. Throws DomainError TENANT_NOT_FOUND, SLUG_TAKEN, MEMBER_NOT_FOUND, INVALID_FIELD,
   * TENANT_SUSPENDED, TENANT_CLOSED, and what WorkspaceDesk.change throws.
   */
  update(tenantId: TenantId, change: TenantChange, act: Act, identity: ActIdentity): Promise<WorkspaceOutcome> {
    return this.#parts.desk.change(tenantId, act, identity, (workspace) => {
      assertUsable(workspace);
      const changed = { ...workspace, ...present({ displayName: change.displayName, slug: change.slug }) };
      const owned = change.ownerUserId === undefined ? changed : changeOwner(changed, change.ownerUserId);
      return { workspace: owned, changes: describeChange(workspace, owned) };
    });
  }

  /**
   * Closes a workspace for good, and has what it pays for ended at Stripe soon after, also where this is cut off.
   * Throws DomainError TENANT_NOT_FOUND, OUTCOME_UNKNOWN, CLOCK_UNCERTAIN, and what WorkspaceDesk.change throws.
   */
  close(tenantId: TenantId, act: Act, operator?: OperatorAct): Promise<Workspace> {
    return this.#bar(tenantId, 'closed', act, operator);
  }

  /**
   * Suspends a workspace, and has its pages to buy on closed at Stripe soon after, also where this is cut off; or lets it go on.
   * Throws DomainError TENANT_NOT_FOUND, TENANT_CLOSED, OUTCOME_UNKNOWN, CLOCK_UNCERTAIN, and what WorkspaceDesk.change throws.
   */
  setSuspension(tenantId: TenantId, suspended: boolean, act: Act, operator: OperatorAct): Promise<Workspace> {
    if (!suspended) return this.#setStatus(tenantId, 'active', act, operator);
    return this.#bar(tenantId, 'suspended', act, operator);
  }

  async #bar(
    tenantId: TenantId,
    status: WorkspaceStatus,
    act: Act,
    operator: OperatorAct | undefined,
  ): Promise<Workspace> {
    const { customers, clock } = this.#parts;
    await customers.requestSync(tenantId, clock.now() + BARRING_MS_MAX);
    const workspace = await this.#setStatus(tenantId, status, act, operator);
    await customers.requestSync(tenantId, clock.now());
    return workspace;
  }

  async #setStatus(
    tenantId: TenantId,
    status: WorkspaceStatus,
    act: Act,
    operator: OperatorAct | undefined,
  ): Promise<Workspace> {
    const { desk, board, notebook } = this.#parts;
    const before = await desk.load(tenantId);
    // What stands already is no write, and stands in no log again.
    if (before.status === status) {
      board.note(tenantId, status);
      return before;
    }
    await noteWorkspaceWrite(notebook, tenantId, act, operator, { status });
    const { workspace } = await desk.change(tenantId, act, operator?.identity, (seen, now) => {
      if (seen.status === status) return { workspace: seen };
      if (seen.status === 'closed') assertUsable(seen);
      const closing = status === 'closed' ? { closedAt: now } : {};
      const changes = [{ field: 'status', before: seen.status, after: status }];
      return { workspace: { ...seen, status, statusChangedAt: now, ...closing }, changes };
    });
    board.note(tenantId, workspace.status);
    return workspace;
  }

  /** Lists workspaces, the newest first. Throws DomainError INVALID_FIELD `page_token`, DATABASE_UNAVAILABLE. */
  async list(filter: TenantFilter, pageSize: number, pageToken: string): Promise<Page<Tenant>> {
    const list = ['tenants', filter.productCode, filter.status];
    const after = pageToken === '' ? undefined : parseTimeToken(pageToken, list);
    const found = await this.#parts.store.loadTenants(filter, pageSize + 1, after);
    return toPage(found, pageSize, ({ createdAt, tenantId: id }) => formatTimeToken({ createdAt, id }, list));
  }

  /** Lists who did what to a workspace, the newest first. Throws DomainError INVALID_FIELD `page_token`, DATABASE_UNAVAILABLE. */
  async listRecords(
    tenantId: TenantId,
    filter: WorkspaceRecordFilter,
    pageSize: number,
    pageToken: string,
  ): Promise<Page<WorkspaceRecord>> {
    const { store, desk, log } = this.#parts;
    // What was done last may stand in the workspace alone as yet.
    const stored = await store.loadWorkspace(tenantId);
    if (stored !== undefined) await desk.settle(stored);
    const list = ['records', tenantId, filter.method, filter.startAt, filter.endAt];
    const after = pageToken === '' ? undefined : parseTimeToken(pageToken, list);
    const found = await log.loadRecords(tenantId, filter, pageSize + 1, after);
    return toPage(found, pageSize, ({ createdAt, recordId: id }) => formatTimeToken({ createdAt, id }, list));
  }
}

/** What an update of a workspace means, for its fingerprint. */
export function fingerprintOfUpdate(tenantId: TenantId, { displayName, slug, ownerUserId }: TenantChange) {
  return computeFingerprint(['update_tenant', tenantId, displayName, slug, ownerUserId]);
}

/** Cuts a page off what was read with one more. */
function toPage<Item>(found: readonly Item[], size: number, toToken: (last: Item) => string): Page<Item> {
  const items = found.slice(0, size);
  const last = items.at(-1);
  return { items, nextPageToken: found.length > size && last !== undefined ? toToken(last) : '' };
}

function describeChange(before: Workspace, after: Workspace): readonly FieldChange[] {
  const fields: readonly (readonly [string, string | undefined, string | undefined])[] = [
    ['display_name', before.displayName, after.displayName],
    ['slug', before.slug, after.slug],
    ['owner_user_id', before.ownerUserId, after.ownerUserId],
  ];
  return fields.flatMap(([field, was = '', is = '']) => (was === is ? [] : [{ field, before: was, after: is }]));
}
