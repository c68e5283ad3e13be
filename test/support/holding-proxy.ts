// A TCP proxy in front of the database that keeps back a command, so that a test can end a kernel at exactly that moment: what
// it sent before is done, and what it was about to send never arrives. The driver in between is the real one.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const STRING_ELEMENT = 0x02;
const LENGTH_BYTES = 4;

export interface HoldingProxy {
  /** The database's connection string, through the proxy. */
  readonly uri: string;
  /** Keeps back the next command of this name to this collection, for ever; resolves when it has come. */
  holdNext(command: string, collection: string): Promise<void>;
  stop(): Promise<void>;
}

interface Hold {
  /** How the command begins, in BSON. */
  readonly beginning: Buffer;
  readonly reached: () => void;
}

/** Starts a proxy on a free port. */
export async function startHoldingProxy(databaseUri: string): Promise<HoldingProxy> {
  const target = new URL(databaseUri);
  const sockets = new Set<Socket>();
  const holds: Hold[] = [];
  const takeHold = (data: Buffer): Hold | undefined => {
    const index = holds.findIndex(({ beginning }) => data.includes(beginning));
    return index === -1 ? undefined : holds.splice(index, 1)[0];
  };
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
    let isHeld = false;
    client.on('data', (data: Buffer) => {
      const hold = takeHold(data);
      isHeld ||= hold !== undefined;
      hold?.reached();
      if (!isHeld) upstream.write(data);
    });
    upstream.on('data', (data: Buffer) => void client.write(data));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const uri = new URL(databaseUri);
  // A server that listens has an address with a port.
  uri.port = String((server.address() as AddressInfo).port);
  uri.hostname = '127.0.0.1';
  uri.searchParams.set('directConnection', 'true');
  return {
    uri: uri.toString(),
    holdNext: (command, collection) =>
      new Promise((resolve) => holds.push({ beginning: beginningOf(command, collection), reached: resolve })),
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A command begins with its name, whose value is the text of the collection. */
function beginningOf(command: string, collection: string): Buffer {
  const text = Buffer.from(`${collection}\0`);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeInt32LE(text.length);
  return Buffer.concat([Buffer.of(STRING_ELEMENT), Buffer.from(`${command}\0`), length, text]);
}
