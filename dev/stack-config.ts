/**
 * Owns: the settings of the local stack; with `engine/engine-choice.ts` the only reader of its environment.
 * Does not own: the settings of the kernel and the BFFs, which they check themselves.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NamedPort } from './port.ts';
import { DEMO_PRODUCTS } from './product.ts';
import { StackError } from './stack-error.ts';

/** Is the repository's root folder. */
export const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));

const PORT_MAX = 65_535;

/** Says where the local stack keeps its data and listens. */
export interface StackConfig {
  readonly home: string;
  readonly ports: {
    readonly mongo: NamedPort;
    readonly grpc: NamedPort;
    readonly http: NamedPort;
    readonly issuer: NamedPort;
    readonly stripe: NamedPort;
    readonly smtp: NamedPort;
    readonly inbox: NamedPort;
    /** Are the BFFs' ports by product code. */
    readonly products: ReadonlyMap<string, NamedPort>;
  };
}

/** Returns the folder that the local stack keeps everything in: `WHEELHOUSE_HOME`, or `.wheelhouse` in the repository. */
export function resolveHome(environment: NodeJS.ProcessEnv): string {
  return resolve(environment['WHEELHOUSE_HOME'] || resolve(REPOSITORY, '.wheelhouse'));
}

/** Reads the settings. Throws StackError that lists every port that is none. */
export function loadStackConfig(environment: NodeJS.ProcessEnv): StackConfig {
  const problems: string[] = [];
  const port = (purpose: string, variable: string, portDefault: number): NamedPort => {
    const text = environment[variable] || String(portDefault);
    const value = Number(text);
    if (!/^\d+$/.test(text) || value > PORT_MAX) problems.push(`${variable}=${text}`);
    return { purpose, variable, port: value };
  };
  const ports = {
    mongo: port('MongoDB', 'WHEELHOUSE_MONGO_PORT', 27_117),
    grpc: port('kernel gRPC', 'WHEELHOUSE_GRPC_PORT', 50_051),
    http: port('kernel HTTP', 'WHEELHOUSE_HTTP_PORT', 8090),
    issuer: port('token issuer', 'WHEELHOUSE_ISSUER_PORT', 8095),
    stripe: port('Stripe sandbox', 'WHEELHOUSE_STRIPE_PORT', 12_111),
    smtp: port('mail server', 'WHEELHOUSE_SMTP_PORT', 1025),
    inbox: port('mail inbox', 'WHEELHOUSE_INBOX_PORT', 8096),
    products: new Map(
      DEMO_PRODUCTS.map(({ code, portVariable, portDefault }) => [
        code,
        port(`BFF of ${code}`, portVariable, portDefault),
      ]),
    ),
  };
  if (problems.length > 0) {
    throw new StackError(`Not a port: ${problems.join(', ')}. Set each to 1 to ${PORT_MAX}, or 0 for any free port.`);
  }
  return { home: resolveHome(environment), ports };
}
