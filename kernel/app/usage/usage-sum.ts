// Owns what an entry adds to usage, and how usage is summed: exactly, in integers, whatever their size.

import { parseEntryId } from '../../domain/entry-id.ts';
import type { RunSum, UsageCommit, UsageEntry, UsageFilter, UsageSubject, UsageSum } from './ports.ts';
import type { UsagePlace } from './rollup-key.ts';

const QUANTITY = /^(\d+)(?:\.(\d{1,6}))?$/;
const FRACTION_DIGITS = 6;

export const NO_USAGE: UsageSum = { debits: 0n, millionths: 0n, cost: 0n };
/** Counts nothing. */
export const NO_RUNS: RunSum = { begun: 0n, steps: 0n, succeeded: 0n, failed: 0n, canceled: 0n };
const ONE_STEP: UsageSum = { ...NO_USAGE, runs: { ...NO_RUNS, steps: 1n } };

/** Usage of one entry: where it counts, what it was for, what it adds. */
export interface UsageItem extends UsagePlace {
  readonly subject: UsageSubject;
  readonly sum: UsageSum;
}

/**
 * Reads what an entry adds. A reversal takes away what was charged, at the place of the charge. At its own place every entry
 * about work adds at least nothing: that is how its stretch comes to know of the work.
 * Throws RangeError where a quantity is no exact decimal, or a reversal names no entry.
 */
export function usageOf(entry: UsageEntry, { seq, createdAt }: Pick<UsageCommit, 'seq' | 'createdAt'>): UsageItem[] {
  const here = { at: createdAt, chargeSeq: seq };
  switch (entry.type) {
    case 'debited':
    case 'settled': {
      const charge = { ...here, subject: subjectOf(entry), sum: sumOf(entry, 1n) };
      return entry.runId === undefined ? [charge] : [charge, { ...here, subject: runSubjectOf(entry), sum: ONE_STEP }];
    }
    case 'run_reported':
      return [];
    case 'reversed': {
      const { usage, entryId } = entry;
      const charged = parseEntryId(entryId);
      if (charged === undefined) throw new RangeError(`${JSON.stringify(entryId)}, which was undone, is no entry`);
      const subject = subjectOf(usage);
      return [
        { ...here, subject, sum: NO_USAGE },
        { at: usage.at, chargeSeq: charged.seq, subject, sum: sumOf(usage, -1n) },
      ];
    }
    default:
      return [{ ...here, subject: subjectOf(entry), sum: NO_USAGE }];
  }
}

/** Adds two sums. */
export function addUsage(a: UsageSum, b: UsageSum): UsageSum {
  const sum = { debits: a.debits + b.debits, millionths: a.millionths + b.millionths, cost: a.cost + b.cost };
  const runs = a.runs === undefined || b.runs === undefined ? (a.runs ?? b.runs) : addRuns(a.runs, b.runs);
  return runs === undefined ? sum : { ...sum, runs };
}

function addRuns(a: RunSum, b: RunSum): RunSum {
  return {
    begun: a.begun + b.begun,
    steps: a.steps + b.steps,
    succeeded: a.succeeded + b.succeeded,
    failed: a.failed + b.failed,
    canceled: a.canceled + b.canceled,
  };
}

/** Says that nothing is left of what was summed: usage that was undone is as if it had never been. */
export function isNoUsage({ debits, millionths, cost, runs }: UsageSum): boolean {
  return debits === 0n && millionths === 0n && cost === 0n && runs === undefined;
}

/** Says whether usage is among what a filter asks for. */
export function matchesFilter(subject: UsageSubject, filter: UsageFilter): boolean {
  const { action, projectId, workflowId, projectIds } = filter;
  return (
    projectIds?.has(subject.projectId) !== false &&
    (action === undefined || action === subject.action) &&
    (projectId === undefined || projectId === subject.projectId) &&
    (workflowId === undefined || workflowId === subject.workflowId)
  );
}

/** The subject under which runs are counted: a run has no action. */
export function runSubjectOf(about: { readonly projectId?: string; readonly workflowId?: string }): UsageSubject {
  return { action: '', projectId: about.projectId ?? '', workflowId: about.workflowId ?? '' };
}

function subjectOf(usage: {
  readonly action: string;
  readonly projectId?: string;
  readonly workflowId?: string;
}): UsageSubject {
  return { action: usage.action, projectId: usage.projectId ?? '', workflowId: usage.workflowId ?? '' };
}

function sumOf({ quantity, cost }: { readonly quantity: string; readonly cost: bigint }, sign: 1n | -1n): UsageSum {
  return { debits: sign, millionths: sign * parseMillionths(quantity), cost: sign * cost };
}

/** Reads a stored quantity, which may be zero: the first part of a hold may have used nothing. */
function parseMillionths(text: string): bigint {
  const [, integer, fraction = ''] = QUANTITY.exec(text) ?? [];
  if (integer === undefined) throw new RangeError(`the stored quantity ${JSON.stringify(text)} is no exact decimal`);
  return BigInt(integer + fraction.padEnd(FRACTION_DIGITS, '0'));
}
