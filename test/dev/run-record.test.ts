import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startProcess } from '../../dev/process/managed-process.ts';
import { readProcessIdentity } from '../../dev/process/process-identity.ts';
import { claimHome } from '../../dev/run-record.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

const NOBODY = { name: 'stack', pid: 999_999_999, identity: 'gone' };

function startSleeper() {
  const up = "console.log('up'); setInterval(() => {}, 1000);";
  return startProcess({ name: 'sleeper', command: process.execPath, args: ['-e', up] });
}

async function writeRecord(home: string, entries: readonly object[]): Promise<void> {
  await writeFile(join(home, 'run.json'), JSON.stringify(entries));
}

describe('a claim on a home folder', () => {
  it('is refused while another stack runs there, and granted after it', async () => {
    const home = await writeTemporaryTree({});
    const first = await claimHome(home);
    const refusal = `Another stack (process ${process.pid}) runs in ${home}: end it with Ctrl-C`;
    await expect(claimHome(home)).rejects.toThrow(refusal);
    await first.release();
    await (await claimHome(home)).release();
  });

  it.each([
    ['a new', {}],
    ["a killed stack's", { 'run.json': JSON.stringify([NOBODY]) }],
  ])('on %s folder is granted to one of three that ask at once', async (_which, files) => {
    const home = await writeTemporaryTree(files);
    const claims = await Promise.allSettled([claimHome(home), claimHome(home), claimHome(home)]);
    expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('ends what a killed run left behind', async () => {
    const home = await writeTemporaryTree({});
    const child = await startSleeper();
    await child.waitForLine((line) => (line === 'up' ? true : undefined), 10_000);
    const former = await claimHome(home);
    await former.add(child);
    const [, recorded] = JSON.parse(await readFile(join(home, 'run.json'), 'utf8'));
    await writeRecord(home, [NOBODY, recorded]);
    expect((await claimHome(home)).ended).toEqual([`sleeper (process ${child.pid})`]);
    expect((await child.exited).signal).toBe('SIGTERM');
  });

  it('leaves a process alone that only has the number of a recorded one', async () => {
    const home = await writeTemporaryTree({});
    const child = await startSleeper();
    await writeRecord(home, [NOBODY, { name: 'sleeper', pid: child.pid, identity: 'somebody else' }]);
    expect((await claimHome(home)).ended).toEqual([]);
    expect(await readProcessIdentity(child.pid)).toBeDefined();
    await child.kill();
  });

  it('says what to do about a damaged record', async () => {
    const home = await writeTemporaryTree({ 'run.json': '{"half' });
    await expect(claimHome(home)).rejects.toThrow(/run\.json can't be read: .*Repair or remove it/);
  });
});
