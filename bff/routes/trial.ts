// Owns `/v1/billing/trial`: the one trial of a workspace.

import { TrialServiceService } from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import { defineBody } from '../body.ts';
import { fromProtoTrial, fromProtoTrialState, TRIAL, TRIAL_STATE } from '../convert-trial.ts';
import { PLAN_CODE, YES_OR_NO } from './field.ts';
import { defineWorkspaceRoute, Reply, type Route } from './route.ts';

const PATH = '/v1/billing/trial';

const getTrial = defineWorkspaceRoute({
  method: 'GET',
  path: PATH,
  workspace: 'required',
  name: 'getTrial',
  summary: 'Read the trial',
  needs: 'project_contributor',
  responses: { 200: TRIAL_STATE },
  reasons: [],
  async answer(_input, { kernel, context, tenantId }) {
    return fromProtoTrialState(await kernel.call(TrialServiceService.getTrial, { tenantId }, context));
  },
});

const startTrial = defineWorkspaceRoute({
  method: 'POST',
  path: PATH,
  workspace: 'required',
  name: 'startTrial',
  summary: 'Start the trial',
  needs: 'tenant_admin',
  description: 'A workspace has one trial in its life. Without `plan_code` it is that of the plan for newcomers.',
  body: defineBody<{ plan_code?: string; consent_to_charge?: boolean }>({
    type: 'object',
    properties: { plan_code: { ...PLAN_CODE, nullable: true }, consent_to_charge: { ...YES_OR_NO, nullable: true } },
    required: [],
    additionalProperties: false,
  }),
  responses: { 201: TRIAL },
  reasons: [
    'GRANT_LIMIT_REACHED',
    'KILL_SWITCH_OFF',
    'PLAN_NOT_FOUND',
    'TRIAL_ALREADY_USED',
    'TRIAL_CARD_REQUIRED',
    'TRIAL_LIMIT_REACHED',
    'TRIAL_NOT_OFFERED',
  ],
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
  name: 'cancelTrial',
  summary: 'Cancel the trial',
  needs: 'tenant_admin',
  description: 'It runs to its end, and nothing follows.',
  responses: { 200: TRIAL },
  reasons: ['TRIAL_NOT_ACTIVE'],
  async answer({ idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, actor: '', reason: '' };
    const { trial, replayed } = await kernel.call(TrialServiceService.cancelTrial, request, context);
    return Reply.done(fromProtoTrial(trial), replayed);
  },
});

export const trialRoutes: readonly Route[] = [getTrial, startTrial, cancelTrial];
