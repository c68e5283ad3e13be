// Owns `/v1/signups`: from an email address to a workspace. Nobody needs to be signed in until the last step.

import { SignupServiceService } from '../../gen/wheelhouse/tenant/v1/signup_service.ts';
import { defineBody } from '../body.ts';
import { fromProtoSignup, fromProtoWorkspace, MY_WORKSPACE, type MyWorkspaceJson, SIGNUP } from '../convert-people.ts';
import { DISPLAY_NAME, EMAIL, MAIL_TOKEN_BODY } from './field.ts';
import { defineRoute, Reply, type Route, type RouteCall } from './route.ts';

const startSignup = defineRoute({
  method: 'POST',
  path: '/v1/signups',
  workspace: 'none',
  name: 'startSignup',
  summary: 'Begin a signup',
  needs: 'nothing',
  description: 'A mail with a link goes to the address.',
  body: defineBody<{ email: string; workspace_name: string }>({
    type: 'object',
    properties: { email: EMAIL, workspace_name: DISPLAY_NAME },
    required: ['email', 'workspace_name'],
    additionalProperties: false,
  }),
  responses: { 201: SIGNUP },
  reasons: ['KILL_SWITCH_OFF', 'MAIL_LIMIT_REACHED', 'PRODUCT_NOT_FOUND'],
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
  name: 'resendSignup',
  summary: 'Send the mail of a signup again',
  needs: 'nothing',
  responses: { 200: SIGNUP },
  reasons: ['KILL_SWITCH_OFF', 'MAIL_LIMIT_REACHED', 'SIGNUP_ENDED', 'SIGNUP_NOT_FOUND'],
  async answer({ ids, idempotencyKey }, { kernel, context }) {
    const request = { signupId: ids.signup_id, requestId: idempotencyKey };
    const { signup, replayed } = await kernel.call(SignupServiceService.resendSignup, request, context);
    return Reply.done(fromProtoSignup(signup), replayed);
  },
});

const confirmSignupRoute = defineRoute({
  method: 'POST',
  path: '/v1/signups/confirm',
  workspace: 'none',
  name: 'confirmSignup',
  summary: 'Open the workspace of a signup',
  repeat: 'by_nature',
  needs: 'sign_in',
  isPersonal: true,
  body: MAIL_TOKEN_BODY,
  responses: { 201: MY_WORKSPACE },
  reasons: [
    'EMAIL_MISMATCH',
    'EMAIL_NOT_VERIFIED',
    'KILL_SWITCH_OFF',
    'SIGNUP_ENDED',
    'SIGNUP_NOT_FOUND',
    'WORKSPACE_LIMIT_REACHED',
  ],
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
