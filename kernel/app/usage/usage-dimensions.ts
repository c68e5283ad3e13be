// Owns what the usage of a range was for: its actions, projects and workflows out of rollups, and its free dimensions, which
// are in no rollup. Those are read out of the commits themselves, newest first: their values may be about people, so that
// there must be no second copy which a redaction would have to find, and callers may give each debit another value.
// Invariants: all of one answer is of one moment; what one call reads is bounded, and the answer says how far it looked.

import { formatEntryId } from '../../domain/entry-id.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import { reversalKey } from '../ledger/request-identity.ts';
import type { LedgerStore } from '../ports.ts';
import type { DimensionCommit, DimensionedCharge } from './ports.ts';
import type { PlacedRow } from './summary-table.ts';
import type { UsageDimensions, UsageGroup, UsageRangeQuestion, UsageValue } from './usage.ts';
import { isCharge } from './usage-reading.ts';
import { matchesFilter } from './usage-sum.ts';
import { type Base, SummaryRun, type SummaryTools, sumOverBase } from './usage-summary.ts';

/** How many actions, projects and workflows are listed, each. */
const VALUES_MAX = 1_000;
/** How many commits are read at once. */
const CHUNK_COMMITS = 64;

/** How much of a range is looked at for free dimensions. */
export interface DimensionBounds {
  readonly commits: number;
  readonly entries: number;
  /** How many different values there may be, of all names together. */
  readonly values: number;
}

const BOUNDS: DimensionBounds = { commits: 20_000, entries: 100_000, values: 2_000 };

/** What dimensions are listed with. */
export interface DimensionTools extends SummaryTools {
  readonly store: Pick<LedgerStore, 'loadEntriesByKeys'>;
}

/** Lists dimensions. Throws DomainError INVALID_FIELD, see {@link Usage.listDimensions}. */
export function listUsageDimensions(
  tools: DimensionTools,
  tenantId: TenantId,
  question: UsageRangeQuestion,
  bounds = BOUNDS,
): Promise<UsageDimensions> {
  return sumOverBase(tools, tenantId, async (base) => {
    const sumBy = (group: UsageGroup): Promise<readonly PlacedRow[]> =>
      new SummaryRun(
        tools,
        tenantId,
        { ...question, groups: new Set([group]), pageSize: VALUES_MAX, pageToken: '' },
        base,
      ).findRows(undefined);
    const [actions, projects, workflows] = await Promise.all([sumBy('action'), sumBy('project'), sumBy('workflow')]);
    const free = await new DimensionScan(tools, tenantId, question, base, bounds).run();
    return {
      actions: valuesOf(actions, ({ action }) => action),
      projects: valuesOf(projects, ({ projectId }) => projectId),
      workflows: valuesOf(workflows, ({ workflowId }) => workflowId),
      isTruncated: [actions, projects, workflows].some(({ length }) => length > VALUES_MAX),
      ...free,
    };
  });
}

function valuesOf(rows: readonly PlacedRow[], nameOf: (row: PlacedRow['row']) => string): readonly UsageValue[] {
  // A row may be of runs alone, which cost nothing and are no debits.
  return rows
    .filter(({ row }) => row.debitCount > 0n)
    .slice(0, VALUES_MAX)
    .map(({ row }) => ({ value: nameOf(row), debitCount: row.debitCount, cost: row.cost }));
}

type Sums = Map<string, { debitCount: bigint; cost: bigint }>;

/** Reads the free dimensions of a range, newest first, until it has looked at as much as it may. */
class DimensionScan {
  readonly #tools: DimensionTools;
  readonly #tenantId: TenantId;
  readonly #question: UsageRangeQuestion;
  readonly #base: Base;
  readonly #bounds: DimensionBounds;
  readonly #names = new Map<string, Sums>();
  #valueCount = 0;

  constructor(
    tools: DimensionTools,
    tenantId: TenantId,
    question: UsageRangeQuestion,
    base: Base,
    bounds: DimensionBounds,
  ) {
    this.#tools = tools;
    this.#tenantId = tenantId;
    this.#question = question;
    this.#base = base;
    this.#bounds = bounds;
  }

