// Owns `/v1/billing/trial`: the one trial of a workspace.

import { TrialServiceService } from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import { defineBody } from '../body.ts';
import { fromProtoTrial, fromProtoTrialState } from '../convert-trial.ts';
import { PLAN_CODE, YES_OR_NO } from './field.ts';
import { defineWorkspaceRoute, Reply, type Route } from './route.ts';

const PATH = '/v1/billing/trial';

const getTrial = defineWorkspaceRoute({
  method: 'GET',
  path: PATH,
  workspace: 'required',
  async answer(_input, { kernel, context, tenantId }) {
    return fromProtoTrialState(await kernel.call(TrialServiceService.getTrial, { tenantId }, context));
  },
});

const startTrial = defineWorkspaceRoute({
  method: 'POST',
  path: PATH,
  workspace: 'required',
  body: defineBody<{ plan_code?: string; consent_to_charge?: boolean }>({
    type: 'object',
    properties: { plan_code: { ...PLAN_CODE, nullable: true }, consent_to_charge: { ...YES_OR_NO, nullable: true } },
    required: [],
    additionalProperties: false,
  }),
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = {
      requestId: idempotencyKey,
      tenantId,
      planCode: body.plan_code ?? '',
      trialDays: undefined,
      grantedMicrocredits: undefined,
      ...{ actor: '', reason: '' },
      consentToCharge: body.consent_to_charge ?? false,
    };
    const { trial, replayed } = await kernel.call(TrialServiceService.startTrial, request, context);
    return Reply.created(PATH, fromProtoTrial(trial), replayed);
  },
});

const cancelTrial = defineWorkspaceRoute({
  method: 'POST',
  path: `${PATH}/cancel`,
  workspace: 'required',
  async answer({ idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, actor: '', reason: '' };
    const { trial, replayed } = await kernel.call(TrialServiceService.cancelTrial, request, context);
    return Reply.done(fromProtoTrial(trial), replayed);
  },
});

export const trialRoutes: readonly Route[] = [getTrial, startTrial, cancelTrial];
