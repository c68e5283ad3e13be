// Owns: which earlier contracts today's proto/ is held against, and the comparison.
// Invariant: a comparison that could not be made is said aloud, never passed in silence.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { failed, passed, type StepOutcome, skipped } from './step.ts';

const CONTRACT_PATHS = ['proto', 'buf.yaml'] as const;

/**
 * Holds proto/ against the contracts before the latest change of them: against HEAD while the work tree has changes of
 * its own, else against the parent of the newest commit that changed proto/.
 */
export async function checkContractHistory(root: string): Promise<StepOutcome> {
  const base = await findBase(root);
  if ('none' in base) return skipped(base.none);
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-proto-'));
  try {
    const archive = join(folder, 'proto.tar');
    const taken = await runCommand(root, 'git', ['archive', '--output', archive, base.commit, ...CONTRACT_PATHS]);
    if (taken.exitCode !== 0) throw new Error(`git archive of ${base.commit} failed:\n${taken.output}`);
    const { exitCode, output } = await runCommand(root, 'buf', ['breaking', '--against', archive]);
    if (exitCode === 0) return passed(`no breaking change since ${base.commit.slice(0, 12)}`);
    return failed(
      `${output}\n\nClients built against ${base.commit.slice(0, 12)} would break. Add a field or an RPC beside the old ` +
        'one in place of changing it. CONTRIBUTING.md says what to do where a break is meant.',
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Base = { readonly commit: string } | { readonly none: string };

async function findBase(root: string): Promise<Base> {
  const head = await readGit(root, ['rev-parse', '--verify', '--quiet', 'HEAD']);
  if (head === undefined) return { none: 'no commit yet (or no git repository): there is no earlier contract.' };
  if (!(await hasContracts(root, head))) return { none: 'HEAD holds no proto/ yet: these are the first contracts.' };
  const changed = await readGit(root, ['status', '--porcelain', '--', ...CONTRACT_PATHS]);
  if (changed !== '') return { commit: head };
  const newest = await readGit(root, ['log', '-1', '--first-parent', '--format=%H', '--', 'proto']);
  const parent = await readGit(root, ['rev-parse', '--verify', '--quiet', `${newest}^1`]);
  if (parent !== undefined && (await hasContracts(root, parent))) return { commit: parent };
  const isShallow = (await readGit(root, ['rev-parse', '--is-shallow-repository'])) === 'true';
  return {
    none: isShallow
      ? 'this clone is shallow and does not hold the earlier contracts. Run `git fetch --unshallow`.'
      : 'the newest commit that changed proto/ is the first one with contracts.',
  };
}

async function hasContracts(root: string, commit: string): Promise<boolean> {
  return (await readGit(root, ['cat-file', '-t', `${commit}:proto`])) === 'tree';
}

/** Answers what git printed; undefined where git refused. */
async function readGit(root: string, args: readonly string[]): Promise<string | undefined> {
  const { exitCode, output } = await runCommand(root, 'git', args);
  return exitCode === 0 ? output : undefined;
}
