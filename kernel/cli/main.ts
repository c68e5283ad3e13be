// Owns the operators' command line: `npm run wheelhouse -- <command>`. Does not own what the commands do.

import { Command, CommanderError } from 'commander';
import { messageOf } from '../domain/error.ts';
import { addCatalogCommands } from './catalog-command.ts';
import { type ExportOptions, runExport } from './export.ts';
import { addWriteOptions } from './operator-command.ts';
import { addOperatorLogCommands } from './operator-log-command.ts';
import { runRebuildDue } from './rebuild-due.ts';
import { runRebuildUsage } from './rebuild-usage.ts';
import { runSeed } from './seed.ts';
import { runSync, type SyncOptions } from './sync.ts';
import { runVerify, type VerifyOptions } from './verify.ts';
import { addWebhookCommands } from './webhook-command.ts';

const EXIT_FOUND = 1;
const EXIT_FAILED = 1;
/** A verification or a sync that could not be made is another thing than one that found something. */
const EXIT_UNDONE = 2;
const COMMANDS_THAT_FIND: ReadonlySet<string> = new Set(['verify', 'sync']);
const streams = { out: process.stdout, error: process.stderr };
// Whoever reads the output has gone: nothing that is left to do is of use to anybody.
process.stdout.on('error', () => process.exit(EXIT_UNDONE));

const program = new Command('wheelhouse')
  .description(
    'Commands for the operators of Wheelhouse. Settings come from the environment: MONGODB_URI for those that work on the ' +
      "database; KERNEL_ADDRESS and KERNEL_TOKEN (default: the local stack's) for those that call a kernel.",
  )
  .showHelpAfterError()
  .exitOverride();

program
  .command('seed')
  .description(
    'adds the demo products, the plans that Stripe does not sell, and prices of actions; leaves rows that exist as they are',
  )
  .action(() => runSeed(console.log));

program
  .command('rebuild-due')
  .description('notes again when each account changes by itself (ledger_due); kernels may run meanwhile')
  .action(() => runRebuildDue(console.log));

program
  .command('rebuild-usage')
  .description('sums usage by hour and day again (usage_rollups); kernels may run meanwhile')
  .option('--tenant <id>', 'only the account of this tenant')
  .action((options: { tenant?: string }) => runRebuildUsage(console.log, options));

program
  .command('verify')
  .description(
    'verifies ledgers: hashes, gaps, sums and states; exits with 0 (clean), 1 (findings) or 2 (not verified)',
  )
  .option('--tenant <id>', 'only the account of this tenant')
  .option('--against <file>', 'holds the ledgers against a file that `export` wrote before')
  .option('--json', 'prints findings and the summary as lines of JSON')
  .action(async (options: VerifyOptions) => {
    if ((await runVerify(options, streams)) > 0) process.exitCode = EXIT_FOUND;
  });

program
  .command('export')
  .description('writes the history of one account, or the heads of all, as lines of JSON')
  .option('--tenant <id>', 'the tenant whose history is written')
  .option('--heads', 'writes the newest commit and its hash of every account')
  .option('--out <file>', 'a new file to write to (default: standard output)')
  .action((options: ExportOptions) => runExport(options, streams));

addCatalogCommands(program, streams);
addOperatorLogCommands(program, streams);
addWriteOptions(program.command('sync'))
  .description(
    'brings the catalog to what Stripe holds; exits with 0 (done), 1 (done, and rows at Stripe are bad) or 2 (not done)',
  )
  .option('--dry-run', 'only shows what would change')
  .action(async (options: SyncOptions) => {
    if ((await runSync(options, streams)) > 0) process.exitCode = EXIT_FOUND;
  });

addWebhookCommands(program, streams);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = COMMANDS_THAT_FIND.has(process.argv[2] ?? '') ? EXIT_UNDONE : EXIT_FAILED;
  if (!(error instanceof CommanderError)) console.error(messageOf(error));
  else if (error.exitCode === 0) process.exitCode = 0;
}
