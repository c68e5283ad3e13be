// Owns the form of a ledger commit in MongoDB (collection `ledger_commits`) and nothing of its meaning. Field names are
// part of the hash chain: a change of form is a new `state_version`.
// Invariant: integers that count credits or commits are BSON int64 (bigint here), never doubles.

import { mongo } from 'mongoose';
import type { CommitHash, CommitHeader, SealedCommit } from '../../app/ports.ts';
import { type AccountState, sameTotals } from '../../domain/account.ts';
import { type Commit, keysOf, STATE_VERSION } from '../../domain/commit.ts';
import type { CommitId, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { type CompactKey, toCompactKey } from './compact-key.ts';
import {
  type EntryDocument,
  fromDocumentEntry,
  fromDocumentTotals,
  type TotalsDocument,
  toDocumentEntry,
  toDocumentTotals,
} from './entry-document.ts';
import { toInt64 } from './int64.ts';
import { fromDocumentState, type StateDocument, toDocumentState } from './state-document.ts';
import { assertKnownVersion } from './state-version.ts';

/** A commit as MongoDB has it. */
export interface CommitDocument {
  /** The commit id: a UUIDv7, so that one index serves identity and nothing else is needed. */
  readonly _id: mongo.Binary;
  readonly tenant_id: TenantId;
  readonly seq: bigint;
  /** For the unique index and look-ups; the texts stand in the entries. */
  readonly keys: readonly CompactKey[];
  readonly created_at: Date;
  readonly entries: readonly EntryDocument[];
  readonly totals: TotalsDocument;
  readonly state?: StateDocument | undefined;
  readonly state_version: number;
  readonly hash: mongo.Binary;
}

/** A commit document before its hash is known. */
export type UnsealedCommitDocument = Omit<CommitDocument, 'hash'>;

/**
 * Translates a commit into its document. Throws RangeError where a number is not an int64, or where the state has other
 * totals than the commit, which alone are stored.
 */
export function toDocumentCommit(commit: Commit): UnsealedCommitDocument {
  return {
    _id: new mongo.UUID(commit.commitId),
    tenant_id: commit.tenantId,
    seq: toInt64(BigInt(commit.seq)),
    keys: keysOf(commit).map(toCompactKey),
    created_at: new Date(commit.createdAt),
    entries: commit.entries.map(toDocumentEntry),
    totals: toDocumentTotals(commit.totals),
    state: commit.state === undefined ? undefined : toDocumentState(withTotalsOf(commit, commit.state)),
    state_version: STATE_VERSION,
  };
}

/**
 * Translates a document back into a commit.
 * Throws DomainError STATE_VERSION_UNSUPPORTED where a newer release wrote it, LEDGER_CORRUPT where it is none of ours.
 */
export function fromDocumentCommit(document: CommitDocument): SealedCommit {
  return { ...fromDocumentHeader(document), entries: document.entries.map((entry) => fromDocumentEntry(entry)) };
}

/** Translates a document that was read without its entries; throws as {@link fromDocumentCommit} does. */
export function fromDocumentHeader(document: Omit<CommitDocument, 'entries' | 'keys'>): CommitHeader {
  const { state, state_version: version } = document;
  assertKnownVersion(version, document);
  const totals = fromDocumentTotals(document.totals);
  return {
    tenantId: document.tenant_id,
    seq: Number(document.seq),
    commitId: new mongo.UUID(document._id.buffer).toString() as CommitId,
    createdAt: document.created_at.getTime(),
    totals,
    ...present({ state: state === undefined ? undefined : fromDocumentState(state, version, totals) }),
    hash: fromDocumentHash(document.hash),
  };
}

function withTotalsOf({ totals }: Commit, state: AccountState): AccountState {
  if (!sameTotals(state.totals, totals)) throw new RangeError('the state has other totals than its commit');
  return state;
}

/** Copies the bytes of a stored hash. */
function fromDocumentHash(hash: mongo.Binary): CommitHash {
  return new Uint8Array(hash.buffer.subarray(0, hash.position));
}
