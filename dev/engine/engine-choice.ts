/**
 * Owns: which engines there are, in which order they are tried, and what a person chose.
 * Does not own: finding or starting one.
 */
import { StackError } from '../stack-error.ts';

/** Are the engines that we can start ourselves, in the order in which they are tried after `MONGODB_URI`. */
export const ENGINE_KINDS = ['mongod', 'secantusd-rs', 'memory-server', 'secantusdb'] as const;

/** Is one of the engines that we can start ourselves. */
export type EngineKind = (typeof ENGINE_KINDS)[number];

/** Is what a person chose by environment; nothing chosen means: the first engine that is there. */
export interface EngineChoice {
  /** Is the server to use instead of starting one. */
  readonly mongodbUri: string | undefined;
  /** Is the one engine to try. */
  readonly forcedKind: EngineKind | undefined;
  /** Is the program of the forced engine. */
  readonly programPath: string | undefined;
}

/** Says whether a text names an engine that we can start. */
export function isEngineKind(text: unknown): text is EngineKind {
  return ENGINE_KINDS.some((kind) => kind === text);
}

/**
 * Reads `MONGODB_URI`, `WHEELHOUSE_ENGINE` and `WHEELHOUSE_ENGINE_PATH`.
 * Throws StackError where they contradict each other or name no engine.
 */
export function loadEngineChoice(environment: NodeJS.ProcessEnv): EngineChoice {
  const mongodbUri = environment['MONGODB_URI'] || undefined;
  const engine = environment['WHEELHOUSE_ENGINE'] || undefined;
  const programPath = environment['WHEELHOUSE_ENGINE_PATH'] || undefined;
  const names = ENGINE_KINDS.join(', ');
  if (engine !== undefined && !isEngineKind(engine)) {
    throw new StackError(`WHEELHOUSE_ENGINE=${engine} names no engine: set it to one of ${names}, or unset it.`);
  }
  if (engine !== undefined && mongodbUri !== undefined) {
    throw new StackError(`MONGODB_URI and WHEELHOUSE_ENGINE=${engine} contradict each other: unset one of them.`);
  }
  if (programPath !== undefined && engine === undefined) {
    throw new StackError(
      `WHEELHOUSE_ENGINE_PATH needs WHEELHOUSE_ENGINE to say what it is: set it to one of ${names}.`,
    );
  }
  return { mongodbUri, forcedKind: engine, programPath };
}
