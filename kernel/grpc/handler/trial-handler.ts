// Owns TrialService on the wire. Does not own what a trial is, or who may have one.

import type { TrialServiceService } from '../../../gen/wheelhouse/subscription/v1/trial_service.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import type { TenantStatusBoard } from '../../app/tenant/tenant-status-board.ts';
import type { TrialService, WrittenTrial } from '../../app/trial/trial-service.ts';
import {
  fromProtoCancelTrial,
  fromProtoGetTrial,
  fromProtoStartTrial,
  toProtoTrial,
  toProtoTrialState,
} from '../convert/trial.ts';
import { askerOf } from './act.ts';
import { toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';

/** What TrialService answers with. */
export interface TrialHandlerParts {
  readonly trials: TrialService;
  readonly directory: TenantDirectory;
  readonly statusBoard: Pick<TenantStatusBoard, 'assertChargeable'>;
}

/** Builds the handlers of TrialService. */
export function createTrialHandlers({
  trials,
  directory,
  statusBoard,
}: TrialHandlerParts): HandlerMap<typeof TrialServiceService> {
  return {
    startTrial: async (request, call) => {
      const { caller } = call;
      const { requestId, tenantId, input } = fromProtoStartTrial(request, caller.scope);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      statusBoard.assertChargeable(tenantId);
      const context = toWriteContext(call, requestId);
      return toProtoWritten(await trials.startTrial(tenant, input, askerOf(call), context));
    },
    getTrial: async (request, { caller }) => {
      const tenant = await directory.requireTenant(fromProtoGetTrial(request), caller.visibility);
      return toProtoTrialState(await trials.getTrial(tenant));
    },
    cancelTrial: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoCancelTrial(request, call.caller.scope);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      statusBoard.assertChargeable(tenantId);
      return toProtoWritten(await trials.cancelTrial(tenant, input, askerOf(call), toWriteContext(call, requestId)));
    },
  };
}

function toProtoWritten({ reading, replayed }: WrittenTrial) {
  return { trial: toProtoTrial(reading), replayed };
}
