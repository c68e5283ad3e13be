// Owns `GET /v1/billing/usage-history`: the metered events of the workspace, newest first, a page at a time, or all of them as CSV.
// Does not own how the CSV comes about (usage-export.ts).

import { EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import { LedgerServiceService, type ListEntriesRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { fromProtoUsageEvent, USAGE_EVENT } from '../convert.ts';
import { invalidField } from '../problem.ts';
import { defineQuery } from '../query.ts';
import { pageOf } from '../shape.ts';
import { fromProtoPageToken, type PageQuery, pageProperties, toProtoPage } from './page.ts';
import { defineWorkspaceRoute } from './route.ts';
import { TIME_RANGE, type TimeRangeQuery, toProtoTimes, toProtoWork, WORK, type WorkQuery } from './time-range.ts';
import { exportUsage } from './usage-export.ts';

const PAGE = { sizeDefault: 50, sizeMax: 1_000 } as const;
const CSV_TYPE = 'text/csv';

interface UsageHistoryQuery extends PageQuery, TimeRangeQuery, WorkQuery {
  format?: 'json' | 'csv';
}

export const usageHistoryRoute = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/billing/usage-history',
  workspace: 'required',
  name: 'listUsageEvents',
  summary: 'Read the metered events',
  needs: 'project_contributor',
  description:
    'Newest first, a page at a time. With `format=csv`, or `Accept: text/csv`, all of them come in one answer that has no pages.',
  query: defineQuery<UsageHistoryQuery>({
    type: 'object',
    properties: {
      ...WORK,
      ...TIME_RANGE,
      format: {
        type: 'string',
        nullable: true,
        enum: ['json', 'csv'],
        description: 'json or csv; without it the header Accept decides',
      },
      ...pageProperties(PAGE.sizeMax),
    },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: pageOf('events', USAGE_EVENT) },
  alternatives: { [CSV_TYPE]: 'RFC 4180, in UTF-8, with a row of names first.' },
  reasons: ['STREAM_LIMIT_REACHED'],
  async answer({ query, accepts }, call) {
    const { kernel, context, tenantId } = call;
    const format = query.format ?? (accepts(['application/json', CSV_TYPE]) === CSV_TYPE ? 'csv' : 'json');
    if (format === 'csv') {
      refusePages(query);
      return exportUsage(toProtoRequest(query, tenantId), call);
    }
    const request = { ...toProtoRequest(query, tenantId), ...toProtoPage(query, PAGE) };
    const { entries, nextPageToken } = await kernel.call(LedgerServiceService.listEntries, request, context);
    return {
      events: entries.map((entry) => fromProtoUsageEvent(entry, tenantId)),
      next_page_token: fromProtoPageToken(nextPageToken),
    };
  },
});

function refusePages(query: UsageHistoryQuery): void {
  const errors = (['page_size', 'page_token'] as const)
    .filter((field) => query[field] !== undefined)
    .map((field) => ({ field, message: 'A CSV has no pages; leave it out, or narrow the range of time.' }));
  if (errors.length > 0) throw invalidField(...errors);
}

function toProtoRequest(query: UsageHistoryQuery, tenantId: string): ListEntriesRequest {
  return {
    tenantId,
    filter: {
      types: [EntryType.DEBITED, EntryType.SETTLED],
      ...toProtoWork(query),
      ...toProtoTimes(query),
    },
    pageSize: PAGE.sizeMax,
    pageToken: '',
  };
}
