/**
 * Owns: `run.json`, which says who runs a stack in a home folder and which processes belong to it.
 * Does not own: the processes themselves.
 * Invariants: at most one stack runs in one home folder; what a killed run left behind is ended before a new one
 * starts, and only if the process is provably still the one that was recorded.
 */
import { randomUUID } from 'node:crypto';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRecord, readJsonFile, writeJsonFile } from './json-file.ts';
import { signalGroup } from './process/group-signal.ts';
import type { ManagedProcess } from './process/managed-process.ts';
import { readProcessIdentity } from './process/process-identity.ts';
import { StackError } from './stack-error.ts';

const END_TIMEOUT_MS = 10_000;
const POLL_MS = 50;

interface RecordedProcess {
  readonly name: string;
  readonly pid: number;
  readonly identity: string;
}

/** Is our claim on a home folder. */
export interface RunRecord {
  /** Says which processes an earlier, killed run had left behind; they have been ended. */
  readonly ended: readonly string[];
  /** Notes a child, so that the next run can end it if this one is killed. */
  add(child: ManagedProcess): Promise<void>;
  /** Gives the home folder free. */
  release(): Promise<void>;
}

/**
 * Claims a home folder for this process, and ends what a killed run left there.
 * Throws StackError when another stack runs in it.
 */
export async function claimHome(home: string): Promise<RunRecord> {
  const path = join(home, 'run.json');
  const ended = await endEarlierRun(home, path);
  const own = await identify('stack', process.pid);
  const recorded = own === undefined ? [] : [own];
  await createExclusively(home, path, recorded);
  return {
    ended,
    async add(child) {
      const entry = await identify(child.name, child.pid);
      if (entry === undefined) return;
      recorded.push(entry);
      await writeJsonFile(path, recorded);
    },
    async release() {
      await rm(path, { force: true });
    },
  };
}

async function identify(name: string, pid: number): Promise<RecordedProcess | undefined> {
  const identity = await readProcessIdentity(pid);
  return identity === undefined ? undefined : { name, pid, identity };
}

async function endEarlierRun(home: string, path: string): Promise<readonly string[]> {
  const recorded = await readJsonFile(path, isRecordedList);
  if (recorded === undefined) return [];
  const [stack, ...children] = recorded;
  if (stack !== undefined && (await isAlive(stack))) throw homeInUse(home, stack.pid);
  const ended: string[] = [];
  for (const child of children) {
    if (await endRecorded(child)) ended.push(`${child.name} (process ${child.pid})`);
  }
  await removeRecord(home, path, recorded);
  return ended;
}

/** Removes the record that was read, and not the one that another stack has put in its place meanwhile. */
async function removeRecord(home: string, path: string, recorded: readonly RecordedProcess[]): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    throw homeInUse(home, undefined);
  }
  const isTheSame = JSON.stringify(await readJsonFile(aside, isRecordedList)) === JSON.stringify(recorded);
  if (!isTheSame) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
  if (!isTheSame) throw homeInUse(home, undefined);
}

async function endRecorded(recorded: RecordedProcess): Promise<boolean> {
  if (!(await isAlive(recorded))) return false;
  signalGroup(recorded.pid, 'SIGTERM');
  for (let waitedMs = 0; waitedMs < END_TIMEOUT_MS; waitedMs += POLL_MS) {
    await sleep(POLL_MS);
    if (!(await isAlive(recorded))) return true;
  }
  signalGroup(recorded.pid, 'SIGKILL');
  return true;
}

async function isAlive(recorded: RecordedProcess): Promise<boolean> {
  return (await readProcessIdentity(recorded.pid)) === recorded.identity;
}

async function createExclusively(home: string, path: string, recorded: readonly RecordedProcess[]): Promise<void> {
  // A link appears whole and fails if its name exists: of two stacks that start at once, one gets the folder.
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(recorded));
  try {
    await link(draft, path);
  } catch {
    throw homeInUse(home, undefined);
  } finally {
    await rm(draft, { force: true });
  }
}

function homeInUse(home: string, pid: number | undefined): StackError {
  const who = pid === undefined ? 'Another stack' : `Another stack (process ${pid})`;
  return new StackError(
    `${who} runs in ${home}: end it with Ctrl-C, or give this one a folder and ports of its own ` +
      '(WHEELHOUSE_HOME and WHEELHOUSE_…_PORT; README, "Settings of the local stack").',
  );
}

function isRecordedList(value: unknown): value is readonly RecordedProcess[] {
  return Array.isArray(value) && value.every(isRecordedProcess);
}

function isRecordedProcess(value: unknown): value is RecordedProcess {
  return (
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    typeof value['pid'] === 'number' &&
    typeof value['identity'] === 'string'
  );
}
