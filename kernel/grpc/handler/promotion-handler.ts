// Owns PromotionService on the wire. Does not own what a code gives.

import type { PromotionServiceService } from '../../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import type { PromotionService } from '../../app/promotion/promotion-service.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import {
  fromProtoApplyCode,
  fromProtoValidateDiscount,
  toProtoAppliedCode,
  toProtoCodeForecast,
} from '../convert/promotion.ts';
import { requireAsker } from './act.ts';
import { toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';

/** What PromotionService answers with. */
export interface PromotionHandlerParts {
  readonly promotions: PromotionService;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of PromotionService. */
export function createPromotionHandlers({
  promotions,
  directory,
}: PromotionHandlerParts): HandlerMap<typeof PromotionServiceService> {
  return {
    applyCode: async (request, call) => {
      const { requestId, tenantId, input: code } = fromProtoApplyCode(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const context = toWriteContext(call, requestId);
      return toProtoAppliedCode(await promotions.applyCode(tenant, code, requireAsker(call), context));
    },
    validateDiscount: async (request, { caller }) => {
      const { tenantId, code, planCode } = fromProtoValidateDiscount(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      return toProtoCodeForecast(await promotions.validate(tenant, code, planCode));
    },
  };
}
