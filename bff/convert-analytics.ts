// Owns the JSON of sums of usage: what usage was for, and series of credits with the runs beside them. Does not own any sum.

import type {
  ListUsageDimensionsResponse,
  RunFigures,
  UsageDimensionValue,
  UsageSummaryRow,
} from '../gen/wheelhouse/ledger/v1/usage_service.ts';
import { ConversionError, fromProtoInteger, fromProtoTime } from './convert.ts';
import { flag, list, named, object, orNull, text, time, type ValueOf, whole } from './shape.ts';

const VALUE = named(
  'UsageDimensionValue',
  {
    value: orNull(text(), 'Is null for usage without one.'),
    event_count: whole('Is how many events were recorded with it.'),
    cost_microcredits: whole(),
  },
  'One value that usage was recorded with, and what there was of it.',
);

/** The answer of `GET /v1/billing/usage-dimensions`. */
export const USAGE_DIMENSIONS = named(
  'UsageDimensions',
  {
    start_time: time(),
    end_time: time(),
    actions: list(VALUE),
    projects: list(VALUE),
    workflows: list(VALUE),
    dimensions: list(
      object({ name: text(), values: list(VALUE) }),
      'Are the free dimensions that events were recorded with.',
    ),
    dimensions_start_time: time(
      'Is since when free dimensions are summed: start_time, or later where there are more than one answer can look at.',
    ),
    truncated: flag('Says that there are more actions, projects or workflows than are listed: limit the usage.'),
  },
  'What the usage of a range of time was for, each list in the order of its names.',
);
export type UsageDimensionsJson = ValueOf<typeof USAGE_DIMENSIONS>;

const RUNS = named(
  'RunFigures',
  {
    run_count: whole('Is how many runs began.'),
    step_count: whole('Is how many events named a run, each a step of it.'),
    succeeded_count: whole(),
    failed_count: whole(),
    canceled_count: whole(),
  },
  'What became of runs: each counts once, where and when it was named first, and its end where and when that was told first.',
);

/** One row of `GET /v1/billing/analytics/credits`. */
export const CREDIT_ROW = named(
  'CreditRow',
  {
    start_time: orNull(time(), 'Is the start of the hour or day, in UTC; null in a total.'),
    action: orNull(text(), 'Is null where not grouped by it.'),
    project_id: orNull(text(), 'Is null where not grouped by it, and for usage without one.'),
    workflow_id: orNull(text(), 'Is null where not grouped by it, and for usage without one.'),
    event_count: whole(),
    quantity: orNull(text(), 'Is an exact decimal; null where the row sums several actions.'),
    cost_microcredits: whole(),
    runs: orNull(RUNS, 'Is null where the question is about single actions: a run has none.'),
  },
  'The usage of one group, and the runs beside it.',
);
export type CreditRowJson = ValueOf<typeof CREDIT_ROW>;

/** Translates what usage was for. Throws ConversionError when a figure is too large for a JSON number. */
export function fromProtoUsageDimensions(
  response: ListUsageDimensionsResponse,
  { startTime, endTime }: { readonly startTime: Date; readonly endTime: Date },
): UsageDimensionsJson {
  return {
    start_time: startTime.toISOString(),
    end_time: endTime.toISOString(),
    actions: response.actions.map(fromProtoValue),
    projects: response.projects.map(fromProtoValue),
    workflows: response.workflows.map(fromProtoValue),
    dimensions: response.dimensions.map(({ name, values }) => ({ name, values: values.map(fromProtoValue) })),
    dimensions_start_time: fromProtoTime(response.dimensionsStartTime, 'dimensions_start_time'),
    truncated: response.truncated,
  };
}

function fromProtoValue({ value, debitCount, costMicrocredits }: UsageDimensionValue): ValueOf<typeof VALUE> {
  return {
    value: value || null,
    event_count: fromProtoInteger(debitCount, 'event_count'),
    cost_microcredits: fromProtoInteger(costMicrocredits, 'cost_microcredits'),
  };
}

/** Translates one row of a series. Throws ConversionError when a figure is too large for a JSON number. */
export function fromProtoCreditRow(row: UsageSummaryRow): CreditRowJson {
  return {
    start_time: row.startTime === undefined ? null : fromProtoTime(row.startTime, 'start_time'),
    action: row.action || null,
    project_id: row.projectId || null,
    workflow_id: row.workflowId || null,
    event_count: fromProtoInteger(row.debitCount, 'event_count'),
    quantity: row.quantity || null,
    cost_microcredits: fromProtoInteger(row.costMicrocredits, 'cost_microcredits'),
    runs: row.runs === undefined ? null : fromProtoRuns(row.runs),
  };
}

function fromProtoRuns(runs: RunFigures): ValueOf<typeof RUNS> {
  const count = (value: bigint, field: string): number => {
    if (value < 0n) throw new ConversionError(field, 'the kernel answered with a count below zero');
    return fromProtoInteger(value, field);
  };
  return {
    run_count: count(runs.runCount, 'run_count'),
    step_count: count(runs.stepCount, 'step_count'),
    succeeded_count: count(runs.succeededCount, 'succeeded_count'),
    failed_count: count(runs.failedCount, 'failed_count'),
    canceled_count: count(runs.canceledCount, 'canceled_count'),
  };
}
