// Owns the kernel as a process: its settings, its log, its signals and its exit code. Does not own what it is made of
// (composition.ts).
// Invariants: it never listens half started; SIGTERM and SIGINT answer what was begun and exit 0; what can't be ended in
// time, or a second signal, exits 1; a failure to start is one message for people, without a stack.

import { setFlagsFromString } from 'node:v8';
import { setLogger } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { type RunningKernel, startKernel } from './composition.ts';
import { type KernelConfig, loadKernelConfig } from './config.ts';
import { messageOf } from './domain/error.ts';
import { openLog } from './log.ts';

const EXIT_OK = 0;
const EXIT_FAILED = 1;

/**
 * By how much the old part of the heap may outgrow what lived at its last collection, in percent. Left alone, V8 waits for
 * up to four times as much, nearly all of it garbage here. It bounds no need: what lives may take as much as before. What it
 * saves, and how the young part is bounded, stands in docs/operations.md, "Memory".
 */
const HEAP_GROWTH_PERCENT = 150;

async function main(): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const config = orExit(loadKernelConfig);
  const { logger, flush } = openLog(config.logLevel);
  // What grpc-js writes by itself it also reports where it matters; on its own it would break the form of the log.
  const toDebug = (...parts: readonly unknown[]): void => logger.debug({ parts: parts.map(String) }, 'grpc-js');
  setLogger({ error: toDebug, info: toDebug, debug: toDebug });
  const exit = (code: number): never => {
    flush();
    process.exit(code);
  };
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'a failure that nobody caught: this kernel ends');
    exit(EXIT_FAILED);
  });
  process.on('unhandledRejection', (err) => {
    logger.fatal({ err }, 'a failure that nobody waited for: this kernel ends');
    exit(EXIT_FAILED);
  });
  // A signal while the kernel starts ends it at once: nothing was promised to anybody yet.
  const onEarlySignal = (): never => exit(EXIT_OK);
  process.once('SIGTERM', onEarlySignal).once('SIGINT', onEarlySignal);
  let kernel: RunningKernel;
  try {
    kernel = await startKernel(config, logger);
  } catch (error) {
    explain(error);
    return exit(EXIT_FAILED);
  }
  process.off('SIGTERM', onEarlySignal).off('SIGINT', onEarlySignal);
  endOnSignal(kernel, config, logger, exit);
  logger.info({ grpc: kernel.grpcAddress, http: kernel.httpAddress }, 'listening');
}

function endOnSignal(kernel: RunningKernel, config: KernelConfig, logger: Logger, exit: (code: number) => never): void {
  let isEnding = false;
  const end = (signal: NodeJS.Signals): void => {
    if (isEnding) {
      logger.warn({ signal }, 'a second signal: this kernel ends at once');
      exit(EXIT_FAILED);
    }
    isEnding = true;
    logger.info({ signal }, 'ending: no new calls, those that began are answered');
    setTimeout(() => {
      logger.error(
        { timeoutMs: config.shutdownTimeoutMs },
        'not everything was answered in time: this kernel ends now',
      );
      exit(EXIT_FAILED);
    }, config.shutdownTimeoutMs);
    kernel.drain().then(
      () => {
        logger.info('ended');
        exit(EXIT_OK);
      },
      (err: unknown) => {
        logger.error({ err }, 'ending failed');
        exit(EXIT_FAILED);
      },
    );
  };
  process.on('SIGTERM', end).on('SIGINT', end);
}

/** Reads the settings, or ends the process with what is wrong with them. */
function orExit(load: () => KernelConfig): KernelConfig {
  try {
    return load();
  } catch (error) {
    explain(error);
    return process.exit(EXIT_FAILED);
  }
}

/** Tells people why the kernel does not start. */
function explain(error: unknown): void {
  process.stderr.write(`${messageOf(error)}\n`);
}

await main();
