// Owns PromotionAdminService on the wire. Does not own what operators may do with promotions (app/promotion/promotion-admin.ts).

import type { PromotionAdminServiceService } from '../../../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import type { PromotionAdmin } from '../../app/promotion/promotion-admin.ts';
import { fromProtoPage, fromProtoProductKey, toProtoPageToken } from '../convert/catalog-admin.ts';
import {
  fromProtoCreatePromotion,
  fromProtoPromotionName,
  fromProtoRevokePromotion,
  toProtoPromotion,
} from '../convert/promotion-admin.ts';
import { toOperatorRequest } from './catalog-admin-handler.ts';
import type { HandlerMap } from './handler-map.ts';

/** What PromotionAdminService answers with. */
export interface PromotionAdminHandlerParts {
  readonly promotionAdmin: PromotionAdmin;
}

/** Builds the handlers of PromotionAdminService. */
export function createPromotionAdminHandlers({
  promotionAdmin: admin,
}: PromotionAdminHandlerParts): HandlerMap<typeof PromotionAdminServiceService> {
  return {
    createPromotion: async (request, { caller }) => {
      const write = fromProtoCreatePromotion(request);
      const { promotion, replayed } = await admin.create(toOperatorRequest(write, caller), write.input);
      return { promotion: toProtoPromotion(promotion), replayed };
    },
    revokePromotion: async (request, { caller }) => {
      const write = fromProtoRevokePromotion(request);
      const { promotion, replayed } = await admin.revoke(toOperatorRequest(write, caller), write.input);
      return { promotion: toProtoPromotion(promotion), replayed };
    },
    getPromotion: async (request) => {
      const { promotion, redemptionCount } = await admin.get(fromProtoPromotionName(request));
      return { promotion: toProtoPromotion(promotion), redemptionCount };
    },
    listPromotions: async (request) => {
      const productCode = fromProtoProductKey(request);
      const { limit, after } = fromProtoPage(request);
      const found = await admin.list(productCode, limit + 1, after);
      const page = found.slice(0, limit);
      const place = found.length > page.length ? page.at(-1)?.code : undefined;
      return { promotions: page.map(toProtoPromotion), nextPageToken: toProtoPageToken(place) };
    },
  };
}
