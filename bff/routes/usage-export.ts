// Owns the metered events as CSV: which columns, in which order, and how the pages of the kernel become one answer.
// Invariant: one page of the kernel is held at a time, however long the list is, and the next one is asked for when the client has
// taken it.

import { LedgerServiceService, type ListEntriesRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { fromProtoUsageEvent, type UsageEventJson } from '../convert.ts';
import { type Cell, toCsvRow } from '../csv.ts';
import { StreamReply } from '../stream-reply.ts';
import type { WorkspaceCall } from './route.ts';

type Column = readonly [name: string, cellOf: (event: UsageEventJson) => Cell];

const COLUMNS: readonly Column[] = [
  ['entry_id', ({ entry_id }) => entry_id],
  ['create_time', ({ create_time }) => create_time],
  ['action', ({ action }) => ({ text: action })],
  ['quantity', ({ quantity }) => quantity],
  ['unit', ({ unit }) => ({ text: unit })],
  ['microcredits_per_unit', ({ microcredits_per_unit }) => microcredits_per_unit],
  ['price_rule', ({ price_rule }) => price_rule],
  ['cost_microcredits', ({ cost_microcredits }) => cost_microcredits],
  ['trial_microcredits', ({ draws }) => draws.trial],
  ['included_microcredits', ({ draws }) => draws.included],
  ['payg_microcredits', ({ draws }) => draws.payg],
  ['deficit_microcredits', ({ deficit_microcredits }) => deficit_microcredits],
  ['already_performed', ({ already_performed }) => already_performed],
  ['hold_id', ({ hold_id }) => hold_id],
  ['reversed_by_entry_id', ({ reversed_by_entry_id }) => reversed_by_entry_id],
  ['project_id', ({ project_id }) => ({ text: project_id })],
  ['workflow_id', ({ workflow_id }) => ({ text: workflow_id })],
  ['run_id', ({ run_id }) => ({ text: run_id })],
  ['run_status', ({ run_status }) => run_status],
  [
    'dimensions',
    ({ dimensions }) => ({ text: Object.keys(dimensions).length > 0 ? JSON.stringify(dimensions) : null }),
  ],
  ['available_after_microcredits', ({ balance_after }) => balance_after.available],
];

/** Answers all events that a request asks for, as CSV. Throws STREAM_LIMIT_REACHED. */
export function exportUsage(request: ListEntriesRequest, call: WorkspaceCall): StreamReply {
  const { context, streams } = call;
  return new StreamReply({
    contentType: 'text/csv; charset=utf-8; header=present',
    headers: { 'Content-Disposition': 'attachment; filename="usage-history.csv"' },
    pieces: writeRows(request, call),
    place: streams.open(context.identity),
    isCompressible: true,
  });
}

async function* writeRows(
  request: ListEntriesRequest,
  { kernel, context, tenantId }: WorkspaceCall,
): AsyncGenerator<string, void, undefined> {
  // Each page has as much time as one request has.
  const timeoutMs = context.deadline.getTime() - Date.now();
  let head = toCsvRow(COLUMNS.map(([name]) => name));
  let { pageToken } = request;
  do {
    const page = await kernel.call(
      LedgerServiceService.listEntries,
      { ...request, pageToken },
      { ...context, deadline: new Date(Date.now() + timeoutMs) },
    );
    const events = page.entries.map((entry) => fromProtoUsageEvent(entry, tenantId));
    const rows = events.map((event) => toCsvRow(COLUMNS.map(([, cellOf]) => cellOf(event))));
    // A page may be empty before the end of the list.
    if (head !== '' || rows.length > 0) yield head + rows.join('');
    head = '';
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}
