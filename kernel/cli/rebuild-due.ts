// Owns the operators' command `rebuild-due`: it notes again when accounts change by themselves, and says how far it is.

import { rebuildDueNotes } from '../app/ledger/due-rebuild.ts';
import { messageOf } from '../domain/error.ts';
import { listAccountIds } from '../store/account-list.ts';
import { openLedgerStore } from '../store/ledger/ledger-store.ts';
import { runOnDatabase } from './database-command.ts';
import { type CommandStreams, type OutputOptions, tell } from './operator-command.ts';

/**
 * Rebuilds `ledger_due` of the database that the environment names; kernels may run meanwhile.
 * Throws ConfigError where the environment is wrong, Error where the database can't be reached or an account can't be read.
 */
export async function runRebuildDue(streams: CommandStreams, options: OutputOptions): Promise<void> {
  const print = (line: string): void => void streams.error.write(`${line}\n`);
  await runOnDatabase(
    (database) => print(`Noting due times in ${database}`),
    async (connection) => {
      const store = await openLedgerStore(connection);
      const { accounts, notes, failed } = await rebuildDueNotes(store, listAccountIds(connection), (progress) =>
        print(`  ${progress.accounts} accounts read, ${progress.notes} due times noted`),
      );
      for (const { tenantId, error } of failed) {
        print(`  failed ${tenantId}: ${messageOf(error)}`);
      }
      if (failed.length > 0) {
        throw new Error(`${failed.length} of ${accounts} accounts can't be read: look at them, then run this again.`);
      }
      const done = `Noted ${notes} due times of ${accounts} accounts. Notes that were there stay as they are.`;
      tell(streams, options, { accounts, notes }, done);
    },
  );
}
