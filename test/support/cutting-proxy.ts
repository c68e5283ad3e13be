// A TCP proxy in front of the database that cuts connections at inserts of ledger commits: before the database sees them, or
// after, so that only the answer is lost. The driver in between is the real one.

import { type DatabaseProxy, type ProxiedConnection, startDatabaseProxy } from './database-proxy.ts';

/** Where an insert is cut off. */
export type Cut = 'before the database' | 'before the answer';

export interface CuttingProxy extends DatabaseProxy {
  /** Cuts so many next inserts of ledger commits. */
  cutNext(count: number, where: Cut): void;
  /** Cuts nothing any more; answers how many cuts were left. */
  reset(): number;
}

const INSERT = Buffer.from('insert\0');
const COLLECTION = Buffer.from('ledger_commits\0');

/** Starts a proxy on a port, by default a free one. */
export async function startCuttingProxy(databaseUri: string, port = 0): Promise<CuttingProxy> {
  const plan: Cut[] = [];
  const pipe = ({ client, upstream, end }: ProxiedConnection): void => {
    let isAnswerCut = false;
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
  };
  return {
    ...(await startDatabaseProxy(databaseUri, pipe, port)),
    cutNext: (count, where) => void plan.push(...Array.from({ length: count }, () => where)),
    reset: () => plan.splice(0).length,
  };
}

function isCommitInsert(data: Buffer): boolean {
  return data.includes(INSERT) && data.includes(COLLECTION);
}
