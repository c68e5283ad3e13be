// Owns `/v1/signups`: from an email address to a workspace. Nobody needs to be signed in until the last step.

import { SignupServiceService } from '../../gen/wheelhouse/tenant/v1/signup_service.ts';
import { defineBody } from '../body.ts';
import { fromProtoSignup, fromProtoWorkspace, type MyWorkspaceJson } from '../convert-people.ts';
import { DISPLAY_NAME, EMAIL, MAIL_TOKEN_BODY } from './field.ts';
import { defineRoute, Reply, type Route, type RouteCall } from './route.ts';

const startSignup = defineRoute({
  method: 'POST',
  path: '/v1/signups',
  workspace: 'none',
  isOpen: true,
  body: defineBody<{ email: string; workspace_name: string }>({
    type: 'object',
    properties: { email: EMAIL, workspace_name: DISPLAY_NAME },
    required: ['email', 'workspace_name'],
    additionalProperties: false,
  }),
  async answer({ body, idempotencyKey }, { kernel, context }) {
    const request = { requestId: idempotencyKey, email: body.email, workspaceName: body.workspace_name };
    const { signup, replayed } = await kernel.call(SignupServiceService.startSignup, request, context);
    const json = fromProtoSignup(signup);
    return Reply.created(`/v1/signups/${json.signup_id}`, json, replayed);
  },
});

const resendSignup = defineRoute({
  method: 'POST',
  path: '/v1/signups/:signup_id/resend',
  workspace: 'none',
  isOpen: true,
  async answer({ ids }, { kernel, context }) {
    // Each call sends a mail, so a second kernel is not asked when it is unknown what the first one did.
    const { signup } = await kernel.callOnce(SignupServiceService.resendSignup, { signupId: ids.signup_id }, context);
    return fromProtoSignup(signup);
  },
});

const confirmSignupRoute = defineRoute({
  method: 'POST',
  path: '/v1/signups/confirm',
  workspace: 'none',
  body: MAIL_TOKEN_BODY,
  async answer({ body }, call) {
    const { workspace, replayed } = await confirmSignup(body, call);
    return Reply.created(`/v1/workspaces/${workspace.workspace_id}`, workspace, replayed);
  },
});

/** Opens the workspace of a signup. Throws ServiceError when the kernel refuses. */
export async function confirmSignup(
  { token }: { readonly token: string },
  { kernel, context, productCode }: Pick<RouteCall, 'kernel' | 'context' | 'productCode'>,
): Promise<{ readonly workspace: MyWorkspaceJson; readonly replayed: boolean }> {
  const { workspace, replayed } = await kernel.call(SignupServiceService.confirmSignup, { token }, context);
  return { workspace: fromProtoWorkspace(workspace, productCode), replayed };
}

export const signupRoutes: readonly Route[] = [startSignup, resendSignup, confirmSignupRoute];
