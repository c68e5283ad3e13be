// Owns `GET /v1/billing/action-pricing`: what each metered action costs this workspace.

import { CatalogServiceService } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { ACTION_PRICE, fromProtoActionPrice } from '../convert.ts';
import { list, object } from '../shape.ts';
import { defineWorkspaceRoute } from './route.ts';

export const actionPricingRoute = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/billing/action-pricing',
  workspace: 'required',
  name: 'listActionPrices',
  summary: 'Read what each metered action costs',
  description: 'By the name of the action; all that the catalog has, in one answer.',
  needs: 'project_contributor',
  responses: { 200: object({ action_prices: list(ACTION_PRICE) }) },
  reasons: [],
  async answer(_input, { kernel, context, tenantId }) {
    const request = { tenantId, atTime: undefined };
    const { actionPrices } = await kernel.call(CatalogServiceService.getActionPricing, request, context);
    return { action_prices: actionPrices.map(fromProtoActionPrice) };
  },
});