  async run(): Promise<Pick<UsageDimensions, 'free' | 'freeSince'>> {
    const { startAt, endAt } = this.#question;
    const { reader } = this.#tools;
    const { head } = this.#base;
    const [before, last] = await Promise.all([reader.findSeqAt(head, startAt - 1), reader.findSeqAt(head, endAt - 1)]);
    const undone = await this.#findUndoneCommits(before + 1, last);
    let freeSince: Instant = startAt;
    let entryCount = 0;
    for (let toSeq = last; toSeq > before; toSeq -= CHUNK_COMMITS) {
      const fromSeq = Math.max(before + 1, toSeq - CHUNK_COMMITS + 1);
      const commits = await this.#tools.usage.loadDimensions(this.#tenantId, fromSeq, toSeq);
      for (const commit of commits.toReversed()) this.#add(commit, await this.#findUndone(commit, undone));
      entryCount += commits.reduce((sum, commit) => sum + commit.entryCount, 0);
      const isEnough =
        last - fromSeq + 1 >= this.#bounds.commits ||
        entryCount >= this.#bounds.entries ||
        this.#valueCount >= this.#bounds.values;
      if (!isEnough || fromSeq === before + 1) continue;
      freeSince = await this.#startAfter(commits, fromSeq);
      break;
    }
    return { free: this.#listFree(), freeSince };
  }

  /** Commits may share a time: only from the next one on is every commit of it among those that were read. */
  async #startAfter(commits: readonly DimensionCommit[], fromSeq: number): Promise<Instant> {
    const oldest = commits[0]?.createdAt ?? this.#question.startAt;
    const { head } = this.#base;
    const isWhole = (await this.#tools.reader.findSeqAt(head, oldest - 1)) === fromSeq - 1;
    return isWhole ? oldest : oldest + 1;
  }

  /** Finds the commits in a range of which something was undone. */
  async #findUndoneCommits(fromSeq: number, toSeq: number): Promise<ReadonlySet<number>> {
    const { mark, recent } = this.#base;
    const seqs = new Set(recent.filter((usage) => !isCharge(usage)).map(({ chargeSeq }) => chargeSeq));
    const range = { level: 'undone', from: fromSeq, to: toSeq + 1 } as const;
    for await (const { key } of this.#tools.usage.scanRollups(this.#tenantId, mark.generation, range, {})) {
      seqs.add(key.start);
    }
    return seqs;
  }

  /** Finds which charges of a commit were undone, by their index. */
  async #findUndone(commit: DimensionCommit, undone: ReadonlySet<number>): Promise<ReadonlySet<number>> {
    if (!undone.has(commit.seq) || commit.charges.length === 0) return new Set();
    const indexes = new Map(
      commit.charges.map(({ index }) => [
        reversalKey(formatEntryId({ seq: commit.seq, index }, commit.createdAt)),
        index,
      ]),
    );
    const found = await this.#tools.store.loadEntriesByKeys(this.#tenantId, [...indexes.keys()]);
    return new Set(found.flatMap(({ entry: { effectKey } }) => (effectKey && indexes.get(effectKey)) ?? []));
  }

  #add(commit: DimensionCommit, undone: ReadonlySet<number>): void {
    for (const charge of commit.charges) {
      if (!undone.has(charge.index) && matchesFilter(charge.subject, this.#question.filter)) this.#addCharge(charge);
    }
  }

  #addCharge({ dimensions, cost }: DimensionedCharge): void {
    for (const [name, value] of Object.entries(dimensions)) {
      const sums: Sums = this.#names.get(name) ?? new Map();
      this.#names.set(name, sums);
      const sum = sums.get(value);
      if (sum === undefined) this.#valueCount += 1;
      sums.set(value, { debitCount: (sum?.debitCount ?? 0n) + 1n, cost: (sum?.cost ?? 0n) + cost });
    }
  }

  #listFree(): UsageDimensions['free'] {
    return [...this.#names].sort(byFirst).map(([name, sums]) => ({
      name,
      values: [...sums].sort(byFirst).map(([value, sum]) => ({ value, ...sum })),
    }));
  }
}

function byFirst([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
