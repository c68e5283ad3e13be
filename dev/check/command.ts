import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

/** How a program ended, and everything that it printed, in order. */
export interface CommandResult {
  readonly exitCode: number;
  readonly output: string;
}

/**
 * Runs a program of the repository at `root` (its own tools come first on PATH) to its end.
 * Throws when the program can't be started or is ended by a signal.
 */
export function runCommand(root: string, program: string, args: readonly string[]): Promise<CommandResult> {
  const path = [join(root, 'node_modules', '.bin'), process.env['PATH']].join(delimiter);
  const child = spawn(program, [...args], {
    cwd: root,
    env: { ...process.env, PATH: path, NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(new Error(`${program} can't be started: ${error.message}`, { cause: error })),
    );
    child.once('close', (exitCode, signal) => {
      if (exitCode === null) reject(new Error(`${program} was ended by ${signal}.`));
      else resolve({ exitCode, output: Buffer.concat(chunks).toString('utf8').trim() });
    });
  });
}
