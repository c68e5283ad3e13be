// Owns LedgerAuditService on the wire. Does not own what must hold of a ledger (app/audit), nor corrections
// (correction-handler.ts).

import type { LedgerAuditServiceService } from '../../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import type { LedgerAudit } from '../../app/audit/ledger-audit.ts';
import { formatHeadLine, fromProtoVerifyLedger, toProtoVerifyLedger } from '../convert/audit.ts';
import { FieldCheck } from '../convert/field-check.ts';
import { type CorrectionHandlerParts, createCorrectionHandlers } from './correction-handler.ts';
import type { HandlerMap } from './handler-map.ts';

/** What LedgerAuditService answers with. */
export interface LedgerAuditHandlerParts extends CorrectionHandlerParts {
  readonly audit: LedgerAudit;
}

/** Builds the handlers of LedgerAuditService. */
export function createLedgerAuditHandlers(
  parts: LedgerAuditHandlerParts,
): HandlerMap<typeof LedgerAuditServiceService> {
  const { audit } = parts;
  return {
    ...createCorrectionHandlers(parts),
    verifyLedger: async (request, { signal }, send) => {
      const query = fromProtoVerifyLedger(request);
      const final = await audit.verify(query, (...told) => send(toProtoVerifyLedger(...told)), signal);
      await send({ ...toProtoVerifyLedger(final), done: true });
    },
    exportAccount: async (request, { signal }, send) => {
      const check = new FieldCheck();
      const tenantId = check.tenantId(request.tenantId);
      check.assertValid();
      await audit.exportAccount(tenantId, (line) => send({ line }), signal);
    },
    exportHeads: (_, { signal }, send) => audit.exportHeads((head) => send({ line: formatHeadLine(head) }), signal),
  };
}
