// Owns the form of a ledger commit in MongoDB (collection `ledger_commits`) and nothing of its meaning. Field names are
// part of the hash chain: a change of form is a new `state_version`.
// Invariant: integers that count credits or commits are BSON int64 (bigint here), never doubles.

import { mongo } from 'mongoose';
import type { CommitHash, CommitHeader, SealedCommit } from '../../app/ports.ts';
import { type Commit, keysOf, STATE_VERSION } from '../../domain/commit.ts';
import type { CommitId, IdempotencyKey, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
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
  readonly keys: readonly IdempotencyKey[];
  readonly created_at: Date;
  readonly entries: readonly EntryDocument[];
  readonly totals: TotalsDocument;
  readonly state?: StateDocument | undefined;
  readonly state_version: number;
  readonly hash: mongo.Binary;
}

/** A commit document before its hash is known. */
export type UnsealedCommitDocument = Omit<CommitDocument, 'hash'>;

/** Translates a commit into its document; throws RangeError where a number is not an int64. */
export function toDocumentCommit(commit: Commit): UnsealedCommitDocument {
  return {
    _id: new mongo.UUID(commit.commitId),
    tenant_id: commit.tenantId,
    seq: toInt64(BigInt(commit.seq)),
    keys: keysOf(commit),
    created_at: new Date(commit.createdAt),
    entries: commit.entries.map(toDocumentEntry),
    totals: toDocumentTotals(commit.totals),
    state: commit.state === undefined ? undefined : toDocumentState(commit.state),
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
  return {
    tenantId: document.tenant_id,
    seq: Number(document.seq),
    commitId: new mongo.UUID(document._id.buffer).toString() as CommitId,
    createdAt: document.created_at.getTime(),
    totals: fromDocumentTotals(document.totals),
    ...present({ state: state === undefined ? undefined : fromDocumentState(state, version) }),
    hash: fromDocumentHash(document.hash),
  };
}

/** Copies the bytes of a stored hash. */
function fromDocumentHash(hash: mongo.Binary): CommitHash {
  return new Uint8Array(hash.buffer.subarray(0, hash.position));
}
