// Owns the operators' command `verify --stripe`: what differs between workspaces and Stripe, and which command mends it. Does not own
// what has to be equal (the kernel), or mending it (stripe-repair.ts).
// Invariant: after a repair it is looked again, and what is left is what counts.

import type { Writable } from 'node:stream';
import {
  type Difference,
  DifferenceKind,
  ReconciliationServiceService,
  VerifyStripeRequest,
} from '../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import { type CommandStreams, type WriteOptions, withKernel } from './operator-command.ts';
import { ProgressLine } from './progress-line.ts';
import { type RepairStreams, repair } from './stripe-repair.ts';
import { printRows, type Row } from './table.ts';

/** What the command was given. */
export interface VerifyStripeOptions {
  readonly tenant?: string;
  readonly json?: boolean;
  readonly repair?: boolean;
  readonly yes?: boolean;
  readonly actor?: string;
  readonly reason?: string;
}

/** Where the command reads answers and writes. */
export interface VerifyStripeStreams extends RepairStreams {
  readonly error: Writable & { readonly isTTY?: boolean };
}

const COLUMNS = [{ field: 'tenant' }, { field: 'kind' }, { field: 'subject' }, { field: 'message' }, { field: 'mend' }];
const KIND_NAMES = new Map<DifferenceKind, string>(
  Object.entries(DifferenceKind).map(([name, kind]) => [kind, name.toLowerCase()]),
);

/**
 * Compares; answers how many differences there are in the end.
 * Throws Error with a sentence for people where it could not be compared.
 */
export async function runVerifyStripe(options: VerifyStripeOptions, streams: VerifyStripeStreams): Promise<number> {
  const by = repairOptions(options);
  const found = await compare(options.tenant ?? '', streams);
  print(found, options, streams);
  if (by === undefined || found.length === 0) return found.length;
  const isAgreed = options.yes ?? false;
  const left = await repair(found, { streams, by, isAgreed, compare: (tenantId) => compare(tenantId, streams) });
  if (left !== found && left.length > 0) printRows(streams.out, left.map(toRow), COLUMNS, false);
  return left.length;
}

/** Answers who repairs, and why; undefined where nobody wants to. Throws Error where that is not said in full. */
function repairOptions({ repair = false, actor, reason, json = false }: VerifyStripeOptions): WriteOptions | undefined {
  if (!repair) return undefined;
  if (json) throw new Error('--repair asks and tells what it does: leave out --json.');
  if (actor === undefined || reason === undefined) throw new Error('--repair writes: say --actor and --reason.');
  return { actor, reason };
}

async function compare(tenantId: string, streams: VerifyStripeStreams): Promise<readonly Difference[]> {
  const line = new ProgressLine(streams.error);
  const found: Difference[] = [];
  let isDone = false;
  try {
    await withKernel(streams, async (kernel) => {
      const request = VerifyStripeRequest.fromPartial({ tenantId });
      for await (const message of kernel.stream(ReconciliationServiceService.verifyStripe, request)) {
        const { verifiedWorkspaces, totalWorkspaces, difference, done } = message;
        if (difference !== undefined) found.push(difference);
        isDone = done;
        const share = totalWorkspaces === 0n ? 0 : Math.min(1, Number(verifiedWorkspaces) / Number(totalWorkspaces));
        const figures = `${verifiedWorkspaces}/${totalWorkspaces} workspaces, ${count(found.length, 'difference')}`;
        line.show(share, figures, `Compared ${verifiedWorkspaces} of about ${totalWorkspaces} workspaces.`);
      }
    });
  } finally {
    line.clear();
  }
  if (!isDone) throw new Error('The kernel ended the comparison before it was done: compare again.');
  return found;
}

function print(found: readonly Difference[], { json = false }: VerifyStripeOptions, { out }: CommandStreams): void {
  if (found.length > 0) printRows(out, found.map(toRow), COLUMNS, json);
  if (json) out.write(`${JSON.stringify({ summary: { differences: found.length } })}\n`);
  else if (found.length === 0) out.write('Workspaces have what Stripe shows: nothing differs.\n');
  else out.write(`${count(found.length, 'difference')}, see above.\n`);
}

function toRow({ tenantId, kind, subject, message, command }: Difference): Row {
  return { tenant: tenantId, kind: KIND_NAMES.get(kind) ?? String(kind), subject, message, mend: command };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
