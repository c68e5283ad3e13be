// Owns what summaries of usage need of the database: sums that were made before (rollups), and how far they go. Does not
// own how they come to be (rollup-projector.ts).

import type { Debited, HoldRecord, Reversed, RunReported, Settled } from '../../domain/entry.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import type { RunStatus } from '../../domain/usage-context.ts';

/** What one rollup sums by time: an hour or a day (UTC). */
export type TimeLevel = 'hour' | 'day';

/**
 * What one rollup sums: an hour, a day, the charges of a stretch of commits (each less what was undone of it, whenever that
 * was), or what was undone of the charges of one commit by later ones.
 */
export type RollupLevel = TimeLevel | 'stretch' | 'undone';

/** How a run can end. */
export type RunEnd = Exclude<RunStatus, 'running'>;

/** Counts runs and what became of them. */
export interface RunSum extends Readonly<Record<RunEnd, bigint>> {
  readonly begun: bigint;
  /** How many charges named a run; one that was undone stays, since its work was done. */
  readonly steps: bigint;
}

/** Exact sums of usage. */
export interface UsageSum {
  /** How many debits and settlements, less those that were undone. */
  readonly debits: bigint;
  /** Of the quantities, in millionths of a unit. */
  readonly millionths: bigint;
  /** Of the costs, in microcredits. */
  readonly cost: bigint;
  /** Absent where no run is counted. */
  readonly runs?: RunSum;
}

/** What is known of a run: of two projections of the same commits both come to the same. */
export interface RunRecord {
  readonly runId: string;
  /** The commit that named it first, and where that says that it belongs. */
  readonly firstSeq: number;
  readonly projectId: string;
  readonly workflowId: string;
  /** The commit that first told how it ended; absent while none has. */
  readonly end?: { readonly seq: number; readonly status: RunEnd };
}

/** What usage was for; an empty text where the caller named nothing. Runs are counted under an empty action. */
export interface UsageSubject {
  readonly action: string;
  readonly projectId: string;
  readonly workflowId: string;
}

/** Says which rollup sums a subject's usage. */
export interface RollupKey extends UsageSubject {
  readonly level: RollupLevel;
  /** The start of the hour or day; the first seq of the stretch; the seq of the commit. */
  readonly start: number;
}

type SubjectFields = 'type' | 'action' | 'projectId' | 'workflowId';
type ChargeFields = SubjectFields | 'quantity' | 'cost' | 'runId' | 'runStatus';

/** What is read of an entry that is usage, takes usage back, or is otherwise about work. */
export type UsageEntry =
  | Pick<Debited, ChargeFields>
  | Pick<Settled, ChargeFields>
  | Required<Pick<Reversed, 'type' | 'entryId' | 'usage'>>
  | Pick<RunReported, 'type' | 'projectId' | 'workflowId' | 'runId' | 'runStatus'>
  | Pick<Exclude<HoldRecord, Settled>, SubjectFields>;

/** The usage in one commit. */
export interface UsageCommit {
  readonly seq: number;
  readonly createdAt: Instant;
  /** How many entries the commit has, usage or not. */
  readonly entryCount: number;
  readonly entries: readonly UsageEntry[];
}

/** A sum, with the seq up to which every entry of its key is in it. */
export interface Rollup {
  readonly key: RollupKey;
  readonly sum: UsageSum;
  readonly appliedSeq: number;
}

/** How far rollups go: every entry with a seq up to it is in the rollups of the generation. */
export interface Watermark {
  /** Rollups are rebuilt as a new generation beside the one that is read; from 1. */
  readonly generation: number;
  readonly seq: number;
}

/** One write of a rollup: made new, or put in the place of what has applied exactly so much. */
export interface RollupWrite {
  readonly rollup: Rollup;
  /** Absent where there was no rollup of this key. */
  readonly replacesSeq?: number;
}

/** A range of one level: `from` inclusive, `to` exclusive, both at its boundaries; times or seqs, as `start` of a key. */
export interface RollupRange {
  readonly level: RollupLevel;
  readonly from: number;
  readonly to: number;
}

/** Limits what is summed; every part that is set must match. */
export interface UsageFilter extends Partial<UsageSubject> {
  /** The projects that may be seen at all; absent where all may. */
  readonly projectIds?: ReadonlySet<string>;
}

/** A charge that has free dimensions. */
export interface DimensionedCharge {
  readonly index: number;
  readonly subject: UsageSubject;
  /** In microcredits. */
  readonly cost: bigint;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** The charges with free dimensions in one commit. */
export interface DimensionCommit {
  readonly seq: number;
  readonly createdAt: Instant;
  /** How many entries the commit has. */
  readonly entryCount: number;
  readonly charges: readonly DimensionedCharge[];
}

/**
 * Keeps rollups. Every read is primary + majority, every write majority + journal. Every method throws DomainError
 * DATABASE_UNAVAILABLE.
 */
export interface UsageStore {
  /** Reads the usage in the commits of one tenant with `fromSeq` ≤ seq ≤ `toSeq`, in order. Throws also LEDGER_CORRUPT. */
  loadUsage(tenantId: TenantId, fromSeq: number, toSeq: number): Promise<readonly UsageCommit[]>;
  /** Reads the charges with free dimensions in the commits of one tenant with `fromSeq` ≤ seq ≤ `toSeq`, in order. */
  loadDimensions(tenantId: TenantId, fromSeq: number, toSeq: number): Promise<readonly DimensionCommit[]>;
  /** Reads the runs of the given ids; those that are not known are left out. */
  loadRuns(tenantId: TenantId, generation: number, runIds: readonly string[]): Promise<readonly RunRecord[]>;
  /** Writes what is new of runs: those that are not there yet, and the ends of those that have none. */
  saveRuns(tenantId: TenantId, generation: number, runs: readonly RunRecord[]): Promise<void>;
  /** Reads how far a tenant's rollups go: generation 1 up to seq 0 where there are none. */
  loadWatermark(tenantId: TenantId): Promise<Watermark>;
  /** Moves a watermark forward, never back; answers false where another generation has taken over. */
  advanceWatermark(tenantId: TenantId, watermark: Watermark): Promise<boolean>;
  /** Reads the rollups of the given keys; those that don't exist are left out. */
  loadRollups(tenantId: TenantId, generation: number, keys: readonly RollupKey[]): Promise<readonly Rollup[]>;
  /** Writes each rollup that nobody else has written meanwhile; answers false where one of them lost that race. */
  saveRollups(tenantId: TenantId, generation: number, writes: readonly RollupWrite[]): Promise<boolean>;
  /** Reads all rollups within a range, in no order, without holding them all. */
  scanRollups(tenantId: TenantId, generation: number, range: RollupRange, filter: UsageFilter): AsyncIterable<Rollup>;
  /** Takes the number of a generation that nobody else has or will get. */
  reserveGeneration(tenantId: TenantId): Promise<number>;
  /** Makes a generation the one that is read; answers false where a later one is already. */
  switchGeneration(tenantId: TenantId, watermark: Watermark): Promise<boolean>;
  /** Removes the rollups and runs of one generation that is not read. */
  removeGeneration(tenantId: TenantId, generation: number): Promise<void>;
  /** Removes the rollups and runs of all generations before one. */
  removeGenerationsBefore(tenantId: TenantId, generation: number): Promise<void>;
}
