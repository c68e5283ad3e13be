// Owns the page tokens of the audit log. A token holds the filter as well: with another one it would silently skip records.

import { invalidField } from '../../domain/error.ts';
import type { AuditFilter, AuditPlace } from './ports.ts';

const TOKEN_VERSION = 1;

export function formatAuditToken({ createdAt, recordId }: AuditPlace, filter: AuditFilter): string {
  return Buffer.from(JSON.stringify([TOKEN_VERSION, ...filterPart(filter), createdAt, recordId])).toString('base64url');
}

/** Reads a token. Throws DomainError INVALID_FIELD `page_token` where it is not of a list with this filter. */
export function parseAuditToken(token: string, filter: AuditFilter): AuditPlace {
  const parts = parseJsonArray(Buffer.from(token, 'base64url').toString('utf8'));
  const expected = [TOKEN_VERSION, ...filterPart(filter)];
  const [createdAt, recordId, ...rest] = parts.slice(expected.length);
  const isOfList = expected.every((part, index) => parts[index] === part) && rest.length === 0;
  if (isOfList && typeof createdAt === 'number' && Number.isSafeInteger(createdAt) && typeof recordId === 'string') {
    return { createdAt, recordId };
  }
  const description = 'is not a token of this list: repeat the call without it, or with the fields of the page before';
  throw invalidField({ field: 'page_token', description });
}

function filterPart(filter: AuditFilter): readonly (string | number | null)[] {
  const { productCode, tenantId, actor, method, startAt, endAt } = filter;
  return [productCode, tenantId, actor, method, startAt, endAt].map((part) => part ?? null);
}

function parseJsonArray(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
