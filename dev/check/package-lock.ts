import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failed, passed, type StepOutcome } from './step.ts';

const EXACT_VERSION = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

/**
 * Holds package.json to exact versions, and package-lock.json to entries that `npm ci` can take from any registry
 * (no resolved address) but only as they were locked (an integrity hash each), for every platform: npm leaves out what a
 * registry doesn't have, such as another platform's binary, and `npm ci` then refuses the lock.
 */
export async function checkPackageLock(root: string): Promise<StepOutcome> {
  const manifest = toRecord(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
  const lock = toRecord(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));
  const entries = Object.entries(toRecord(lock['packages'])).filter(([path]) => path !== '');
  // Packages of this repository are no packages of a registry: they are there, and linked to where they are.
  const isOurs = ([path, entry]: readonly [string, unknown]) =>
    toRecord(entry)['link'] === true || !path.includes('node_modules/');
  const [own, locked] = [entries.filter(isOurs), entries.filter((entry) => !isOurs(entry))];
  const faults = [
    ...[['package.json', manifest] as const, ...own.map(([path, entry]) => [`${path}/package.json`, entry] as const)]
      .flatMap(([path, of]) => dependenciesOf(of).map(([name, version]) => [path, name, String(version)] as const))
      .filter(([, , version]) => !EXACT_VERSION.test(version))
      .map(([path, name, version]) => `${path}: ${name} has the range "${version}". Give one exact version.`),
    ...locked
      .filter(([, entry]) => 'resolved' in toRecord(entry))
      .map(([path]) => `package-lock.json: ${path} names a registry. Remove its "resolved" (.npmrc keeps it out).`),
    ...locked
      .filter(([, entry]) => !('integrity' in toRecord(entry)))
      .map(([path]) => `package-lock.json: ${path} has no integrity hash. Install it anew.`),
    ...locked.flatMap(([path, entry]) =>
      Object.keys(toRecord(toRecord(entry)['optionalDependencies']))
        .filter((name) => !locked.some(([other]) => other.endsWith(`node_modules/${name}`)))
        .map((name) => `package-lock.json: ${path} needs ${name}, which is not locked. Take a version that has it.`),
    ),
  ];
  return faults.length === 0 ? passed(`${locked.length} locked packages, each by hash`) : failed(faults.join('\n'));
}

function dependenciesOf(manifest: unknown): readonly [string, unknown][] {
  const { dependencies, devDependencies } = toRecord(manifest);
  return Object.entries({ ...toRecord(dependencies), ...toRecord(devDependencies) });
}

function toRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
