// A TCP proxy in front of the database, the frame of those that hold back commands or cut connections at them. Does not own
// what passes: each connection is piped by whoever starts the proxy.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface DatabaseProxy {
  /** The database's connection string, through the proxy. */
  readonly uri: string;
  stop(): Promise<void>;
}

/** One connection of a driver; where one of its two ends breaks, so does the other. */
export interface ProxiedConnection {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Breaks both ends. */
  end(): void;
}

/** Starts a proxy on a port, by default a free one; `pipe` passes on what arrives at both ends of a connection. */
export async function startDatabaseProxy(
  databaseUri: string,
  pipe: (connection: ProxiedConnection) => void,
  port = 0,
): Promise<DatabaseProxy> {
  const target = new URL(databaseUri);
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    pipe({ client, upstream, end });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const uri = new URL(databaseUri);
  // A server that listens has an address with a port.
  uri.port = String((server.address() as AddressInfo).port);
  uri.hostname = '127.0.0.1';
  uri.searchParams.set('directConnection', 'true');
  return {
    uri: uri.toString(),
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
