// Owns the sums of one window of a summary while they are put together: one for each group and action, so that a row knows
// whether it sums one action or several. Bounded: see SUMS_MAX.

import type { Instant } from '../../domain/id.ts';
import { formatQuantity } from '../../domain/quantity.ts';
import type { UsageFilter, UsageSubject, UsageSum } from './ports.ts';
import { startOf, subjectText } from './rollup-key.ts';
import type { UsageGroup, UsageRow } from './usage.ts';
import { addUsage, isNoUsage, NO_RUNS, NO_USAGE } from './usage-sum.ts';

/** How many sums, by group and action, one window may have. */
export const SUMS_MAX = 20_000;

/** What a row is ordered and found by. */
export interface RowPlace extends UsageSubject {
  /** 0 where not grouped by time. */
  readonly start: Instant;
}

interface Cell {
  readonly place: RowPlace;
  readonly action: string;
  sum: UsageSum;
}

/** Sums usage by groups. */
export class SummaryTable {
  readonly #groups: ReadonlySet<UsageGroup>;
  /** A run has no action, so it is part of no sum that is about one. */
  readonly #countsRuns: boolean;
  readonly #cells = new Map<string, Cell>();

  constructor(groups: ReadonlySet<UsageGroup>, { action }: Pick<UsageFilter, 'action'> = {}) {
    this.#groups = groups;
    this.#countsRuns = !groups.has('action') && action === undefined;
  }

  /** Says that there are more sums than {@link SUMS_MAX}. */
  get isOverfull(): boolean {
    return this.#cells.size > SUMS_MAX;
  }

  add(at: Instant, subject: UsageSubject, sum: UsageSum): void {
    if (isNoUsage(sum) || (subject.action === '' && !this.#countsRuns)) return;
    const place = this.#placeOf(at, subject);
    const text = `${place.start}\0${subjectText(place)}\0${subject.action}`;
    const cell = this.#cells.get(text);
    if (cell === undefined) this.#cells.set(text, { place, action: subject.action, sum });
    else cell.sum = addUsage(cell.sum, sum);
  }

  /** The rows after a place, in their order; usage that was undone leaves none. */
  rowsAfter(place: RowPlace | undefined): readonly PlacedRow[] {
    const rows = new Map<string, Cell[]>();
    for (const cell of this.#cells.values()) {
      if (isNoUsage(cell.sum) || (place !== undefined && comparePlaces(cell.place, place) <= 0)) continue;
      const text = `${cell.place.start}\0${subjectText(cell.place)}`;
      const cells = rows.get(text);
      if (cells === undefined) rows.set(text, [cell]);
      else cells.push(cell);
    }
    return [...rows.values()]
      .flatMap((cells) => (cells[0] === undefined ? [] : [this.#rowOf(cells[0].place, cells)]))
      .sort((a, b) => comparePlaces(a.place, b.place));
  }

  #placeOf(at: Instant, { action, projectId, workflowId }: UsageSubject): RowPlace {
    const groups = this.#groups;
    let start = 0;
    if (groups.has('hour')) start = startOf('hour', at);
    else if (groups.has('day')) start = startOf('day', at);
    return {
      start,
      action: groups.has('action') ? action : '',
      projectId: groups.has('project') ? projectId : '',
      workflowId: groups.has('workflow') ? workflowId : '',
    };
  }

  #rowOf(place: RowPlace, cells: readonly Cell[]): PlacedRow {
    const sum = cells.reduce((total, cell) => addUsage(total, cell.sum), NO_USAGE);
    const { start, action, projectId, workflowId } = place;
    const isTimed = this.#groups.has('hour') || this.#groups.has('day');
    const row = {
      ...(isTimed ? { startAt: start } : {}),
      ...{ action, projectId, workflowId },
      debitCount: sum.debits,
      ...(cells.filter(({ action: own }) => own !== '').length === 1 ? { quantity: formatQuantity(sum) } : {}),
      cost: sum.cost,
      ...(this.#countsRuns ? { runs: sum.runs ?? NO_RUNS } : {}),
    };
    return { place, row };
  }
}

/** A row with what it is ordered by. */
export interface PlacedRow {
  readonly place: RowPlace;
  readonly row: UsageRow;
}

/** Orders rows by their groups: time, action, project, workflow; texts by their characters' codes. */
function comparePlaces(a: RowPlace, b: RowPlace): number {
  return (
    a.start - b.start ||
    compareTexts(a.action, b.action) ||
    compareTexts(a.projectId, b.projectId) ||
    compareTexts(a.workflowId, b.workflowId)
  );
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
