// Owns `/v1/billing/usage-dimensions` and `/v1/billing/analytics/credits`: what usage was for, and how it went over time, with the
// runs beside it.

import { UsageGroup, UsageServiceService } from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { CREDIT_ROW, fromProtoCreditRow, fromProtoUsageDimensions, USAGE_DIMENSIONS } from '../convert-analytics.ts';
import { defineQuery } from '../query.ts';
import { pageOf } from '../shape.ts';
import { fromProtoPageToken, type PageQuery, pageProperties, toProtoPage } from './page.ts';
import { defineWorkspaceRoute, type Route } from './route.ts';
import {
  RANGE_PAGE_TOKEN,
  TIME_RANGE,
  type TimeRangeQuery,
  toProtoRange,
  toProtoRangePage,
  toProtoWork,
  toRangePageToken,
  WORK,
  type WorkQuery,
} from './time-range.ts';

const PAGE = { sizeDefault: 100, sizeMax: 1_000 } as const;
const OF_WHOM =
  'Who is no administrator sees the projects alone in which they have a role; an administrator sees all, and what belongs to none.';
const RANGE = 'Without `end_time` the range ends now, without `start_time` it is the 30 days before its end.';

const INTERVALS = { hour: UsageGroup.HOUR, day: UsageGroup.DAY } as const;
const GROUPS = { action: UsageGroup.ACTION, project: UsageGroup.PROJECT, workflow: UsageGroup.WORKFLOW } as const;
const GROUP_NAMES = ['action', 'project', 'workflow'] as const;

const usageDimensions = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/billing/usage-dimensions',
  workspace: 'required',
  name: 'listUsageDimensions',
  summary: 'Read what usage was for',
  description: `Lists the actions, projects, workflows and free dimensions of a range of time, with their totals, each by name. ${RANGE} ${OF_WHOM}`,
  needs: 'project_viewer',
  query: defineQuery<TimeRangeQuery & WorkQuery>({
    type: 'object',
    properties: { ...TIME_RANGE, ...WORK },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: USAGE_DIMENSIONS },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const range = toProtoRange(query);
    const request = { tenantId, ...range, ...toProtoWork(query) };
    return fromProtoUsageDimensions(
      await kernel.call(UsageServiceService.listUsageDimensions, request, context),
      range,
    );
  },
});

interface CreditQuery extends TimeRangeQuery, WorkQuery, PageQuery {
  interval?: keyof typeof INTERVALS;
  group_by?: string;
}

const credits = defineWorkspaceRoute({
  method: 'GET',
  path: '/v1/billing/analytics/credits',
  workspace: 'required',
  name: 'listCreditAnalytics',
  summary: 'Read how credits were used over time',
  description: `Sums usage and counts runs, by hour or day (UTC) and by what \`group_by\` names, ordered by time, action, project and workflow. Hours and days without usage have no row. ${RANGE} ${OF_WHOM}`,
  needs: 'project_viewer',
  query: defineQuery<CreditQuery>({
    type: 'object',
    properties: {
      interval: {
        type: 'string',
        nullable: true,
        enum: ['hour', 'day'],
        description: 'hour or day; without it the whole range is one',
      },
      group_by: {
        type: 'string',
        nullable: true,
        pattern: '^(action|project|workflow)(,(action|project|workflow)){0,2}$',
        description: 'action, project, workflow, or several of them with commas between',
      },
      ...TIME_RANGE,
      ...WORK,
      ...pageProperties(PAGE.sizeMax),
      page_token: RANGE_PAGE_TOKEN,
    },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: pageOf('rows', CREDIT_ROW) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const { range, pageToken } = toProtoRangePage(query);
    const request = {
      ...{ tenantId, ...range, ...toProtoWork(query), ...toProtoPage(query, PAGE), pageToken },
      groups: toProtoGroups(query),
    };
    const { rows, nextPageToken } = await kernel.call(UsageServiceService.getUsageSummary, request, context);
    const next = nextPageToken === '' ? '' : toRangePageToken(range, nextPageToken);
    return { rows: rows.map(fromProtoCreditRow), next_page_token: fromProtoPageToken(next) };
  },
});

function toProtoGroups({ interval, group_by = '' }: CreditQuery): UsageGroup[] {
  const named = new Set(group_by.split(','));
  return [
    ...(interval === undefined ? [] : [INTERVALS[interval]]),
    ...GROUP_NAMES.filter((name) => named.has(name)).map((name) => GROUPS[name]),
  ];
}

export const analyticsRoutes: readonly Route[] = [usageDimensions, credits];
