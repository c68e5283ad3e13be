// The kernel as a process of its own, for what only a process shows: exit codes, signals, what it prints.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPOSITORY } from '../../support/repository.ts';

export const INTERNAL_TOKEN = 'internal-token';
export const SYSADMIN_TOKEN = 'sysadmin-token';

/** How a process ended, and what it printed. */
export interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A kernel that runs. */
export interface KernelProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  /** Resolves with its addresses when it listens; throws with what it printed where it ends instead. */
  listening(): Promise<{ readonly grpc: string; readonly http: string }>;
  logLines(): readonly Record<string, unknown>[];
}

const folders: string[] = [];
const children: ChildProcess[] = [];

/** Writes a file of credentials, and answers its path. */
export function writeCredentials(content?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'wheelhouse-kernel-'));
  folders.push(folder);
  const path = join(folder, 'credentials.json');
  const digest = (token: string): string => createHash('sha256').update(token).digest('hex');
  const credentials = [
    { name: 'workflow-engine', scope: 'internal', token_sha256: digest(INTERNAL_TOKEN) },
    { name: 'operator', scope: 'sysadmin', token_sha256: digest(SYSADMIN_TOKEN) },
  ];
  writeFileSync(path, content ?? JSON.stringify({ credentials }));
  return path;
}

/** Runs the kernel, or another program of it, with these settings and no others. */
export function runKernel(settings: Readonly<Record<string, string>>, ...program: readonly string[]): KernelProcess {
  const [file = 'kernel/main.ts', ...args] = program;
  const child = spawn(process.execPath, [join(REPOSITORY, file), ...args], {
    env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => {
    stdout += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    stderr += text.toString();
  });
  const ended = new Promise<Ending>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
  const logLines = (): Record<string, unknown>[] =>
    stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line): Record<string, unknown> => JSON.parse(line));
  const listening: KernelProcess['listening'] = async () => {
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    for (;;) {
      const line = logLines().find(({ msg }) => msg === 'listening');
      if (line !== undefined) return { grpc: String(line['grpc']), http: String(line['http']) };
      if (isOver) throw new Error(`the kernel ended: ${stdout}${stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { child, ended, listening, logLines };
}

/** Ends what a test has left, and removes its files. */
export function cleanUpProcesses(): void {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
