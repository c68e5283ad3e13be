// Owns the invitations to workspaces: `/v1/workspaces/{workspace_id}/invitations`, and `/v1/invitations/accept` for whoever got one.

import { InvitationServiceService } from '../../gen/wheelhouse/tenant/v1/invitation_service.ts';
import { defineBody } from '../body.ts';
import {
  fromProtoInvitation,
  fromProtoWorkspace,
  INVITATION,
  INVITATION_STATUS_NAMES,
  type InvitationStatusName,
  MY_WORKSPACE,
  type MyWorkspaceJson,
  type ProjectRoleJson,
  toProtoInvitationStatus,
  toProtoProjectRoles,
} from '../convert-people.ts';
import { defineQuery } from '../query.ts';
import { pageOf } from '../shape.ts';
import { EMAIL, MAIL_TOKEN_BODY, PROJECT_ROLES } from './field.ts';
import { fromProtoPageToken, type PageQuery, PEOPLE_PAGE, pageProperties, toProtoPage } from './page.ts';
import { defineRoute, defineWorkspaceRoute, Reply, type Route, type RouteCall } from './route.ts';

const listInvitations = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/workspaces/:workspace_id/invitations',
  workspace: 'path',
  name: 'listInvitations',
  summary: 'List the invitations',
  description: 'The newest first, a page at a time: the open ones, and the newest 100 of those that have ended.',
  needs: 'tenant_admin',
  query: defineQuery<PageQuery & { status?: InvitationStatusName }>({
    type: 'object',
    properties: {
      status: {
        type: 'string',
        nullable: true,
        enum: INVITATION_STATUS_NAMES,
        description: `one of ${INVITATION_STATUS_NAMES.join(', ')}`,
      },
      ...pageProperties(PEOPLE_PAGE.sizeMax),
    },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: pageOf('invitations', INVITATION) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const request = { tenantId, status: toProtoInvitationStatus(query.status), ...toProtoPage(query, PEOPLE_PAGE) };
    const { invitations, nextPageToken } = await kernel.call(
      InvitationServiceService.listInvitations,
      request,
      context,
    );
    return { invitations: invitations.map(fromProtoInvitation), next_page_token: fromProtoPageToken(nextPageToken) };
  },
});

const createInvitation = defineWorkspaceRoute({
  method: 'POST',
  path: '/v1/workspaces/:workspace_id/invitations',
  workspace: 'path',
  name: 'createInvitation',
  summary: 'Invite somebody',
  needs: 'tenant_admin',
  body: defineBody<{ email: string; tenant_admin?: boolean; project_roles?: ProjectRoleJson[] }>({
    type: 'object',
    properties: {
      email: EMAIL,
      tenant_admin: { type: 'boolean', nullable: true, description: 'true or false' },
      project_roles: { ...PROJECT_ROLES, nullable: true },
    },
    required: ['email'],
    additionalProperties: false,
  }),
  responses: { 201: INVITATION },
  reasons: [
    'ALREADY_MEMBER',
    'MAIL_LIMIT_REACHED',
    'MEMBER_LIMIT_REACHED',
    'PROJECT_NOT_FOUND',
    'WORKSPACE_LIMIT_REACHED',
  ],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = {
      requestId: idempotencyKey,
      tenantId,
      email: body.email,
      tenantAdmin: body.tenant_admin ?? false,
      projectRoles: toProtoProjectRoles(body.project_roles ?? []),
    };
    const { invitation, replayed } = await kernel.call(InvitationServiceService.createInvitation, request, context);
    const json = fromProtoInvitation(invitation);
    return Reply.created(`/v1/workspaces/${tenantId}/invitations/${json.invitation_id}`, json, replayed);
  },
});

const revokeInvitation = defineWorkspaceRoute({
  method: 'DELETE',
  path: '/v1/workspaces/:workspace_id/invitations/:invitation_id',
  workspace: 'path',
  name: 'revokeInvitation',
  summary: 'Take an invitation back',
  repeat: 'by_nature',
  needs: 'tenant_admin',
  responses: { 204: null },
  reasons: ['INVITATION_ENDED', 'INVITATION_NOT_FOUND'],
  async answer({ ids }, { kernel, context, tenantId }) {
    const request = { tenantId, invitationId: ids.invitation_id };
    await kernel.call(InvitationServiceService.revokeInvitation, request, context);
    return Reply.gone();
  },
});

const acceptInvitationRoute = defineRoute({
  method: 'POST',
  path: '/v1/invitations/accept',
  workspace: 'none',
  name: 'acceptInvitation',
  summary: 'Accept an invitation',
  repeat: 'by_nature',
  needs: 'sign_in',
  isPersonal: true,
  body: MAIL_TOKEN_BODY,
  responses: { 200: MY_WORKSPACE },
  reasons: [
    'ALREADY_MEMBER',
    'EMAIL_MISMATCH',
    'EMAIL_NOT_VERIFIED',
    'INVITATION_ENDED',
    'INVITATION_NOT_FOUND',
    'MEMBER_LIMIT_REACHED',
  ],
  async answer({ body }, call) {
    const { workspace, replayed } = await acceptInvitation(body, call);
    return Reply.done(workspace, replayed);
  },
});

/** Makes the caller a member of the workspace of an invitation. Throws ServiceError when the kernel refuses. */
export async function acceptInvitation(
  { token }: { readonly token: string },
  { kernel, context, productCode }: Pick<RouteCall, 'kernel' | 'context' | 'productCode'>,
): Promise<{ readonly workspace: MyWorkspaceJson; readonly replayed: boolean }> {
  const { workspace, replayed } = await kernel.call(InvitationServiceService.acceptInvitation, { token }, context);
  return { workspace: fromProtoWorkspace(workspace, productCode), replayed };
}

export const invitationRoutes: readonly Route[] = [
  listInvitations,
  createInvitation,
  revokeInvitation,
  acceptInvitationRoute,
];
