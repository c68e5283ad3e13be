// Owns the hash chain of an account (docs/architecture.md, "Tamper evidence"): SHA-256 over the previous commit's hash and the
// canonical JSON (RFC 8785) of this commit. Outside the chain stand only the hash itself, the state (its digest takes its
// place) and personal text with its salt (their digest takes theirs).

import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { mongo } from 'mongoose';
import type { CommitHash } from '../../app/ports.ts';
import type { UnsealedCommitDocument } from './commit-document.ts';

/** Computes the hash that seals a commit to the one before it. */
export function computeCommitHash(document: UnsealedCommitDocument, previous: CommitHash): CommitHash {
  const { state, entries, ...rest } = document;
  const covered = {
    ...rest,
    entries: entries.map(({ personal, ...entry }) => ({ ...entry, personal_digest: personal?.digest })),
    state_digest: state === undefined ? undefined : digestOf(state),
  };
  return createHash('sha256').update(previous).update(canonicalJson(covered)).digest();
}

function digestOf(value: object): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** Writes a document as canonical JSON: int64 as strings, times as ISO 8601, binary as hexadecimal. */
function canonicalJson(document: object): string {
  // An object always has a JSON text; only a bare undefined or function has none.
  return canonicalize(toPlain(document)) as string;
}

function toPlain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Date) return value.toISOString();
  // The bytes themselves: a UUID and a Binary of the same bytes print differently, and reading turns one into the other.
  if (value instanceof mongo.Binary) return Buffer.from(value.buffer.subarray(0, value.position)).toString('hex');
  if (Array.isArray(value)) return value.map(toPlain);
  const plain: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) if (part !== undefined) plain[name] = toPlain(part);
  return plain;
}
