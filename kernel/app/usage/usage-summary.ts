// Owns summaries of usage: rollups as far as they go, and the commits after them added on top (docs/architecture.md,
// "Usage").
// Invariants: what is added on top starts where the rollup that was read ends, so nothing is missing and nothing is double;
// every read is bounded, by documents and by sums, and what would need more is refused by name.

import { invalidField } from '../../domain/error.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import type { AccountHead } from '../ledger/account-head.ts';
import type { AccountReader } from '../ledger/account-reader.ts';
import type { TimeLevel, UsageStore, Watermark } from './ports.ts';
import { keyText, lengthMsOf, startOf } from './rollup-key.ts';
import type { RollupProjector } from './rollup-projector.ts';
import { keyIn, loadPlan, type PlannedRange } from './summary-plan.ts';
import { type PlacedRow, type RowPlace, SUMS_MAX, SummaryTable } from './summary-table.ts';
import { formatToken, parseToken, signatureOf } from './summary-token.ts';
import type { UsagePage, UsageQuery } from './usage.ts';
import { type CommitUsage, isCharge, readUsageWithRuns } from './usage-reading.ts';
import { matchesFilter } from './usage-sum.ts';

/** How many commits a summary adds to its rollups by itself; what is further behind is projected first. */
const FOLD_COMMITS_MAX = 256;
/** How many rollups one window of a summary may read. */
const ROLLUPS_MAX = 200_000;
/** How often a rebuild may take over, or the history run away, while one summary is made. */
const ATTEMPTS_MAX = 5;
const COST_MAX = 2n ** 63n - 1n;
/** The first window of a summary by time; the next ones are as large as they turn out to fit. */
const WINDOW_SLOTS_FIRST: Readonly<Record<TimeLevel, number>> = { hour: 48, day: 62 };

/** What summaries work with. */
export interface SummaryTools {
  readonly usage: UsageStore;
  readonly reader: Pick<AccountReader, 'readHead' | 'findSeqAt'>;
  readonly projector: Pick<RollupProjector, 'catchUp'>;
}

/** Rollups up to a mark, and the usage of the commits after it, up to a head. */
export interface Base {
  readonly head: AccountHead;
  readonly mark: Watermark;
  readonly recent: readonly CommitUsage[];
}

/** Answers one page. Throws DomainError INVALID_FIELD, see {@link Usage.summarize}. */
export async function summarizeUsage(tools: SummaryTools, tenantId: TenantId, query: UsageQuery): Promise<UsagePage> {
  const signature = signatureOf(tenantId, query);
  const after = query.pageToken === '' ? undefined : parseToken(query.pageToken, signature);
  const rows = await sumOverBase(tools, tenantId, (base) =>
    new SummaryRun(tools, tenantId, query, base).findRows(after),
  );
  return pageOf(rows, query.pageSize, signature);
}

/** Sums over rollups of one generation, and the commits after them up to one head. Throws what `sum` throws. */
export async function sumOverBase<T>(
  tools: SummaryTools,
  tenantId: TenantId,
  sum: (base: Base) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const base = await loadBase(tools, tenantId);
    const result = await sum(base);
    // A rebuild removes what it replaced: sums that were read meanwhile may lack some of it.
    const { generation } = await tools.usage.loadWatermark(tenantId);
    if (generation === base.mark.generation) return result;
  }
  throw new Error(`rollups of ${tenantId} were rebuilt ${ATTEMPTS_MAX} times during one summary`);
}

/** Reads how far rollups go, and the usage after that up to a head that is read now. */
async function loadBase(tools: SummaryTools, tenantId: TenantId): Promise<Base> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const head = await tools.reader.readHead(tenantId);
    const mark = await tools.usage.loadWatermark(tenantId);
    if (head.seq - mark.seq <= FOLD_COMMITS_MAX) {
      const range = { fromSeq: mark.seq + 1, toSeq: head.seq };
      return { head, mark, recent: await readUsageWithRuns(tools.usage, tenantId, mark.generation, range) };
    }
    await tools.projector.catchUp(tenantId, head.seq);
  }
  throw new Error(`rollups of ${tenantId} could not be brought up to date`);
}

/** One summary over one base. */
export class SummaryRun {
  readonly #tools: SummaryTools;
  readonly #tenantId: TenantId;
  readonly #query: UsageQuery;
  readonly #base: Base;

  constructor(tools: SummaryTools, tenantId: TenantId, query: UsageQuery, base: Base) {
    this.#tools = tools;
    this.#tenantId = tenantId;
    this.#query = query;
    this.#base = base;
  }

