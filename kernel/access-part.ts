// Owns how the parts of a kernel that let people and programs in are put together: access tokens and signups. Does not own when
// they begin and end (composition.ts).

import { AccessTokenService } from './app/access/access-token-service.ts';
import type { AccessTokenSource } from './app/access/access-token-source.ts';
import { AccessTokenVerifier } from './app/access/access-token-verifier.ts';
import { LastUseBook } from './app/access/last-use-book.ts';
import type { AccessTokenJournal, AccessTokenStore, LoadTokenWorkspace } from './app/access/ports.ts';
import type { CatalogStore } from './app/catalog/ports.ts';
import type { MailOutbox } from './app/mail/mail-outbox.ts';
import type { KillSwitchBoard } from './app/operator/kill-switch-board.ts';
import type { Clock } from './app/ports.ts';
import type { SignupStore, SignupWorkspaces } from './app/signup/ports.ts';
import { SignupService } from './app/signup/signup-service.ts';
import type { TenantStore } from './app/tenant/ports.ts';
import type { TenantLife } from './app/tenant/tenant-life.ts';
import type { TenantService } from './app/tenant/tenant-service.ts';
import { RANDOM_ID_SOURCE } from './id-source.ts';
import { PROCESS_PACING } from './pacing.ts';

/** What lets people and programs in is made of. */
export interface AccessPartTools {
  readonly stores: {
    readonly accessTokens: AccessTokenStore;
    readonly signups: SignupStore;
    readonly tenants: Pick<TenantStore, 'loadWorkspace'>;
    readonly catalog: Pick<CatalogStore, 'loadProduct'>;
  };
  readonly tenants: Pick<TenantService, 'createTenant'>;
  readonly tenantLife: Pick<TenantLife, 'load'>;
  readonly outbox: MailOutbox;
  readonly journal: AccessTokenJournal;
  readonly switches: Pick<KillSwitchBoard, 'assertOn'>;
  readonly clock: Clock;
}

/** What lets people and programs in. */
export interface AccessPart {
  readonly accessTokens: AccessTokenSource;
  readonly tokenService: AccessTokenService;
  readonly signups: SignupService;
  /** Resolves when nothing of it is under way. */
  settle(): Promise<void>;
}

/** Builds what lets people and programs in; nothing of it begins by itself. */
export function createAccessPart({
  stores,
  tenants,
  tenantLife,
  outbox,
  journal,
  switches,
  clock,
}: AccessPartTools): AccessPart {
  const ids = RANDOM_ID_SOURCE;
  const pacing = PROCESS_PACING;
  const { accessTokens: store, signups: signupStore, catalog } = stores;
  const uses = new LastUseBook(store);
  const loadWorkspace = createWorkspaceLook(stores.tenants);
  const verifier = new AccessTokenVerifier({ store, loadWorkspace, uses, clock, pacing });
  const workspaces = createSignupWorkspaces(tenants, tenantLife);
  const signupParts = { store: signupStore, workspaces, outbox, catalog, switches };
  return {
    accessTokens: verifier,
    tokenService: new AccessTokenService({ store, verifier, loadWorkspace, journal, clock, ids }),
    signups: new SignupService({ ...signupParts, clock, ids, pacing }),
    settle: () => uses.settle(),
  };
}

function createWorkspaceLook(tenants: Pick<TenantStore, 'loadWorkspace'>): LoadTokenWorkspace {
  return async (tenantId) => {
    const workspace = (await tenants.loadWorkspace(tenantId))?.workspace;
    if (workspace === undefined) return undefined;
    const projectIds = new Set(workspace.projects.map(({ projectId }) => projectId));
    return { isClosed: workspace.status === 'closed', projectIds };
  };
}

/** A signup's own id makes its workspace one: a request id within a scope that no credential has. */
function createSignupWorkspaces(
  tenants: AccessPartTools['tenants'],
  tenantLife: AccessPartTools['tenantLife'],
): SignupWorkspaces {
  return {
    create: async ({ signupId, productCode, displayName, owner, origin }) => {
      const input = { productCode, displayName, owner, anyPlan: false };
      const act = { method: 'SignupService/ConfirmSignup', actor: owner, ...(origin ?? { logId: signupId }) };
      return (await tenants.createTenant(input, { callerScope: 'signup', requestId: signupId, act })).tenant;
    },
    load: (tenantId) => tenantLife.load(tenantId),
  };
}
