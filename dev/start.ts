/**
 * Owns: `npm start`, the program that runs the local stack until it is told to end.
 * Does not own: how the stack comes up (`stack.ts`) and goes down (`lifetime.ts`).
 * Invariant: however it ends, none of its processes is left; a person reads why it ended in a sentence.
 */
import { styleText } from 'node:util';
import { Lifetime } from './lifetime.ts';
import { stopGuard } from './process/guard.ts';
import { endAllProcesses } from './process/managed-process.ts';
import { startStack } from './stack.ts';
import { loadStackConfig } from './stack-config.ts';
import { StackError } from './stack-error.ts';
import { describeStack } from './summary.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const IMPATIENT_AFTER_MS = 1_000;
const RUNNER_WATCH_INTERVAL_MS = 500;

/**
 * Waits for the first signal that asks us to end. Another one later ends everything at once; not one that comes right
 * after, because npm passes on the Ctrl-C that the terminal has already sent to us.
 */
function waitForSignal(): Promise<NodeJS.Signals> {
  const asked = Promise.withResolvers<NodeJS.Signals>();
  let askedAtMs = Number.POSITIVE_INFINITY;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (performance.now() > askedAtMs + IMPATIENT_AFTER_MS) void endAllProcesses();
    askedAtMs = Math.min(askedAtMs, performance.now());
    asked.resolve(signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  watchRunner(() => asked.resolve('SIGTERM'));
  return asked.promise;
}

/** A signal that npm alone gets ends the shell by which it runs us, and not us: so it is noticed that the shell is gone. */
function watchRunner(onGone: () => void): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const runner = process.ppid;
  setInterval(() => {
    if (process.ppid !== runner) onGone();
  }, RUNNER_WATCH_INTERVAL_MS).unref();
}

async function run(lifetime: Lifetime): Promise<StackError | undefined> {
  const asked = waitForSignal().then(() => undefined);
  const config = loadStackConfig(process.env);
  const place = { home: config.home, isHomeChosen: Boolean(process.env['WHEELHOUSE_HOME']), directory: process.cwd() };
  const starting = startStack(config, process.env, lifetime);
  const ended = Promise.race([asked, lifetime.failed]);
  const isUp = await Promise.race([starting, ended.then(() => undefined)]);
  if (isUp !== undefined) console.log(describeStack(isUp, place));
  const failure = await ended;
  console.log(failure === undefined ? '\nStopping …' : '');
  await lifetime.close();
  // What was still starting is in no lifetime yet, and may not start any further.
  await endAllProcesses();
  await starting.catch(() => {});
  return failure;
}

function explain(error: unknown): string {
  if (error instanceof StackError) return error.message;
  // Not a failure that we know: whoever looks into it needs the place.
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// The terminal may be gone by the time we say goodbye.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

const lifetime = new Lifetime();
let failure: unknown;
try {
  failure = await run(lifetime);
} catch (error) {
  failure = error;
}
await lifetime.close();
await endAllProcesses();
await stopGuard();
if (failure === undefined) console.log('Stopped.');
else console.error(styleText('red', explain(failure), { stream: process.stderr }));
process.exit(failure === undefined ? 0 : 1);
