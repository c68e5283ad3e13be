// Owns the operators' command line: `npm run wheelhouse -- <command>`. Does not own what the commands do.

import { Command } from 'commander';
import { runSeed } from './seed.ts';

const program = new Command('wheelhouse')
  .description('Commands for the operators of Wheelhouse. Settings come from the environment; MONGODB_URI is required.')
  .showHelpAfterError();

program
  .command('seed')
  .description('adds the demo products, their plans and prices to the catalog; leaves rows that exist as they are')
  .action(() => runSeed(console.log));

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
