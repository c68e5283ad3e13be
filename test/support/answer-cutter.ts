// A TCP proxy in front of the database that loses the answers to commands: the database has done what was asked, and its caller
// never hears of it. The driver in between is the real one.

import { type DatabaseProxy, startDatabaseProxy } from './database-proxy.ts';
import { beginningOf } from './holding-proxy.ts';

export interface AnswerCutter extends DatabaseProxy {
  /** Loses the answers to so many next commands of this name to this collection, and cuts their connections. */
  cutNext(count: number, command: string, collection: string): void;
}

/** Starts a proxy on a free port. */
export async function startAnswerCutter(databaseUri: string): Promise<AnswerCutter> {
  const cuts: Buffer[] = [];
  const proxy = await startDatabaseProxy(databaseUri, ({ client, upstream, end }) => {
    let isCut = false;
    client.on('data', (data: Buffer) => {
      const index = cuts.findIndex((beginning) => data.includes(beginning));
      if (index !== -1) cuts.splice(index, 1);
      isCut ||= index !== -1;
      upstream.write(data);
    });
    upstream.on('data', (data: Buffer) => {
      if (isCut) end();
      else client.write(data);
    });
  });
  return {
    ...proxy,
    cutNext: (count, command, collection) =>
      void cuts.push(...Array.from({ length: count }, () => beginningOf(command, collection))),
  };
}
