// Owns the page tokens of lists that are part of a workspace, such as its members. A token names the last row of its page: the
// list goes on after it, or, where it has left meanwhile, where it stood.

import { invalidField } from '../../domain/error.ts';
import { computeTokenSignature } from '../token-signature.ts';

const TOKEN = /^1\.([\w-]{16})\.(\d{1,6})\.([\w-]{1,128})$/;

/** Writes where a list goes on: after the row of this id, which is the `count`-th. */
export function formatPlaceToken(id: string, count: number, list: readonly unknown[]): string {
  return Buffer.from(`1.${computeTokenSignature(list)}.${count}.${id}`).toString('base64url');
}

/** Finds at which row a list goes on. Throws DomainError INVALID_FIELD `page_token` where the token is not of this list. */
export function parsePlaceToken<Row>(
  token: string,
  list: readonly unknown[],
  rows: readonly Row[],
  idOf: (row: Row) => string,
): number {
  const [, signature, count, id] = TOKEN.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (count === undefined || id === undefined || signature !== computeTokenSignature(list)) {
    const description =
      'is not a token of this list: repeat the call without it, or with the fields of the page before';
    throw invalidField({ field: 'page_token', description });
  }
  const index = rows.findIndex((row) => idOf(row) === id);
  return index === -1 ? Math.max(0, Number(count) - 1) : index + 1;
}
