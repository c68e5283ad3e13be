/**
 * Owns: the people of the demo: who they are for the issuer, and what they may do in the demo workspaces: one person for each
 * role, and a newcomer who is in none.
 * Does not own: the workspaces (`demo-data.ts`), each of which is for the people of one issuer.
 * Invariants: everything goes through the system's own front doors; every request has a fixed id and, for a given workspace,
 * fixed content, so that loading again changes nothing and finishes what a crash left half done.
 */
import { MemberServiceService, PutMemberRequest } from '../gen/wheelhouse/tenant/v1/member_service.ts';
import { Role as ProtoRole } from '../gen/wheelhouse/tenant/v1/role.ts';
import type { Credentials } from './credential.ts';
import { findPerson, type Person } from './issuer/person.ts';
import { isRecord } from './json-file.ts';
import type { KernelClient } from './kernel-client.ts';
import { ROLES, type Role } from './product.ts';
import { StackError } from './stack-error.ts';

const ACTOR = 'local-stack';
const REASON = 'Demo people of the local stack';
const PROJECT_NAME = 'Demo project';

const DESCRIPTIONS: Readonly<Record<Role, string>> = {
  tenant_admin: 'manages the demo workspaces',
  project_contributor: 'works in their project',
  project_viewer: 'reads their project',
};

/** Returns the address of the demo's person of a role. */
export function toDemoEmail(role: Role): string {
  return `${role.replaceAll('_', '-')}@example.com`;
}

/** Lists the people of the demo, as the sign-in page shows them. */
export function listDemoPeople({ people }: Credentials): readonly Person[] {
  const members = ROLES.map((role) => ({
    subject: people[role],
    email: toDemoEmail(role),
    name: `Demo ${role.replaceAll('_', ' ')}`,
    description: DESCRIPTIONS[role],
  }));
  const newcomer = findPerson([], 'newcomer@example.com');
  return newcomer === undefined
    ? members
    : [...members, { ...newcomer, name: 'Newcomer', description: 'is in no workspace' }];
}

/** Says where the demo's people get their roles. */
export interface DemoMembership {
  readonly tenantId: string;
  readonly issuerUrl: string;
  readonly people: Credentials['people'];
  readonly sysadmin: KernelClient;
  /** Is the URL of the product's BFF. */
  readonly bff: string;
  /** Is the access token of the tenant_admin. */
  readonly adminToken: string;
}

/**
 * Makes the demo's people members of a product's demo workspace, and returns the id of their project. Throws the kernel's error, or StackError where the BFF
 * refuses.
 */
export async function addDemoPeople(membership: DemoMembership): Promise<string> {
  await putMember(membership, 'tenant_admin', { tenantAdmin: true });
  const projectId = await createProject(membership);
  await putMember(membership, 'project_contributor', {
    projectRoles: [{ projectId, role: ProtoRole.PROJECT_CONTRIBUTOR }],
  });
  await putMember(membership, 'project_viewer', { projectRoles: [{ projectId, role: ProtoRole.PROJECT_VIEWER }] });
  return projectId;
}

async function putMember(
  membership: DemoMembership,
  role: Role,
  roles: Pick<Partial<PutMemberRequest>, 'tenantAdmin' | 'projectRoles'>,
): Promise<void> {
  const { sysadmin, tenantId, issuerUrl, people } = membership;
  await sysadmin.call(
    MemberServiceService.putMember,
    PutMemberRequest.fromPartial({
      requestId: toRequestId(membership, `member-${role}`),
      tenantId,
      issuer: issuerUrl,
      subject: people[role],
      email: toDemoEmail(role),
      ...roles,
      actor: ACTOR,
      reason: REASON,
    }),
  );
}

/** Makes the project as a person would: nobody else makes projects. */
async function createProject(membership: DemoMembership): Promise<string> {
  const { bff, tenantId, adminToken } = membership;
  const response = await fetch(`${bff}/v1/workspaces/${tenantId}/projects`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${adminToken}`,
      'content-type': 'application/json',
      'idempotency-key': toRequestId(membership, 'project'),
    },
    body: JSON.stringify({ display_name: PROJECT_NAME }),
  });
  const answer: unknown = await response.json();
  if (!isRecord(answer) || typeof answer['project_id'] !== 'string') {
    const detail = isRecord(answer) ? `: ${String(answer['detail'])}` : '.';
    throw new StackError(`The BFF on ${bff} made no demo project (${response.status})${detail}`);
  }
  return answer['project_id'];
}

function toRequestId({ tenantId }: DemoMembership, step: string): string {
  return `demo:${tenantId}:${step}`;
}
