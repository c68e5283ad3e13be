// Owns how operators undo entries and remove their personal text, on the wire.

import type { LedgerAuditServiceService } from '../../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import type { OperatorLedger } from '../../app/operator/operator-ledger.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import { toProtoPosting } from '../convert/entry.ts';
import { fromProtoCorrection } from '../convert/operator.ts';
import { toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';

/** What corrections are answered with. */
export interface CorrectionHandlerParts {
  readonly operatorLedger: OperatorLedger;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of LedgerAuditService that write. */
export function createCorrectionHandlers({
  operatorLedger,
  directory,
}: CorrectionHandlerParts): Pick<HandlerMap<typeof LedgerAuditServiceService>, 'reverseEntry' | 'redactEntry'> {
  return {
    reverseEntry: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoCorrection(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      return toProtoPosting(await operatorLedger.reverse(tenant, input, toWriteContext(call, requestId)));
    },
    redactEntry: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoCorrection(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      return toProtoPosting(await operatorLedger.redact(tenant, input, toWriteContext(call, requestId)));
    },
  };
}
