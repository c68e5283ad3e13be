// Owns what people read of a run: the table of rows with their targets, and the figures behind it. Both are Markdown, so
// that they can be kept.

import { cpus, release, type } from 'node:os';
import type { Measurement } from './measurement.ts';
import type { PacedMeasurement } from './paced.ts';
import type { ComparisonRow, Row } from './row.ts';

/** Is what a whole run came to. */
export interface BenchResult {
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  readonly engine: string;
  readonly rounds: number;
  readonly roundSeconds: number;
  /** Is how busy the machine was with other things before the run. */
  readonly loadBefore: number;
  readonly rows: readonly Row[];
  readonly measurements: readonly Measurement[];
}

/** Describes the machine: client, kernels and engine share it. */
export function describeMachine(): string {
  const processors = cpus();
  return `${processors.length} cores (${processors[0]?.model.trim() ?? 'unknown'}), ${type()} ${release()}`;
}

/** Returns the report. */
export function formatReport(result: BenchResult): string {
  const { date, machine, node, engine, rounds, roundSeconds, loadBefore, rows, measurements } = result;
  return [
    `${date}; ${machine}, shared by client, kernels and engine; load before: ${loadBefore.toFixed(2)}`,
    `engine ${engine}, fsync on every commit; Node ${node}; medians of ${rounds} alternating rounds of ${roundSeconds} s`,
    '',
    ...formatTable(
      ['measured', '', 'baseline in the same run', '', 'ratio', 'rounds', 'target', ''],
      rows.map(formatRow),
    ),
    '',
    ...formatTable(
      [
        'what ran',
        'in flight',
        'per second',
        'p50 ms',
        'p99 ms',
        'slowest ms',
        'commands',
        'busy cores: client',
        'server',
        'engine',
        'others',
      ],
      measurements.map(formatMeasurement),
    ),
  ].join('\n');
}

/** Says whether a row reaches its target. */
function isReached(row: Row): boolean {
  switch (row.kind) {
    case 'comparison': {
      const isInTime = row.slowestAtMostMs === undefined || row.subject.slowestMs <= row.slowestAtMostMs;
      return isInTime && computeRatio(row.subject, row.baseline) >= (row.ratioAtLeast ?? 0);
    }
    case 'commands':
      return (row.subject.commandsSent ?? Number.POSITIVE_INFINITY) <= row.commandsAtMost;
    case 'latency':
      return row.subject.p99Ms / row.baseline.p99Ms <= (row.ratioAtMost ?? Number.POSITIVE_INFINITY);
    case 'size':
      return row.value <= (row.atMost ?? Number.POSITIVE_INFINITY);
    case 'missing':
      return false;
  }
}

function formatComparison(row: ComparisonRow): readonly string[] {
  const { subject, baseline, ratioAtLeast, slowestAtMostMs } = row;
  const ratios = subject.roundsPerSecond.map((rate, index) => rate / (baseline.roundsPerSecond[index] ?? Number.NaN));
  const limit = slowestAtMostMs === undefined ? '' : `, slowest ≤ ${slowestAtMostMs / 1_000} s`;
  const slowest = slowestAtMostMs === undefined ? '' : `, slowest ${(subject.slowestMs / 1_000).toFixed(2)} s`;
  return [
    describe(subject),
    `${formatRate(subject.operationsPerSecond)}/s${slowest}`,
    describe(baseline),
    `${formatRate(baseline.operationsPerSecond)}/s`,
    `${formatRatio(computeRatio(subject, baseline))}×`,
    `${formatRatio(Math.min(...ratios))}–${formatRatio(Math.max(...ratios))}`,
    ...(ratioAtLeast === undefined ? ['', ''] : [`≥ ${ratioAtLeast}×${limit}`, verdict(row)]),
  ];
}

function formatRow(row: Row): readonly string[] {
  switch (row.kind) {
    case 'comparison':
      return formatComparison(row);
    case 'commands': {
      const { commandsSent: sent, commandsCounted: counted } = row.subject;
      const server = counted === undefined ? 'the server does not count' : `the server counted ${counted.toFixed(4)}`;
      return [
        `database commands per debit, ${describe(row.subject)}`,
        sent?.toFixed(4) ?? '–',
        server,
        ...['', '', ''],
        `≤ ${row.commandsAtMost}`,
        verdict(row),
      ];
    }
    case 'latency': {
      const { subject, baseline, ratioAtMost } = row;
      const ratio = formatRatio(subject.p99Ms / baseline.p99Ms);
      const target = ratioAtMost === undefined ? ['', ''] : [`≤ ${ratioAtMost}×`, verdict(row)];
      return [...describePaced(subject), ...describePaced(baseline), `${ratio}×`, '', ...target];
    }
    case 'size': {
      const [value, atMost] = [row.value, row.atMost].map((size) => `${size?.toLocaleString('en-US')} ${row.unit}`);
      const target = row.atMost === undefined ? ['', ''] : [`≤ ${atMost}`, verdict(row)];
      return [row.name, value ?? '', row.note, '', '', '', ...target];
    }
    case 'missing':
      return [row.name, 'not measured', row.why.replaceAll(/\s+/g, ' '), '', '', '', '', verdict(row)];
  }
}

function formatMeasurement(measurement: Measurement): readonly string[] {
  const { name, inFlight, operationsPerSecond, p50Ms, p99Ms, slowestMs, failuresTotal, cores, commandsSent } =
    measurement;
  const failed = failuresTotal === 0 ? '' : ` (${failuresTotal} calls failed)`;
  return [
    `${name}${failed}`,
    String(inFlight),
    formatRate(operationsPerSecond),
    ...[p50Ms, p99Ms, slowestMs].map((value) => value.toFixed(value < 10 ? 2 : 0)),
    commandsSent === undefined ? '–' : commandsSent.toFixed(4),
    ...[cores.client, cores.servers, cores.engine, cores.others].map((value) => value?.toFixed(2) ?? '–'),
  ];
}

function describe({ name, inFlight }: Measurement): string {
  return `${name}, ${inFlight} in flight`;
}

function describePaced({ name, perSecond, p50Ms, p99Ms, failures }: PacedMeasurement): readonly [string, string] {
  const failed = failures === 0 ? '' : `, ${failures} failed`;
  const figures = `p99 ${p99Ms.toFixed(1)} ms, p50 ${p50Ms.toFixed(1)} ms${failed}`;
  return [`${name}, ${formatRate(perSecond)}/s`, figures];
}

function verdict(row: Row): string {
  return isReached(row) ? 'ok' : 'below';
}

function computeRatio(subject: Measurement, baseline: Measurement): number {
  return subject.operationsPerSecond / baseline.operationsPerSecond;
}

function formatRate(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function formatRatio(value: number): string {
  return value.toFixed(value < 10 ? 2 : 0);
}

function formatTable(head: readonly string[], body: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((text, column) =>
    Math.max(3, ...[text, ...body.map((line) => line[column] ?? '')].map((cell) => cell.length)),
  );
  const toLine = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  return [toLine(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(toLine)];
}
