// Owns the indexes that the ledger's safety rests on. A kernel that can't prove them must not listen (docs/architecture.md, "The write path").

import type { mongo } from 'mongoose';
import type { CommitDocument } from './commit-document.ts';

interface UniqueIndex {
  readonly name: string;
  readonly key: Readonly<Record<string, 1>>;
}

/** One commit for each seq, and one for each idempotency key, of a tenant. */
const COMMIT_INDEXES: readonly UniqueIndex[] = [
  { name: 'tenant_seq', key: { tenant_id: 1, seq: 1 } },
  { name: 'tenant_keys', key: { tenant_id: 1, keys: 1 } },
];

/**
 * Creates the unique indexes of `ledger_commits` where they are missing, then reads them back.
 * Throws Error where one is missing, not unique, or does not cover every document.
 */
export async function ensureCommitIndexes(commits: mongo.Collection<CommitDocument>): Promise<void> {
  for (const { name, key } of COMMIT_INDEXES) {
    try {
      await commits.createIndex(key, { name, unique: true });
    } catch (cause) {
      throw indexError(key, `can't be created (${cause instanceof Error ? cause.message : String(cause)})`, cause);
    }
  }
  const existing = await commits.indexes();
  for (const { key } of COMMIT_INDEXES) {
    const found = existing.find((index) => sameKey(index.key, key));
    if (found === undefined) throw indexError(key, 'is missing');
    if (found.unique !== true) throw indexError(key, 'is not unique');
    if (found.sparse === true || found.partialFilterExpression !== undefined) {
      throw indexError(key, 'does not cover every commit');
    }
  }
}

function sameKey(actual: mongo.IndexDescriptionInfo['key'], expected: UniqueIndex['key']): boolean {
  return JSON.stringify(actual) === JSON.stringify(expected);
}

function indexError(key: UniqueIndex['key'], problem: string, cause?: unknown): Error {
  const message =
    `the unique index ${JSON.stringify(key)} of collection ledger_commits ${problem}; without it a debit could happen twice, ` +
    'so this kernel does not start: drop an index of the same name or key that is not unique, and look for duplicates';
  return new Error(message, { cause });
}
