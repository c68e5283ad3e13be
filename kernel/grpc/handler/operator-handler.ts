// Owns OperatorService on the wire. Does not own the switches or the audit log (app/operator).

import type { OperatorServiceService } from '../../../gen/wheelhouse/operator/v1/operator_service.ts';
import type { AuditLog } from '../../app/operator/audit-log.ts';
import type { KillSwitchBoard } from '../../app/operator/kill-switch-board.ts';
import {
  fromProtoListAuditRecords,
  fromProtoSetKillSwitch,
  toProtoAuditRecord,
  toProtoKillSwitch,
} from '../convert/operator-log.ts';
import { toOperatorRequest } from './catalog-admin-handler.ts';
import type { HandlerMap } from './handler-map.ts';

/** What OperatorService answers with. */
export interface OperatorHandlerParts {
  readonly switches: KillSwitchBoard;
  readonly operatorLog: AuditLog;
}

/** Builds the handlers of OperatorService. */
export function createOperatorHandlers({
  switches,
  operatorLog,
}: OperatorHandlerParts): HandlerMap<typeof OperatorServiceService> {
  return {
    listKillSwitches: async () => ({ killSwitches: (await switches.readSwitches()).map(toProtoKillSwitch) }),
    setKillSwitch: async (request, { caller }) => {
      const write = fromProtoSetKillSwitch(request);
      const { name, enabled } = write.input;
      const { reading, replayed } = await switches.setSwitch(toOperatorRequest(write, caller), name, enabled);
      return { killSwitch: toProtoKillSwitch(reading), replayed };
    },
    listAuditRecords: async (request) => {
      const { filter, pageSize, pageToken } = fromProtoListAuditRecords(request);
      const { readings, nextPageToken } = await operatorLog.listRecords(filter, pageSize, pageToken);
      return { auditRecords: readings.map(toProtoAuditRecord), nextPageToken };
    },
  };
}
