// Owns how the use cases of workspaces and their people are put together.

import type { CatalogStore } from '../catalog/ports.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { MailOutbox } from '../mail/mail-outbox.ts';
import type { AuditNotebook } from '../operator/audit-notebook.ts';
import type { KillSwitchBoard } from '../operator/kill-switch-board.ts';
import { PeopleDirectory } from '../people/people-directory.ts';
import type { UserIdSource, UserStore } from '../people/ports.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { CustomerStore } from '../subscription/ports.ts';
import { InvitationService } from './invitation-service.ts';
import { MemberLimit } from './member-limit.ts';
import { MemberService } from './member-service.ts';
import type { TenantIdSource, TenantStore, WorkspaceLogStore } from './ports.ts';
import { ProjectService } from './project-service.ts';
import { TenantLife } from './tenant-life.ts';
import { TenantService } from './tenant-service.ts';
import type { TenantStart } from './tenant-start.ts';
import { TenantStatusBoard } from './tenant-status-board.ts';
import { WorkspaceDesk } from './workspace-desk.ts';
import { WorkspaceJournal } from './workspace-journal.ts';

/** What workspaces and their people are kept with. */
export interface PeopleTools {
  readonly stores: {
    readonly tenants: TenantStore;
    readonly workspaceLog: WorkspaceLogStore;
    readonly users: UserStore;
    readonly catalog: CatalogStore;
    readonly customers: Pick<CustomerStore, 'requestSync'>;
  };
  readonly ledger: Pick<Ledger, 'openAccount' | 'readBalance'>;
  readonly outbox: MailOutbox;
  readonly start: TenantStart;
  readonly clock: Clock;
  readonly ids: TenantIdSource & UserIdSource;
  readonly pacing: Pacing;
  readonly notebook: AuditNotebook;
  readonly switches: KillSwitchBoard;
}

/** The use cases of workspaces and their people. */
export interface People {
  readonly people: PeopleDirectory;
  readonly tenants: TenantService;
  readonly tenantLife: TenantLife;
  readonly members: MemberService;
  readonly invitations: InvitationService;
  readonly projects: ProjectService;
  readonly statusBoard: TenantStatusBoard;
  readonly users: UserStore;
  readonly journal: WorkspaceJournal;
}

/** Builds the use cases of workspaces and their people. */
export function createPeople(tools: PeopleTools): People {
  const { stores, ledger, clock, ids, pacing, notebook, switches, outbox, start } = tools;
  const { tenants: store, users, workspaceLog: log, catalog, customers } = stores;
  const people = new PeopleDirectory({ users, tenants: store, clock, ids });
  const desk = new WorkspaceDesk({ store, log, people, clock, ids, pacing });
  const limit = new MemberLimit({ ledger, catalog });
  const statusBoard = new TenantStatusBoard(store);
  return {
    ...{ people, users, statusBoard },
    journal: new WorkspaceJournal({ log, clock, ids }),
    tenants: new TenantService({ store, desk, catalog, ledger, start, clock, ids, pacing, switches, notebook }),
    tenantLife: new TenantLife({ store, log, desk, board: statusBoard, notebook, customers, clock }),
    members: new MemberService({ desk, people, users, limit, notebook }),
    invitations: new InvitationService({ desk, store, users, limit, outbox, clock, ids }),
    projects: new ProjectService({ desk, ids }),
  };
}
