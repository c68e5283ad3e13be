// Owns the operators' command line: `npm run wheelhouse -- <command>`. Does not own which commands there are (program.ts).

import { CommanderError } from 'commander';
import { messageOf } from '../domain/error.ts';
import { createProgram } from './program.ts';

const EXIT_FAILED = 1;
/** A verification, a sync or a migration that could not be made is another thing than one that found something. */
const EXIT_UNDONE = 2;
const COMMANDS_THAT_FIND: ReadonlySet<string> = new Set(['verify', 'sync', 'migrate']);
const streams = { out: process.stdout, error: process.stderr };
// Whoever reads the output has gone: nothing that is left to do is of use to anybody.
process.stdout.on('error', () => process.exit(EXIT_UNDONE));

try {
  await createProgram(streams).parseAsync();
} catch (error) {
  process.exitCode = COMMANDS_THAT_FIND.has(process.argv[2] ?? '') ? EXIT_UNDONE : EXIT_FAILED;
  if (!(error instanceof CommanderError)) console.error(messageOf(error));
  else if (error.exitCode === 0) process.exitCode = 0;
}
