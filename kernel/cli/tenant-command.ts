// Owns the operators' commands about workspaces: `tenant list`, `show`, `create`, `suspend`, `resume`, `close`, `members`,
// `put-member`, `log`, and that `update` moves none to another product. Does not own what becomes of workspaces (the kernel).

import { type Command, Option } from 'commander';
import type { Member } from '../../gen/wheelhouse/tenant/v1/member.ts';
import {
  ListMembersRequest,
  MemberServiceService,
  PutMemberRequest,
} from '../../gen/wheelhouse/tenant/v1/member_service.ts';
import { type ProjectRole, Role } from '../../gen/wheelhouse/tenant/v1/role.ts';
import { type Tenant, TenantStatus } from '../../gen/wheelhouse/tenant/v1/tenant.ts';
import {
  CloseTenantRequest,
  CreateTenantRequest,
  GetTenantRequest,
  ListTenantsRequest,
  ListWorkspaceRecordsRequest,
  SetTenantSuspensionRequest,
  TenantServiceService as Tenants,
} from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import type { WorkspaceRecord } from '../../gen/wheelhouse/tenant/v1/workspace_log.ts';
import {
  addListOptions,
  addWriteOptions,
  type CommandStreams,
  type OutputOptions,
  parseLimit,
  readPages,
  tell,
  type WriteOptions,
  withKernel,
  write,
} from './operator-command.ts';
import { type Column, printRows, type Row } from './table.ts';

const PAGE_SIZE = 200;
const LOG_ROWS_DEFAULT = 50;
const STATUSES = {
  active: TenantStatus.ACTIVE,
  suspended: TenantStatus.SUSPENDED,
  closed: TenantStatus.CLOSED,
} as const;
type StatusName = keyof typeof STATUSES;

const TENANT_COLUMNS: readonly Column[] = [
  ...[{ field: 'tenant_id' }, { field: 'product_code' }, { field: 'display_name' }, { field: 'slug' }],
  ...[{ field: 'status' }, { field: 'owner_user_id' }, { field: 'created' }],
];
const RECORD_COLUMNS: readonly Column[] = [
  ...[{ field: 'created' }, { field: 'method' }, { field: 'actor' }, { field: 'subject_id' }, { field: 'changes' }],
];
const MEMBER_COLUMNS: readonly Column[] = [
  ...[{ field: 'user_id' }, { field: 'email' }, { field: 'role' }, { field: 'owner' }],
];
const PRODUCT_IS_FIXED =
  'A workspace cannot be moved to another product, not even by an operator: products are fixed at workspace creation, since ' +
  'its plan, trial and credits are of that product. Create a workspace of the other product, and close this one.';

/** Adds the commands about workspaces. */
export function addTenantCommands(program: Command, streams: CommandStreams): void {
  const tenants = program.command('tenant').description('looks after workspaces');
  addReaders(tenants, streams);
  addMakers(tenants, streams);
  addStatusCommands(tenants, streams);
  addMemberCommands(tenants, streams);
}

function addReaders(tenants: Command, streams: CommandStreams): void {
  addListOptions(tenants.command('list'))
    .description('lists workspaces, the newest first')
    .option('--product <code>', 'only those of a product')
    .addOption(new Option('--status <status>', 'only those that stand so').choices(Object.keys(STATUSES)))
    .action(
      async ({ product = '', status, json = false }: OutputOptions & { product?: string; status?: StatusName }) => {
        const found = await listTenants(streams, product, status);
        printRows(streams.out, found.map(toTenantRow), TENANT_COLUMNS, json);
      },
    );
  addListOptions(tenants.command('show'))
    .description('shows one workspace')
    .argument('<tenant>', 'its id')
    .action(async (tenantId: string, { json = false }: OutputOptions) => {
      const request = GetTenantRequest.fromPartial({ tenantId });
      const { tenant } = await withKernel(streams, (kernel) => kernel.ask(Tenants.getTenant, request));
      printRows(streams.out, tenant === undefined ? [] : [toTenantRow(tenant)], TENANT_COLUMNS, json);
    });
  addListOptions(tenants.command('log'))
    .description('lists who did what to a workspace, the newest first')
    .argument('<tenant>', 'its id')
    .option('--method <name>', 'only what was done by a method, such as MemberService/UpdateMember')
    .option('--limit <number>', 'how many rows at most', parseLimit, LOG_ROWS_DEFAULT)
    .action(
      async (
        tenantId: string,
        { method = '', limit, json = false }: OutputOptions & { method?: string; limit: number },
      ) => {
        const records = await listRecords(streams, { tenantId, method }, limit);
        printRows(streams.out, records.map(toRecordRow), RECORD_COLUMNS, json);
      },
    );
}

