// Owns ReconciliationService on the wire. Does not own what has to be equal (app/reconciliation).

import type { ReconciliationServiceService } from '../../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import type { Reconciliation } from '../../app/reconciliation/reconciliation.ts';
import type { WorkspaceRefresh } from '../../app/reconciliation/workspace-refresh.ts';
import { stripeOff } from '../../app/subscription/without-stripe.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import { fromProtoRefreshWorkspace, fromProtoVerifyStripe, toProtoVerifyStripe } from '../convert/reconciliation.ts';
import { toOperatorRequest } from './catalog-admin-handler.ts';
import type { HandlerMap } from './handler-map.ts';

/** What ReconciliationService answers with. */
export interface ReconciliationHandlerParts {
  /** Absent: Stripe is off. */
  readonly reconciling?: { readonly reconciliation: Reconciliation; readonly refresh: WorkspaceRefresh };
  readonly directory: TenantDirectory;
}

/** Builds the handlers of ReconciliationService. */
export function createReconciliationHandlers({
  reconciling,
  directory,
}: ReconciliationHandlerParts): HandlerMap<typeof ReconciliationServiceService> {
  return {
    verifyStripe: async (request, { caller, signal }, send) => {
      const tenantId = fromProtoVerifyStripe(request);
      const tenant = tenantId && (await directory.requireTenant(tenantId, caller.visibility));
      if (reconciling === undefined) throw stripeOff();
      const { reconciliation } = reconciling;
      const report: Parameters<Reconciliation['verifyAll']>[0] = (...told) => send(toProtoVerifyStripe(...told));
      const final = await (tenant === undefined
        ? reconciliation.verifyAll(report, signal)
        : reconciliation.verifyOne(tenant, report, signal));
      await send({ ...toProtoVerifyStripe(final), done: true });
    },
    refreshWorkspace: async (request, { caller }) => {
      const { tenantId, ...asked } = fromProtoRefreshWorkspace(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      if (reconciling === undefined) throw stripeOff();
      await reconciling.refresh.run(tenant, toOperatorRequest(asked, caller));
      return {};
    },
  };
}
