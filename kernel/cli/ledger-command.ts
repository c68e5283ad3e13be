// Owns the operators' command `ledger reverse`. Does not own what can be undone (the kernel).

import type { Command } from 'commander';
import {
  LedgerAuditServiceService as Ledgers,
  ReverseEntryRequest,
  type ReverseEntryResponse,
} from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { addWriteOptions, type CommandStreams, type WriteOptions, write } from './operator-command.ts';

/** Adds the commands about entries of ledgers. */
export function addLedgerCommands(program: Command, streams: CommandStreams): void {
  const ledger = program.command('ledger').description('corrects accounts');
  addWriteOptions(ledger.command('reverse'))
    .description('undoes one charge, grant or adjustment by a new entry, once')
    .argument('<tenant>', "the workspace's id")
    .argument('<entry>', "the entry's id")
    .action(async (tenantId: string, entryId: string, options: WriteOptions) => {
      const { entry, replayed } = await reverseEntry(streams, { tenantId, entryId }, options);
      const before = replayed ? ' before; nothing changed now' : '';
      streams.out.write(`Undone${before}, by ${entry?.entryId ?? ''}.\n`);
    });
}

/** Has a kernel undo an entry. Throws Error with a sentence for people where it can't. */
export async function reverseEntry(
  streams: CommandStreams,
  target: { readonly tenantId: string; readonly entryId: string },
  options: WriteOptions,
): Promise<ReverseEntryResponse> {
  return await write(streams, options, (kernel, by) =>
    kernel.ask(Ledgers.reverseEntry, ReverseEntryRequest.fromPartial({ ...target, ...by })),
  );
}
