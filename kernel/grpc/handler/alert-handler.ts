// Owns AlertService on the wire. Does not own what is noted when.

import type { AlertServiceService } from '../../../gen/wheelhouse/alert/v1/alert_service.ts';
import type { EventList } from '../../app/alert/event-list.ts';
import type { EventWatch } from '../../app/alert/event-watch.ts';
import type { ThresholdService } from '../../app/alert/threshold-service.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import { present } from '../../domain/optional.ts';
import {
  fromProtoListEvents,
  fromProtoListThresholds,
  fromProtoSetThresholds,
  fromProtoWatchEvents,
  toProtoEvent,
  toProtoThreshold,
  toProtoWatchedEvent,
} from '../convert/billing-event.ts';
import { requireAsker } from './act.ts';
import { toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';

/** What AlertService answers with. */
export interface AlertHandlerParts {
  readonly thresholds: ThresholdService;
  readonly eventList: EventList;
  readonly eventWatch: EventWatch;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of AlertService. */
export function createAlertHandlers({
  thresholds,
  eventList,
  eventWatch,
  directory,
}: AlertHandlerParts): HandlerMap<typeof AlertServiceService> {
  return {
    listThresholds: async (request, { caller }) => {
      const tenant = await directory.requireTenant(fromProtoListThresholds(request), caller.visibility);
      return { thresholds: (await thresholds.list(tenant)).map(toProtoThreshold) };
    },
    setThresholds: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoSetThresholds(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const set = await thresholds.set(tenant, input, requireAsker(call), toWriteContext(call, requestId));
      return { thresholds: set.map(toProtoThreshold) };
    },
    listEvents: async (request, { caller }) => {
      const { tenantId, type, pageSize, pageToken } = fromProtoListEvents(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      const { events, nextPageToken } = await eventList.list(tenant, type, pageSize, pageToken);
      return { events: events.map(toProtoEvent), nextPageToken };
    },
    watchEvents: async (request, { caller, signal }, send) => {
      const { tenantId, productCode, resumeToken } = fromProtoWatchEvents(request);
      if (tenantId !== undefined) await directory.requireTenant(tenantId, caller.visibility);
      const filter = present({ tenantId, productCode });
      await eventWatch.run(filter, resumeToken, signal, (watched) => send(toProtoWatchedEvent(watched)));
    },
  };
}
