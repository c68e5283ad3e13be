// Owns mending what differs between workspaces and Stripe, as the comparison proposes it: what would be done is told and asked first.
// Does not own what differs, or what mends it (the kernel).
// Invariants: nothing is done without being asked; a workspace that can't be mended is told as such, and the others follow.

import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Difference } from '../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import { messageOf } from '../domain/error.ts';
import { reverseEntry } from './ledger-command.ts';
import type { CommandStreams, WriteOptions } from './operator-command.ts';
import { refreshWorkspace } from './stripe-command.ts';

/** Where people answer; default: standard input. */
export interface RepairStreams extends CommandStreams {
  readonly input?: Readable;
}

/** What a repair is made with. */
export interface RepairTools {
  readonly streams: RepairStreams;
  readonly by: WriteOptions;
  /** Says that nobody is to be asked. */
  readonly isAgreed: boolean;
  /** Compares a workspace again. */
  readonly compare: (tenantId: string) => Promise<readonly Difference[]>;
}

/**
 * Mends what can be mended from here, where somebody agrees; answers what is left then.
 * Throws Error with a sentence for people where nobody can be asked.
 */
export async function repair(found: readonly Difference[], tools: RepairTools): Promise<readonly Difference[]> {
  const { streams, isAgreed } = tools;
  const mendable = found.filter(isMendable);
  if (mendable.length === 0) {
    streams.out.write('Nothing of this can be mended from here: see the commands.\n');
    return found;
  }
  if (!isAgreed && !(await ask(mendable, streams))) return found;
  const tenants = [...new Set(mendable.map(({ tenantId }) => tenantId))];
  const left = found.filter(({ tenantId }) => !tenants.includes(tenantId));
  let mended = 0;
  for (const tenantId of tenants) {
    const own = found.filter((difference) => difference.tenantId === tenantId);
    const rest = await mend(tenantId, own, tools);
    if (rest === undefined) left.push(...own);
    else left.push(...rest);
    if (rest?.length === 0) mended += 1;
  }
  const differences = `${left.length} ${left.length === 1 ? 'difference' : 'differences'}`;
  streams.out.write(`Mended ${mended} of ${tenants.length}: ${differences} left.\n`);
  return left;
}

function isMendable({ refreshMends, reverseEntryId }: Difference): boolean {
  return refreshMends || reverseEntryId !== '';
}

/** Mends one workspace, and compares it again; undefined where it can't be mended. */
async function mend(
  tenantId: string,
  differences: readonly Difference[],
  { streams, by, compare }: RepairTools,
): Promise<readonly Difference[] | undefined> {
  try {
    for (const { reverseEntryId } of differences) {
      if (reverseEntryId !== '') await reverseEntry(streams, { tenantId, entryId: reverseEntryId }, by);
    }
    if (differences.some(({ refreshMends }) => refreshMends)) await refreshWorkspace(streams, tenantId, by);
    return await compare(tenantId);
  } catch (error) {
    streams.error.write(`${tenantId} was not mended: ${messageOf(error)}\n`);
    return undefined;
  }
}

async function ask(mendable: readonly Difference[], { error, input = process.stdin }: RepairStreams): Promise<boolean> {
  for (const { tenantId, effect } of mendable) error.write(`${tenantId}: ${effect}\n`);
  error.write('Do this, and bring these workspaces to what Stripe shows? [y/N] ');
  // Where nobody is there to answer, the answer is no.
  for await (const line of createInterface({ input })) return /^y(es)?$/i.test(line.trim());
  error.write('\n');
  return false;
}
