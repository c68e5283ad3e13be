// Owns the indexes that the ledger's safety rests on. A kernel that can't prove them must not listen (docs/architecture.md, "The write path").

import type { mongo } from 'mongoose';
import { ensureIndexes, findIndexProblem, type IndexProblem } from '../index-proof.ts';
import type { CommitDocument } from './commit-document.ts';

/** An index that lets one document at most have each value of its key. */
export interface UniqueIndex {
  readonly name: string;
  readonly key: Readonly<Record<string, 1>>;
  readonly unique: true;
}

/** One commit for each seq, and one for each idempotency key, of a tenant. Some engines repeat a name in every entry. */
export const COMMIT_INDEXES: readonly UniqueIndex[] = [
  { name: 'seq', key: { tenant_id: 1, seq: 1 }, unique: true },
  { name: 'keys', key: { tenant_id: 1, keys: 1 }, unique: true },
];

/**
 * Creates the unique indexes of `ledger_commits` where they are missing, then reads them back.
 * Throws Error where one is missing, not unique, or does not cover every document.
 */
export async function ensureCommitIndexes(commits: mongo.Collection<CommitDocument>): Promise<void> {
  const found = await ensureIndexes(commits, COMMIT_INDEXES);
  if (found === undefined) return;
  const message =
    `the unique index ${JSON.stringify(found.key)} of collection ledger_commits ${found.problem}; without it a debit could happen twice, ` +
    'so this kernel does not start: drop an index of the same name or key that is not unique, and look for duplicates';
  throw new Error(message, { cause: found.cause });
}

/** Finds an index of `ledger_commits` that is missing, not unique, or does not cover every document. */
export function findCommitIndexProblem(commits: mongo.Collection<CommitDocument>): Promise<IndexProblem | undefined> {
  return findIndexProblem(commits, COMMIT_INDEXES);
}
