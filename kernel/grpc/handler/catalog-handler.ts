// Owns CatalogService on the wire: which product a caller's list is about. Does not own plans or prices.

import type { CatalogServiceService } from '../../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import type { Catalog } from '../../app/catalog/catalog.ts';
import type { PriceSetter } from '../../app/catalog/price-setter.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import { present } from '../../domain/optional.ts';
import { fromProtoSetActionPrice, toProtoPriceRow } from '../convert/action-price.ts';
import { fromProtoActionPricing, fromProtoListPlans, toProtoActionPrice, toProtoPlan } from '../convert/plan.ts';
import { toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';
import { resolveProduct } from './product-scope.ts';

/** What CatalogService answers with. */
export interface CatalogHandlerParts {
  readonly catalog: Catalog;
  readonly prices: PriceSetter;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of CatalogService. */
export function createCatalogHandlers(parts: CatalogHandlerParts): HandlerMap<typeof CatalogServiceService> {
  const { catalog, prices, directory } = parts;
  return {
    listPlans: async (request, { caller }) => {
      const { productCode, offeredOnly, includeArchived, pageSize, pageToken } = fromProtoListPlans(request);
      const which = { offeredOnly, includeArchived };
      const product = resolveProduct(caller, productCode);
      const page =
        caller.scope === 'bff'
          ? await catalog.listShownPlans({ ...which, productCode: caller.productCode }, pageSize, pageToken)
          : await catalog.listPlans({ ...which, ...present({ productCode: product }) }, pageSize, pageToken);
      return { plans: page.plans.map(toProtoPlan), nextPageToken: page.nextPageToken };
    },
    getActionPricing: async (request, { caller }) => {
      const { tenantId, at } = fromProtoActionPricing(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      const resolved = await catalog.resolvePrices(tenant, at);
      return { actionPrices: resolved.map((price) => toProtoActionPrice(price.action, price)) };
    },
    setActionPrice: async (request, call) => {
      const { requestId, input } = fromProtoSetActionPrice(request);
      const { row, replayed } = await prices.setPrice(input, toWriteContext(call, requestId));
      return { actionPrice: toProtoPriceRow(row), replayed };
    },
  };
}