  /** Finds the rows after a place: one more than a page holds, where there are so many. */
  async findRows(after: RowPlace | undefined): Promise<readonly PlacedRow[]> {
    const { startAt, endAt, groups } = this.#query;
    const slot = timeGroupOf(groups);
    if (slot !== undefined) return this.#findTimedRows(slot, after);
    const table = await this.#sumUp(startAt, endAt);
    if (table === undefined) throw tooMuch(false);
    return table.rowsAfter(after);
  }

  /** Rows by time come window by window, so that a page costs what it holds and not what the whole range does. */
  async #findTimedRows(slot: TimeLevel, after: RowPlace | undefined): Promise<readonly PlacedRow[]> {
    const { startAt, endAt, pageSize } = this.#query;
    const rows: PlacedRow[] = [];
    let from = Math.max(startAt, after?.start ?? 0);
    let slots = WINDOW_SLOTS_FIRST[slot];
    let isGrowing = true;
    while (from < endAt && rows.length <= pageSize) {
      const to = Math.min(endAt, startOf(slot, from) + slots * lengthMsOf(slot));
      const table = await this.#sumUp(from, to);
      if (table === undefined) {
        if (slots === 1) throw tooMuch(true);
        slots = Math.ceil(slots / 2);
        isGrowing = false;
        continue;
      }
      rows.push(...table.rowsAfter(after));
      from = to;
      if (isGrowing) slots *= 2;
    }
    return rows;
  }

  /** Sums a part of the range; undefined where that would take more than a page may. */
  async #sumUp(from: Instant, to: Instant): Promise<SummaryTable | undefined> {
    const { groups, filter } = this.#query;
    const { head, mark, recent } = this.#base;
    const finest = groups.has('hour') ? 'hour' : 'day';
    const { ranges, charges } = await loadPlan(this.#tools, { head, mark }, { from, to }, finest);
    const table = new SummaryTable(groups, filter);
    const ahead = await this.#addRollups(ranges, table);
    if (ahead === undefined) return undefined;
    const isLacking = (usage: CommitUsage): boolean => {
      const key = keyIn(ranges, usage, usage.subject);
      if (key === undefined) return false;
      // Of a commit that is read by itself, rollups have no charge.
      if (key.level === 'undone' && isCharge(usage)) return true;
      return usage.seq > (ahead.get(keyText(key)) ?? mark.seq);
    };
    for (const { at, subject, sum } of [...charges, ...recent.filter(isLacking)]) {
      if (matchesFilter(subject, filter)) table.add(at, subject, sum);
    }
    return table.isOverfull ? undefined : table;
  }

  /** Adds rollups; answers how far those go that are ahead of the mark, or undefined where there are too many. */
  async #addRollups(
    ranges: readonly PlannedRange[],
    table: SummaryTable,
  ): Promise<ReadonlyMap<string, number> | undefined> {
    const { usage } = this.#tools;
    const { generation, seq } = this.#base.mark;
    const ahead = new Map<string, number>();
    let count = 0;
    for (const range of ranges) {
      for await (const { key, sum, appliedSeq } of usage.scanRollups(
        this.#tenantId,
        generation,
        range,
        this.#query.filter,
      )) {
        count += 1;
        table.add(range.at ?? key.start, key, sum);
        if (appliedSeq > seq) ahead.set(keyText(key), appliedSeq);
        if (count > ROLLUPS_MAX || table.isOverfull) return undefined;
      }
    }
    return ahead;
  }
}

function timeGroupOf(groups: UsageQuery['groups']): TimeLevel | undefined {
  if (groups.has('hour')) return 'hour';
  return groups.has('day') ? 'day' : undefined;
}

function pageOf(rows: readonly PlacedRow[], pageSize: number, signature: string): UsagePage {
  const shown = rows.slice(0, pageSize);
  for (const { row } of shown) if (row.cost > COST_MAX) throw costTooLarge();
  const last = shown.at(-1);
  const nextPageToken = rows.length > pageSize && last !== undefined ? formatToken(last.place, signature) : '';
  return { rows: shown.map(({ row }) => row), nextPageToken };
}

function tooMuch(isTimed: boolean): Error {
  const most = `more than ${SUMS_MAX} sums by group and action, or ${ROLLUPS_MAX} of days, hours and parts of hours, would have to be made`;
  const relief = 'group by less, filter, or begin and end at full hours';
  if (isTimed) return invalidField({ field: 'groups', description: `${most} for one time: ${relief}` });
  return invalidField({ field: 'end_time', description: `${most}: narrow the range, ${relief}` });
}

function costTooLarge(): Error {
  const description = 'a row costs more than 2^63 - 1 microcredits: narrow the range, or group by more';
  return invalidField({ field: 'end_time', description });
}
