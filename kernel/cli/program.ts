// Owns which commands the operators' command line has. Does not own what they do, or how the program ends (main.ts).

import { Command } from 'commander';
import { addAlertCommands } from './alert-command.ts';
import { addCatalogCommands } from './catalog-command.ts';
import { addDevCommands } from './dev-command.ts';
import { type ExportOptions, runExport } from './export.ts';
import { addLedgerCommands } from './ledger-command.ts';
import { addMailCommands } from './mail-command.ts';
import { addListOptions, addWriteOptions, type CommandStreams, type OutputOptions } from './operator-command.ts';
import { addOperatorLogCommands } from './operator-log-command.ts';
import { addPromotionCommands } from './promotion-command.ts';
import { runRebuildDue } from './rebuild-due.ts';
import { runRebuildUsage } from './rebuild-usage.ts';
import { runSeed } from './seed.ts';
import { runStampProduct, type StampProductOptions } from './stamp-product.ts';
import { addStripeCommands } from './stripe-command.ts';
import { addSubscriptionCommands } from './subscription-command.ts';
import { runSync, type SyncOptions } from './sync.ts';
import { addTenantCommands } from './tenant-command.ts';
import { addTopUpCommands } from './top-up-command.ts';
import { addTrialCommands } from './trial-command.ts';
import { runVerify, type VerifyOptions } from './verify.ts';
import { runVerifyStripe, type VerifyStripeOptions } from './verify-stripe.ts';
import { addWebhookCommands } from './webhook-command.ts';

const EXIT_FOUND = 1;

/** Makes the commands, which print to these streams; one that found something sets the exit code of this process. */
export function createProgram(streams: CommandStreams): Command {
  const program = new Command('wheelhouse')
    .description(
      'Commands for the operators of Wheelhouse. Settings come from the environment: MONGODB_URI for those that work on the ' +
        "database; KERNEL_ADDRESS and KERNEL_TOKEN (default: the local stack's) for those that call a kernel.",
    )
    .showHelpAfterError()
    .exitOverride();

  addSeedCommands(program, streams);
  addProofCommands(program, streams);
  addMigrationCommands(program, streams);
  addCatalogCommands(program, streams);
  addOperatorLogCommands(program, streams);
  addSyncCommand(program, streams);
  addWebhookCommands(program, streams);
  addMailCommands(program, streams);
  addTenantCommands(program, streams);
  addTrialCommands(program, streams);
  addSubscriptionCommands(program, streams);
  addStripeCommands(program, streams);
  addLedgerCommands(program, streams);
  addTopUpCommands(program, streams);
  addPromotionCommands(program, streams);
  addAlertCommands(program, streams);
  addDevCommands(program, streams);
  return program;
}

function addSeedCommands(program: Command, streams: CommandStreams): void {
  addListOptions(program.command('seed'))
    .description(
      'adds the demo products, the plans that Stripe does not sell, and prices of actions; leaves rows that exist as they are',
    )
    .action((options: OutputOptions) => runSeed(streams, options));

  addListOptions(program.command('rebuild-due'))
    .description('notes again when each account changes by itself (ledger_due); kernels may run meanwhile')
    .action((options: OutputOptions) => runRebuildDue(streams, options));

  addListOptions(program.command('rebuild-usage'))
    .description('sums usage by hour and day again (usage_rollups); kernels may run meanwhile')
    .option('--tenant <id>', 'only the account of this tenant')
    .action((options: OutputOptions & { tenant?: string }) => runRebuildUsage(streams, options));
}

function addProofCommands(program: Command, streams: CommandStreams): void {
  program
    .command('verify')
    .description(
      'verifies ledgers: hashes, gaps, sums and states; or, with --stripe, that Stripe says the same; exits with 0 (clean), ' +
        '1 (findings) or 2 (not verified)',
    )
    .option('--tenant <id>', 'only the account of this tenant')
    .option('--against <file>', 'holds the ledgers against a file that `export` wrote before')
    .option('--stripe', 'compares what workspaces have with what Stripe shows, instead')
    .option(
      '--repair',
      'with --stripe: tells what it would do, asks, then undoes grants and brings workspaces to what Stripe shows',
    )
    .option('--yes', 'with --repair: does not ask')
    .option('--actor <id>', 'with --repair: who does this, such as usr_alice; stands in the audit log')
    .option('--reason <text>', 'with --repair: why; stands in the audit log, so no personal data')
    .option('--json', 'prints findings and the summary as lines of JSON')
    .action(async ({ stripe = false, ...options }: VerifyOptions & VerifyStripeOptions & { stripe?: boolean }) => {
      const found = await (stripe ? runVerifyStripe(options, streams) : runVerify(options, streams));
      if (found > 0) process.exitCode = EXIT_FOUND;
    });

  program
    .command('export')
    .description('writes the history of one account, or the heads of all, as lines of JSON')
    .option('--tenant <id>', 'the tenant whose history is written')
    .option('--heads', 'writes the newest commit and its hash of every account')
    .option('--out <file>', 'a new file to write to (default: standard output)')
    .action((options: ExportOptions) => runExport(options, streams));
}

function addMigrationCommands(program: Command, streams: CommandStreams): void {
  const migrations = program.command('migrate').description('brings data of earlier releases to the form of this one');
  addListOptions(migrations.command('stamp-product'))
    .description(
      'gives a product to tenants, plans, policies and signups that have none; kernels may run meanwhile, and it may be run again; ' +
        'exits with 0 (done), 1 (done, and rows were left) or 2 (not done)',
    )
    .requiredOption('--product <code>', 'the registered product that they belong to')
    .option('--tenant <id>', 'only this tenant')
    .option('--dry-run', 'only counts and tells what would be left')
    .action(async (options: StampProductOptions) => {
      if ((await runStampProduct(options, streams)) > 0) process.exitCode = EXIT_FOUND;
    });
}

function addSyncCommand(program: Command, streams: CommandStreams): void {
  addWriteOptions(program.command('sync'))
    .description(
      'brings the catalog to what Stripe holds; exits with 0 (done), 1 (done, and rows at Stripe are bad) or 2 (not done)',
    )
    .option('--dry-run', 'only shows what would change')
    .action(async (options: SyncOptions) => {
      if ((await runSync(options, streams)) > 0) process.exitCode = EXIT_FOUND;
    });
}
