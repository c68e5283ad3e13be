// A TCP proxy in front of the database that cuts connections at inserts of ledger commits: before the database sees them, or
// after, so that only the answer is lost. The driver in between is the real one.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Where an insert is cut off. */
export type Cut = 'before the database' | 'before the answer';

export interface CuttingProxy {
  /** The database's connection string, through the proxy. */
  readonly uri: string;
  /** Cuts so many next inserts of ledger commits. */
  cutNext(count: number, where: Cut): void;
  /** Cuts nothing any more; answers how many cuts were left. */
  reset(): number;
  stop(): Promise<void>;
}

const INSERT = Buffer.from('insert\0');
const COLLECTION = Buffer.from('ledger_commits\0');

/** Starts a proxy on a port, by default a free one. */
export async function startCuttingProxy(databaseUri: string, port = 0): Promise<CuttingProxy> {
  const target = new URL(databaseUri);
  const sockets = new Set<Socket>();
  const plan: Cut[] = [];
  const server: Server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let isAnswerCut = false;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    client.on('data', (data: Buffer) => {
      const cut = isCommitInsert(data) ? plan.shift() : undefined;
      if (cut === 'before the database') return end();
      isAnswerCut ||= cut === 'before the answer';
      upstream.write(data);
    });
    upstream.on('data', (data: Buffer) => {
      if (isAnswerCut) end();
      else client.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const uri = new URL(databaseUri);
  // A server that listens has an address with a port.
  uri.port = String((server.address() as AddressInfo).port);
  uri.hostname = '127.0.0.1';
  uri.searchParams.set('directConnection', 'true');
  return {
    uri: uri.toString(),
    cutNext: (count, where) => void plan.push(...Array.from({ length: count }, () => where)),
    reset: () => plan.splice(0).length,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function isCommitInsert(data: Buffer): boolean {
  return data.includes(INSERT) && data.includes(COLLECTION);
}
