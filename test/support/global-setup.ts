/**
 * Owns: finding, once for a run, the engine that its tests work on, and saying which it is.
 * Does not own: the engines that tests work on; each test file starts its own (`file-engine.ts`).
 */
import type { TestProject } from 'vitest/node';
import { type EngineChoice, loadEngineChoice } from '../../dev/engine/engine-choice.ts';
import { stopGuard } from '../../dev/process/guard.ts';
import { startEngine } from './engine.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Is the engine that was found, by the program that starts it. */
    engineChoice: EngineChoice;
  }
}

/** Starts an engine once, so that all test files may start it again. Throws StackError where none is to be had. */
export default async function setup(project: TestProject): Promise<void> {
  const engine = await startEngine(loadEngineChoice(process.env));
  project.provide('engineChoice', engine.choice);
  await engine.stop();
  await stopGuard();
  process.stdout.write(`MongoDB for the tests: ${engine.description}\n`);
}
