// The programs that the proofs need: a proof is left out where Go or Python is missing, and only there.

import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findOnPath } from '../../dev/engine/program-search.ts';
import { startProcess } from '../../dev/process/managed-process.ts';
import { findSchemathesis } from '../support/schemathesis.ts';
import { findSpecification, startStripeMock } from '../support/stripe-mock.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wheelhouse-proof-'));
  await mkdir(join(folder, 'bin'));
});
afterEach(() => rm(folder, { recursive: true }));

async function putProgram(name: string, script: string): Promise<void> {
  const path = join(folder, 'bin', name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

const environment = () => ({ PATH: join(folder, 'bin'), XDG_CACHE_HOME: join(folder, 'cache') });

describe('stripe-mock and Stripe’s specification', () => {
  test('are left out where Go is missing', async () => {
    expect(await startStripeMock(environment())).toEqual({ reason: expect.stringContaining('Go') });
    expect(await findSpecification(environment())).toEqual({ reason: expect.stringContaining('Go') });
  });

  test('are not left out where Go fails', async () => {
    await putProgram('go', 'echo no such module >&2; exit 1');
    await expect(startStripeMock(environment())).rejects.toThrow(/go install[\s\S]*no such module/);
    await expect(findSpecification(environment())).rejects.toThrow(/go mod download[\s\S]*no such module/);
  });
});

describe('schemathesis', () => {
  test('is left out where Python is missing', async () => {
    expect(await findSchemathesis(environment())).toEqual({ reason: expect.stringContaining('Python') });
  });

  test('is not left out where it can’t be installed', async () => {
    await putProgram('python3', 'echo no such package >&2; exit 1');
    await expect(findSchemathesis(environment())).rejects.toThrow(/venv[\s\S]*no such package/);
  });
});

describe('the whole proof', () => {
  /** Runs .ci/run over programs that do nothing. */
  async function prove(): Promise<{ readonly code: number | null; readonly said: string }> {
    await mkdir(join(folder, '.ci'));
    await copyFile(join(import.meta.dirname, '../../.ci/run'), join(folder, '.ci/run'));
    for (const name of ['bash', 'dirname', 'basename', 'mktemp', 'rm']) {
      const program = await findOnPath(name, process.env);
      if (program === undefined) throw new Error(`${name} is not here`);
      await symlink(program, join(folder, 'bin', name));
    }
    await putProgram('npm', 'echo "npm $*"');
    const run = await startProcess({
      name: '.ci/run',
      command: join(folder, 'bin/bash'),
      args: [join(folder, '.ci/run')],
      environment: { ...environment(), HOME: folder },
    });
    const { code } = await run.exited;
    return { code, said: run.lastLines().join('\n') };
  }

  test('goes on without them where Go is missing, and says so', async () => {
    const { said } = await prove();
    expect(said).toContain('go is not here, so grpcurl is not');
    expect(said).toContain('go is not here, so stripe-mock is not');
    expect(said).toContain('python3 is not here, so schemathesis is not');
    expect(said).toContain('npm test');
  });

  test('ends where Go can’t install one', async () => {
    await putProgram('go', 'exit 1');
    const { code, said } = await prove();
    expect(code).toBe(1);
    expect(said).toContain('go is here and could not install github.com/fullstorydev/grpcurl');
    expect(said).not.toContain('npm test');
  });
});
