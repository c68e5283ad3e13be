// Owns `GET /v1/billing/usage`: what the workspace holds now.

import { workspaceOf } from '../authentication.ts';
import { fromProtoBalance } from '../convert.ts';
import { readEmptyQuery } from '../query.ts';
import type { Route } from './route.ts';

export const usageRoute: Route = {
  path: '/v1/billing/usage',
  async answer(rawQuery, { kernel, context }) {
    readEmptyQuery(rawQuery);
    const tenantId = workspaceOf(context.identity);
    const { balance } = await kernel.getBalance({ tenantId, includeGrants: false, atTime: undefined }, context);
    return fromProtoBalance(balance);
  },
};
