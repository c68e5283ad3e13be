import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { describeOutput, runProcess, startProcess } from '../../dev/process/managed-process.ts';
import { readProcessIdentity } from '../../dev/process/process-identity.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

const REPOSITORY = join(import.meta.dirname, '../..');
const STUBBORN = "process.on('SIGTERM', () => console.log('asked')); console.log('up'); setInterval(() => {}, 1000);";

function node(source: string, logFile?: string) {
  const options = { name: 'sample', command: process.execPath, args: ['--input-type=module', '-e', source] };
  return startProcess(logFile === undefined ? options : { ...options, logFile });
}

function matchText(text: string): (line: string) => true | undefined {
  return (line) => (line === text ? true : undefined);
}

async function waitUntilGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await readProcessIdentity(pid)) === undefined) return true;
    await sleep(50);
  }
  return false;
}

describe('a managed process', () => {
  it('is ready when it says so, logs what it says, and ends when asked', async () => {
    const folder = await writeTemporaryTree({});
    const child = await node(
      "console.log('up'); console.error('oops'); setInterval(() => {}, 1000);",
      join(folder, 'log'),
    );
    await child.waitForLine(matchText('up'), 10_000);
    await child.waitForLine(matchText('oops'), 10_000);
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await readProcessIdentity(child.pid)).toBeUndefined();
    expect((await readFile(join(folder, 'log'), 'utf8')).split('\n').sort()).toEqual(['', 'oops', 'up']);
  });

  it('is killed where it does not end when asked', async () => {
    const child = await node(STUBBORN);
    await child.waitForLine(matchText('up'), 10_000);
    expect(await child.stop(300)).toEqual({ code: null, signal: 'SIGKILL' });
    expect(child.lastLines()).toContain('asked');
  });

  it('that ends before it is ready says why', async () => {
    const child = await node("console.error('no such table'); process.exit(3);");
    const failure = child.waitForLine(matchText('up'), 10_000);
    await expect(failure).rejects.toThrow(/sample ended before it was ready \(exit code 3\)[\s\S]*no such table/);
    expect(describeOutput(child)).toContain('no such table');
  });

  it('that never becomes ready is given up', async () => {
    const child = await node('setInterval(() => {}, 1000);');
    await expect(child.waitForLine(matchText('up'), 100)).rejects.toThrow('sample was not ready after 100 ms.');
    await child.kill();
  });

  it('whose program is missing says which', async () => {
    const start = startProcess({ name: 'sample', command: '/nowhere/program', args: [] });
    await expect(start).rejects.toThrow(/sample can't be started \(\/nowhere\/program\): .*ENOENT/);
  });

  it('that takes too long as a step is ended', async () => {
    const step = { name: 'step', command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000);'] };
    await expect(runProcess(step, 500)).rejects.toThrow('step was not done after 500 ms.');
  });
});

describe('the guard', () => {
  it('ends the children of a parent that was killed, and then itself', async () => {
    const source = `
      const { startProcess } = await import(${JSON.stringify(join(REPOSITORY, 'dev/process/managed-process.ts'))});
      const stubborn = ${JSON.stringify(STUBBORN)};
      const child = await startProcess({ name: 'child', command: process.execPath, args: ['-e', stubborn] });
      await child.waitForLine((line) => (line === 'up' ? true : undefined), 10_000);
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface({ input: parent.stdout }), 'line');
    const childPid = Number(line);
    expect(await readProcessIdentity(childPid)).toBeDefined();
    parent.kill('SIGKILL');
    expect(await waitUntilGone(childPid)).toBe(true);
  });
});

describe('the identity of a process', () => {
  it('stays the same while it runs, differs from others, and ends with it', async () => {
    const [one, other] = [await node('setInterval(() => {}, 1000);'), await node('setInterval(() => {}, 2000);')];
    await sleep(200);
    const identity = await readProcessIdentity(one.pid);
    expect(identity).toBeDefined();
    expect(await readProcessIdentity(one.pid)).toBe(identity);
    expect(await readProcessIdentity(other.pid)).not.toBe(identity);
    await Promise.all([one.kill(), other.kill()]);
    expect(await readProcessIdentity(one.pid)).toBeUndefined();
  });
});
