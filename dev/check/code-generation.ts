// Owns: how gen/ is made from proto/, and whether what is committed is what would be made now.
// Invariant: `npm run gen` and the check make gen/ by the same two commands, so they can't drift apart.

import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { failed, passed, type StepOutcome } from './step.ts';

/**
 * Makes gen/ from proto/ below `target`: the TypeScript of ts-proto, and wheelhouse.binpb, the descriptor set that the
 * kernel's reflection service answers from; the comments of proto/ are in it, so that clients can show them.
 * Throws when buf refuses the protos; the message is buf's.
 */
export async function generateCode(root: string, target: string): Promise<void> {
  await runBuf(root, ['generate', '--output', target]);
  await mkdir(join(target, 'gen'), { recursive: true });
  await runBuf(root, ['build', '--output', join(target, 'gen', 'wheelhouse.binpb')]);
}

/** Makes gen/ anew in a temporary folder and compares it with the committed one, byte by byte. */
export async function checkGeneratedCode(root: string): Promise<StepOutcome> {
  const target = await mkdtemp(join(tmpdir(), 'wheelhouse-gen-'));
  try {
    await generateCode(root, target);
    const expected = await readTree(join(target, 'gen'));
    const committed = await readTree(join(root, 'gen'));
    const differences = describeDifferences(expected, committed);
    if (differences.length === 0) return passed(`${expected.size} generated files are up to date`);
    return failed(`${differences.join('\n')}\n\nRun \`npm run gen\` and commit gen/ with the change of proto/.`);
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}

async function runBuf(root: string, args: readonly string[]): Promise<void> {
  const { exitCode, output } = await runCommand(root, 'buf', args);
  if (exitCode !== 0) throw new Error(`buf ${args[0]} exited with ${exitCode}:\n${output}`);
}

async function readTree(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(paths.map((path) => readFile(path)));
  return new Map(paths.map((path, index) => [path.slice(folder.length + 1), contents[index] ?? Buffer.alloc(0)]));
}

function describeDifferences(
  expected: ReadonlyMap<string, Buffer>,
  committed: ReadonlyMap<string, Buffer>,
): readonly string[] {
  const differences: string[] = [];
  for (const [path, content] of expected) {
    const found = committed.get(path);
    if (found === undefined) differences.push(`gen/${path} is missing.`);
    else if (!found.equals(content)) differences.push(`gen/${path} differs from what proto/ gives.`);
  }
  for (const path of committed.keys()) {
    if (!expected.has(path)) differences.push(`gen/${path} is made from nothing in proto/.`);
  }
  return differences.sort();
}
