// Owns the hash chain of an account (docs/architecture.md, "Tamper evidence"): SHA-256 over the previous commit's hash and the
// canonical JSON (RFC 8785) of this commit. Outside the chain stand only the hash itself, the state (its digest takes its
// place) and personal text with its salt (their digest takes theirs).

import { createHash, hash } from 'node:crypto';
import type { CommitHash } from '../../app/ports.ts';
import { formatCanonicalJson } from './canonical-json.ts';
import type { UnsealedCommitDocument } from './commit-document.ts';

/** Computes the hash that seals a commit to the one before it. */
export function computeCommitHash(document: UnsealedCommitDocument, previous: CommitHash): CommitHash {
  return computeLinkHash(formatCoveredJson(document), previous);
}

/** Computes the same of what the hash covers, as {@link formatCoveredJson} writes it. */
export function computeLinkHash(coveredJson: string, previous: CommitHash): CommitHash {
  return createHash('sha256').update(previous).update(coveredJson).digest();
}

/** Writes what the hash of a commit covers, beside the hash before it. Throws TypeError where that has no canonical form. */
export function formatCoveredJson(document: UnsealedCommitDocument): string {
  const { state, entries, ...rest } = document;
  const covered = {
    ...rest,
    entries: entries.map((entry) => ({ ...entry, personal: undefined, personal_digest: entry.personal?.digest })),
    state_digest: state === undefined ? undefined : hash('sha256', formatCanonicalJson(state), 'hex'),
  };
  return formatCanonicalJson(covered);
}
