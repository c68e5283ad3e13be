// Owns `/v1/workspaces`: a person's workspaces of this product, their name and slug, their end, and who did what to them.

import { TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { UserServiceService } from '../../gen/wheelhouse/tenant/v1/user_service.ts';
import { defineBody } from '../body.ts';
import {
  fromProtoRecord,
  fromProtoTenant,
  fromProtoWorkspace,
  MY_WORKSPACE,
  WORKSPACE,
  WORKSPACE_RECORD,
} from '../convert-people.ts';
import { defineQuery } from '../query.ts';
import { pageOf } from '../shape.ts';
import { parseTimestamp } from '../timestamp.ts';
import { DISPLAY_NAME, FLAG, ID } from './field.ts';
import { fromProtoPageToken, type PageQuery, PEOPLE_PAGE, pageProperties, toProtoPage } from './page.ts';
import { defineRoute, defineWorkspaceRoute, Reply, type Route } from './route.ts';

const TIME = {
  type: 'string',
  nullable: true,
  format: 'timestamp',
  description: 'a time such as 2026-01-31T09:00:00Z, with its offset (in a URL, a + is written %2B)',
} as const;
const SLUG = {
  type: 'string',
  nullable: true,
  pattern: '^[a-z0-9-]{3,48}$',
  description: '3 to 48 lower case letters, digits and hyphens',
} as const;

const listWorkspaces = defineRoute({
  method: 'GET',
  path: '/v1/workspaces',
  workspace: 'none',
  name: 'listWorkspaces',
  summary: 'List your workspaces',
  description: 'By name, a page at a time.',
  needs: 'sign_in',
  query: defineQuery<PageQuery & { include_closed?: 'true' | 'false' }>({
    type: 'object',
    properties: { include_closed: FLAG, ...pageProperties(PEOPLE_PAGE.sizeMax) },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: pageOf('workspaces', MY_WORKSPACE) },
  reasons: [],
  async answer({ query }, { kernel, context, productCode }) {
    const request = { includeClosed: query.include_closed === 'true', ...toProtoPage(query, PEOPLE_PAGE) };
    const { workspaces, nextPageToken } = await kernel.call(UserServiceService.listMyWorkspaces, request, context);
    return {
      workspaces: workspaces.map((workspace) => fromProtoWorkspace(workspace, productCode)),
      next_page_token: fromProtoPageToken(nextPageToken),
    };
  },
});

const createWorkspace = defineRoute({
  method: 'POST',
  path: '/v1/workspaces',
  workspace: 'none',
  name: 'createWorkspace',
  summary: 'Create a workspace',
  needs: 'sign_in',
  isPersonal: true,
  body: defineBody<{ display_name: string; slug?: string }>({
    type: 'object',
    properties: { display_name: DISPLAY_NAME, slug: SLUG },
    required: ['display_name'],
    additionalProperties: false,
  }),
  responses: { 201: WORKSPACE },
  reasons: ['KILL_SWITCH_OFF', 'PLAN_NOT_FOUND', 'PRODUCT_NOT_FOUND', 'SLUG_TAKEN', 'WORKSPACE_LIMIT_REACHED'],
  async answer({ body, idempotencyKey }, { kernel, context, productCode }) {
    const { tenant, replayed } = await kernel.call(
      TenantServiceService.createTenant,
      {
        requestId: idempotencyKey,
        displayName: body.display_name,
        slug: body.slug ?? '',
        // The kernel knows the product by our credential, and which plan its workspaces begin on.
        ...{ productCode: '', planCode: '', actor: '', reason: '' },
      },
      context,
    );
    const workspace = fromProtoTenant(tenant, productCode);
    return Reply.created(`/v1/workspaces/${workspace.workspace_id}`, workspace, replayed);
  },
});

const getWorkspace = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/workspaces/:workspace_id',
  workspace: 'path',
  name: 'getWorkspace',
  summary: 'Read a workspace',
  needs: 'membership',
  responses: { 200: WORKSPACE },
  reasons: [],
  async answer(_input, { kernel, context, productCode, tenantId }) {
    const { tenant } = await kernel.call(TenantServiceService.getTenant, { tenantId }, context);
    return fromProtoTenant(tenant, productCode);
  },
});

const updateWorkspace = defineWorkspaceRoute({
  method: 'PATCH',
  path: '/v1/workspaces/:workspace_id',
  workspace: 'path',
  name: 'updateWorkspace',
  summary: 'Change name, slug or owner of a workspace',
  needs: 'tenant_admin',
  body: defineBody<{ display_name?: string; slug?: string; owner_user_id?: string }>({
    type: 'object',
    properties: {
      display_name: { ...DISPLAY_NAME, nullable: true },
      slug: SLUG,
      owner_user_id: { ...ID, nullable: true },
    },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: WORKSPACE },
  reasons: ['MEMBER_NOT_FOUND', 'SLUG_TAKEN'],
  async answer({ body, idempotencyKey }, { kernel, context, productCode, tenantId }) {
    const request = {
      requestId: idempotencyKey,
      tenantId,
      displayName: body.display_name ?? undefined,
      slug: body.slug ?? undefined,
      ownerUserId: body.owner_user_id ?? undefined,
    };
    const { tenant, replayed } = await kernel.call(TenantServiceService.updateTenant, request, context);
    return Reply.done(fromProtoTenant(tenant, productCode), replayed);
  },
});

const closeWorkspace = defineWorkspaceRoute({
  method: 'POST',
  path: '/v1/workspaces/:workspace_id/close',
  workspace: 'path',
  name: 'closeWorkspace',
  summary: 'Close a workspace for ever',
  repeat: 'by_nature',
  needs: 'tenant_admin',
  responses: { 200: WORKSPACE },
  reasons: [],
  async answer(_input, { kernel, context, productCode, tenantId }) {
    const request = { tenantId, actor: '', reason: '' };
    const { tenant } = await kernel.call(TenantServiceService.closeTenant, request, context);
    return fromProtoTenant(tenant, productCode);
  },
});

const listRecords = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/workspaces/:workspace_id/audit-log',
  workspace: 'path',
  name: 'listWorkspaceRecords',
  summary: 'Read who did what to a workspace',
  needs: 'tenant_admin',
  description: 'Newest first, a page at a time.',
  query: defineQuery<PageQuery & { method?: string; start_time?: string; end_time?: string }>({
    type: 'object',
    properties: {
      method: {
        type: 'string',
        nullable: true,
        pattern: '^[A-Za-z]{1,64}/[A-Za-z]{1,64}$',
        description: 'the name of a method such as MemberService/UpdateMember',
      },
      start_time: TIME,
      end_time: TIME,
      ...pageProperties(PEOPLE_PAGE.sizeMax),
    },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: pageOf('records', WORKSPACE_RECORD) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const request = {
      tenantId,
      method: query.method ?? '',
      startTime: query.start_time === undefined ? undefined : parseTimestamp(query.start_time),
      endTime: query.end_time === undefined ? undefined : parseTimestamp(query.end_time),
      ...toProtoPage(query, PEOPLE_PAGE),
    };
    const { records, nextPageToken } = await kernel.call(TenantServiceService.listWorkspaceRecords, request, context);
    return { records: records.map(fromProtoRecord), next_page_token: fromProtoPageToken(nextPageToken) };
  },
});

export const workspaceRoutes: readonly Route[] = [
  listWorkspaces,
  createWorkspace,
  getWorkspace,
  updateWorkspace,
  closeWorkspace,
  listRecords,
];
