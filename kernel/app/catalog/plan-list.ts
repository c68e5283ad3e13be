// Owns which plans a list shows, in which order, and how it is cut into pages. Does not own who may see which product.
// Invariant: the order is total, so a page token is the place after its last plan, whatever was added meanwhile.

import { invalidField } from '../../domain/error.ts';
import type { ProductCode } from '../../domain/id.ts';
import type { BillingInterval, Plan } from './ports.ts';

/** Limits a list of plans. */
export interface PlanFilter {
  /** Absent: every product. */
  readonly productCode?: ProductCode;
  /** Only what customers are shown: self-serve plans, and those that sales sells. */
  readonly offeredOnly: boolean;
  readonly includeArchived: boolean;
}

export interface PlanPage {
  readonly plans: readonly Plan[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

type SortKey = readonly [productCode: string, rank: number, interval: number, planCode: string];

const TOKEN_VERSION = 1;
const INTERVAL_ORDER: Readonly<Record<BillingInterval, number>> = { month: 1, year: 2 };

/**
 * Cuts one page out of plans.
 * Throws DomainError INVALID_FIELD `page_token` where the token is not of a list with this filter.
 */
export function computePlanPage(
  plans: readonly Plan[],
  filter: PlanFilter,
  pageSize: number,
  pageToken: string,
): PlanPage {
  const after = pageToken === '' ? undefined : parseToken(pageToken, filter);
  const rest = plans
    .filter((plan) => isListed(plan, filter))
    .map((plan) => ({ plan, key: sortKeyOf(plan) }))
    .filter(({ key }) => after === undefined || compareKeys(key, after) > 0)
    .sort((a, b) => compareKeys(a.key, b.key));
  const page = rest.slice(0, pageSize);
  const last = page.at(-1);
  const nextPageToken = rest.length > page.length && last !== undefined ? formatToken(last.key, filter) : '';
  return { plans: page.map(({ plan }) => plan), nextPageToken };
}

function isListed(plan: Plan, filter: PlanFilter): boolean {
  if (filter.productCode !== undefined && plan.productCode !== filter.productCode) return false;
  if (plan.archived && !filter.includeArchived) return false;
  return !filter.offeredOnly || plan.policy.selfServe || plan.policy.contactSales;
}

function sortKeyOf(plan: Plan): SortKey {
  const interval = plan.interval === undefined ? 0 : INTERVAL_ORDER[plan.interval];
  return [plan.productCode, plan.policy.rank, interval, plan.planCode];
}

function compareKeys(a: SortKey, b: SortKey): number {
  return compareText(a[0], b[0]) || a[1] - b[1] || a[2] - b[2] || compareText(a[3], b[3]);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** A token holds the filter as well: with another one it would silently skip plans. */
function formatToken(key: SortKey, filter: PlanFilter): string {
  return Buffer.from(JSON.stringify([TOKEN_VERSION, ...filterPart(filter), ...key])).toString('base64url');
}

function filterPart(filter: PlanFilter): readonly [string, boolean, boolean] {
  return [filter.productCode ?? '', filter.offeredOnly, filter.includeArchived];
}

function parseToken(token: string, filter: PlanFilter): SortKey {
  const parts = parseJsonArray(Buffer.from(token, 'base64url').toString('utf8'));
  const expected = [TOKEN_VERSION, ...filterPart(filter)];
  const key = parts.slice(expected.length);
  if (expected.every((part, index) => parts[index] === part) && isSortKey(key)) return key;
  const description = 'is not a token of this list: repeat the call without it, or with the fields of the page before';
  throw invalidField({ field: 'page_token', description });
}

function parseJsonArray(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function isSortKey(parts: readonly unknown[]): parts is SortKey {
  const [productCode, rank, interval, planCode] = parts;
  return (
    parts.length === 4 &&
    typeof productCode === 'string' &&
    typeof rank === 'number' &&
    typeof interval === 'number' &&
    typeof planCode === 'string'
  );
}
