/**
 * Owns: the guard, one small process beside ours that ends our children if we die without doing it ourselves (SIGKILL,
 * a crash, a test runner that was killed).
 * Does not own: what is a child, and when it ends; `managed-process.ts` tells.
 * Invariant: a child is watched from its start until its exit was seen.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const GUARD_PROGRAM = fileURLToPath(new URL('guard-main.ts', import.meta.url));

let guard: ChildProcess | undefined;

function startGuard(): ChildProcess {
  const started = spawn(process.execPath, [GUARD_PROGRAM], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  // Neither the guard nor its pipe may keep us alive; nor is a guard that has gone an error of the work it guards.
  started.unref();
  const input = started.stdin;
  if (input !== null && 'unref' in input && typeof input.unref === 'function') input.unref();
  input?.on('error', () => {});
  started.on('error', () => {});
  return started;
}

function tellGuard(line: string): void {
  guard ??= startGuard();
  guard.stdin?.write(`${line}\n`);
}

/** Has this process group ended if we die. */
export function watchGroup(pid: number): void {
  tellGuard(`watch ${pid}`);
}

/** Says that the process group has ended, so that its id may come to mean another one. */
export function releaseGroup(pid: number): void {
  tellGuard(`release ${pid}`);
}

/** Ends the guard, and with it whatever it still watches. */
export async function stopGuard(): Promise<void> {
  const stopping = guard;
  guard = undefined;
  if (stopping === undefined || stopping.exitCode !== null || stopping.signalCode !== null) return;
  const exited = once(stopping, 'exit');
  stopping.ref();
  stopping.stdin?.end();
  await exited;
}
