// Calls that people make on workspaces, their members, invitations and projects, and the mails that they get.

import type { KernelClient } from '../../../dev/kernel-client.ts';
import {
  AcceptInvitationRequest,
  CreateInvitationRequest,
  InvitationServiceService,
  ListInvitationsRequest,
  RevokeInvitationRequest,
} from '../../../gen/wheelhouse/tenant/v1/invitation_service.ts';
import {
  ListMembersRequest,
  MemberServiceService,
  PutMemberRequest,
  RemoveMemberRequest,
  UpdateMemberRequest,
} from '../../../gen/wheelhouse/tenant/v1/member_service.ts';
import {
  CreateProjectRequest,
  ListProjectsRequest,
  ProjectServiceService,
  UpdateProjectRequest,
} from '../../../gen/wheelhouse/tenant/v1/project_service.ts';
import type { Tenant } from '../../../gen/wheelhouse/tenant/v1/tenant.ts';
import {
  CloseTenantRequest,
  CreateTenantRequest,
  type CreateTenantResponse,
  GetTenantRequest,
  ListWorkspaceRecordsRequest,
  SetTenantSuspensionRequest,
  TenantServiceService,
  UpdateTenantRequest,
} from '../../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { ListMyWorkspacesRequest, UserServiceService } from '../../../gen/wheelhouse/tenant/v1/user_service.ts';
import { isNotice, type MailDraft, type MailOutbox } from '../../../kernel/app/mail/mail-outbox.ts';
import { type Callers, ISSUER, OPERATOR } from './account.ts';
import { newRequestId } from './kernel-fixture.ts';

/** Somebody who is signed in at a BFF. */
export interface Somebody {
  readonly subject: string;
  readonly issuer?: string;
  /** The address that the issuer vouches for; absent where it vouches for none. */
  readonly email?: string;
  readonly name?: string;
  readonly productCode?: string;
  /** The workspace that the calls are about; absent where they name none. */
  readonly tenantId?: string;
  readonly remoteAddress?: string;
}

let count = 0;

/** Somebody whom nobody has seen before, with an address. */
export function stranger(name = 'person', fields: Partial<Somebody> = {}): Somebody {
  count += 1;
  const subject = `${name}-${count}-${newRequestId()}`;
  return { subject, email: `${name}-${count}@example.com`, ...fields };
}

/** What a BFF sends along for somebody. */
function metadataOf({ subject, issuer = ISSUER, email, name, productCode, tenantId, remoteAddress }: Somebody) {
  const optional = {
    'x-email': email === undefined ? undefined : encodeURIComponent(email),
    'x-name': name === undefined ? undefined : encodeURIComponent(name),
    'x-tenant-id': tenantId,
    'x-remote-address': remoteAddress,
  };
  const metadata: Record<string, string> = {
    'x-product-code': productCode ?? 'agentruntime',
    'x-issuer': issuer,
    'x-subject': subject,
  };
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) metadata[name] = value;
  return { metadata };
}

type Fields<Request> = Partial<Request>;

