// Owns the operators' command `rebuild-usage`: it sums the usage of one tenant or of all again, and says how far it is.

import { HeadLoader } from '../app/ledger/head-loader.ts';
import { type RebuildProgress, type RebuildTools, rebuildUsage } from '../app/usage/usage-rebuild.ts';
import { messageOf } from '../domain/error.ts';
import type { TenantId } from '../domain/id.ts';
import { listAccountIds } from '../store/account-list.ts';
import { openLedgerStore } from '../store/ledger/ledger-store.ts';
import { openUsageStore } from '../store/usage/usage-store.ts';
import { runOnDatabase } from './database-command.ts';
import { type CommandStreams, type OutputOptions, tell } from './operator-command.ts';

/** A line is printed each time so many commits of one tenant are done. */
const COMMITS_PER_LINE = 10_000;

/**
 * Rebuilds the rollups of usage in the database that the environment names; kernels may run meanwhile, and it may be run
 * again whenever it was interrupted.
 * Throws ConfigError where the environment is wrong, Error where the database can't be reached or an account can't be read.
 */
export async function runRebuildUsage(
  streams: CommandStreams,
  options: OutputOptions & { readonly tenant?: string },
): Promise<void> {
  const print = (line: string): void => void streams.error.write(`${line}\n`);
  await runOnDatabase(
    (database) => print(`Rebuilding usage in ${database}`),
    async (connection) => {
      const heads = new HeadLoader(await openLedgerStore(connection));
      const tools = { usage: await openUsageStore(connection), heads };
      const accounts =
        options.tenant === undefined ? listAccountIds(connection) : [await existing(tools, options.tenant as TenantId)];
      const rebuilt = await rebuildAll(tools, accounts, print);
      tell(streams, options, { accounts: rebuilt }, `Rebuilt the usage of ${rebuilt} accounts.`);
    },
  );
}

async function existing(tools: RebuildTools, tenantId: TenantId): Promise<readonly TenantId[]> {
  if ((await tools.heads.load(tenantId)).seq > 0) return [tenantId];
  throw new Error(`There is no account ${tenantId}: check --tenant.`);
}

/** Answers how many were rebuilt. One account that can't be rebuilt keeps none of the others from it. */
async function rebuildAll(
  tools: RebuildTools,
  accounts: AsyncIterable<readonly TenantId[]> | Iterable<readonly TenantId[]>,
  print: (line: string) => void,
): Promise<number> {
  let done = 0;
  let failed = 0;
  for await (const page of accounts) {
    for (const tenantId of page) {
      try {
        await rebuildOne(tools, tenantId, print);
        done += 1;
      } catch (error) {
        failed += 1;
        print(`  failed ${tenantId}: ${messageOf(error)}`);
      }
    }
  }
  if (failed > 0) {
    throw new Error(
      `${failed} of ${done + failed} accounts could not be rebuilt, and keep the sums that they had: run this again.`,
    );
  }
  return done;
}

async function rebuildOne(tools: RebuildTools, tenantId: TenantId, print: (line: string) => void): Promise<void> {
  let told = 0;
  let total = 0;
  const report = (progress: RebuildProgress): void => {
    total = progress.total;
    if (progress.done - told < COMMITS_PER_LINE) return;
    told = progress.done;
    print(`  ${tenantId}: ${progress.done} of ${progress.total} commits (${percentOf(progress)} %)`);
  };
  const outcome = await rebuildUsage(tools, tenantId, report);
  const ending = outcome === 'switched' ? `${total} commits` : 'left to a rebuild that began later';
  print(`  ${tenantId}: ${ending}`);
}

function percentOf({ done, total }: RebuildProgress): number {
  return total === 0 ? 100 : Math.floor((100 * done) / total);
}
