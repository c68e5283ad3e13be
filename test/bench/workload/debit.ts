// Owns the subject of the bench: debits over gRPC, one by one and in batches, as an internal service makes them: a
// time-ordered request id, a deadline, the project, workflow and run that the usage belongs to.

import { v7 as newUuid } from 'uuid';
import type { KernelClient } from '../../../dev/kernel-client.ts';
import { RunStatus } from '../../../gen/wheelhouse/ledger/v1/entry.ts';
import { type DebitRequest, LedgerServiceService } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { Workload } from '../workload.ts';

/** Is what a debit may go to: a client of the kernel to ask, and the tenant to charge. */
export interface DebitTarget {
  readonly client: KernelClient;
  readonly tenantId: string;
}

const PROJECT_ID = `prj_${newUuid()}`;
const WORKFLOW_ID = `wfl_${newUuid()}`;
const RUN_ID = `run_${newUuid()}`;

/** Builds a debit that nobody has asked for yet. */
export function createDebitRequest(tenantId: string): DebitRequest {
  return {
    requestId: newUuid(),
    tenantId,
    action: 'workflow.step.execute',
    quantity: '1',
    projectId: PROJECT_ID,
    workflowId: WORKFLOW_ID,
    runId: RUN_ID,
    runStatus: RunStatus.UNSPECIFIED,
    dimensions: new Map(),
    alreadyPerformed: false,
  };
}

/** Returns the workload of unary debits that go to these targets in turn. */
export function createUnaryDebits(name: string, targets: readonly DebitTarget[], inFlight: number): Workload {
  return {
    name,
    inFlight,
    operationsPerCall: 1,
    call: async (sequence) => {
      const { client, tenantId } = pick(targets, sequence);
      const { entry } = await client.call(LedgerServiceService.debit, createDebitRequest(tenantId));
      if (entry === undefined) throw new Error('the kernel answered a debit without its entry');
    },
  };
}

/** Returns the workload of batches of so many debits, all of one tenant. */
export function createBatchDebits(
  name: string,
  target: DebitTarget,
  items: number,
  inFlight: number,
  toRequest: (tenantId: string) => DebitRequest = createDebitRequest,
): Workload {
  const { client, tenantId } = target;
  return {
    name,
    inFlight,
    operationsPerCall: items,
    call: async () => {
      const debits = Array.from({ length: items }, () => toRequest(tenantId));
      const { results } = await client.call(LedgerServiceService.batchDebit, { debits });
      const refused = results.find(({ outcome }) => outcome?.$case !== 'debit')?.outcome;
      if (refused?.$case === 'error') throw new Error(`a debit of a batch was refused: ${refused.value.message}`);
      if (results.length !== items) throw new Error(`a batch of ${items} debits had ${results.length} results`);
    },
  };
}

function pick(targets: readonly DebitTarget[], sequence: number): DebitTarget {
  const target = targets[sequence % targets.length];
  if (target === undefined) throw new RangeError('debits need a target');
  return target;
}
