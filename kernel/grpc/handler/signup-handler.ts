// Owns SignupService on the wire. Does not own how a signup becomes a workspace (app/signup).

import { Role } from '../../../gen/wheelhouse/tenant/v1/role.ts';
import type { SignupServiceService } from '../../../gen/wheelhouse/tenant/v1/signup_service.ts';
import type { SignupService } from '../../app/signup/signup-service.ts';
import { present } from '../../domain/optional.ts';
import {
  fromProtoConfirmSignup,
  fromProtoResendSignup,
  fromProtoStartSignup,
  toProtoSignup,
} from '../convert/signup.ts';
import { toProtoTenant } from '../convert/tenant.ts';
import { requireBff, requirePerson } from './act.ts';
import type { HandlerMap } from './handler-map.ts';

/** What SignupService answers with. */
export interface SignupHandlerParts {
  readonly signups: SignupService;
}

/** Builds the handlers of SignupService. */
export function createSignupHandlers({ signups }: SignupHandlerParts): HandlerMap<typeof SignupServiceService> {
  return {
    startSignup: async (request, call) => {
      const { productCode, callerScope } = requireBff(call);
      const { requestId, ...asked } = fromProtoStartSignup(request);
      const { signup, replayed } = await signups.start({ productCode, ...asked }, { callerScope, requestId });
      return { signup: toProtoSignup(signup), replayed };
    },
    resendSignup: async (request, call) => {
      const { signupId, requestId } = fromProtoResendSignup(request);
      const { productCode } = requireBff(call);
      const { signup, replayed } = await signups.resend(signupId, { productCode, requestId });
      return { signup: toProtoSignup(signup), replayed };
    },
    confirmSignup: async (request, call) => {
      const caller = requireBff(call);
      const { userId, email } = requirePerson(caller);
      const origin = { logId: call.requestId, ...present({ remoteAddress: caller.remoteAddress }) };
      const person = { userId, origin, ...present({ email }) };
      const { tenant, replayed } = await signups.confirm(fromProtoConfirmSignup(request), caller.productCode, person);
      return { workspace: { tenant: toProtoTenant(tenant), role: Role.TENANT_ADMIN, projectRoles: [] }, replayed };
    },
  };
}
