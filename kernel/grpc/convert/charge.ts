// Owns the translation of what usage cost and who paid, and of what became of runs.

import {
  type Debit as DebitMessage,
  type RunReport,
  RunStatus as RunStatusMessage,
} from '../../../gen/wheelhouse/ledger/v1/entry.ts';
import type { Debited, RunReported, Settled } from '../../domain/entry.ts';
import type { RunStatus } from '../../domain/usage-context.ts';
import { toProtoDraw } from './balance.ts';
import { byNumber } from './enum-number.ts';
import { toProtoActionPrice } from './plan.ts';

const RUN_STATUSES: Readonly<Record<RunStatus, RunStatusMessage>> = {
  running: RunStatusMessage.RUNNING,
  succeeded: RunStatusMessage.SUCCEEDED,
  failed: RunStatusMessage.FAILED,
  canceled: RunStatusMessage.CANCELED,
};

const STATUS_BY_NUMBER = byNumber(RUN_STATUSES);

/** Finds the run status of a number on the wire; undefined where there is none. */
export function fromProtoRunStatus(value: number): RunStatus | undefined {
  return STATUS_BY_NUMBER.get(value);
}

/** Translates what was told of a run. */
export function toProtoRunReport({ runId, runStatus, projectId = '', workflowId = '' }: RunReported): RunReport {
  return { runId, runStatus: RUN_STATUSES[runStatus], projectId, workflowId };
}

/** Translates a charge; what is charged behind a hold was performed already. */
export function toProtoDebit(entry: Debited | Settled): DebitMessage {
  return {
    action: entry.action,
    quantity: entry.quantity,
    price: toProtoActionPrice(entry.action, entry.price),
    costMicrocredits: entry.cost,
    draws: entry.draws.map(toProtoDraw),
    deficitMicrocredits: entry.deficit,
    projectId: entry.projectId ?? '',
    workflowId: entry.workflowId ?? '',
    runId: entry.runId ?? '',
    runStatus: entry.runStatus === undefined ? RunStatusMessage.UNSPECIFIED : RUN_STATUSES[entry.runStatus],
    dimensions: new Map(Object.entries(entry.personal?.dimensions ?? {})),
    alreadyPerformed: entry.type === 'settled' || entry.alreadyPerformed,
  };
}
