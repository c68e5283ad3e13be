// Owns `GET /v1/billing/usage-history`: the metered events of the workspace, newest first, a page at a time.

import { EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import { LedgerServiceService, type ListEntriesRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { fromProtoUsageEvent, USAGE_EVENT } from '../convert.ts';
import { defineQuery } from '../query.ts';
import { pageOf } from '../shape.ts';
import { parseTimestamp } from '../timestamp.ts';
import { fromProtoPageToken, type PageQuery, pageProperties, toProtoPage } from './page.ts';
import { defineWorkspaceRoute } from './route.ts';

const PAGE = { sizeDefault: 50, sizeMax: 1_000 } as const;

interface UsageHistoryQuery extends PageQuery {
  action?: string;
  project_id?: string;
  start_time?: string;
  end_time?: string;
}

/** Names are the callers' own: any characters but those that control. */
const NAME_PATTERN = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]{1,128}$';
const TIME_EXPECTED = 'a time such as 2026-01-31T09:00:00Z, with its offset (in a URL, a + is written %2B)';

const readQuery = defineQuery<UsageHistoryQuery>({
  type: 'object',
  properties: {
    action: {
      type: 'string',
      nullable: true,
      pattern: NAME_PATTERN,
      description: 'the name of an action such as workflow.step.execute, 1 to 128 characters',
    },
    project_id: {
      type: 'string',
      nullable: true,
      pattern: NAME_PATTERN,
      description: 'the id of a project, 1 to 128 characters',
    },
    start_time: { type: 'string', nullable: true, format: 'timestamp', description: TIME_EXPECTED },
    end_time: { type: 'string', nullable: true, format: 'timestamp', description: TIME_EXPECTED },
    ...pageProperties(PAGE.sizeMax),
  },
  required: [],
  additionalProperties: false,
});

export const usageHistoryRoute = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/billing/usage-history',
  workspace: 'required',
  name: 'listUsageEvents',
  summary: 'Read the metered events',
  needs: 'project_contributor',
  description: 'Newest first, a page at a time.',
  query: readQuery,
  responses: { 200: pageOf('events', USAGE_EVENT) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const request = toProtoRequest(query, tenantId);
    const { entries, nextPageToken } = await kernel.call(LedgerServiceService.listEntries, request, context);
    return {
      events: entries.map((entry) => fromProtoUsageEvent(entry, tenantId)),
      next_page_token: fromProtoPageToken(nextPageToken),
    };
  },
});

function toProtoRequest(query: UsageHistoryQuery, tenantId: string): ListEntriesRequest {
  return {
    tenantId,
    filter: {
      types: [EntryType.DEBITED, EntryType.SETTLED],
      action: query.action ?? '',
      projectId: query.project_id ?? '',
      workflowId: '',
      startTime: query.start_time === undefined ? undefined : parseTimestamp(query.start_time),
      endTime: query.end_time === undefined ? undefined : parseTimestamp(query.end_time),
    },
    ...toProtoPage(query, PAGE),
  };
}
