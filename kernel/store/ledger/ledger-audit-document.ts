// Owns what verification and export see of one stored commit: the document as it is, with every field that somebody may
// have added, and no trust in its types.

import { mongo } from 'mongoose';
import type { StoredCommit } from '../../app/audit/ports.ts';
import type { CommitHash, SealedCommit } from '../../app/ports.ts';
import { describeDifference, findDifference } from '../../domain/difference.ts';
import { messageOf } from '../../domain/error.ts';
import { findBsonDifference } from './bson-difference.ts';
import { formatCanonicalJson } from './canonical-json.ts';
import { LEDGER_COLLECTION_OPTIONS } from './collection-option.ts';
import { type CommitDocument, fromDocumentCommit, toDocumentCommit } from './commit-document.ts';
import { computeCommitHash, formatCoveredJson } from './commit-hash.ts';
import { describeCompactKey } from './compact-key.ts';
import type { EntryDocument } from './entry-document.ts';

const HASH_BYTES = 32;

/** A commit's bytes, read as they lie in the database. */
export class StoredDocument implements StoredCommit {
  /** What the bytes say; the type is what it should be, and proven by nothing. */
  readonly #document: CommitDocument;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    // Text that is no UTF-8 is read with replacement characters; the hash then tells that it is not what was written.
    const options = { useBigInt64: true, validation: { utf8: false as const } };
    this.#document = mongo.BSON.deserialize(bytes, options) as CommitDocument;
  }

  get seq(): number | undefined {
    return toSeq(this.#document.seq);
  }

  get seqText(): string {
    return describeSeq(this.#document.seq);
  }

  get hash(): CommitHash | undefined {
    return toHash(this.#document.hash);
  }

  computeHash(previous: CommitHash): CommitHash {
    const { hash: _, ...unsealed } = this.#document;
    return computeCommitHash(unsealed, previous);
  }

  decode(): SealedCommit {
    // What stands in the place of the hash is judged by itself, and must not hide the rest.
    const hash = new mongo.Binary(this.hash ?? new Uint8Array(HASH_BYTES));
    return fromDocumentCommit({ ...this.#document, hash });
  }

  findFormProblem(commit: SealedCommit): string | undefined {
    try {
      return this.#findByteProblem(commit) ?? findPersonalProblem(this.#document.entries);
    } catch (error) {
      return `it is not in the form that was written: ${messageOf(error)}`;
    }
  }

  /** Writes the commit again and compares: what reading folds, such as the type of a number, is in the bytes alone. */
  #findByteProblem(commit: SealedCommit): string | undefined {
    const { hash, ...unsealed } = this.#document;
    // Versions that can be read have one form so far: what a later one added is absent where it says nothing.
    const expected = { ...toDocumentCommit(commit), state_version: this.#document.state_version };
    // What is no hash was told by itself, and must not hide the rest.
    const sealed = { ...expected, hash: this.hash === undefined ? hash : new mongo.Binary(this.hash) };
    // By the options of the insert.
    const written = mongo.BSON.serialize(sealed, { ignoreUndefined: LEDGER_COLLECTION_OPTIONS.ignoreUndefined });
    if (Buffer.compare(this.#bytes, written) === 0) return undefined;
    const difference = findDifference(unsealed, expected, isSameValue);
    if (difference !== undefined) {
      const [actual, wanted] = [difference.actual, difference.expected].map(toShown);
      return `it is not in the form that was written: ${describeDifference({ ...difference, actual, expected: wanted })}`;
    }
    const problem = findBsonDifference(this.#bytes, written);
    return `the stored bytes of commit ${commit.seq} are not those that a kernel writes: ${problem}`;
  }

  toLine(): string {
    const { hash, ...unsealed } = this.#document;
    const personal = unsealed.entries.flatMap((entry, index) => {
      const { digest: _, ...text } = entry.personal ?? {};
      return Object.keys(text).length === 0 ? [] : [{ entry_index: index, ...text }];
    });
    const beside = personal.length === 0 ? '' : `,"personal":[${personal.map(formatCanonicalJson).join(',')}]`;
    return `{"commit":${formatCoveredJson(unsealed)},"hash":${JSON.stringify(describeHash(hash))}${beside}}`;
  }
}

/** Finds personal text that says nothing in a form that no kernel writes: neither the hash nor the digest sees it. */
function findPersonalProblem(entries: readonly EntryDocument[]): string | undefined {
  for (const [index, { personal }] of entries.entries()) {
    const { salt, reason, dimensions } = personal ?? {};
    const isNoText = [salt, reason].some((text) => text !== undefined && typeof text !== 'string');
    if (isNoText || dimensions?.length === 0 || dimensions === null) {
      return `it is not in the form that was written: entries[${index}].personal has a field that says nothing and should be absent`;
    }
  }
  return undefined;
}

/** Reads a stored seq; undefined where it is no int64 from 1 on that a commit can have. */
export function toSeq(stored: unknown): number | undefined {
  if (typeof stored !== 'bigint' || stored < 1n || stored > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return Number(stored);
}

/** Says for people what is stored as a seq. */
export function describeSeq(stored: unknown): string {
  if (typeof stored === 'bigint') return `${stored}`;
  if (typeof stored === 'number') return `${stored} (not an int64)`;
  return typeof stored === 'string' ? JSON.stringify(stored.slice(0, 64)) : `of type ${typeof stored}`;
}

/** Copies a stored hash; undefined where there is none of 32 bytes. */
export function toHash(stored: unknown): CommitHash | undefined {
  const isHash = stored instanceof mongo.Binary && stored.position === HASH_BYTES;
  return isHash ? new Uint8Array(stored.buffer.subarray(0, HASH_BYTES)) : undefined;
}

/** Writes a stored hash in hexadecimal; empty where there is none. */
function describeHash(stored: unknown): string {
  const hash = toHash(stored);
  return hash === undefined ? '' : Buffer.from(hash).toString('hex');
}

/** Bytes are shown in hexadecimal. */
function toShown(value: unknown): unknown {
  return value instanceof mongo.Binary ? describeCompactKey(value) : value;
}

/** Compares values that are neither lists nor plain objects, types included. */
function isSameValue(actual: unknown, expected: unknown): boolean {
  if (actual instanceof Date && expected instanceof Date) return Object.is(actual.getTime(), expected.getTime());
  if (actual instanceof mongo.Binary && expected instanceof mongo.Binary) {
    return actual.sub_type === expected.sub_type && actual.toString('hex') === expected.toString('hex');
  }
  return Object.is(actual, expected);
}
