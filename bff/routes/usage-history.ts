// Owns `GET /v1/billing/usage-history`: the metered events of the workspace, newest first, a page at a time.

import { EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import type { ListEntriesRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { workspaceOf } from '../authentication.ts';
import { fromProtoUsageEvent } from '../convert.ts';
import { defineQuery } from '../query.ts';
import { parseTimestamp } from '../timestamp.ts';
import type { Route } from './route.ts';

const PAGE_SIZE_DEFAULT = 50;
const PAGE_SIZE_MAX = 1_000;

interface UsageHistoryQuery {
  action?: string;
  project_id?: string;
  start_time?: string;
  end_time?: string;
  page_size?: string;
  page_token?: string;
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
    page_size: {
      type: 'string',
      nullable: true,
      pattern: '^[0-9]{1,32}$',
      description: `a whole number, at most ${PAGE_SIZE_MAX} (more counts as ${PAGE_SIZE_MAX})`,
    },
    page_token: {
      type: 'string',
      nullable: true,
      pattern: '^[\\x21-\\x7e]{0,1024}$',
      description: 'the next_page_token of the page before',
    },
  },
  required: [],
  additionalProperties: false,
});

export const usageHistoryRoute: Route = {
  path: '/v1/billing/usage-history',
  async answer(rawQuery, { kernel, context }) {
    const query = readQuery(rawQuery);
    const tenantId = workspaceOf(context.identity);
    const { entries, nextPageToken } = await kernel.listEntries(toProtoRequest(query, tenantId), context);
    return {
      events: entries.map((entry) => fromProtoUsageEvent(entry, tenantId)),
      // null rather than "", so that a client that sends it back without looking is refused instead of starting over.
      next_page_token: nextPageToken || null,
    };
  },
};

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
    pageSize: toPageSize(query.page_size),
    pageToken: query.page_token ?? '',
  };
}

/** Zero means the default and too much means the most, as AIP-158 has it. */
function toPageSize(text: string | undefined): number {
  return Math.min(Number(text ?? 0) || PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX);
}
