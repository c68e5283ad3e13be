// Owns TopUpService on the wire. Does not own what becomes of a top-up.

import type { TopUpServiceService } from '../../../gen/wheelhouse/payment/v1/top_up_service.ts';
import type { AutoTopUpService } from '../../app/payment/auto-top-up-service.ts';
import type { TopUps } from '../../app/payment/use-case.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import { fromProtoGetAutoTopUp, fromProtoSetAutoTopUp, toProtoAutoTopUp } from '../convert/auto-top-up.ts';
import {
  fromProtoCancelTopUp,
  fromProtoCreateTopUp,
  fromProtoGetTopUp,
  fromProtoListTopUpPackages,
  fromProtoListTopUps,
  toProtoTopUp,
  toProtoTopUpOffer,
} from '../convert/top-up.ts';
import { requireAsker } from './act.ts';
import { toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';

/** What TopUpService answers with. */
export interface TopUpHandlerParts {
  readonly topUps: TopUps;
  readonly autoTopUps: Pick<AutoTopUpService, 'read' | 'set'>;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of TopUpService. */
export function createTopUpHandlers({
  topUps,
  autoTopUps,
  directory,
}: TopUpHandlerParts): HandlerMap<typeof TopUpServiceService> {
  return {
    listTopUpPackages: async (request, { caller }) => {
      const tenant = await directory.requireTenant(fromProtoListTopUpPackages(request), caller.visibility);
      return toProtoTopUpOffer(await topUps.readOffer(tenant));
    },
    createTopUp: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoCreateTopUp(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const context = toWriteContext(call, requestId);
      const { topUp, replayed } = await topUps.create(tenant, input, requireAsker(call), context);
      return { topUp: toProtoTopUp(topUp, call.caller.scope), replayed };
    },
    getTopUp: async (request, { caller }) => {
      const { tenantId, topUpId } = fromProtoGetTopUp(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      return { topUp: toProtoTopUp(await topUps.get(tenant, topUpId), caller.scope) };
    },
    listTopUps: async (request, { caller }) => {
      const { tenantId, ...query } = fromProtoListTopUps(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      const page = await topUps.list(tenant, query);
      return { ...page, topUps: page.topUps.map((topUp) => toProtoTopUp(topUp, caller.scope)) };
    },
    cancelTopUp: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoCancelTopUp(request, call.caller.scope);
      const { topUpId, operator } = input;
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const asker = operator ?? requireAsker(call);
      const topUp = await topUps.cancel(tenant, topUpId, asker, toWriteContext(call, requestId));
      return { topUp: toProtoTopUp(topUp, call.caller.scope) };
    },
    getAutoTopUp: async (request, { caller }) => {
      const tenant = await directory.requireTenant(fromProtoGetAutoTopUp(request), caller.visibility);
      return { autoTopUp: toProtoAutoTopUp(await autoTopUps.read(tenant)) };
    },
    setAutoTopUp: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoSetAutoTopUp(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const { terms, isEnabled } = input;
      const context = toWriteContext(call, requestId);
      return {
        autoTopUp: toProtoAutoTopUp(await autoTopUps.set(tenant, terms, isEnabled, requireAsker(call), context)),
      };
    },
  };
}
