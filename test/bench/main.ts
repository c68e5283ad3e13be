// Owns `npm run bench`: one run that measures the kernel against baselines on the same engine and prints one table.
// Does not own what is measured (part.ts) or how (measurement.ts).
// Invariants: nothing is asserted; nothing that it starts outlives it; it ends within a time that its options bound.

import { loadavg } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { Lifetime } from '../../dev/lifetime.ts';
import { stopGuard } from '../../dev/process/guard.ts';
import { endAllProcesses } from '../../dev/process/managed-process.ts';
import { StackError } from '../../dev/stack-error.ts';
import { readMeters } from './meter.ts';
import { PARTS, type PartName } from './part.ts';
import { createPartContext } from './part-context.ts';
import { type BenchResult, describeMachine, formatReport } from './report.ts';
import type { PartResult } from './row.ts';
import { startStage } from './stage.ts';

const ROUNDS = 5;
const SECONDS_DEFAULT = 2;
const SECONDS_MAX = 60;
/** Far beyond what a run takes: setting up, and per second of a round. */
const RUN_TIMEOUT_BASE_MS = 1_200_000;
const RUN_TIMEOUT_PER_SECOND_MS = 300_000;
const ENTRIES_DEFAULT = 1_000_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface BenchOptions {
  readonly only: readonly PartName[];
  readonly seconds: number;
  readonly entries: number;
  readonly json: boolean;
}

function readOptions(): BenchOptions {
  const names = Object.keys(PARTS).filter(isPartName);
  const command = new Command('npm run bench --')
    .description('Measures the kernel against baselines on the same engine, in one run, and prints a table.')
    .option('--only <parts>', `some parts: ${names.join(', ')}, separated by commas`, readParts, names)
    .option('--seconds <number>', 'how long each round of each workload takes', readSeconds, SECONDS_DEFAULT)
    .option('--entries <number>', 'how many entries the long history has', readEntries, ENTRIES_DEFAULT)
    .option('--json', 'print the figures as JSON in the place of the table', false)
    .addHelpText(
      'after',
      '\nIt runs on secantusd-rs where that is on PATH or WHEELHOUSE_ENGINE_PATH names it, else on what the local stack ' +
        'would use;\nMONGODB_URI or WHEELHOUSE_ENGINE choose another one.',
    )
    .parse();
  return command.opts<BenchOptions>();
}

function readParts(text: string): readonly PartName[] {
  return text.split(',').map((name) => {
    if (isPartName(name)) return name;
    throw new InvalidArgumentError(`${name} is none of ${Object.keys(PARTS).join(', ')}.`);
  });
}

function isPartName(name: string): name is PartName {
  return Object.hasOwn(PARTS, name);
}

function readSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= SECONDS_MAX) return seconds;
  throw new InvalidArgumentError(`It must be a number above 0 and at most ${SECONDS_MAX}.`);
}

function readEntries(text: string): number {
  const entries = Number(text);
  if (Number.isSafeInteger(entries) && entries >= 1_000 && entries % 1_000 === 0) return entries;
  throw new InvalidArgumentError('It must be a multiple of 1,000.');
}

function note(text: string): void {
  console.error(text);
}

async function run(options: BenchOptions, lifetime: Lifetime): Promise<BenchResult> {
  const loadBefore = loadavg()[0] ?? 0;
  const stage = await startStage(lifetime, note);
  note(`Engine: ${stage.engineDescription}`);
  const context = await createPartContext(stage, lifetime, {
    rounds: ROUNDS,
    roundMs: options.seconds * 1_000,
    readMeters: () => readMeters(stage.meterSubjects()),
    note,
    historyEntries: options.entries,
  });
  const results: PartResult[] = [];
  for (const [name, part] of Object.entries(PARTS)) {
    if (isPartName(name) && options.only.includes(name)) results.push(await part(context));
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    node: process.version,
    engine: stage.engineDescription,
    rounds: ROUNDS,
    roundSeconds: options.seconds,
    loadBefore,
    rows: results.flatMap(({ rows }) => rows),
    measurements: results.flatMap(({ measurements }) => measurements),
  };
}

/** Is fulfilled with why the run must end before it is done. */
function waitForReasonToEnd(options: BenchOptions, lifetime: Lifetime): Promise<StackError> {
  const timeoutMs = RUN_TIMEOUT_BASE_MS + RUN_TIMEOUT_PER_SECOND_MS * options.seconds;
  const ended = Promise.withResolvers<StackError>();
  for (const signal of SIGNALS) process.once(signal, () => ended.resolve(new StackError(`Ended by ${signal}.`)));
  setTimeout(
    () => ended.resolve(new StackError(`The run was not done after ${timeoutMs / 1_000} s: give it fewer parts.`)),
    timeoutMs,
  ).unref();
  return Promise.race([ended.promise, lifetime.failed]);
}

const options = readOptions();
const lifetime = new Lifetime();
const outcome = await Promise.race([
  run(options, lifetime).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error)))),
  waitForReasonToEnd(options, lifetime),
]);
if (outcome instanceof StackError) console.error(outcome.message);
else if (outcome instanceof Error) console.error(outcome.stack);
else console.log(options.json ? JSON.stringify(outcome, null, 2) : formatReport(outcome));
await lifetime.close().catch((error: unknown) => console.error(error));
await endAllProcesses();
await stopGuard();
process.exit(outcome instanceof Error ? 1 : 0);
