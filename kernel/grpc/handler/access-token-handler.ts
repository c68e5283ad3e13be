// Owns AccessTokenService on the wire. Does not own how tokens are made and kept (app/access).

import type { AccessTokenServiceService } from '../../../gen/wheelhouse/tenant/v1/access_token_service.ts';
import type { AccessTokenService, TokenMaker } from '../../app/access/access-token-service.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import type { TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { CallContext } from '../caller.ts';
import {
  fromProtoCreateAccessToken,
  fromProtoListAccessTokens,
  fromProtoRevokeAccessToken,
  toProtoAccessToken,
} from '../convert/access-token.ts';
import { requireBff, requirePerson, requirePlace } from './act.ts';
import type { HandlerMap } from './handler-map.ts';

/** What AccessTokenService answers with. */
export interface AccessTokenHandlerParts {
  readonly tokenService: AccessTokenService;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of AccessTokenService. */
export function createAccessTokenHandlers({
  tokenService,
  directory,
}: AccessTokenHandlerParts): HandlerMap<typeof AccessTokenServiceService> {
  const makerOf = async (call: CallContext, tenantId: TenantId): Promise<TokenMaker> => {
    const caller = requireBff(call);
    await directory.requireTenant(tenantId, caller.visibility);
    const { standing, role } = requirePlace(caller);
    const { userId } = requirePerson(caller);
    const projectIds = standing.projectRoles.map(({ projectId }) => projectId);
    const origin = { logId: call.requestId, ...present({ remoteAddress: caller.remoteAddress }) };
    return { tenantId, userId, projectIds, origin, ...present({ role }) };
  };
  return {
    createAccessToken: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoCreateAccessToken(request);
      const maker = await makerOf(call, tenantId);
      const asker = { callerScope: call.caller.callerScope, requestId };
      const { accessToken, secret = '', replayed } = await tokenService.create(maker, input, asker);
      return { accessToken: toProtoAccessToken(accessToken), token: secret, replayed };
    },
    listAccessTokens: async (request, call) => {
      const { tenantId, query } = fromProtoListAccessTokens(request);
      const { accessTokens, nextPageToken } = await tokenService.list(await makerOf(call, tenantId), query);
      return { accessTokens: accessTokens.map(toProtoAccessToken), nextPageToken };
    },
    revokeAccessToken: async (request, call) => {
      const { tenantId, accessTokenId } = fromProtoRevokeAccessToken(request);
      const accessToken = await tokenService.revoke(await makerOf(call, tenantId), accessTokenId);
      return { accessToken: toProtoAccessToken(accessToken) };
    },
  };
}
