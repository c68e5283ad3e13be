/**
 * Owns: the engines that the tests of a run share, one for each worker: started before the first test, gone after the last.
 * Does not own: databases; each test takes a fresh one (`freshDatabaseUri`).
 */
import type { TestProject } from 'vitest/node';
import { stopGuard } from '../../dev/process/guard.ts';
import { type SharedEngine, startEngine } from './engine.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Are the shared engines, in the order of the workers. */
    engines: readonly SharedEngine[];
  }
}

/**
 * Starts the shared engines and returns what ends them. The default engine answers one call at a time: two workers over one of it
 * wait for each other. Throws StackError where no engine is to be had.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const first = await startEngine();
  const engines = [first];
  const stop = async (): Promise<void> => {
    await Promise.all(engines.map((engine) => engine.stop()));
    await stopGuard();
  };
  try {
    // What MONGODB_URI names is one server, whoever asks.
    while (first.isOwn && engines.length < project.config.maxWorkers) engines.push(await startEngine());
  } catch (error) {
    await stop();
    throw error;
  }
  project.provide(
    'engines',
    engines.map(({ uri, databasePrefix }) => ({ uri, databasePrefix })),
  );
  process.stdout.write(`MongoDB for the tests: ${first.description}\n`);
  return stop;
}
