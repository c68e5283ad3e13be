// Owns `GET /v1/billing/usage`: what the workspace holds now.

import { BALANCE, fromProtoBalance } from '../convert.ts';
import { defineWorkspaceRoute } from './route.ts';

export const usageRoute = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/billing/usage',
  workspace: 'required',
  name: 'getUsage',
  summary: 'Read the balance',
  needs: 'project_contributor',
  responses: { 200: BALANCE },
  reasons: [],
  async answer(_input, { kernel, context, tenantId }) {
    const request = { tenantId, includeGrants: false, atTime: undefined };
    const { balance } = await kernel.getBalance(request, context);
    return fromProtoBalance(balance);
  },
});
