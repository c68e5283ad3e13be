/**
 * Owns: one child process: its start, its log, the line that says it is ready, its end.
 * Does not own: the order in which several are started or stopped.
 * Invariants: each child is the leader of its own process group, so that Ctrl-C in the terminal reaches only us and
 * we end the children in order; each is watched by the guard, so that none outlives us.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { StackError } from '../stack-error.ts';
import { signalGroup } from './group-signal.ts';
import { releaseGroup, watchGroup } from './guard.ts';

const LAST_LINES_MAX = 200;
const STOP_TIMEOUT_MS = 15_000;

/** Says what to run. */
export interface ProcessOptions {
  /** Is what people call it in messages, such as `kernel`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Is its whole environment; default ours. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly directory?: string;
  /** Is the file that its output is added to; default none. */
  readonly logFile?: string;
}

/** Says how a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Is a child process that runs, or ran. */
export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string | undefined;
  /** Is fulfilled when the process has ended, never rejected. */
  readonly exited: Promise<ProcessExit>;
  readonly hasExited: boolean;
  /** Returns the newest lines of its output, oldest first. */
  lastLines(): readonly string[];
  /** Has each further line of its output told; returns what ends that. */
  onLine(listener: (line: string) => void): () => void;
  /**
   * Waits for the line of output that `match` makes something of.
   * Throws StackError when the process ends first, or when the time is over.
   */
  waitForLine<Result>(match: (line: string) => Result | undefined, timeoutMs: number): Promise<Result>;
  /** Asks it to end (SIGTERM), and ends it (SIGKILL) if it takes longer than the timeout. */
  stop(timeoutMs?: number): Promise<ProcessExit>;
  /** Ends it at once, as a crash would (SIGKILL). */
  kill(): Promise<ProcessExit>;
}

const running = new Set<ManagedProcess>();
let mayStart = true;

/** Ends all children that are left, at once, and lets no more be started: for the last step of a shutdown. */
export async function endAllProcesses(): Promise<void> {
  mayStart = false;
  await Promise.all([...running].map((child) => child.kill()));
}

/** Says in words how a process ended. */
export function describeExit(exit: ProcessExit): string {
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}

/** Returns the last lines of a process's output and where the rest is, ready to end a message with. */
export function describeOutput(child: ManagedProcess, linesMax = 15): string {
  const lines = child.lastLines().slice(-linesMax);
  const where = child.logFile === undefined ? '' : `\nIts whole log: ${child.logFile}`;
  return lines.length === 0 ? where : `\nIts last lines:\n${lines.map((line) => `  ${line}`).join('\n')}${where}`;
}

/**
 * Starts a process.
 * Throws StackError when the program can't be started at all, or when everything is being ended.
 */
export async function startProcess(options: ProcessOptions): Promise<ManagedProcess> {
  if (!mayStart) throw new StackError(`${options.name} was not started, because everything is being ended.`);
  const child = spawn(options.command, [...options.args], {
    cwd: options.directory,
    env: options.environment ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) =>
      reject(new StackError(`${options.name} can't be started (${options.command}): ${error.message}.`)),
    );
  });
  const managed = new SpawnedProcess(options, child);
  running.add(managed);
  void managed.exited.then(() => running.delete(managed));
  return managed;
}

/**
 * Runs a program to its end and returns its output.
 * Throws StackError when it can't be started, fails, or is not done within the timeout.
 */
export async function runProcess(options: ProcessOptions, timeoutMs: number): Promise<readonly string[]> {
  const child = await startProcess(options);
  const timer = setTimeout(() => void child.kill(), timeoutMs);
  const startedAt = performance.now();
  const exit = await child.exited;
  clearTimeout(timer);
  if (exit.code === 0) return child.lastLines();
  const tookMs = performance.now() - startedAt;
  const how = tookMs >= timeoutMs ? `was not done after ${timeoutMs} ms` : `failed (${describeExit(exit)})`;
  throw new StackError(`${options.name} ${how}.${describeOutput(child)}`);
}

class SpawnedProcess implements ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string | undefined;
  readonly exited: Promise<ProcessExit>;
  hasExited = false;
  readonly #lines: string[] = [];
  readonly #listeners = new Set<(line: string) => void>();

  constructor(options: ProcessOptions, child: ChildProcessByStdio<null, Readable, Readable>) {
    if (child.pid === undefined) throw new StackError(`${options.name} has no process id.`);
    this.name = options.name;
    this.pid = child.pid;
    this.logFile = options.logFile;
    watchGroup(this.pid);
    const log = options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: 'a' });
    // A full disk must not end the stack; the last lines are still kept in memory.
    log?.on('error', () => {});
    for (const stream of [child.stdout, child.stderr]) this.#follow(stream, log);
    this.exited = new Promise((resolve) => {
      // `close` comes after `exit` and after the last line of output, so that a failure is explained by all of it.
      child.once('close', (code, signal) => {
        this.hasExited = true;
        releaseGroup(this.pid);
        log?.end();
        resolve({ code, signal });
      });
    });
  }

  #follow(stream: Readable, log: WriteStream | undefined): void {
    createInterface({ input: stream }).on('line', (line) => {
      log?.write(`${line}\n`);
      this.#lines.push(line);
      if (this.#lines.length > LAST_LINES_MAX) this.#lines.shift();
      for (const listener of this.#listeners) listener(line);
    });
  }

  lastLines(): readonly string[] {
    return [...this.#lines];
  }

  onLine(listener: (line: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async waitForLine<Result>(match: (line: string) => Result | undefined, timeoutMs: number): Promise<Result> {
    const found = Promise.withResolvers<Result>();
    const listener = (line: string): void => {
      const result = match(line);
      if (result !== undefined) found.resolve(result);
    };
    const timer = setTimeout(
      () => found.reject(new StackError(`${this.name} was not ready after ${timeoutMs} ms.${describeOutput(this)}`)),
      timeoutMs,
    );
    void this.exited.then((exit) =>
      found.reject(
        new StackError(`${this.name} ended before it was ready (${describeExit(exit)}).${describeOutput(this)}`),
      ),
    );
    const unfollow = this.onLine(listener);
    this.#lines.forEach(listener);
    try {
      return await found.promise;
    } finally {
      clearTimeout(timer);
      unfollow();
    }
  }

  async stop(timeoutMs = STOP_TIMEOUT_MS): Promise<ProcessExit> {
    this.#signal('SIGTERM');
    const timer = setTimeout(() => this.#signal('SIGKILL'), timeoutMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  async kill(): Promise<ProcessExit> {
    this.#signal('SIGKILL');
    return await this.exited;
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.hasExited) signalGroup(this.pid, signal);
  }
}
