/**
 * Owns: the demo's code: what the documentation of the API shows works on the local stack, too.
 * Does not own: promotions of a deploy, which operators make.
 * Invariant: it has a fixed request id and content, so that loading again changes nothing.
 */
import {
  CreatePromotionRequest,
  PromotionAdminServiceService,
} from '../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import { DEMO_OPERATOR } from './demo-data.ts';
import type { KernelClient } from './kernel-client.ts';

/** The code that `/docs` shows. */
export const DEMO_CODE = 'WELCOME-20';
const CREDIT_MICROCREDITS = 20_000_000n;

/** Makes the promotion of a product, or finds it. Throws the kernel's error when it refuses the request. */
export async function loadDemoPromotion(sysadmin: KernelClient, productCode: string): Promise<void> {
  const request = CreatePromotionRequest.fromPartial({
    ...{ requestId: `demo:${productCode}:promotion`, productCode, code: DEMO_CODE },
    credit: { microcredits: CREDIT_MICROCREDITS },
    ...DEMO_OPERATOR,
  });
  await sysadmin.call(PromotionAdminServiceService.createPromotion, request);
}
