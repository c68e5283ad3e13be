// Verifies the ledger through a kernel, as an operator does.

import { expect } from 'vitest';
import {
  LedgerAuditServiceService,
  VerifyLedgerRequest,
} from '../../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import type { Callers } from './account.ts';

/** Has one account verified, or all, and expects that nothing is found. */
export async function expectLedgerClean({ sysadmin }: Pick<Callers, 'sysadmin'>, tenantId = ''): Promise<void> {
  const request = VerifyLedgerRequest.fromPartial({ tenantId });
  let isDone = false;
  for await (const { finding, done } of sysadmin.stream(LedgerAuditServiceService.verifyLedger, request)) {
    expect(finding).toBeUndefined();
    isDone = done;
  }
  expect(isDone).toBe(true);
}
