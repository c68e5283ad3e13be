// Owns `GET /v1/me`: who is signed in, in which workspace, with which role.

import { UserServiceService } from '../../gen/wheelhouse/tenant/v1/user_service.ts';
import { fromProtoUser, fromProtoWorkspace } from '../convert-people.ts';
import { defineRoute } from './route.ts';

export const meRoute = defineRoute({
  method: 'GET',
  path: '/v1/me',
  workspace: 'named',
  async answer(_input, { kernel, context, productCode, csrfToken }) {
    const { user, workspace, byAccessToken } = await kernel.call(UserServiceService.getMe, {}, context);
    return {
      user: fromProtoUser(user),
      workspace: workspace ? fromProtoWorkspace(workspace, productCode) : null,
      by_access_token: byAccessToken,
      csrf_token: csrfToken ?? null,
    };
  },
});
