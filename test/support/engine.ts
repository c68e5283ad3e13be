/**
 * Owns: MongoDB for tests: the engine that the tests of a file share, and engines of a test's own that it may kill.
 * Does not own: finding and starting an engine; the local stack's resolver does, with the same settings.
 * Invariants: no test touches the local stack's data, nor another test's database; with `MONGODB_URI` the databases
 * have names of this run and are dropped after it.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { dropDatabases } from '../../dev/engine/database-probe.ts';
import { type Engine, type OwnEngine, startEngine as resolveEngine } from '../../dev/engine/engine.ts';
import type { EngineChoice } from '../../dev/engine/engine-choice.ts';
import { launchEngine } from '../../dev/engine/engine-launch.ts';
import { withDatabase } from '../../dev/engine/mongodb-uri.ts';
import type { ManagedProcess } from '../../dev/process/managed-process.ts';

const PREFIX_DIGITS = 8;
const DATABASE_DIGITS = 12;

/** Is an engine that a test may do with what it wants. */
export interface TestEngine {
  /** Says what it is, such as `secantusdb`; `external` where `MONGODB_URI` is set. */
  readonly kind: Engine['kind'];
  readonly description: string;
  /** Is what starts the same again, without a search. */
  readonly choice: EngineChoice;
  /** Is its connection string; replace the database by `freshDatabaseUri`. */
  readonly uri: string;
  /** Is how the names of this engine's databases begin. */
  readonly databasePrefix: string;
  /** Says that we started it, so that it may be killed and restarted. */
  readonly isOwn: boolean;
  /** Returns the connection string of a database that nobody has used. */
  freshDatabaseUri(): string;
  /** Ends it as a crash would (SIGKILL). Throws Error where it isn't ours. */
  kill9(): Promise<void>;
  /** Starts it again, on the same data and port, after `kill9`. Throws Error where it isn't ours. */
  restart(): Promise<void>;
  /** Starts it again where a test has left it killed. */
  ensureRunning(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

let fileEngine: TestEngine | undefined;

/**
 * Starts an engine with data of its own on a free port, or uses `MONGODB_URI`; default the one that the run has found.
 * Throws StackError where no engine is to be had.
 */
export async function startEngine(choice: EngineChoice = inject('engineChoice')): Promise<TestEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-test-'));
  const databasePrefix = `wheelhouse_test_${randomUUID().slice(0, PREFIX_DIGITS)}_`;
  try {
    const engine = await resolveEngine({
      choice,
      dataFolder: folder,
      port: 0,
      database: `${databasePrefix}default`,
      environment: process.env,
      failPoints: true,
    });
    return toTestEngine(engine, choice, folder, databasePrefix);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Starts the engine that all tests of this file share. Throws StackError where none is to be had. */
export async function openFileEngine(): Promise<TestEngine> {
  fileEngine = await startEngine();
  return fileEngine;
}

/** Returns the connection string of a database that nobody has used, on the engine that the tests of this file share. */
export function freshDatabaseUri(): string {
  if (fileEngine === undefined) throw new Error('the file has no engine: file-engine.ts was not set up for it.');
  return fileEngine.freshDatabaseUri();
}

function toFreshDatabaseUri(uri: string, databasePrefix: string): string {
  return withDatabase(uri, `${databasePrefix}${randomUUID().replaceAll('-', '').slice(0, DATABASE_DIGITS)}`);
}

function toTestEngine(engine: Engine, choice: EngineChoice, folder: string, databasePrefix: string): TestEngine {
  const { kind, description, uri } = engine;
  let running: ManagedProcess | undefined = engine.own?.process;
  const restart = async (): Promise<void> => {
    const { program, launch } = assertOwn(engine);
    await running?.kill();
    running = (await launchEngine(program, launch)).process;
  };
  return {
    kind,
    description,
    choice: choiceOf(engine, choice),
    uri,
    databasePrefix,
    isOwn: engine.own !== undefined,
    freshDatabaseUri: () => toFreshDatabaseUri(uri, databasePrefix),
    async kill9() {
      assertOwn(engine);
      await running?.kill();
    },
    restart,
    async ensureRunning() {
      if (running?.hasExited === true) await restart();
    },
    async stop() {
      // Its data go with it, so there is nothing to end in order.
      if (running === undefined) await dropDatabases(uri, databasePrefix);
      else await running.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function choiceOf({ own }: Engine, made: EngineChoice): EngineChoice {
  if (own === undefined) return made;
  return { mongodbUri: undefined, forcedKind: own.program.kind, programPath: own.program.command };
}

function assertOwn(engine: Engine): OwnEngine {
  if (engine.own === undefined) throw new Error('MONGODB_URI names a server that is not ours to kill or restart.');
  return engine.own;
}