function addMakers(tenants: Command, streams: CommandStreams): void {
  addWriteOptions(tenants.command('create'))
    .description('creates a workspace that belongs to nobody until it gets an admin by put-member')
    .argument('<product>', 'the product that it is for, for ever')
    .requiredOption('--name <name>', 'the name that people see')
    .option('--slug <slug>', 'its name in addresses (default: made of the name)')
    .option('--plan <code>', "the plan that it begins on (default: the product's own choice, with its trial)")
    .action(async (productCode: string, options: WriteOptions & { name: string; slug?: string; plan?: string }) => {
      const { name: displayName, slug = '', plan: planCode = '' } = options;
      const fields = { productCode, displayName, slug, planCode };
      const { tenant, replayed } = await write(streams, options, (kernel, by) =>
        kernel.ask(Tenants.createTenant, CreateTenantRequest.fromPartial({ ...fields, ...by })),
      );
      const before = replayed ? ' before; nothing changed now' : '';
      const facts = { ...(tenant === undefined ? {} : toTenantRow(tenant)), replayed };
      tell(streams, options, facts, `Created the workspace ${tenant?.tenantId} (${tenant?.slug})${before}.`);
    });
  // It is there to be found by whoever looks for it, and to say why it is not to be had.
  tenants
    .command('update')
    .description('refuses to move a workspace to another product, and says why')
    .argument('<tenant>', 'its id')
    .requiredOption('--product <code>', 'another product')
    .action(() => {
      throw new Error(PRODUCT_IS_FIXED);
    });
}

function addStatusCommands(tenants: Command, streams: CommandStreams): void {
  const setSuspension = async (tenantId: string, suspended: boolean, options: WriteOptions): Promise<void> => {
    const { tenant } = await write(streams, options, (kernel, { actor, reason }) =>
      kernel.ask(
        Tenants.setTenantSuspension,
        SetTenantSuspensionRequest.fromPartial({ tenantId, suspended, actor, reason }),
      ),
    );
    tellStatus(streams, options, tenant);
  };
  addWriteOptions(tenants.command('suspend'))
    .description(
      'suspends a workspace: it can be read and its subscription canceled; that goes on and is charged until then',
    )
    .argument('<tenant>', 'its id')
    .action((tenantId: string, options: WriteOptions) => setSuspension(tenantId, true, options));
  addWriteOptions(tenants.command('resume'))
    .description('lets a suspended workspace go on')
    .argument('<tenant>', 'its id')
    .action((tenantId: string, options: WriteOptions) => setSuspension(tenantId, false, options));
  addWriteOptions(tenants.command('close'))
    .description('closes a workspace for good; its ledger stays and can be read')
    .argument('<tenant>', 'its id')
    .action(async (tenantId: string, options: WriteOptions) => {
      const { tenant } = await write(streams, options, (kernel, { actor, reason }) =>
        kernel.ask(Tenants.closeTenant, CloseTenantRequest.fromPartial({ tenantId, actor, reason })),
      );
      tellStatus(streams, options, tenant);
    });
}

function tellStatus(streams: CommandStreams, options: WriteOptions, tenant: Tenant | undefined): void {
  const facts = tenant === undefined ? {} : toTenantRow(tenant);
  tell(streams, options, facts, `The workspace ${tenant?.tenantId} is ${statusOf(tenant?.status)}.`);
}

interface MemberOptions extends WriteOptions {
  readonly issuer: string;
  readonly subject: string;
  readonly email?: string;
  readonly admin?: boolean;
  readonly contributor?: readonly string[];
  readonly viewer?: readonly string[];
}

