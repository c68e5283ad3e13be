// What provokes each reason about promotions.

import { status } from '@grpc/grpc-js';
import type { Callers } from './account.ts';
import { type Failure, failureOf } from './failure.ts';
import { newCode, promotionCallsOf } from './promotion.ts';
import { trialCallsOf } from './trial.ts';

/** A call that is refused for a reason, with its code. */
interface PromotionProof {
  readonly code: status;
  readonly provoke: () => Promise<Failure>;
  readonly expected?: Partial<Failure>;
}

/** How many codes that there are not a workspace may try. */
const ATTEMPTS_MAX = 10;

/** Builds the proofs by the callers of a kernel. */
export function promotionProofsOf(callersOf: () => Callers) {
  const calls = () => promotionCallsOf(callersOf());
  const openWorkspace = () => trialCallsOf(callersOf()).openWorkspace();
  return {
    PROMOTION_NOT_FOUND: {
      code: status.NOT_FOUND,
      provoke: async () => failureOf(calls().apply(await openWorkspace(), newCode())),
    },
    PROMOTION_ENDED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const code = await calls().create();
        await calls().revoke(code);
        return failureOf(calls().apply(await openWorkspace(), code));
      },
      expected: { metadata: { why: 'revoked' } },
    },
    PROMOTION_EXHAUSTED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const code = await calls().create({ maxRedemptions: 1 });
        await calls().apply(await openWorkspace(), code);
        return failureOf(calls().apply(await openWorkspace(), code));
      },
      expected: { metadata: { limit: '1' } },
    },
    PROMOTION_NOT_APPLICABLE: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const code = await calls().create({ planCodes: ['pro'] });
        return failureOf(calls().apply(await openWorkspace(), code));
      },
      expected: { metadata: { why: 'plan' } },
    },
    PROMOTION_ALREADY_REDEEMED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const [code, tenantId] = [await calls().create(), await openWorkspace()];
        await calls().apply(tenantId, code);
        return failureOf(calls().apply(tenantId, code));
      },
    },
    PROMOTION_ALREADY_EXISTS: {
      code: status.ALREADY_EXISTS,
      provoke: async () => {
        const code = newCode();
        await calls().create({ code });
        return failureOf(calls().create({ code }));
      },
    },
    PROMOTION_ATTEMPTS_EXCEEDED: {
      code: status.RESOURCE_EXHAUSTED,
      provoke: async () => {
        const tenantId = await openWorkspace();
        for (let tried = 0; tried < ATTEMPTS_MAX; tried += 1) await failureOf(calls().apply(tenantId, newCode()));
        return failureOf(calls().apply(tenantId, newCode()));
      },
      expected: { metadata: { limit: '10' } },
    },
  } satisfies Readonly<Record<string, PromotionProof>>;
}
