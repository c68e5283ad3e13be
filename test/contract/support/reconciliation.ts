// Calls that an operator makes to hold workspaces against Stripe.

import { expect } from 'vitest';
import {
  type Difference,
  RefreshWorkspaceRequest,
  ReconciliationServiceService as S,
  VerifyStripeRequest,
} from '../../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import { type Callers, OPERATOR } from './account.ts';
import { newRequestId } from './kernel-fixture.ts';

/** What an operator does about differences. */
export function reconciliationCallsOf({ sysadmin }: Pick<Callers, 'sysadmin'>) {
  return {
    /** Compares one workspace, or all; what differs. */
    verify: async (tenantId = ''): Promise<readonly Difference[]> => {
      const found: Difference[] = [];
      let isDone = false;
      const request = VerifyStripeRequest.fromPartial({ tenantId });
      for await (const message of sysadmin.stream(S.verifyStripe, request)) {
        if (message.difference !== undefined) found.push(message.difference);
        isDone = message.done;
        if (isDone) expect(message.verifiedWorkspaces).toBe(message.totalWorkspaces);
      }
      expect(isDone).toBe(true);
      return found;
    },
    refresh: (tenantId: string): Promise<unknown> => {
      const request = RefreshWorkspaceRequest.fromPartial({ requestId: newRequestId(), tenantId, ...OPERATOR });
      return sysadmin.call(S.refreshWorkspace, request);
    },
  };
}
