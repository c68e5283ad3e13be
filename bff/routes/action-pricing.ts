// Owns `GET /v1/billing/action-pricing`: what each metered action costs this workspace.

import { workspaceOf } from '../authentication.ts';
import { fromProtoActionPrice } from '../convert.ts';
import { readEmptyQuery } from '../query.ts';
import type { Route } from './route.ts';

export const actionPricingRoute: Route = {
  path: '/v1/billing/action-pricing',
  async answer(rawQuery, { kernel, context }) {
    readEmptyQuery(rawQuery);
    const tenantId = workspaceOf(context.identity);
    const { actionPrices } = await kernel.getActionPricing({ tenantId, atTime: undefined }, context);
    return { action_prices: actionPrices.map(fromProtoActionPrice) };
  },
};
