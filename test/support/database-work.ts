// Watches what a piece of work asks of the database: how much, and whether a command on the commits could come to read a
// whole history. How many documents an answer has does not tell that: a scan for one document answers with one.

import type { Connection, mongo } from 'mongoose';

const COMMITS = 'ledger_commits';
/** The widest range that one read of commits may name: the largest chunk of the kernel's own reads, and some room. */
const RANGE_COMMITS_MAX = 600;
const SEQS_MAX = 64;
const KEYS_MAX = 1_024;

/** What a piece of work asked of the database. */
export interface DatabaseWork {
  readonly commands: number;
  /** Documents that reads answered with. */
  readonly documents: number;
  /** Those of them that are commits. */
  readonly commits: number;
  /** The commands on commits that are not bounded whatever the length of the history, each with what is wrong with it. */
  readonly unbounded: readonly string[];
}

/** Watches work through a connection that reports its commands. */
export async function watchDatabaseWork(connection: Connection, work: () => Promise<unknown>): Promise<DatabaseWork> {
  let [commands, documents, commits] = [0, 0, 0];
  const unbounded: string[] = [];
  const onStarted = ({ commandName, command }: mongo.CommandStartedEvent): void => {
    const problem = findProblem(commandName, asRecord(command));
    if (problem !== undefined) unbounded.push(`${commandName} ${problem}: ${describe(command)}`);
  };
  const onSucceeded = ({ commandName, reply }: mongo.CommandSucceededEvent): void => {
    if (commandName === 'hello' || commandName === 'ping') return;
    const cursor = asRecord(asRecord(reply)['cursor']);
    const count = ['firstBatch', 'nextBatch'].reduce((sum, name) => sum + asList(cursor[name]).length, 0);
    commands += 1;
    documents += count;
    if (String(cursor['ns']).endsWith(`.${COMMITS}`)) commits += count;
  };
  const client = connection.getClient().on('commandStarted', onStarted).on('commandSucceeded', onSucceeded);
  try {
    await work();
  } finally {
    client.off('commandStarted', onStarted).off('commandSucceeded', onSucceeded);
  }
  return { commands, documents, commits, unbounded };
}

/** Says what is wrong with a command on commits; undefined where it is bounded, or not on commits. */
function findProblem(name: string, command: Readonly<Record<string, unknown>>): string | undefined {
  if (command['collection'] === COMMITS && name === 'getMore') return undefined;
  if (command[name] !== COMMITS) return undefined;
  switch (name) {
    // A commit is checked against the unique indexes alone.
    case 'insert':
      return undefined;
    case 'find':
      return findFilterProblem(command['filter']);
    case 'aggregate':
      return findFilterProblem(asRecord(asList(command['pipeline'])[0])['$match']);
    case 'update':
    case 'delete':
      return asList(command[`${name}s`])
        .map((operation) => findFilterProblem(asRecord(operation)['q']))
        .find((problem) => problem !== undefined);
    default:
      return 'is no command that the ledger makes of commits';
  }
}

/** A filter is bounded where an index leads to each document that it can match, and those are only so many. */
function findFilterProblem(filter: unknown): string | undefined {
  const { tenant_id: tenantId, seq, keys } = asRecord(filter);
  if (typeof tenantId !== 'string') return 'names no tenant';
  const asked = asRecord(keys)['$in'];
  if (keys !== undefined) return asList(asked).length <= KEYS_MAX && Array.isArray(asked) ? undefined : 'has no keys';
  if (isWhole(seq)) return undefined;
  const { $in: seqs, $gte: from, $lte: to } = asRecord(seq);
  if (Array.isArray(seqs)) return seqs.length <= SEQS_MAX ? undefined : `names more than ${SEQS_MAX} seqs`;
  if (!isWhole(from) || !isWhole(to)) return 'names no seq and no range of seqs with both ends';
  const width = Number(to) - Number(from) + 1;
  return width <= RANGE_COMMITS_MAX ? undefined : `names a range of ${width} commits, more than ${RANGE_COMMITS_MAX}`;
}

function isWhole(value: unknown): boolean {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function describe(command: unknown): string {
  const { filter, pipeline, updates, deletes, sort, limit } = asRecord(command);
  const shown = { filter, pipeline, updates, deletes, sort, limit };
  return JSON.stringify(shown, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
}
