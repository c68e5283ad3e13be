// Owns `/v1/workspaces/{workspace_id}/projects`: the projects of a workspace.

import { ProjectServiceService } from '../../gen/wheelhouse/tenant/v1/project_service.ts';
import { defineBody } from '../body.ts';
import { fromProtoProject, PROJECT } from '../convert-people.ts';
import { defineQuery } from '../query.ts';
import { pageOf } from '../shape.ts';
import { DISPLAY_NAME, FLAG } from './field.ts';
import { fromProtoPageToken, type PageQuery, PEOPLE_PAGE, pageProperties, toProtoPage } from './page.ts';
import { defineWorkspaceRoute, Reply, type Route } from './route.ts';

const listProjects = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/workspaces/:workspace_id/projects',
  workspace: 'path',
  name: 'listProjects',
  summary: 'List the projects',
  description:
    'In the order in which they were made, a page at a time: all of them for an administrator, else those in which the caller has a role.',
  needs: 'membership',
  query: defineQuery<PageQuery & { include_archived?: 'true' | 'false' }>({
    type: 'object',
    properties: { include_archived: FLAG, ...pageProperties(PEOPLE_PAGE.sizeMax) },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: pageOf('projects', PROJECT) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const includeArchived = query.include_archived === 'true';
    const request = { tenantId, includeArchived, ...toProtoPage(query, PEOPLE_PAGE) };
    const { projects, nextPageToken } = await kernel.call(ProjectServiceService.listProjects, request, context);
    return { projects: projects.map(fromProtoProject), next_page_token: fromProtoPageToken(nextPageToken) };
  },
});

const createProject = defineWorkspaceRoute({
  method: 'POST',
  path: '/v1/workspaces/:workspace_id/projects',
  workspace: 'path',
  name: 'createProject',
  summary: 'Create a project',
  needs: 'tenant_admin',
  body: defineBody<{ display_name: string }>({
    type: 'object',
    properties: { display_name: DISPLAY_NAME },
    required: ['display_name'],
    additionalProperties: false,
  }),
  responses: { 201: PROJECT },
  reasons: ['WORKSPACE_LIMIT_REACHED'],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, displayName: body.display_name };
    const { project, replayed } = await kernel.call(ProjectServiceService.createProject, request, context);
    const json = fromProtoProject(project);
    return Reply.created(`/v1/workspaces/${tenantId}/projects/${json.project_id}`, json, replayed);
  },
});

const updateProject = defineWorkspaceRoute({
  method: 'PATCH',
  path: '/v1/workspaces/:workspace_id/projects/:project_id',
  workspace: 'path',
  name: 'updateProject',
  summary: 'Rename, archive or restore a project',
  needs: 'tenant_admin',
  body: defineBody<{ display_name?: string; archived?: boolean }>({
    type: 'object',
    properties: {
      display_name: { ...DISPLAY_NAME, nullable: true },
      archived: { type: 'boolean', nullable: true, description: 'true or false' },
    },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: PROJECT },
  reasons: ['PROJECT_NOT_FOUND'],
  async answer({ ids, body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = {
      requestId: idempotencyKey,
      tenantId,
      projectId: ids.project_id,
      displayName: body.display_name ?? undefined,
      archived: body.archived ?? undefined,
    };
    const { project, replayed } = await kernel.call(ProjectServiceService.updateProject, request, context);
    return Reply.done(fromProtoProject(project), replayed);
  },
});

export const projectRoutes: readonly Route[] = [listProjects, createProject, updateProject];
