// A ledger store without a database, for tests of what reads histories: every commit goes through its real document and
// BSON, and every read is counted, so that one without end fails and does not hang. What only a database can prove
// (unique indexes, majorities, outcomes) is proven on the real engine, in test/store.

import type { CommitHeader, LedgerStore, PreparedCommit, SealedCommit } from '../../../kernel/app/ports.ts';
import { keysOf } from '../../../kernel/domain/commit.ts';
import type { Entry } from '../../../kernel/domain/entry.ts';
import type { TenantId } from '../../../kernel/domain/id.ts';
import { fromDocumentCommit } from '../../../kernel/store/ledger/commit-document.ts';
import { bsonSize, sealDocument, throughBson } from './commit.ts';

const READS_MAX = 2_000;

/** Kept commits of one tenant, and how they are read. */
export interface MemoryStore {
  readonly store: LedgerStore;
  readonly commits: SealedCommit[];
  /** The names of the reads so far. */
  readonly reads: string[];
  /** What the hint says; undefined where there is none. */
  hint: number | undefined;
  /** Decides whether the next read sees a commit, as when one lands while an index is scanned. */
  isVisible: (commit: SealedCommit, readCount: number) => boolean;
}

/** Makes an empty store. */
export function createMemoryStore(): MemoryStore {
  const commits: SealedCommit[] = [];
  const reads: string[] = [];
  const seen = (name: string, tenantId: TenantId): SealedCommit[] => {
    reads.push(name);
    if (reads.length > READS_MAX) throw new Error(`the history was read ${READS_MAX} times and no end was found`);
    return commits.filter((commit) => commit.tenantId === tenantId && memory.isVisible(commit, reads.length));
  };
  const inRange = (name: string, tenantId: TenantId, fromSeq: number, toSeq: number) =>
    seen(name, tenantId)
      .filter(({ seq }) => seq >= fromSeq && seq <= toSeq)
      .toSorted((a, b) => a.seq - b.seq);
  const store: LedgerStore = {
    prepareCommit: (commit, previous) => {
      const document = sealDocument(commit, previous);
      return { commit: { ...commit, hash: document.hash.buffer }, bytes: bsonSize(document), document };
    },
    insertCommits: (prepared) => {
      commits.push(...prepared.map(storedOf));
      return Promise.resolve(prepared.map(() => ({ kind: 'acknowledged' })));
    },
    loadCommits: async (tenantId, fromSeq, toSeq) => inRange('loadCommits', tenantId, fromSeq, toSeq),
    loadCommitHeaders: async (tenantId, fromSeq, toSeq) =>
      inRange('loadCommitHeaders', tenantId, fromSeq, toSeq).map(({ entries: _, ...header }): CommitHeader => header),
    loadExistingSeqs: async (tenantId, seqs) =>
      seen('loadExistingSeqs', tenantId).flatMap(({ seq }) => (seqs.includes(seq) ? [seq] : [])),
    loadCreatedAt: async (tenantId, wanted) =>
      seen('loadCreatedAt', tenantId).find(({ seq }) => seq === wanted)?.createdAt,
    loadEntriesByKeys: async (tenantId, keys) =>
      seen('loadEntriesByKeys', tenantId).flatMap(({ seq, createdAt, entries }) =>
        entries.flatMap((entry, index) =>
          keysOf({ entries: [entry] }).some((key) => keys.includes(key)) ? [{ seq, index, createdAt, entry }] : [],
        ),
      ),
    removePersonalText: (tenantId, wanted, place) => {
      const at = commits.findIndex(({ tenantId: owner, seq }) => owner === tenantId && seq === wanted);
      const commit = commits[at];
      const entries = commit?.entries.map((entry, index) => (index === place ? withoutText(entry) : entry));
      if (commit !== undefined && entries !== undefined) commits[at] = { ...commit, entries };
      return Promise.resolve();
    },
    loadHeadHint: () => Promise.resolve(memory.hint === undefined ? undefined : { seq: memory.hint }),
    saveHeadHint: () => Promise.resolve(undefined),
    saveHeadHints: () => Promise.resolve([]),
    saveDueNotes: () => Promise.resolve(),
    loadDueNotes: () => Promise.resolve([]),
    removeDueNote: () => Promise.resolve(),
  };
  const memory: MemoryStore = { store, commits, reads, hint: undefined, isVisible: () => true };
  return memory;
}

function withoutText(entry: Entry): Entry {
  return entry.personal === undefined ? entry : { ...entry, personal: { digest: entry.personal.digest } };
}

function storedOf({ document }: PreparedCommit): SealedCommit {
  // Only `prepareCommit` above makes prepared commits, so the document is what `sealDocument` answered.
  return fromDocumentCommit(throughBson(document as ReturnType<typeof sealDocument>));
}
