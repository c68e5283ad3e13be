// Owns `/v1/tokens`: the personal access tokens of a workspace.

import { AccessTokenServiceService } from '../../gen/wheelhouse/tenant/v1/access_token_service.ts';
import { defineBody } from '../body.ts';
import { ACCESS_TOKEN, fromProtoAccessToken, ROLE_NAMES, type RoleName, toProtoRole } from '../convert-people.ts';
import { defineQuery } from '../query.ts';
import { object, orNull, pageOf, text } from '../shape.ts';
import { parseTimestamp } from '../timestamp.ts';
import { DISPLAY_NAME, FLAG, ID } from './field.ts';
import { fromProtoPageToken, type PageQuery, PEOPLE_PAGE, pageProperties, toProtoPage } from './page.ts';
import { defineWorkspaceRoute, Reply, type Route } from './route.ts';

const PROJECTS_MAX = 1_000;

interface NewAccessToken {
  display_name: string;
  role: RoleName;
  project_ids?: string[];
  expire_time?: string;
}

const listAccessTokens = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/tokens',
  workspace: 'required',
  name: 'listAccessTokens',
  summary: 'List your personal access tokens',
  needs: 'project_viewer',
  isPersonal: true,
  description: 'The newest first, a page at a time. A tenant_admin sees those of all members.',
  query: defineQuery<PageQuery & { include_ended?: 'true' | 'false' }>({
    type: 'object',
    properties: { include_ended: FLAG, ...pageProperties(PEOPLE_PAGE.sizeMax) },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: pageOf('access_tokens', ACCESS_TOKEN) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const request = { tenantId, includeEnded: query.include_ended === 'true', ...toProtoPage(query, PEOPLE_PAGE) };
    const { accessTokens, nextPageToken } = await kernel.call(
      AccessTokenServiceService.listAccessTokens,
      request,
      context,
    );
    return {
      access_tokens: accessTokens.map(fromProtoAccessToken),
      next_page_token: fromProtoPageToken(nextPageToken),
    };
  },
});

const createAccessToken = defineWorkspaceRoute({
  method: 'POST',
  path: '/v1/tokens',
  workspace: 'required',
  name: 'createAccessToken',
  summary: 'Create a personal access token',
  needs: 'project_viewer',
  isPersonal: true,
  description: 'It can do what its role can, at most what whoever creates it can.',
  body: defineBody<NewAccessToken>({
    type: 'object',
    properties: {
      display_name: DISPLAY_NAME,
      role: { type: 'string', enum: ROLE_NAMES, description: `one of ${ROLE_NAMES.join(', ')}` },
      project_ids: {
        type: 'array',
        nullable: true,
        maxItems: PROJECTS_MAX,
        items: ID,
        description: `a list of at most ${PROJECTS_MAX} ids of projects`,
      },
      expire_time: {
        type: 'string',
        nullable: true,
        format: 'timestamp',
        description: 'a time such as 2026-01-31T09:00:00Z, with its offset',
      },
    },
    required: ['display_name', 'role'],
    additionalProperties: false,
  }),
  responses: {
    201: object({
      access_token: ACCESS_TOKEN,
      token: orNull(text(), 'Is the token itself. Only the first answer has it; keep it.'),
    }),
  },
  reasons: ['PROJECT_NOT_FOUND', 'WORKSPACE_LIMIT_REACHED'],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = {
      requestId: idempotencyKey,
      tenantId,
      displayName: body.display_name,
      role: toProtoRole(body.role),
      projectIds: body.project_ids ?? [],
      expireTime: body.expire_time ? parseTimestamp(body.expire_time) : undefined,
    };
    const { accessToken, token, replayed } = await kernel.call(
      AccessTokenServiceService.createAccessToken,
      request,
      context,
    );
    const json = fromProtoAccessToken(accessToken);
    // Only the first answer has the token itself.
    return Reply.created(`/v1/tokens/${json.access_token_id}`, { access_token: json, token: token || null }, replayed);
  },
});

const revokeAccessToken = defineWorkspaceRoute({
  method: 'DELETE',
  path: '/v1/tokens/:access_token_id',
  workspace: 'required',
  name: 'revokeAccessToken',
  summary: 'Revoke a personal access token',
  repeat: 'by_nature',
  needs: 'project_viewer',
  isPersonal: true,
  responses: { 204: null },
  reasons: ['ACCESS_TOKEN_NOT_FOUND'],
  async answer({ ids }, { kernel, context, tenantId }) {
    const request = { tenantId, accessTokenId: ids.access_token_id };
    await kernel.call(AccessTokenServiceService.revokeAccessToken, request, context);
    return Reply.gone();
  },
});

export const accessTokenRoutes: readonly Route[] = [listAccessTokens, createAccessToken, revokeAccessToken];
