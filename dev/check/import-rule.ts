// Owns: running .dependency-cruiser.cjs over the sources and reading its answer.
// Does not own: the rules themselves.
// Invariant: a source file that dependency-cruiser did not read is an error. It skips files that it has no parser for
// without failing, and a check that sees nothing would pass for ever.

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { cruise } from 'dependency-cruiser';
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import { failed, passed, type StepOutcome } from './step.ts';

const SOURCE_PATTERN = /[.]tsx?$/;
const SOURCE_FOLDERS = ['kernel', 'bff', 'clients', 'gen', 'dev', 'test'] as const;

/** One import that a rule forbids, or a file that was not read. */
export interface ImportViolation {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

/** What dependency-cruiser saw. */
export interface ImportReport {
  readonly fileCount: number;
  readonly importCount: number;
  readonly violations: readonly ImportViolation[];
}

/**
 * Reads every source file below `root` and holds its imports against the rules of `configFile`.
 * Throws when a source can't be parsed or the rules can't be read.
 */
export async function computeImportReport(root: string, configFile: string): Promise<ImportReport> {
  const folders = SOURCE_FOLDERS.filter((folder) => existsSync(join(root, folder)));
  const options = await extractDepcruiseOptions(configFile);
  const { output } = await cruise(folders, { ...options, baseDir: root, validate: true });
  if (typeof output === 'string') throw new Error('dependency-cruiser answered with text in place of its result.');
  const read = new Set(output.modules.map((module) => module.source));
  const unread = (await listSources(root, folders)).filter((source) => !read.has(source));
  return {
    fileCount: read.size,
    importCount: output.summary.totalDependenciesCruised ?? 0,
    violations: [
      ...output.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
      ...unread.map((source) => ({ rule: 'file-not-read', from: source, to: '' })),
    ],
  };
}

/** Holds the repository's imports against its rules. */
export async function checkImportRule(root: string): Promise<StepOutcome> {
  const report = await computeImportReport(root, join(root, '.dependency-cruiser.cjs'));
  if (report.importCount === 0)
    return failed('No import was seen at all: dependency-cruiser did not read the sources.');
  if (report.violations.length === 0) return passed(`${report.importCount} imports in ${report.fileCount} files`);
  const lines = report.violations.map(({ rule, from, to }) => `${rule}: ${from} → ${to}`);
  return failed(`${lines.join('\n')}\n\nEach rule and its reason stand in .dependency-cruiser.cjs.`);
}

async function listSources(root: string, folders: readonly string[]): Promise<readonly string[]> {
  const perFolder = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(join(root, folder), { recursive: true });
      const sources = entries.filter((entry) => SOURCE_PATTERN.test(entry)).map((entry) => join(folder, entry));
      return sources.map((path) => path.replaceAll(sep, '/')).filter((path) => !path.includes('/node_modules/'));
    }),
  );
  return perFolder.flat();
}
