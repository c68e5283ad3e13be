// Owns the page tokens of lists by time. A token is tied to its list: with other filters it would silently skip rows.

import { invalidField } from '../../domain/error.ts';
import { computeTokenSignature } from '../token-signature.ts';
import type { TimePlace } from './ports.ts';

const TOKEN = /^1\.([\w-]{16})\.(\d{1,15})\.([\w-]{1,128})$/;

/** Writes the place that a list goes on after; `list` is what the list is of. */
export function formatTimeToken({ createdAt, id }: TimePlace, list: readonly unknown[]): string {
  return Buffer.from(`1.${computeTokenSignature(list)}.${createdAt}.${id}`).toString('base64url');
}

/** Reads a place. Throws DomainError INVALID_FIELD `page_token` where it is not of this list. */
export function parseTimeToken(token: string, list: readonly unknown[]): TimePlace {
  const [, signature, createdAt, id] = TOKEN.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (createdAt !== undefined && id !== undefined && signature === computeTokenSignature(list)) {
    return { createdAt: Number(createdAt), id };
  }
  const description = 'is not a token of this list: repeat the call without it, or with the fields of the page before';
  throw invalidField({ field: 'page_token', description });
}
