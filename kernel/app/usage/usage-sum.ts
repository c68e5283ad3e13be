// Owns what an entry adds to usage, and how usage is summed: exactly, in integers, whatever their size.

import type { Instant } from '../../domain/id.ts';
import type { UsageEntry, UsageFilter, UsageSubject, UsageSum } from './ports.ts';

const QUANTITY = /^(\d+)(?:\.(\d{1,6}))?$/;
const FRACTION_DIGITS = 6;

export const NO_USAGE: UsageSum = { debits: 0n, millionths: 0n, cost: 0n };

/** Usage of one entry: when it counts, what it was for, what it adds. */
export interface UsageItem {
  readonly at: Instant;
  readonly subject: UsageSubject;
  readonly sum: UsageSum;
}

/**
 * Reads what an entry adds. A reversal takes away what was charged, at the time of the charge.
 * Throws RangeError where a quantity is no exact decimal.
 */
export function usageOf(entry: UsageEntry, createdAt: Instant): UsageItem {
  if (entry.type !== 'reversed') return { at: createdAt, subject: subjectOf(entry), sum: sumOf(entry, 1n) };
  const { usage } = entry;
  return { at: usage.at, subject: subjectOf(usage), sum: sumOf(usage, -1n) };
}

/** Adds two sums. */
export function addUsage(a: UsageSum, b: UsageSum): UsageSum {
  return { debits: a.debits + b.debits, millionths: a.millionths + b.millionths, cost: a.cost + b.cost };
}

/** Says that nothing is left of what was summed: usage that was undone is as if it had never been. */
export function isNoUsage({ debits, millionths, cost }: UsageSum): boolean {
  return debits === 0n && millionths === 0n && cost === 0n;
}

/** Says whether usage is among what a filter asks for. */
export function matchesFilter(subject: UsageSubject, { action, projectId, workflowId }: UsageFilter): boolean {
  return (
    (action === undefined || action === subject.action) &&
    (projectId === undefined || projectId === subject.projectId) &&
    (workflowId === undefined || workflowId === subject.workflowId)
  );
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