/** Makes somebody's calls, about the workspace that they name, each with a request id of its own unless one is given. */
export function callsOf(callers: Pick<Callers, 'bff' | 'otherBff'>, who: Somebody) {
  const client: KernelClient = who.productCode === 'otherproduct' ? callers.otherBff : callers.bff;
  const settings = metadataOf(who);
  const about = { tenantId: who.tenantId ?? '' };
  const fresh = () => ({ requestId: newRequestId(), ...about });
  return {
    createTenant: (fields: Fields<CreateTenantRequest> = {}): Promise<CreateTenantResponse> => {
      const request = { requestId: newRequestId(), displayName: 'Acme', ...fields };
      return client.call(TenantServiceService.createTenant, CreateTenantRequest.fromPartial(request), settings);
    },
    getTenant: (fields: Fields<GetTenantRequest> = {}) =>
      client.call(TenantServiceService.getTenant, GetTenantRequest.fromPartial({ ...about, ...fields }), settings),
    updateTenant: (fields: Fields<UpdateTenantRequest>) => {
      const request = UpdateTenantRequest.fromPartial({ ...fresh(), ...fields });
      return client.call(TenantServiceService.updateTenant, request, settings);
    },
    closeTenant: (fields: Fields<CloseTenantRequest> = {}) =>
      client.call(TenantServiceService.closeTenant, CloseTenantRequest.fromPartial({ ...about, ...fields }), settings),
    records: (fields: Fields<ListWorkspaceRecordsRequest> = {}) => {
      const request = ListWorkspaceRecordsRequest.fromPartial({ ...about, ...fields });
      return client.call(TenantServiceService.listWorkspaceRecords, request, settings);
    },
    getMe: () => client.call(UserServiceService.getMe, {}, settings),
    myWorkspaces: (fields: Fields<ListMyWorkspacesRequest> = {}) =>
      client.call(UserServiceService.listMyWorkspaces, ListMyWorkspacesRequest.fromPartial(fields), settings),
    listMembers: (fields: Fields<ListMembersRequest> = {}) =>
      client.call(MemberServiceService.listMembers, ListMembersRequest.fromPartial({ ...about, ...fields }), settings),
    updateMember: (fields: Fields<UpdateMemberRequest>) => {
      const request = UpdateMemberRequest.fromPartial({ ...fresh(), ...fields });
      return client.call(MemberServiceService.updateMember, request, settings);
    },
    removeMember: (fields: Fields<RemoveMemberRequest>) => {
      const request = RemoveMemberRequest.fromPartial({ ...fresh(), ...fields });
      return client.call(MemberServiceService.removeMember, request, settings);
    },
    invite: (fields: Fields<CreateInvitationRequest>) => {
      const request = CreateInvitationRequest.fromPartial({ ...fresh(), ...fields });
      return client.call(InvitationServiceService.createInvitation, request, settings);
    },
    listInvitations: (fields: Fields<ListInvitationsRequest> = {}) => {
      const request = ListInvitationsRequest.fromPartial({ ...about, ...fields });
      return client.call(InvitationServiceService.listInvitations, request, settings);
    },
    revokeInvitation: (fields: Fields<RevokeInvitationRequest>) => {
      const request = RevokeInvitationRequest.fromPartial({ ...about, ...fields });
      return client.call(InvitationServiceService.revokeInvitation, request, settings);
    },
    accept: (token: string) => {
      const request = AcceptInvitationRequest.fromPartial({ token });
      return client.call(InvitationServiceService.acceptInvitation, request, settings);
    },
    createProject: (fields: Fields<CreateProjectRequest> = {}) => {
      const request = CreateProjectRequest.fromPartial({ ...fresh(), displayName: 'Project', ...fields });
      return client.call(ProjectServiceService.createProject, request, settings);
    },
    listProjects: (fields: Fields<ListProjectsRequest> = {}) => {
      const request = ListProjectsRequest.fromPartial({ ...about, ...fields });
      return client.call(ProjectServiceService.listProjects, request, settings);
    },
    updateProject: (fields: Fields<UpdateProjectRequest>) => {
      const request = UpdateProjectRequest.fromPartial({ ...fresh(), ...fields });
      return client.call(ProjectServiceService.updateProject, request, settings);
    },
  };
}

export type PeopleCalls = ReturnType<typeof callsOf>;

/** Makes operators' calls on workspaces. */
export function workspaceOperatorOf({ sysadmin }: Callers) {
  return {
    put: (tenantId: string, who: Somebody, fields: Fields<PutMemberRequest> = {}) => {
      const { subject, issuer = ISSUER, email = '' } = who;
      const request = { requestId: newRequestId(), tenantId, issuer, subject, email, ...OPERATOR, ...fields };
      return sysadmin.call(MemberServiceService.putMember, PutMemberRequest.fromPartial(request));
    },
    suspend: (tenantId: string, suspended: boolean, fields: Fields<SetTenantSuspensionRequest> = {}) => {
      const request = SetTenantSuspensionRequest.fromPartial({ tenantId, suspended, ...OPERATOR, ...fields });
      return sysadmin.call(TenantServiceService.setTenantSuspension, request);
    },
    close: (tenantId: string, fields: Fields<CloseTenantRequest> = {}) => {
      const request = CloseTenantRequest.fromPartial({ tenantId, ...OPERATOR, ...fields });
      return sysadmin.call(TenantServiceService.closeTenant, request);
    },
    members: async (tenantId: string) =>
      (
        await sysadmin.call(
          MemberServiceService.listMembers,
          ListMembersRequest.fromPartial({ tenantId, pageSize: 200 }),
        )
      ).members,
    records: async (tenantId: string, fields: Fields<ListWorkspaceRecordsRequest> = {}) => {
      const request = ListWorkspaceRecordsRequest.fromPartial({ tenantId, pageSize: 200, ...fields });
      return (await sysadmin.call(TenantServiceService.listWorkspaceRecords, request)).records;
    },
  };
}

