// Owns how runs are counted out of what commits tell of them: once each, whoever tells it and how often.
// Invariants: a run begins with the first commit that names it, and ends with the first one that says how; both are facts of
// the history alone, so that commits that are counted again, by whichever kernel, come to the same.

import type { Instant } from '../../domain/id.ts';
import type { RunStatus } from '../../domain/usage-context.ts';
import type { RunRecord, UsageCommit, UsageEntry, UsageSum } from './ports.ts';
import { NO_RUNS, NO_USAGE, runSubjectOf, type UsageItem } from './usage-sum.ts';

/** What a commit tells of a run. */
export interface RunMention {
  readonly seq: number;
  readonly at: Instant;
  readonly runId: string;
  readonly status?: RunStatus;
  readonly projectId: string;
  readonly workflowId: string;
}

/** What mentions come to. */
export interface RunCount {
  /** What they add, each with the commit that says so. */
  readonly usage: readonly (UsageItem & { readonly seq: number })[];
  /** The runs that are new, or have ended. */
  readonly changed: readonly RunRecord[];
}

/** Reads what the entries of a commit tell of runs, in their order. */
export function mentionsOf({ seq, createdAt, entries }: UsageCommit): readonly RunMention[] {
  return entries.flatMap((entry) => mentionOf(entry, seq, createdAt) ?? []);
}

function mentionOf(entry: UsageEntry, seq: number, at: Instant): RunMention | undefined {
  if (entry.type !== 'debited' && entry.type !== 'settled' && entry.type !== 'run_reported') return undefined;
  const { runId, runStatus, projectId = '', workflowId = '' } = entry;
  if (runId === undefined) return undefined;
  return { seq, at, runId, projectId, workflowId, ...(runStatus === undefined ? {} : { status: runStatus }) };
}

/**
 * Counts mentions, which are in the order of their commits.
 * @param known Are all of their runs that any commit before them has named; later ones may be among them.
 */
export function countRuns(known: Iterable<RunRecord>, mentions: readonly RunMention[]): RunCount {
  const runs = new Map<string, RunRecord>();
  for (const run of known) runs.set(run.runId, run);
  const changed = new Map<string, RunRecord>();
  const usage: (UsageItem & { readonly seq: number })[] = [];
  const counted = new Set<string>();
  const count = (run: RunRecord, { seq, at }: RunMention, what: 'begun' | keyof typeof ENDS): void => {
    // One commit may name a run many times.
    const once = `${what === 'begun' ? 'begin' : 'end'}\0${run.runId}`;
    if (counted.has(once)) return;
    counted.add(once);
    usage.push({ seq, at, chargeSeq: seq, subject: runSubjectOf(run), sum: ENDS_AND_BEGINNING[what] });
  };
  for (const mention of mentions) {
    let run = runs.get(mention.runId) ?? beginningOf(mention);
    const end = run.end ?? endOf(mention);
    if (!runs.has(run.runId) || end !== run.end) {
      run = end === undefined ? run : { ...run, end };
      runs.set(run.runId, run);
      changed.set(run.runId, run);
    }
    if (run.firstSeq === mention.seq) count(run, mention, 'begun');
    if (end !== undefined && end.seq === mention.seq) count(run, mention, end.status);
  }
  return { usage, changed: [...changed.values()] };
}

const ENDS = {
  succeeded: onlyRuns('succeeded'),
  failed: onlyRuns('failed'),
  canceled: onlyRuns('canceled'),
} as const;
const ENDS_AND_BEGINNING = { begun: onlyRuns('begun'), ...ENDS } as const;

function onlyRuns(what: keyof typeof NO_RUNS): UsageSum {
  return { ...NO_USAGE, runs: { ...NO_RUNS, [what]: 1n } };
}

function beginningOf({ runId, seq, projectId, workflowId }: RunMention): RunRecord {
  return { runId, firstSeq: seq, projectId, workflowId };
}

function endOf({ seq, status }: RunMention): RunRecord['end'] {
  return status === undefined || status === 'running' ? undefined : { seq, status };
}
