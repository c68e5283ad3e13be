/**
 * Owns: TCP ports of the loopback interface: which are free, which are taken.
 * Does not own: which part of the stack has which port; `stack-config.ts` does.
 */
import { createServer, type Server } from 'node:net';
import { StackError, toMessage } from './stack-error.ts';

/** Is the only interface that anything of the local stack listens on. */
export const LOOPBACK = '127.0.0.1';

const PORT_MAX = 65_535;

/** Is a port and what moves it elsewhere. */
export interface NamedPort {
  /** Is what listens there, such as `kernel gRPC`. */
  readonly purpose: string;
  /** Is the port; 0 means any free one. */
  readonly port: number;
  /** Is the environment variable that chooses it. */
  readonly variable: string;
}

/** Is a port that nothing else gets. */
export interface HeldPort {
  readonly port: number;
  /** Lets go of it, for whoever it is for. */
  release(): Promise<void>;
}

/** Returns a port that is free right now. Throws the system's error when there is none. */
export async function findFreePort(): Promise<number> {
  return await tryListen(0);
}

/** Takes a free port for something that starts later: until then nobody else finds it free. Throws as `findFreePort`. */
export async function holdFreePort(): Promise<HeldPort> {
  const server = createServer().unref();
  const port = await listen(server, 0);
  return { port, release: () => new Promise((resolve) => server.close(() => resolve())) };
}

/**
 * Makes sure that the ports are free, before anything is started that needs one.
 * Throws StackError naming each taken port and the variable that moves it.
 */
export async function assertPortsFree(ports: readonly NamedPort[]): Promise<void> {
  const taken: NamedPort[] = [];
  for (const candidate of ports) {
    if (candidate.port !== 0 && !(await isPortFree(candidate.port))) taken.push(candidate);
  }
  if (taken.length === 0) return;
  const which = taken.map(({ port, purpose }) => `${port} (${purpose})`).join(', ');
  const moves = taken.map(({ port, variable }) => `${variable}=${port + 1000 <= PORT_MAX ? port + 1000 : 0}`).join(' ');
  const [noun, verb, what] = taken.length === 1 ? ['Port', 'is', 'it'] : ['Ports', 'are', 'them'];
  throw new StackError(
    `${noun} ${which} ${verb} already in use: end the program that listens there, or move ${what} with ` +
      `\`${moves} npm start\` (0 takes any free port).`,
  );
}

async function isPortFree(port: number): Promise<boolean> {
  try {
    await tryListen(port);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw new StackError(`Port ${port} can't be listened on: ${toMessage(error)}.`);
  }
}

async function tryListen(port: number): Promise<number> {
  const server = createServer();
  const taken = await listen(server, port);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return taken;
}

async function listen(server: Server, port: number): Promise<number> {
  return await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: LOOPBACK }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
