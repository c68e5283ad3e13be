// Owns holds as an internal service makes them: a reservation, then the settlement of what was used, as one operation.

import { v7 as newUuid } from 'uuid';
import { RunStatus } from '../../../gen/wheelhouse/ledger/v1/entry.ts';
import { HoldServiceService } from '../../../gen/wheelhouse/ledger/v1/hold_service.ts';
import type { Workload } from '../workload.ts';
import type { DebitTarget } from './debit.ts';

const HOLD_MS = 3_600_000;
const ACTION = 'workflow.step.execute';

/** Reserves one unit; answers the hold. */
export async function reserve({ client, tenantId }: DebitTarget): Promise<string> {
  const run = { projectId: 'prj_bench', workflowId: 'wfl_bench', runId: `run_${newUuid()}` };
  const { hold } = await client.call(HoldServiceService.reserve, {
    requestId: newUuid(),
    tenantId,
    action: ACTION,
    quantity: '1',
    ...run,
    expireTime: new Date(Date.now() + HOLD_MS),
  });
  if (hold === undefined) throw new Error('the kernel answered a reservation without its hold');
  return hold.holdId;
}

/** Returns the workload of pairs: reserve, then settle in full. */
export function createHoldPairs(name: string, target: DebitTarget, inFlight: number): Workload {
  const { client, tenantId } = target;
  return {
    name,
    inFlight,
    operationsPerCall: 1,
    call: async () => {
      const holdId = await reserve(target);
      const settlement = { quantity: '1', final: true, runStatus: RunStatus.SUCCEEDED, dimensions: new Map() };
      await client.call(HoldServiceService.settle, { tenantId, holdId, partId: 'run', ...settlement });
    },
  };
}
