// Owns the part about neighbours: how late a tenant's debits are while another tenant saturates its account, against alone.

import { fileURLToPath } from 'node:url';
import { startProcess } from '../../dev/process/managed-process.ts';
import { measurePaced } from './paced.ts';
import { firstKernel, type PartContext } from './part-context.ts';
import type { PartResult } from './row.ts';
import { createUnaryDebits } from './workload/debit.ts';

const SATURATING_CLIENT = fileURLToPath(new URL('saturating-client.ts', import.meta.url));
const READY_TIMEOUT_MS = 30_000;
/** What a tenant does that does not do much. */
const NEIGHBOUR_PER_SECOND = 50;
const RATIO_MAX = 1.5;

/** A tenant's debits, alone and beside one whose account has as much to do as it can. */
export async function measureNeighbour(context: PartContext): Promise<PartResult> {
  const { stage, measure } = context;
  const [kernel] = stage.kernels;
  if (kernel === undefined) throw new Error('The stage has no kernel.');
  const [neighbourTenantId = '', busyTenantId = ''] = await stage.createTenants(2);
  const target = { client: firstKernel(stage), tenantId: neighbourTenantId };
  const load = (name: string) => ({
    name,
    perSecond: NEIGHBOUR_PER_SECOND,
    call: createUnaryDebits(name, [target], 1).call,
  });
  const saturate = async (): Promise<() => Promise<void>> => {
    const args = [SATURATING_CLIENT, kernel.grpc, stage.internalToken, busyTenantId];
    const client = await startProcess({ name: 'saturating client', command: process.execPath, args });
    await client.waitForLine((line) => (line.includes('"saturated"') ? true : undefined), READY_TIMEOUT_MS);
    return async () => void (await client.stop());
  };
  const measured = await measurePaced(
    {
      alone: load('debits of a tenant, alone'),
      beside: { ...load('debits of a tenant, beside one that saturates its account'), begin: saturate },
    },
    measure,
  );
  const { beside: subject, alone: baseline } = measured;
  return { rows: [{ kind: 'latency', subject, baseline, ratioAtMost: RATIO_MAX }], measurements: [] };
}
