// Calls that people and operators make about trials.

import type { KernelClient } from '../../../dev/kernel-client.ts';
import type { Trial } from '../../../gen/wheelhouse/subscription/v1/trial.ts';
import {
  CancelTrialRequest,
  type GetTrialResponse,
  StartTrialRequest,
  type StartTrialResponse,
  TrialServiceService,
} from '../../../gen/wheelhouse/subscription/v1/trial_service.ts';
import { MemberServiceService, PutMemberRequest } from '../../../gen/wheelhouse/tenant/v1/member_service.ts';
import { CreateTenantRequest, TenantServiceService } from '../../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { type Callers, ISSUER, newcomer, OPERATOR, PERSON } from './account.ts';
import { newRequestId } from './kernel-fixture.ts';

type Fields = Partial<StartTrialRequest>;

/** Who asks: an administrator of the workspace, by the subject of the token. */
interface Asker {
  readonly subject?: string;
  readonly productCode?: string;
}

/** Makes calls about trials, each with a request id of its own unless one is given. */
export function trialCallsOf(callers: Callers) {
  const { sysadmin, bff, otherBff, internal } = callers;
  /** Makes the asker an administrator, as often as it is asked for, and answers what a BFF sends along for them. */
  const settingsOf = async (tenantId: string, { subject = PERSON, productCode = 'agentruntime' }: Asker) => {
    const person = { issuer: ISSUER, subject, tenantAdmin: true };
    const request = { requestId: `admin-${subject}`, tenantId, ...person, ...OPERATOR };
    await sysadmin.call(MemberServiceService.putMember, PutMemberRequest.fromPartial(request));
    return { metadata: { ...newcomer(productCode, subject).metadata, 'x-tenant-id': tenantId } };
  };
  const clientOf = ({ productCode }: Asker): KernelClient => (productCode === 'otherproduct' ? otherBff : bff);
  return {
    settingsOf: (tenantId: string, asker: Asker = {}) => settingsOf(tenantId, asker),
    /** Creates a workspace on the plan that its product falls back to, as a trial needs it. */
    openWorkspace: async (productCode = 'agentruntime', planCode = 'free'): Promise<string> => {
      const fields = { requestId: newRequestId(), productCode, planCode, displayName: 'Test workspace', ...OPERATOR };
      const created = await sysadmin.call(TenantServiceService.createTenant, CreateTenantRequest.fromPartial(fields));
      return created.tenant?.tenantId ?? '';
    },
    start: async (tenantId: string, fields: Fields = {}, asker: Asker = {}): Promise<StartTrialResponse> => {
      const request = StartTrialRequest.fromPartial({ requestId: newRequestId(), tenantId, ...fields });
      return clientOf(asker).call(TrialServiceService.startTrial, request, await settingsOf(tenantId, asker));
    },
    startByOperator: (tenantId: string, fields: Fields = {}): Promise<StartTrialResponse> => {
      const request = StartTrialRequest.fromPartial({ requestId: newRequestId(), tenantId, ...OPERATOR, ...fields });
      return sysadmin.call(TrialServiceService.startTrial, request);
    },
    cancel: async (tenantId: string, fields: Partial<CancelTrialRequest> = {}) => {
      const request = CancelTrialRequest.fromPartial({ requestId: newRequestId(), tenantId, ...fields });
      return bff.call(TrialServiceService.cancelTrial, request, await settingsOf(tenantId, {}));
    },
    cancelByOperator: (tenantId: string, fields: Partial<CancelTrialRequest> = {}) => {
      const request = CancelTrialRequest.fromPartial({ requestId: newRequestId(), tenantId, ...OPERATOR, ...fields });
      return sysadmin.call(TrialServiceService.cancelTrial, request);
    },
    get: (tenantId: string): Promise<GetTrialResponse> => internal.call(TrialServiceService.getTrial, { tenantId }),
  };
}

export type TrialCalls = ReturnType<typeof trialCallsOf>;

/** A trial that must be there. */
export function trialOf({ trial }: { readonly trial?: Trial | undefined }): Trial {
  if (trial === undefined) throw new Error('the answer has no trial');
  return trial;
}
