// Owns CatalogAdminService on the wire. Does not own what operators may do to the catalog (app/operator/catalog-admin.ts).

import type { CatalogAdminServiceService } from '../../../gen/wheelhouse/catalog/v1/catalog_admin_service.ts';
import type { CatalogAdmin } from '../../app/operator/catalog-admin.ts';
import type { OperatorRequest } from '../../app/operator/change-book.ts';
import type { ProductCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { Caller } from '../caller.ts';
import {
  type CatalogWrite,
  fromProtoListActionPrices,
  fromProtoPage,
  fromProtoPlanKey,
  fromProtoProductKey,
  fromProtoRegisterProduct,
  fromProtoUpdateProduct,
  fromProtoUpsertPlan,
  toProtoPageToken,
  toProtoPriceRecord,
  toProtoProduct,
} from '../convert/catalog-admin.ts';
import { toProtoPlan } from '../convert/plan.ts';
import { fromProtoListPlanPolicies, fromProtoUpsertPlanPolicy, toProtoPlanPolicy } from '../convert/plan-policy.ts';
import type { HandlerMap } from './handler-map.ts';

/** What CatalogAdminService answers with. */
export interface CatalogAdminHandlerParts {
  readonly admin: CatalogAdmin;
}

type AdminHandlers = HandlerMap<typeof CatalogAdminServiceService>;

/** Builds the handlers of CatalogAdminService. */
export function createCatalogAdminHandlers({ admin }: CatalogAdminHandlerParts): AdminHandlers {
  return { ...createWriteHandlers(admin), ...createReadHandlers(admin) };
}

function createWriteHandlers(
  admin: CatalogAdmin,
): Pick<AdminHandlers, 'registerProduct' | 'updateProduct' | 'upsertPlan' | 'upsertPlanPolicy'> {
  return {
    registerProduct: async (request, { caller }) => {
      const write = fromProtoRegisterProduct(request);
      const { product, replayed } = await admin.registerProduct(toOperatorRequest(write, caller), write.input);
      return { product: toProtoProduct(product), replayed };
    },
    updateProduct: async (request, { caller }) => {
      const write = fromProtoUpdateProduct(request);
      const { product, replayed } = await admin.updateProduct(toOperatorRequest(write, caller), write.input);
      return { product: toProtoProduct(product), replayed };
    },
    upsertPlan: async (request, { caller }) => {
      const write = fromProtoUpsertPlan(request);
      const { plan, replayed } = await admin.upsertPlan(toOperatorRequest(write, caller), write.input);
      return { plan: toProtoPlan(plan), replayed };
    },
    upsertPlanPolicy: async (request, { caller }) => {
      const write = fromProtoUpsertPlanPolicy(request);
      const { reading, replayed } = await admin.upsertPolicy(toOperatorRequest(write, caller), write.input);
      return { policy: toProtoPlanPolicy(reading), replayed };
    },
  };
}

function createReadHandlers(
  admin: CatalogAdmin,
): Pick<AdminHandlers, 'getProduct' | 'listProducts' | 'getPlanPolicy' | 'listPlanPolicies' | 'listActionPrices'> {
  return {
    getProduct: async (request) => ({ product: toProtoProduct(await admin.getProduct(fromProtoProductKey(request))) }),
    listProducts: async (request) => {
      const { limit, after } = fromProtoPage(request);
      const found = await admin.listProducts(limit + 1, after as ProductCode | undefined);
      const page = found.slice(0, limit);
      const place = found.length > page.length ? page.at(-1)?.productCode : undefined;
      return { products: page.map(toProtoProduct), nextPageToken: toProtoPageToken(place) };
    },
    getPlanPolicy: async (request) => {
      const { productCode, planCode } = fromProtoPlanKey(request);
      return { policy: toProtoPlanPolicy(await admin.getPolicy(productCode, planCode)) };
    },
    listPlanPolicies: async (request) => {
      const { filter, pageSize, pageToken } = fromProtoListPlanPolicies(request);
      const { readings, nextPageToken } = await admin.listPolicies(filter, pageSize, pageToken);
      return { policies: readings.map(toProtoPlanPolicy), nextPageToken };
    },
    listActionPrices: async (request) => {
      const filter = fromProtoListActionPrices(request);
      const { limit, after } = fromProtoPage(request);
      const { records, nextPlace } = await admin.listPrices(filter, limit, after);
      return { actionPrices: records.map(toProtoPriceRecord), nextPageToken: toProtoPageToken(nextPlace) };
    },
  };
}

/** Says who asks for a write, and why. */
export function toOperatorRequest(
  { requestId, actor, reason }: Omit<CatalogWrite<unknown>, 'input'>,
  caller: Caller,
): OperatorRequest {
  const { callerScope } = caller;
  const remoteAddress = caller.scope === 'sysadmin' ? caller.remoteAddress : undefined;
  return { requestId, callerScope, actor, reason, ...present({ remoteAddress }) };
}
