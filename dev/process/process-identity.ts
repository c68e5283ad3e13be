/**
 * Owns: telling whether a process id still means the process that it meant earlier.
 * Does not own: starting or ending processes.
 * Invariant: two equal identities of one process id are the same process, because the start time is part of each.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

/** Returns what tells this process from every other that had or will have its id, or undefined where none runs. */
export async function readProcessIdentity(pid: number): Promise<string | undefined> {
  return process.platform === 'linux' ? await readFromProc(pid) : await readFromPs(pid);
}

async function readFromProc(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command name stands in parentheses and may itself hold spaces, so fields count from the last parenthesis:
    // the state is the third field of the line, the start time the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTime] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X' || startTime === undefined) return undefined;
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').join(' ').trim();
    return `${startTime} ${command}`;
  } catch {
    return undefined;
  }
}

async function readFromPs(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await runFile('ps', ['-o', 'lstart=,command=', '-p', String(pid)]);
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}
