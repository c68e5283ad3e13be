// The ledger's store for one simulated kernel: the port over an in-memory replica set. Commits are sealed and read through
// the kernel's own documents, so that a form that loses something shows.

import { mongo } from 'mongoose';
import type { CommitHeader, LedgerStore, PlacedEntry } from '../../kernel/app/ports.ts';
import type { IdempotencyKey, TenantId } from '../../kernel/domain/id.ts';
import { type CommitDocument, toDocumentCommit } from '../../kernel/store/ledger/commit-document.ts';
import { computeCommitHash } from '../../kernel/store/ledger/commit-hash.ts';
import { describeCompactKey, toCompactKey } from '../../kernel/store/ledger/compact-key.ts';
import type { DatabaseLink } from './database-link.ts';
import type { ReplicaSet, StoredCommit } from './replica-set.ts';

/** About what a document takes; nothing in a run comes near the bounds on bytes. */
const DOCUMENT_BYTES = 1_000;

/** Builds the store of one kernel. */
export function createSimulatedStore(link: DatabaseLink, replicaSet: ReplicaSet): LedgerStore {
  const readRange = (what: string, tenantId: TenantId, fromSeq: number, toSeq: number) => {
    const middle = (fromSeq + toSeq) / 2;
    return link.scan<StoredCommit>(
      `${what} ${tenantId.slice(-1)} ${fromSeq}-${toSeq}`,
      () => replicaSet.readCommits(tenantId).filter(({ commit: { seq } }) => seq >= fromSeq && seq <= toSeq),
      ({ commit }) => commit.seq > middle,
    );
  };
  const write = async (place: number | undefined): Promise<void> => {
    if (place !== undefined) await replicaSet.awaitWritten(place);
  };
  return {
    prepareCommit: (commit, previousHash) => {
      const unsealed = toDocumentCommit(commit);
      const hash = computeCommitHash(unsealed, previousHash);
      const document: CommitDocument = { ...unsealed, hash: new mongo.Binary(hash) };
      return { commit: { ...commit, hash }, bytes: DOCUMENT_BYTES, document };
    },
    insertCommits: (commits) => link.insert(commits),
    loadCommits: async (tenantId, fromSeq, toSeq) =>
      (await readRange('commits', tenantId, fromSeq, toSeq)).map(({ commit }) => commit),
    loadCommitHeaders: async (tenantId, fromSeq, toSeq) =>
      (await readRange('headers', tenantId, fromSeq, toSeq)).map(({ commit }): CommitHeader => {
        const { entries: _, ...header } = commit;
        return header;
      }),
    loadExistingSeqs: (tenantId, seqs) =>
      link.call(`seqs ${tenantId.slice(-1)}`, () =>
        replicaSet.readCommits(tenantId).flatMap(({ commit: { seq } }) => (seqs.includes(seq) ? [seq] : [])),
      ),
    loadCreatedAt: (tenantId, wanted) =>
      link.call(
        `time of ${tenantId.slice(-1)}#${wanted}`,
        () => replicaSet.readCommits(tenantId).find(({ commit: { seq } }) => seq === wanted)?.commit.createdAt,
      ),
    loadEntriesByKeys: (tenantId, keys) =>
      link.call(`keys ${tenantId.slice(-1)}`, () =>
        replicaSet.readCommits(tenantId).flatMap((stored) => entriesWith(stored, new Set(keys))),
      ),
    removePersonalText: (tenantId, seq, index) =>
      link.call(`redact ${tenantId.slice(-1)}#${seq}.${index}`, () =>
        write(replicaSet.replace(tenantId, seq, (document) => withoutText(document, index))),
      ),
    loadHeadHint: (tenantId) => link.call(`hint ${tenantId.slice(-1)}`, () => replicaSet.readHint(tenantId)),
    saveHeadHint: (tenantId, seq, contention) =>
      link.call(`save hint ${tenantId.slice(-1)}#${seq}`, () => replicaSet.saveHint(tenantId, seq, contention)),
    saveHeadHints: (hints, since) =>
      link.call(`save ${hints.length} hints`, () =>
        hints.flatMap(({ tenantId, seq }) => {
          const before = replicaSet.saveHint(tenantId, seq, undefined);
          return (before?.contention?.at ?? 0) >= since ? [tenantId] : [];
        }),
      ),
    saveDueNotes: (notes) =>
      link.call('save notes', async () => {
        await Promise.all(notes.map((note) => write(replicaSet.saveNote(note, true))));
      }),
    loadDueNotes: (after, until, limit) =>
      link.call('notes', () =>
        replicaSet
          .readNotes()
          .filter(({ dueAt }) => dueAt > after && dueAt <= until)
          .slice(0, limit),
      ),
    removeDueNote: (note) => link.call('remove note', () => write(replicaSet.saveNote(note, false))),
  };
}

/** The entries of a commit that bear one of the keys, as their own or as their effect's. */
function entriesWith({ commit, document }: StoredCommit, keys: ReadonlySet<IdempotencyKey>): PlacedEntry[] {
  const compact = new Set([...keys].map((key) => describeCompactKey(toCompactKey(key))));
  if (!document.keys.some((key) => compact.has(describeCompactKey(key)))) return [];
  const { seq, createdAt, entries } = commit;
  return entries.flatMap((entry, index) => {
    const isWanted = keys.has(entry.key) || (entry.effectKey !== undefined && keys.has(entry.effectKey));
    return isWanted ? [{ seq, index, createdAt, entry }] : [];
  });
}

function withoutText(document: CommitDocument, wanted: number): CommitDocument {
  const entries = document.entries.map((entry, index) => {
    if (index !== wanted || entry.personal === undefined) return entry;
    return { ...entry, personal: { digest: entry.personal.digest } };
  });
  return { ...document, entries };
}
