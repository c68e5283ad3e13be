/**
 * Owns: which MongoDB the local stack and the tests run on, and its start and end.
 * Does not own: what is stored in it.
 * Invariants: the order is `MONGODB_URI`, `mongod`, `secantusd-rs`, mongodb-memory-server, SecantusDB from PyPI, except
 * that data that an earlier start left are served by the engine that wrote them; each engine has a data folder of its
 * own, since none reads another's; an engine that is given back has acknowledged a write.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord, readJsonFile, writeJsonFile } from '../json-file.ts';
import type { ManagedProcess } from '../process/managed-process.ts';
import { StackError, toMessage } from '../stack-error.ts';
import { waitUntilWritable } from './database-probe.ts';
import { ENGINE_KINDS, type EngineChoice, type EngineKind, isEngineKind } from './engine-choice.ts';
import { type LaunchOptions, launchEngine, toEngineUri } from './engine-launch.ts';
import type { EngineMiss, EngineProgram, EngineSearch, Note } from './engine-program.ts';
import { findMemoryServer } from './memory-server.ts';
import { findMongod } from './mongod.ts';
import { describeHosts, withDatabase, withDefaultDatabase } from './mongodb-uri.ts';
import { findSecantusdRs } from './secantusd.ts';
import { findSecantusdb } from './secantusdb.ts';

const EXTERNAL_TIMEOUT_MS = 10_000;

const FINDERS: Record<EngineKind, (search: EngineSearch) => Promise<EngineProgram | EngineMiss>> = {
  mongod: findMongod,
  'secantusd-rs': findSecantusdRs,
  'memory-server': findMemoryServer,
  secantusdb: findSecantusdb,
};

/** Says where an engine shall run and what was chosen. */
export interface EngineOptions {
  readonly choice: EngineChoice;
  /** Is the folder below which each engine has its own data folder. */
  readonly dataFolder: string;
  /** Is the port for an engine that we start; 0 means any free one. */
  readonly port: number;
  /** Is the database that the connection string names; with `MONGODB_URI` only where that names none. */
  readonly database: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly logFile?: string | undefined;
  /** Lets commands be made to fail; for tests only. Default false. */
  readonly failPoints?: boolean;
  readonly note?: Note;
}

/** Is a MongoDB that takes writes. */
export interface Engine {
  /** Is the engine's kind, or `external` for `MONGODB_URI`. */
  readonly kind: EngineKind | 'external';
  /** Says for people what it is and where it comes from, without secrets. */
  readonly description: string;
  readonly uri: string;
  /** Is its process and program, where we started it. */
  readonly own: OwnEngine | undefined;
  /** Ends it, where we started it. */
  stop(): Promise<void>;
}

/** Is what is known of an engine that we started. */
export interface OwnEngine {
  readonly process: ManagedProcess;
  readonly program: EngineProgram;
  readonly launch: LaunchOptions;
}

/**
 * Finds an engine and starts it.
 * Throws StackError where none is to be had (it names all that was tried), where the chosen one doesn't work, or where
 * the engine that holds the data doesn't start.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { mongodbUri, forcedKind } = options.choice;
  if (mongodbUri !== undefined) return await useExternal(mongodbUri, options.database);
  const former = forcedKind === undefined ? await loadFormerKind(options.dataFolder) : undefined;
  const misses = forcedKind === undefined ? ['MONGODB_URI (not set)'] : [];
  for (const kind of orderKinds(forcedKind, former)) {
    const outcome = await tryKind(kind, options, kind === (forcedKind ?? former));
    if (!('miss' in outcome)) return outcome;
    misses.push(`${kind} (${summarise(outcome.miss)})`);
    if (kind === former)
      options.note?.(`${kind}, which has the data of the last start, is gone: starting without them`);
  }
  throw toMissingEngine(misses, forcedKind);
}

async function tryKind(kind: EngineKind, options: EngineOptions, mustStart: boolean): Promise<Engine | EngineMiss> {
  const note = options.note ?? (() => {});
  const { environment, choice } = options;
  const found = await FINDERS[kind]({ environment, programPath: choice.programPath, note });
  if ('miss' in found) return found;
  try {
    note(`Starting ${found.description}`);
    return await startFound(found, options);
  } catch (error) {
    if (mustStart) throw error;
    return { kind, miss: toMessage(error) };
  }
}

async function useExternal(mongodbUri: string, database: string): Promise<Engine> {
  const uri = withDefaultDatabase(mongodbUri, database);
  const hosts = describeHosts(uri);
  try {
    await waitUntilWritable(uri, EXTERNAL_TIMEOUT_MS);
  } catch (error) {
    throw new StackError(
      `MONGODB_URI (${hosts}) doesn't work: ${toMessage(error)}. Start that server, or correct or unset MONGODB_URI.`,
    );
  }
  return { kind: 'external', description: `MONGODB_URI (${hosts})`, uri, own: undefined, stop: async () => {} };
}

async function startFound(program: EngineProgram, options: EngineOptions): Promise<Engine> {
  const launch = {
    dataFolder: join(options.dataFolder, program.kind),
    port: options.port,
    environment: options.environment,
    logFile: options.logFile,
    failPoints: options.failPoints === true,
  };
  const { process, port } = await launchEngine(program, launch);
  await writeJsonFile(toFormerKindPath(options.dataFolder), { kind: program.kind });
  return {
    kind: program.kind,
    description: program.description,
    uri: withDatabase(toEngineUri(port), options.database),
    own: { process, program, launch: { ...launch, port } },
    stop: async () => void (await process.stop()),
  };
}

function orderKinds(forced: EngineKind | undefined, former: EngineKind | undefined): readonly EngineKind[] {
  if (forced !== undefined) return [forced];
  return former === undefined ? ENGINE_KINDS : [former, ...ENGINE_KINDS.filter((kind) => kind !== former)];
}

function toFormerKindPath(dataFolder: string): string {
  return join(dataFolder, 'engine.json');
}

async function loadFormerKind(dataFolder: string): Promise<EngineKind | undefined> {
  const record = await readJsonFile(toFormerKindPath(dataFolder), isFormerKind);
  if (record === undefined) return undefined;
  const files = await readdir(join(dataFolder, record.kind)).catch(() => []);
  return files.length > 0 ? record.kind : undefined;
}

function isFormerKind(value: unknown): value is { kind: EngineKind } {
  return isRecord(value) && isEngineKind(value['kind']);
}

function summarise(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  const [first = '', last = ''] = [lines[0], lines.at(-1)];
  return (lines.length > 1 ? `${first} ${last}` : first).replace(/\.$/, '');
}

function toMissingEngine(misses: readonly string[], forced: EngineKind | undefined): StackError {
  const tried = `tried ${misses.join(', ')}`;
  if (forced !== undefined) {
    return new StackError(
      `The engine chosen by WHEELHOUSE_ENGINE is not to be had: ${tried}. Install it, or unset it.`,
    );
  }
  return new StackError(
    `No MongoDB engine is to be had: ${tried}. Install MongoDB (mongod) or Python 3.10 or newer with its venv module, ` +
      'or set MONGODB_URI to a server that runs.',
  );
}