function addMemberCommands(tenants: Command, streams: CommandStreams): void {
  addListOptions(tenants.command('members'))
    .description('lists the members of a workspace and what they may do, in the order in which they came')
    .argument('<tenant>', 'its id')
    .action(async (tenantId: string, { json = false }: OutputOptions) => {
      const found = await withKernel(streams, (kernel) =>
        readPages(async (pageToken) => {
          const request = ListMembersRequest.fromPartial({ tenantId, pageSize: PAGE_SIZE, pageToken });
          const { members: items, nextPageToken } = await kernel.ask(MemberServiceService.listMembers, request);
          return { items, nextPageToken };
        }),
      );
      printRows(streams.out, found.map(toMemberRow), MEMBER_COLUMNS, json);
    });
  addWriteOptions(tenants.command('put-member'))
    .description('makes a person a member, or changes what a member may do, such as the first admin of a workspace')
    .argument('<tenant>', 'its id')
    .requiredOption('--issuer <url>', 'the issuer that knows the person, as its tokens name it')
    .requiredOption('--subject <id>', 'who the person is for that issuer')
    .option('--email <address>', "the person's address, which you vouch for")
    .option('--admin', 'makes the person a tenant_admin')
    .option('--contributor <project...>', 'ids of projects in which the person is a contributor')
    .option('--viewer <project...>', 'ids of projects in which the person is a viewer')
    .action(async (tenantId: string, options: MemberOptions) => {
      const { issuer, subject, email = '', json = false } = options;
      const fields = { tenantId, issuer, subject, email, ...toStanding(options) };
      const { member } = await write(streams, options, (kernel, by) =>
        kernel.ask(MemberServiceService.putMember, PutMemberRequest.fromPartial({ ...fields, ...by })),
      );
      printRows(streams.out, member === undefined ? [] : [toMemberRow(member)], MEMBER_COLUMNS, json);
    });
}

/** What is forgotten must not take away what a member may do. */
function toStanding({ admin = false, contributor = [], viewer = [] }: MemberOptions) {
  const projectRoles: ProjectRole[] = [
    ...contributor.map((projectId) => ({ projectId, role: Role.PROJECT_CONTRIBUTOR })),
    ...viewer.map((projectId) => ({ projectId, role: Role.PROJECT_VIEWER })),
  ];
  if (admin === projectRoles.length > 0) {
    throw new Error(
      'Say what the person may do: --admin, who has all projects, or --contributor and --viewer with ids of projects.',
    );
  }
  return { tenantAdmin: admin, projectRoles };
}

function listTenants(
  streams: CommandStreams,
  productCode: string,
  status: StatusName | undefined,
): Promise<readonly Tenant[]> {
  const filter = { productCode, pageSize: PAGE_SIZE, ...(status === undefined ? {} : { status: STATUSES[status] }) };
  return withKernel(streams, (kernel) =>
    readPages(async (pageToken) => {
      const request = ListTenantsRequest.fromPartial({ ...filter, pageToken });
      const { tenants, nextPageToken } = await kernel.ask(Tenants.listTenants, request);
      return { items: tenants, nextPageToken };
    }),
  );
}

function listRecords(
  streams: CommandStreams,
  filter: { readonly tenantId: string; readonly method: string },
  limit: number,
): Promise<readonly WorkspaceRecord[]> {
  const pageSize = Math.min(limit, PAGE_SIZE);
  return withKernel(streams, (kernel) =>
    readPages(async (pageToken) => {
      const request = ListWorkspaceRecordsRequest.fromPartial({ ...filter, pageSize, pageToken });
      const { records, nextPageToken } = await kernel.ask(Tenants.listWorkspaceRecords, request);
      return { items: records, nextPageToken };
    }, limit),
  );
}

function statusOf(status: TenantStatus | undefined): string {
  return Object.entries(STATUSES).find(([, value]) => value === status)?.[0] ?? 'unknown';
}

function toTenantRow(tenant: Tenant): Row {
  return {
    tenant_id: tenant.tenantId,
    product_code: tenant.productCode,
    display_name: tenant.displayName,
    slug: tenant.slug,
    status: statusOf(tenant.status),
    opening_plan_code: tenant.planCode,
    owner_user_id: tenant.ownerUserId,
    created: tenant.createTime?.toISOString() ?? '',
    closed: tenant.closeTime?.toISOString() ?? '',
  };
}

function toRecordRow(record: WorkspaceRecord): Row {
  return {
    record_id: record.recordId,
    created: record.createTime?.toISOString() ?? '',
    method: record.method,
    actor: record.actor,
    access_token_id: record.accessTokenId,
    remote_address: record.remoteAddress,
    request_id: record.requestId,
    subject_id: record.subjectId,
    changes: record.changes.map(({ field, before, after }) => `${field}: ${before || '-'} → ${after || '-'}`),
  };
}

function toMemberRow({ userId, email, tenantAdmin, projectRoles, owner }: Member): Row {
  const roles = projectRoles.map(
    ({ projectId, role }) => `${role === Role.PROJECT_CONTRIBUTOR ? 'contributor' : 'viewer'} of ${projectId}`,
  );
  return { user_id: userId, email, role: tenantAdmin ? ['tenant_admin'] : roles, owner };
}
