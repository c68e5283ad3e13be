// Owns the translation of signups.

import { type Signup as SignupMessage, SignupStatus } from '../../../gen/wheelhouse/tenant/v1/signup.ts';
import type {
  ConfirmSignupRequest,
  ResendSignupRequest,
  StartSignupRequest,
} from '../../../gen/wheelhouse/tenant/v1/signup_service.ts';
import type { ReadSignup } from '../../app/signup/signup-service.ts';
import type { SignupId } from '../../domain/id.ts';
import { checkEmail, checkMailToken } from './email.ts';
import { FieldCheck } from './field-check.ts';

const WORKSPACE_NAME_LENGTH_MAX = 100;

const STATUSES: Readonly<Record<ReadSignup['status'], SignupStatus>> = {
  pending: SignupStatus.PENDING,
  confirmed: SignupStatus.CONFIRMED,
  expired: SignupStatus.EXPIRED,
};

/** Checks a request for a signup. Throws DomainError INVALID_FIELD. */
export function fromProtoStartSignup(request: StartSignupRequest): {
  readonly requestId: string;
  readonly email: string;
  readonly workspaceName: string;
} {
  const check = new FieldCheck();
  const bounds = { required: true, lengthMax: WORKSPACE_NAME_LENGTH_MAX };
  const asked = {
    requestId: check.requestId(request.requestId),
    email: checkEmail(check, request.email),
    workspaceName: check.text('workspace_name', request.workspaceName, bounds),
  };
  check.assertValid();
  return asked;
}

/** Checks a request for another mail. Throws DomainError INVALID_FIELD. */
export function fromProtoResendSignup(request: ResendSignupRequest): {
  readonly signupId: SignupId;
  readonly requestId: string;
} {
  const check = new FieldCheck();
  const requestId = check.requestId(request.requestId);
  const signupId = check.id('signup_id', request.signupId, true) as SignupId;
  check.assertValid();
  return { signupId, requestId };
}

/** Checks a request to confirm a signup. Throws DomainError INVALID_FIELD, which does not show the token. */
export function fromProtoConfirmSignup({ token }: ConfirmSignupRequest): string {
  const check = new FieldCheck();
  checkMailToken(check, token);
  check.assertValid();
  return token;
}

export function toProtoSignup(signup: ReadSignup): SignupMessage {
  return {
    signupId: signup.signupId,
    email: signup.email,
    workspaceName: signup.workspaceName,
    status: STATUSES[signup.status],
    createTime: new Date(signup.createdAt),
    expireTime: new Date(signup.expiresAt),
  };
}
