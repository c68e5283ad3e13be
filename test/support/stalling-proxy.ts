// A TCP proxy between a caller and a kernel that can fall silent, as a network does, or cut every connection.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface StallingProxy {
  /** `host:port` of the kernel, through the proxy. */
  readonly address: string;
  /** Passes nothing on in either direction, and says nothing of it. */
  stall(): void;
  /** Passes on what waited, and what comes. */
  resume(): void;
  /** Destroys the connections that there are; new ones are passed on. */
  cut(): void;
  stop(): Promise<void>;
}

/** Starts a proxy of a `host:port` on a free port. */
export async function startStallingProxy(target: string): Promise<StallingProxy> {
  const { hostname, port } = new URL(`tcp://${target}`);
  const sockets = new Set<Socket>();
  let isStalled = false;
  const server: Server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      const end = (): void => {
        sockets.delete(from);
        to.destroy();
      };
      from.on('error', end).on('close', end);
      // Backpressure is passed on too: who does not read is felt at the other end.
      from.on('data', (data: Buffer) => {
        if (!to.write(data)) {
          from.pause();
          to.once('drain', () => !isStalled && from.resume());
        }
      });
      if (isStalled) from.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    // A server that listens has an address with a port.
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stall: () => {
      isStalled = true;
      for (const socket of sockets) socket.pause();
    },
    resume: () => {
      isStalled = false;
      for (const socket of sockets) socket.resume();
    },
    cut,
    stop: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
