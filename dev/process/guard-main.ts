/**
 * Owns: ending what a killed parent left behind. It is a program of its own, started by `guard.ts`.
 * Does not own: the normal shutdown, which the parent does in its own order.
 * Invariant: it ends as soon as its standard input does, which the system closes however the parent died.
 *
 * The parent writes one line for each process group: `watch <pid>` when it starts, `release <pid>` when it has ended.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { signalGroup } from './group-signal.ts';

const POLL_MS = 50;
const TERMINATE_TIMEOUT_MS = 5_000;

const watched = new Set<number>();

async function endGroup(pid: number): Promise<void> {
  if (!signalGroup(pid, 'SIGTERM')) return;
  for (let waitedMs = 0; waitedMs < TERMINATE_TIMEOUT_MS; waitedMs += POLL_MS) {
    await sleep(POLL_MS);
    if (!signalGroup(pid, 0)) return;
  }
  signalGroup(pid, 'SIGKILL');
}

// The terminal's signals are the parent's business: the guard must outlive it, if only for a moment.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  const [verb, id] = line.split(' ');
  const pid = Number(id);
  if (verb === 'watch') watched.add(pid);
  if (verb === 'release') watched.delete(pid);
}
await Promise.all([...watched].map(endGroup));
