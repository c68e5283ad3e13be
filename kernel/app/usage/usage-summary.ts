// Owns summaries of usage: rollups as far as they go, and the commits after them added on top (docs/architecture.md,
// "Usage").
// Invariants: what is added on top starts where the rollup that was read ends, so nothing is missing and nothing is double;
// every read is bounded, by documents and by sums, and what would need more is refused by name.

import { invalidField } from '../../domain/error.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import type { AccountReader } from '../ledger/account-reader.ts';
import type { RollupLevel, RollupRange, UsageStore, Watermark } from './ports.ts';
import { endOf, keyIn, keyText, planRanges, startOf } from './rollup-key.ts';
import type { RollupProjector } from './rollup-projector.ts';
import { type PlacedRow, type RowPlace, SUMS_MAX, SummaryTable } from './summary-table.ts';
import { formatToken, parseToken, signatureOf } from './summary-token.ts';
import type { UsagePage, UsageQuery } from './usage.ts';
import { type CommitUsage, readUsage } from './usage-reading.ts';
import { matchesFilter } from './usage-sum.ts';

/** How many commits a summary adds to its rollups by itself; what is further behind is projected first. */
const FOLD_COMMITS_MAX = 256;
const FOLD_CHUNK_COMMITS = 32;
/** How many rollups one window of a summary may read. */
const ROLLUPS_MAX = 200_000;
/** How often a rebuild may take over, or the history run away, while one summary is made. */
const ATTEMPTS_MAX = 5;
const COST_MAX = 2n ** 63n - 1n;
/** The first window of a summary by time; the next ones are as large as they turn out to fit. */
const WINDOW_SLOTS_FIRST: Readonly<Record<RollupLevel, number>> = { hour: 48, day: 62 };

/** What summaries work with. */
export interface SummaryTools {
  readonly usage: UsageStore;
  readonly reader: Pick<AccountReader, 'readHead'>;
  readonly projector: Pick<RollupProjector, 'catchUp'>;
}

/** Rollups up to a mark, and the usage of the commits after it. */
interface Base {
  readonly mark: Watermark;
  readonly recent: readonly CommitUsage[];
}

/** Answers one page. Throws DomainError INVALID_FIELD, see {@link Usage.summarize}. */
export async function summarizeUsage(tools: SummaryTools, tenantId: TenantId, query: UsageQuery): Promise<UsagePage> {
  const signature = signatureOf(tenantId, query);
  const after = query.pageToken === '' ? undefined : parseToken(query.pageToken, signature);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const base = await loadBase(tools, tenantId);
    const rows = await new SummaryRun(tools, tenantId, query, base).findRows(after);
    // A rebuild removes what it replaced: sums that were read meanwhile may lack some of it.
    const { generation } = await tools.usage.loadWatermark(tenantId);
    if (generation === base.mark.generation) return pageOf(rows, query.pageSize, signature);
  }
  throw new Error(`rollups of ${tenantId} were rebuilt ${ATTEMPTS_MAX} times during one summary`);
}

/** Reads how far rollups go, and the usage after that up to a head that is read now. */
async function loadBase(tools: SummaryTools, tenantId: TenantId): Promise<Base> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const { seq } = await tools.reader.readHead(tenantId);
    const mark = await tools.usage.loadWatermark(tenantId);
    if (seq - mark.seq <= FOLD_COMMITS_MAX) return { mark, recent: await loadRecent(tools, tenantId, mark.seq, seq) };
    await tools.projector.catchUp(tenantId, seq);
  }
  throw new Error(`rollups of ${tenantId} could not be brought up to date`);
}

async function loadRecent(
  { usage: store }: SummaryTools,
  tenantId: TenantId,
  afterSeq: number,
  toSeq: number,
): Promise<readonly CommitUsage[]> {
  const recent: CommitUsage[] = [];
  for (let from = afterSeq + 1; from <= toSeq; from += FOLD_CHUNK_COMMITS) {
    const { usage } = await readUsage(store, tenantId, from, Math.min(toSeq, from + FOLD_CHUNK_COMMITS - 1));
    recent.push(...usage);
  }
  return recent;
}

/** One summary over one base. */
class SummaryRun {
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
  async #findTimedRows(slot: RollupLevel, after: RowPlace | undefined): Promise<readonly PlacedRow[]> {
    const { startAt, endAt, pageSize } = this.#query;
    const rows: PlacedRow[] = [];
    let from = Math.max(startAt, after?.start ?? 0);
    let slots = WINDOW_SLOTS_FIRST[slot];
    let isGrowing = true;
    while (from < endAt && rows.length <= pageSize) {
      const to = Math.min(endAt, startOf(slot, from) + slots * (endOf(slot, 0) - startOf(slot, 0)));
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
    const { mark, recent } = this.#base;
    const plan = planRanges(from, to, groups.has('hour') ? 'hour' : 'day');
    const table = new SummaryTable(groups);
    const ahead = await this.#addRollups(plan, table);
    if (ahead === undefined) return undefined;
    for (const { at, subject, seq, sum } of recent) {
      const key = matchesFilter(subject, filter) ? keyIn(plan, at, subject) : undefined;
      if (key !== undefined && seq > (ahead.get(keyText(key)) ?? mark.seq)) table.add(key.start, subject, sum);
    }
    return table.isOverfull ? undefined : table;
  }

  /** Adds rollups; answers how far those go that are ahead of the mark, or undefined where there are too many. */
  async #addRollups(
    plan: readonly RollupRange[],
    table: SummaryTable,
  ): Promise<ReadonlyMap<string, number> | undefined> {
    const { usage } = this.#tools;
    const { generation, seq } = this.#base.mark;
    const ahead = new Map<string, number>();
    let count = 0;
    for (const range of plan) {
      for await (const { key, sum, appliedSeq } of usage.scanRollups(
        this.#tenantId,
        generation,
        range,
        this.#query.filter,
      )) {
        count += 1;
        table.add(key.start, key, sum);
        if (appliedSeq > seq) ahead.set(keyText(key), appliedSeq);
        if (count > ROLLUPS_MAX || table.isOverfull) return undefined;
      }
    }
    return ahead;
  }
}

function timeGroupOf(groups: UsageQuery['groups']): RollupLevel | undefined {
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
  const most = `more than ${SUMS_MAX} sums by group and action, or ${ROLLUPS_MAX} by hour or day, would have to be made`;
  if (isTimed) return invalidField({ field: 'groups', description: `${most} for one time: group by less, or filter` });
  return invalidField({ field: 'end_time', description: `${most}: narrow the range, group by less, or filter` });
}

function costTooLarge(): Error {
  const description = 'a row costs more than 2^63 - 1 microcredits: narrow the range, or group by more';
  return invalidField({ field: 'end_time', description });
}
