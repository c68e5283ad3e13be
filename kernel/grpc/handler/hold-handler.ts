// Owns HoldService on the wire. Does not own holds: every rule is behind the Ledger.

import type { HoldServiceService } from '../../../gen/wheelhouse/ledger/v1/hold_service.ts';
import type { Ledger } from '../../app/ledger/ledger.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import type { TenantStatusBoard } from '../../app/tenant/tenant-status-board.ts';
import {
  fromProtoExtend,
  fromProtoListHolds,
  fromProtoRelease,
  fromProtoReserve,
  fromProtoSettle,
  toProtoHoldPosting,
} from '../convert/hold.ts';
import { toProtoOpenHold } from '../convert/hold-entry.ts';
import { toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';

/** What HoldService answers with. */
export interface HoldHandlerParts {
  readonly ledger: Ledger;
  readonly directory: TenantDirectory;
  readonly statusBoard: Pick<TenantStatusBoard, 'assertChargeable'>;
}

/** Builds the handlers of HoldService. */
export function createHoldHandlers({
  ledger,
  directory,
  statusBoard,
}: HoldHandlerParts): HandlerMap<typeof HoldServiceService> {
  return {
    reserve: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoReserve(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      statusBoard.assertChargeable(tenantId);
      return toProtoHoldPosting(await ledger.reserve(tenant, input, toWriteContext(call, requestId)));
    },
    extend: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoExtend(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      statusBoard.assertChargeable(tenantId);
      return toProtoHoldPosting(await ledger.extend(tenant, input, toWriteContext(call, requestId)));
    },
    settle: async (request, call) => {
      const { tenantId, input } = fromProtoSettle(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      return toProtoHoldPosting(await ledger.settle(tenant, input, toWriteContext(call, input.partId)));
    },
    release: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoRelease(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      return toProtoHoldPosting(await ledger.release(tenant, input, toWriteContext(call, requestId)));
    },
    listHolds: async (request, { caller }) => {
      const { tenantId, pageSize, pageToken } = fromProtoListHolds(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      const page = await ledger.listHolds(tenant, pageSize, pageToken);
      return { holds: page.holds.map((hold) => toProtoOpenHold(tenantId, hold)), nextPageToken: page.nextPageToken };
    },
  };
}
