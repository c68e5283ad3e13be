/**
 * Owns: the one engine that all tests of a run share: started before the first, gone after the last.
 * Does not own: databases; each test takes a fresh one (`freshDatabaseUri`).
 */
import type { TestProject } from 'vitest/node';
import { stopGuard } from '../../dev/process/guard.ts';
import { startEngine } from './engine.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Is the connection string of the shared engine. */
    mongodbUri: string;
    /** Is how the names of this run's databases begin. */
    databasePrefix: string;
  }
}

/** Starts the shared engine and returns what ends it. Throws StackError where no engine is to be had. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const engine = await startEngine();
  project.provide('mongodbUri', engine.uri);
  project.provide('databasePrefix', engine.databasePrefix);
  process.stdout.write(`MongoDB for the tests: ${engine.description}\n`);
  return async () => {
    await engine.stop();
    await stopGuard();
  };
}
