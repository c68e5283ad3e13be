// Owns `GET /v1/me`: who is signed in, in which workspace, with which role.

import { UserServiceService } from '../../gen/wheelhouse/tenant/v1/user_service.ts';
import { fromProtoUser, fromProtoWorkspace, MY_WORKSPACE, USER } from '../convert-people.ts';
import { flag, object, orNull, text } from '../shape.ts';
import { defineRoute } from './route.ts';

export const meRoute = defineRoute({
  method: 'GET',
  path: '/v1/me',
  workspace: 'named',
  name: 'getMe',
  summary: 'Read who is signed in',
  needs: 'sign_in',
  responses: {
    200: object({
      user: USER,
      workspace: orNull(
        MY_WORKSPACE,
        'Is the one that the request names, or the only one; null where there is none or several.',
      ),
      by_access_token: flag('Says that a personal access token was sent, whose workspace and role are told.'),
      csrf_token: orNull(text(), 'Is what a browser’s session sends as X-CSRF-Token; null for any other caller.'),
    }),
  },
  reasons: [],
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
