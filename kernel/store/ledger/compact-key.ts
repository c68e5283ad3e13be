// Owns the form of an idempotency key in a commit's list of keys, which exists for its unique index and for look-ups alone
// (docs/adr/0008-compact-keys.md); the text of a key stands in its entry.
// Invariant: the same key has the same form for ever, or a request could be done twice.

import { hash } from 'node:crypto';
import { mongo } from 'mongoose';
import type { IdempotencyKey } from '../../domain/id.ts';

/** A key as the index has it: 22 bytes where a caller's request id is a UUID, else its text. */
export type CompactKey = mongo.Binary | IdempotencyKey;

/** `req:<scope>:<operation>:<uuid>` and nothing else; another spelling of a UUID is another request id. */
const UUID_REQUEST = /^req:[^:]*:[^:]*:[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/;
const UUID_LENGTH = 36;
const PREFIX_BYTES = 6;
const UUID_BYTES = 16;

/** There are as many as callers times operations; should there ever be more, they cost time and not memory. */
const PREFIXES_MAX = 10_000;
const prefixDigests = new Map<string, Buffer>();

/**
 * Builds the compact form of a key: the first bytes of SHA-256 of what stands before the UUID, then those of the UUID.
 * So the keys of one caller and operation come in the order of their ids, and an index grows at its end where these are UUIDv7.
 */
export function toCompactKey(key: IdempotencyKey): CompactKey {
  if (!UUID_REQUEST.test(key)) return key;
  const place = key.length - UUID_LENGTH;
  const bytes = Buffer.alloc(PREFIX_BYTES + UUID_BYTES);
  bytes.set(digestOf(key.slice(0, place)));
  bytes.write(key.slice(place).replaceAll('-', ''), PREFIX_BYTES, 'hex');
  return new mongo.Binary(bytes);
}

/** Says whether a stored value is the compact form of a key. */
export function isCompactFormOf(stored: unknown, key: IdempotencyKey): boolean {
  return describeCompactKey(stored) === describeCompactKey(toCompactKey(key));
}

/** Writes a compact key for people: its text, or its bytes in hexadecimal. */
export function describeCompactKey(stored: unknown): string {
  return stored instanceof mongo.Binary ? `0x${stored.toString('hex')}` : String(stored);
}

function digestOf(prefix: string): Buffer {
  const known = prefixDigests.get(prefix);
  if (known !== undefined) return known;
  if (prefixDigests.size >= PREFIXES_MAX) prefixDigests.clear();
  const digest = hash('sha256', prefix, 'buffer').subarray(0, PREFIX_BYTES);
  prefixDigests.set(prefix, digest);
  return digest;
}
