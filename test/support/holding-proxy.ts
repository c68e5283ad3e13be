// A TCP proxy in front of the database that keeps back a command, so that a test can end a kernel at exactly that moment: what
// it sent before is done, and what it was about to send never arrives. The driver in between is the real one.

import { type DatabaseProxy, startDatabaseProxy } from './database-proxy.ts';

const STRING_ELEMENT = 0x02;
const LENGTH_BYTES = 4;

export interface HoldingProxy extends DatabaseProxy {
  /** Keeps back the next command of this name to this collection, for ever; resolves when it has come. */
  holdNext(command: string, collection: string): Promise<void>;
}

interface Hold {
  /** How the command begins, in BSON. */
  readonly beginning: Buffer;
  readonly reached: () => void;
}

/** Starts a proxy on a free port. */
export async function startHoldingProxy(databaseUri: string): Promise<HoldingProxy> {
  const holds: Hold[] = [];
  const takeHold = (data: Buffer): Hold | undefined => {
    const index = holds.findIndex(({ beginning }) => data.includes(beginning));
    return index === -1 ? undefined : holds.splice(index, 1)[0];
  };
  const proxy = await startDatabaseProxy(databaseUri, ({ client, upstream }) => {
    let isHeld = false;
    client.on('data', (data: Buffer) => {
      const hold = takeHold(data);
      isHeld ||= hold !== undefined;
      hold?.reached();
      if (!isHeld) upstream.write(data);
    });
    upstream.on('data', (data: Buffer) => void client.write(data));
  });
  return {
    ...proxy,
    holdNext: (command, collection) =>
      new Promise((resolve) => holds.push({ beginning: beginningOf(command, collection), reached: resolve })),
  };
}

/** Answers how a command begins, in BSON: with its name, whose value is the text of the collection. */
export function beginningOf(command: string, collection: string): Buffer {
  const text = Buffer.from(`${collection}\0`);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeInt32LE(text.length);
  return Buffer.concat([Buffer.of(STRING_ELEMENT), Buffer.from(`${command}\0`), length, text]);
}
