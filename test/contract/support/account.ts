// Tenants with credit, and the calls that most tests make on them.

import type { KernelClient } from '../../../dev/kernel-client.ts';
import { Bucket } from '../../../gen/wheelhouse/common/v1/bucket.ts';
import {
  DebitRequest,
  type DebitResponse,
  GetBalanceRequest,
  GrantRequest,
  LedgerServiceService,
} from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  MemberServiceService,
  PutMemberRequest,
  type PutMemberResponse,
} from '../../../gen/wheelhouse/tenant/v1/member_service.ts';
import { CreateProjectRequest, ProjectServiceService } from '../../../gen/wheelhouse/tenant/v1/project_service.ts';
import { Role } from '../../../gen/wheelhouse/tenant/v1/role.ts';
import { CreateTenantRequest, TenantServiceService } from '../../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { type KernelFixture, newRequestId } from './kernel-fixture.ts';

export const CREDIT = 1_000_000n;
/** One unit of it costs one credit on agentruntime. */
export const ACTION = 'memory_index_file_mb';
export const OPERATOR = { actor: 'usr_operator', reason: 'test' } as const;
export const ISSUER = 'https://issuer.example';
export const PERSON = 'usr_01890000-0000-7000-8000-000000000001';

/** Clients of one kernel by scope, and shortcuts. */
export interface Callers {
  readonly internal: KernelClient;
  readonly sysadmin: KernelClient;
  readonly bff: KernelClient;
  readonly otherBff: KernelClient;
  readonly nobody: KernelClient;
  /** Creates a tenant with so many microcredits of PAYG, and answers its id. */
  openTenant(microcredits?: bigint, productCode?: string): Promise<string>;
  grant(tenantId: string, microcredits: bigint): Promise<unknown>;
  debit(tenantId: string, fields?: Partial<DebitRequest>): Promise<DebitResponse>;
  /** The newest commit of the account: unchanged means that nothing was written. */
  seqOf(tenantId: string): Promise<bigint>;
  availableOf(tenantId: string): Promise<bigint>;
}

export function callersOf(kernel: Pick<KernelFixture, 'tokens' | 'connect'>): Callers {
  const { tokens } = kernel;
  const internal = kernel.connect(tokens.internal);
  const sysadmin = kernel.connect(tokens.sysadmin);
  const grant: Callers['grant'] = (tenantId, microcredits) =>
    sysadmin.call(
      LedgerServiceService.grant,
      GrantRequest.fromPartial({
        requestId: newRequestId(),
        tenantId,
        bucket: Bucket.PAYG,
        microcredits,
        ...OPERATOR,
      }),
    );
  const balanceOf = (tenantId: string) =>
    internal.call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }));
  return {
    internal,
    sysadmin,
    bff: kernel.connect(tokens.agentruntime),
    otherBff: kernel.connect(tokens.otherproduct),
    nobody: kernel.connect(undefined),
    openTenant: async (microcredits = 0n, productCode = 'agentruntime') => {
      // A plan that an operator names begins without a trial.
      const requestId = newRequestId();
      const workspace = { productCode, planCode: 'pro', displayName: `Test workspace ${requestId.slice(-8)}` };
      const request = { requestId, ...workspace, ...OPERATOR };
      const created = await sysadmin.call(TenantServiceService.createTenant, CreateTenantRequest.fromPartial(request));
      const tenantId = created.tenant?.tenantId ?? '';
      if (microcredits > 0n) await grant(tenantId, microcredits);
      return tenantId;
    },
    grant,
    debit: (tenantId, fields) => internal.call(LedgerServiceService.debit, debitRequest(tenantId, fields)),
    seqOf: async (tenantId) => (await balanceOf(tenantId)).commitSeq,
    availableOf: async (tenantId) => (await balanceOf(tenantId)).balance?.availableMicrocredits ?? -1n,
  };
}

/** A debit of one credit, with what the test sets in the place of it. */
export function debitRequest(tenantId: string, fields: Partial<DebitRequest> = {}): DebitRequest {
  return {
    ...DebitRequest.fromPartial({ requestId: newRequestId(), tenantId, action: ACTION, quantity: '1' }),
    ...fields,
  };
}

type PersonMetadata = { readonly metadata: Record<string, string> };

/** What a BFF sends along for the person of a role in a workspace; {@link admitPeople} makes the three of them members. */
export function personIn(tenantId: string, role: string, productCode = 'agentruntime'): PersonMetadata {
  return { metadata: { ...newcomer(productCode, subjectOf(role)).metadata, 'x-tenant-id': tenantId } };
}

/** What a BFF sends along for a person who names no workspace. */
export function newcomer(productCode = 'agentruntime', subject: string = PERSON): PersonMetadata {
  return { metadata: { 'x-product-code': productCode, 'x-issuer': ISSUER, 'x-subject': subject } };
}

function subjectOf(role: string): string {
  return `${PERSON}-${role}`;
}

/** Makes three people members of a workspace, one of each role; contributor and viewer are so in a project of it. */
export async function admitPeople(callers: Callers, tenantId: string, productCode = 'agentruntime'): Promise<string> {
  const bff = productCode === 'agentruntime' ? callers.bff : callers.otherBff;
  await putMember(callers, tenantId, 'tenant_admin', { tenantAdmin: true });
  const { project } = await bff.call(
    ProjectServiceService.createProject,
    CreateProjectRequest.fromPartial({ requestId: newRequestId(), tenantId, displayName: 'Test project' }),
    personIn(tenantId, 'tenant_admin', productCode),
  );
  const projectId = project?.projectId ?? '';
  const roles = { project_contributor: Role.PROJECT_CONTRIBUTOR, project_viewer: Role.PROJECT_VIEWER };
  for (const [name, role] of Object.entries(roles)) {
    await putMember(callers, tenantId, name, { projectRoles: [{ projectId, role }] });
  }
  return projectId;
}

/** Makes the person of a role a member by an operator's hand. */
export function putMember(
  callers: Callers,
  tenantId: string,
  who: string,
  standing: Partial<PutMemberRequest>,
): Promise<PutMemberResponse> {
  const person = { issuer: ISSUER, subject: subjectOf(who), email: `${who}@example.com` };
  const request = { requestId: newRequestId(), tenantId, ...person, ...standing, ...OPERATOR };
  return callers.sysadmin.call(MemberServiceService.putMember, PutMemberRequest.fromPartial(request));
}
