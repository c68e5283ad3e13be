// Owns the translation of questions about an account's past: balances at a time, pages of entries.

import type { GetBalanceRequest, ListEntriesRequest } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { EntryFilter } from '../../app/ledger/ledger.ts';
import type { EntryType } from '../../domain/entry.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { fromProtoEntryType } from './entry.ts';
import { FieldCheck } from './field-check.ts';

const PAGE_SIZE_DEFAULT = 50;

/** A checked question for a page of entries. */
export interface ListEntriesQuery {
  readonly tenantId: TenantId;
  readonly filter: EntryFilter;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Checks a question for a balance; `now` is what "in the future" is measured by. Throws DomainError INVALID_FIELD. */
export function fromProtoGetBalance(
  request: GetBalanceRequest,
  now: Instant,
): { readonly tenantId: TenantId; readonly at: Instant | undefined } {
  const check = new FieldCheck();
  const query = { tenantId: check.tenantId(request.tenantId), at: check.instant('at_time', request.atTime) };
  if (query.at !== undefined && query.at > now) {
    check.refuse(
      'at_time',
      `must not lie in the future: it is ${new Date(now).toISOString()} now, by the database's clock`,
    );
  }
  check.assertValid();
  return query;
}

/** Checks a question for entries. Throws DomainError INVALID_FIELD. */
export function fromProtoListEntries(request: ListEntriesRequest): ListEntriesQuery {
  const check = new FieldCheck();
  const query = {
    tenantId: check.tenantId(request.tenantId),
    filter: checkFilter(check, request.filter),
    pageSize: check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT),
    pageToken: check.pageToken(request.pageToken),
  };
  check.assertValid();
  return query;
}

function checkFilter(check: FieldCheck, filter: ListEntriesRequest['filter']): EntryFilter {
  if (filter === undefined) return {};
  const range = check.range(filter, 'filter.');
  const types = filter.types.map((value, index) => checkType(check, value, index));
  return present({
    types: types.length === 0 ? undefined : [...new Set(types)],
    action: check.optionalId('filter.action', filter.action),
    projectId: check.optionalId('filter.project_id', filter.projectId),
    workflowId: check.optionalId('filter.workflow_id', filter.workflowId),
    ...range,
  });
}

function checkType(check: FieldCheck, value: number, index: number): EntryType {
  const type = fromProtoEntryType(value);
  if (type !== undefined) return type;
  check.refuse(`filter.types[${index}]`, `is not a type of entry, got ${value}`);
  return 'debited';
}
