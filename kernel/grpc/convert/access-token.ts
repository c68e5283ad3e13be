// Owns the translation of access tokens.

import type { AccessToken as AccessTokenMessage } from '../../../gen/wheelhouse/tenant/v1/access_token.ts';
import type {
  CreateAccessTokenRequest,
  ListAccessTokensRequest,
  RevokeAccessTokenRequest,
} from '../../../gen/wheelhouse/tenant/v1/access_token_service.ts';
import { type ListQuery, type NewAccessToken, TOKEN_PROJECTS_MAX } from '../../app/access/access-token-service.ts';
import type { AccessToken } from '../../app/access/ports.ts';
import type { ProjectId, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { FieldCheck } from './field-check.ts';
import { fromProtoRole, toProtoRole } from './role.ts';

const DISPLAY_NAME_LENGTH_MAX = 100;
const PAGE_SIZE_DEFAULT = 50;
const PAGE_SIZE_MAX = 200;

/** Checks a request for a new token. Throws DomainError INVALID_FIELD. */
export function fromProtoCreateAccessToken(request: CreateAccessTokenRequest): {
  readonly requestId: string;
  readonly tenantId: TenantId;
  readonly input: NewAccessToken;
} {
  const check = new FieldCheck();
  const role = fromProtoRole(request.role);
  if (role === undefined) check.refuse('role', `must be a role of the contract, got ${request.role}`);
  const query = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: {
      displayName: check.text('display_name', request.displayName, {
        required: true,
        lengthMax: DISPLAY_NAME_LENGTH_MAX,
      }),
      // Where it is none the request is refused, and what is answered here is not looked at.
      role: role ?? 'project_viewer',
      projectIds: checkProjects(check, request.projectIds),
      ...present({ expiresAt: check.instant('expire_time', request.expireTime) }),
    },
  };
  if (role === 'tenant_admin' && request.projectIds.length > 0) {
    check.refuse('project_ids', 'must be empty for a tenant_admin, who has all projects');
  }
  check.assertValid();
  return query;
}

/** Checks a request for tokens. Throws DomainError INVALID_FIELD. */
export function fromProtoListAccessTokens(request: ListAccessTokensRequest): {
  readonly tenantId: TenantId;
  readonly query: ListQuery;
} {
  const check = new FieldCheck();
  const asked = {
    tenantId: check.tenantId(request.tenantId),
    query: {
      includeEnded: request.includeEnded,
      pageSize: Math.min(check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT), PAGE_SIZE_MAX),
      pageToken: check.pageToken(request.pageToken),
    },
  };
  check.assertValid();
  return asked;
}

/** Checks a request to revoke a token. Throws DomainError INVALID_FIELD. */
export function fromProtoRevokeAccessToken(request: RevokeAccessTokenRequest): {
  readonly tenantId: TenantId;
  readonly accessTokenId: string;
} {
  const check = new FieldCheck();
  const asked = {
    tenantId: check.tenantId(request.tenantId),
    accessTokenId: check.id('access_token_id', request.accessTokenId, true),
  };
  check.assertValid();
  return asked;
}

export function toProtoAccessToken(token: AccessToken): AccessTokenMessage {
  const timeOf = (at: number | undefined): Date | undefined => (at === undefined ? undefined : new Date(at));
  return {
    accessTokenId: token.accessTokenId,
    displayName: token.displayName,
    tokenPrefix: token.tokenPrefix,
    role: toProtoRole(token.role),
    projectIds: [...token.projectIds],
    createdByUserId: token.createdBy,
    createTime: new Date(token.createdAt),
    expireTime: new Date(token.expiresAt),
    lastUseTime: timeOf(token.lastUsedAt),
    revokeTime: timeOf(token.revokedAt),
  };
}

function checkProjects(check: FieldCheck, projectIds: readonly string[]): readonly ProjectId[] {
  if (projectIds.length > TOKEN_PROJECTS_MAX) {
    check.refuse('project_ids', `must be at most ${TOKEN_PROJECTS_MAX}, got ${projectIds.length}`);
  }
  const checked = projectIds.slice(0, TOKEN_PROJECTS_MAX);
  for (const [index, projectId] of checked.entries()) {
    check.id(`project_ids[${index}]`, projectId, true);
    if (checked.indexOf(projectId) < index)
      check.refuse(`project_ids[${index}]`, 'names a project that stands before it');
  }
  return checked.map((projectId) => projectId as ProjectId);
}
