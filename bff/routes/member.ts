// Owns `/v1/workspaces/{workspace_id}/members`: the people of a workspace and what they may do.

import { MemberServiceService } from '../../gen/wheelhouse/tenant/v1/member_service.ts';
import { defineBody } from '../body.ts';
import { fromProtoMember, MEMBER, type ProjectRoleJson, toProtoProjectRoles } from '../convert-people.ts';
import { pageOf } from '../shape.ts';
import { PROJECT_ROLES } from './field.ts';
import { definePageQuery, fromProtoPageToken, PEOPLE_PAGE, toProtoPage } from './page.ts';
import { defineWorkspaceRoute, Reply, type Route } from './route.ts';

const listMembers = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/workspaces/:workspace_id/members',
  workspace: 'path',
  name: 'listMembers',
  summary: 'List the members',
  description: 'In the order in which they came, a page at a time.',
  needs: 'project_contributor',
  query: definePageQuery(PEOPLE_PAGE),
  responses: { 200: pageOf('members', MEMBER) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const request = { tenantId, ...toProtoPage(query, PEOPLE_PAGE) };
    const { members, nextPageToken } = await kernel.call(MemberServiceService.listMembers, request, context);
    return { members: members.map(fromProtoMember), next_page_token: fromProtoPageToken(nextPageToken) };
  },
});

const updateMember = defineWorkspaceRoute({
  method: 'PATCH',
  path: '/v1/workspaces/:workspace_id/members/:user_id',
  workspace: 'path',
  name: 'updateMember',
  summary: 'Change what a member may do',
  needs: 'tenant_admin',
  // Both, always: together they replace all that the member may do, and what is left out would be taken away unsaid.
  body: defineBody<{ tenant_admin: boolean; project_roles: ProjectRoleJson[] }>({
    type: 'object',
    properties: { tenant_admin: { type: 'boolean', description: 'true or false' }, project_roles: PROJECT_ROLES },
    required: ['tenant_admin', 'project_roles'],
    additionalProperties: false,
  }),
  responses: { 200: MEMBER },
  reasons: ['LAST_ADMIN', 'MEMBER_NOT_FOUND', 'PROJECT_NOT_FOUND'],
  async answer({ ids, body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = {
      requestId: idempotencyKey,
      tenantId,
      userId: ids.user_id,
      tenantAdmin: body.tenant_admin,
      projectRoles: toProtoProjectRoles(body.project_roles),
    };
    const { member, replayed } = await kernel.call(MemberServiceService.updateMember, request, context);
    return Reply.done(fromProtoMember(member), replayed);
  },
});

const removeMember = defineWorkspaceRoute({
  method: 'DELETE',
  path: '/v1/workspaces/:workspace_id/members/:user_id',
  workspace: 'path',
  name: 'removeMember',
  summary: 'Remove a member',
  needs: 'tenant_admin',
  responses: { 204: null },
  reasons: ['LAST_ADMIN', 'MEMBER_NOT_FOUND'],
  async answer({ ids, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, userId: ids.user_id };
    const { replayed } = await kernel.call(MemberServiceService.removeMember, request, context);
    return Reply.gone(replayed);
  },
});

export const memberRoutes: readonly Route[] = [listMembers, updateMember, removeMember];
