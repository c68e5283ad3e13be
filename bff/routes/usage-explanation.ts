// Owns `GET /v1/billing/usage-history/{entry_id}`: what stands behind one metered event.

import { UsageServiceService } from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { EXPLANATION, fromProtoExplanation } from '../convert-explanation.ts';
import { defineWorkspaceRoute } from './route.ts';

export const usageExplanationRoute = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/billing/usage-history/:entry_id',
  workspace: 'required',
  name: 'explainUsageEvent',
  summary: 'Explain one metered event',
  description: 'Tells the price rule, the grants that paid, the hold, the request and the commit behind a figure.',
  needs: 'project_contributor',
  responses: { 200: EXPLANATION },
  reasons: ['ENTRY_NOT_FOUND'],
  async answer({ ids }, { kernel, context, tenantId }) {
    const request = { tenantId, entryId: ids.entry_id };
    return fromProtoExplanation(await kernel.call(UsageServiceService.explainEntry, request, context), tenantId);
  },
});