/** A workspace of a test, and who manages it. */
export interface TestWorkspace {
  readonly tenantId: string;
  readonly tenant: Tenant;
  readonly admin: Somebody;
  /** The admin's calls about it. */
  readonly calls: PeopleCalls;
  /** The `usr_` id of its admin. */
  readonly adminId: string;
}

/** Has somebody make a workspace. */
export async function openWorkspace(
  callers: Callers,
  fields: Fields<CreateTenantRequest> = {},
  owner = stranger('admin'),
): Promise<TestWorkspace> {
  const { tenant } = await callsOf(callers, owner).createTenant(fields);
  if (tenant === undefined) throw new Error('CreateTenant answered no tenant');
  const { tenantId, ownerUserId } = tenant;
  const admin = { ...owner, tenantId };
  return { tenantId, tenant, admin, calls: callsOf(callers, admin), adminId: ownerUserId };
}

/** Has an operator make a workspace on a plan, for nobody. */
export async function openOnPlan({ sysadmin }: Callers, planCode: string): Promise<string> {
  const workspace = { productCode: 'agentruntime', planCode, displayName: 'Acme' };
  const request = CreateTenantRequest.fromPartial({ requestId: newRequestId(), ...workspace, ...OPERATOR });
  return (await sysadmin.call(TenantServiceService.createTenant, request)).tenant?.tenantId ?? '';
}

/** Has an operator make somebody a member, and answers who that is and their calls. */
export async function joinAs(
  callers: Callers,
  tenantId: string,
  standing: Fields<PutMemberRequest> = {},
  who: Somebody = stranger('member'),
): Promise<{ readonly who: Somebody; readonly userId: string; readonly calls: PeopleCalls }> {
  const { member } = await workspaceOperatorOf(callers).put(tenantId, who, standing);
  if (member === undefined) throw new Error('PutMember answered no member');
  return { who, userId: member.userId, calls: callsOf(callers, { ...who, tenantId }) };
}

/** An outbox that keeps what is put into it, and can be made to fail. */
export class MailTray implements MailOutbox {
  readonly mails: MailDraft[] = [];
  readonly #failures: Error[] = [];
  readonly #waiting: (() => void)[] = [];
  #meeting = 0;

  /** Has the next mail not arrive, as where the kernel dies before it. */
  failNext(error: Error): void {
    this.#failures.push(error);
  }

  /** Has so many who ask for a mail wait for each other before they are answered. */
  meetNext(count: number): void {
    this.#meeting = count;
  }

  enqueue = (mail: MailDraft): Promise<void> => {
    const failure = this.#failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    if (!this.mails.some(({ mailId }) => mailId === mail.mailId)) this.mails.push(mail);
    return Promise.resolve();
  };

  isKnown = async (mailId: string): Promise<boolean> => {
    const isKnown = this.mails.some((mail) => mail.mailId === mailId);
    if (this.#meeting > 0) await this.#meet();
    return isKnown;
  };

  #meet(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length < this.#meeting) return;
      this.#meeting = 0;
      for (const go of this.#waiting.splice(0)) go();
    });
  }

  mailsTo(address: string): readonly MailDraft[] {
    return this.mails.filter(({ to }) => to === address);
  }

  /** The tokens of the mails to an address, the newest last. */
  tokensTo(address: string): readonly string[] {
    return this.mailsTo(address).flatMap(({ content }) => (isNotice(content) ? [] : [content.token]));
  }

  /** The token of the newest mail to an address that has one. */
  tokenTo(address: string): string {
    const token = this.tokensTo(address).at(-1);
    if (token === undefined) throw new Error(`there is no mail with a token to ${address}`);
    return token;
  }
}

/** The address of somebody who has one. */
export function emailOf({ email }: Somebody): string {
  if (email === undefined) throw new Error('this person has no address');
  return email;
}
