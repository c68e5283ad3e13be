/**
 * Owns: the program of the sandbox, `node dev/stripe-sandbox/main.ts`, and its settings in the environment:
 *
 *   STRIPE_SANDBOX_PORT        its port on the loopback interface; default 12111, 0 for any free one
 *   STRIPE_SANDBOX_FOLDER      where it keeps what it knows; default nowhere: it forgets all when it ends
 *   STRIPE_SANDBOX_SECRET_KEY  the one secret key that it takes; default any that begins with sk_test_
 *
 * Webhook endpoints are set while it runs: by the API, or as `control-http.ts` says.
 * Does not own: the sandbox (`sandbox.ts`).
 */
import { StackError } from '../stack-error.ts';
import { startSandbox } from './sandbox.ts';

const PORT_DEFAULT = '12111';
const PORT_MAX = 65_535;

function readPort(): number {
  const text = process.env['STRIPE_SANDBOX_PORT'] || PORT_DEFAULT;
  if (!/^\d+$/.test(text) || Number(text) > PORT_MAX) {
    throw new StackError(`STRIPE_SANDBOX_PORT=${text} is no port: set it to 1 to ${PORT_MAX}, or 0 for any free one.`);
  }
  return Number(text);
}

try {
  const sandbox = await startSandbox({
    port: readPort(),
    folder: process.env['STRIPE_SANDBOX_FOLDER'] || undefined,
    secretKey: process.env['STRIPE_SANDBOX_SECRET_KEY'] || undefined,
  });
  // The form in which kernel and BFF say it, too: who started us reads it.
  console.log(JSON.stringify({ msg: 'listening', http: `127.0.0.1:${sandbox.port}`, api_version: sandbox.apiVersion }));
  const stop = (): void => void sandbox.stop().then(() => process.exit(0));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop);
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  console.error(error.message);
  process.exit(1);
}
