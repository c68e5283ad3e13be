// Owns the tokens that continue a summary: the last row that was answered, tied to the question it was an answer to.

import { type DomainError, invalidField } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import { computeTokenSignature } from '../token-signature.ts';
import type { RowPlace } from './summary-table.ts';
import type { UsageQuery } from './usage.ts';

const VERSION = 1;

/** Ties a token to its list, so that it can't be used with another question or tenant. */
export function signatureOf(tenantId: TenantId, { startAt, endAt, groups, filter }: UsageQuery): string {
  const { action, projectId, workflowId } = filter;
  return computeTokenSignature([tenantId, startAt, endAt, [...groups].sort(), action, projectId, workflowId]);
}

/** Writes where a list goes on. */
export function formatToken({ start, action, projectId, workflowId }: RowPlace, signature: string): string {
  return Buffer.from(JSON.stringify([VERSION, signature, start, action, projectId, workflowId])).toString('base64url');
}

/** Reads where a list goes on. Throws DomainError INVALID_FIELD `page_token` where the token is not of this list. */
export function parseToken(token: string, signature: string): RowPlace {
  const [version, stated, start, ...texts]: readonly unknown[] = parseList(token);
  const [action, projectId, workflowId] = texts;
  const isOurs =
    version === VERSION &&
    stated === signature &&
    Number.isSafeInteger(start) &&
    typeof action === 'string' &&
    typeof projectId === 'string' &&
    typeof workflowId === 'string';
  if (!isOurs) throw foreignToken();
  return { start: Number(start), action, projectId, workflowId };
}

function parseList(token: string): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

function foreignToken(): DomainError {
  const description =
    'is not a token of this list: pass next_page_token as it was given, with the same tenant, range, groups and filters';
  return invalidField({ field: 'page_token', description });
}
