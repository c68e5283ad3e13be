/**
 * Owns: what it takes to start an engine, whichever it is.
 * Does not own: where each comes from, and starting it.
 */
import type { EngineKind } from './engine-choice.ts';

/** Is an engine that is there and can be started. */
export interface EngineProgram {
  readonly kind: EngineKind;
  /** Is what people read, such as `mongod (/usr/bin/mongod)`. */
  readonly description: string;
  readonly command: string;
  /** Returns the arguments that make it listen on the loopback interface only and keep its data in the folder. */
  readonly args: (port: number, dataFolder: string) => readonly string[];
  /** Are the further arguments that let a test make commands fail (fail points); empty where the engine has none. */
  readonly failPointArgs: readonly string[];
  /** Says that it is a real `mongod`, which must be made a replica set before it takes majority writes. */
  readonly needsReplicaSet: boolean;
}

/** Is an engine that is not there, and why. */
export interface EngineMiss {
  readonly kind: EngineKind;
  readonly miss: string;
}

/** Is told what is going on, in a few words, when something takes time. */
export type Note = (text: string) => void;

/** Is what the search for an engine may use. */
export interface EngineSearch {
  readonly environment: NodeJS.ProcessEnv;
  /** Is the program that a person named; default the search finds it. */
  readonly programPath: string | undefined;
  readonly note: Note;
}
