// Owns the operators' command `stripe refresh`. Does not own what is read of Stripe (the kernel).

import type { Command } from 'commander';
import {
  ReconciliationServiceService as Reconciliations,
  RefreshWorkspaceRequest,
} from '../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import { addWriteOptions, type CommandStreams, tell, type WriteOptions, write } from './operator-command.ts';

/** Adds the commands about what Stripe shows of workspaces. */
export function addStripeCommands(program: Command, streams: CommandStreams): void {
  const stripe = program.command('stripe').description('looks after what workspaces have at Stripe');
  addWriteOptions(stripe.command('refresh'))
    .description('reads everything of a workspace at Stripe again, and brings its account up to it')
    .argument('<tenant>', "the workspace's id")
    .action(async (tenantId: string, options: WriteOptions) => {
      await refreshWorkspace(streams, tenantId, options);
      tell(streams, options, { tenant_id: tenantId }, `${tenantId} has what Stripe shows.`);
    });
}

/** Has a kernel bring a workspace to what Stripe shows. Throws Error with a sentence for people where it can't. */
export async function refreshWorkspace(
  streams: CommandStreams,
  tenantId: string,
  options: WriteOptions,
): Promise<void> {
  await write(streams, options, (kernel, by) =>
    kernel.ask(Reconciliations.refreshWorkspace, RefreshWorkspaceRequest.fromPartial({ tenantId, ...by })),
  );
}
