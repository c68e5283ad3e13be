// Owns how the parts of a kernel that compare workspaces with Stripe are put together. Does not own when they begin and end
// (composition.ts).

import type { Logger } from 'pino';
import type { TenantRef } from './app/ledger/ledger.ts';
import type { AuditNotebook } from './app/operator/audit-notebook.ts';
import type { Clock } from './app/ports.ts';
import { DailyReconciliation } from './app/reconciliation/daily-reconciliation.ts';
import type { WorkspaceCheck } from './app/reconciliation/difference.ts';
import type { ReconciliationRunStore, WorkspaceList } from './app/reconciliation/ports.ts';
import { Reconciliation } from './app/reconciliation/reconciliation.ts';
import { WorkspaceRefresh } from './app/reconciliation/workspace-refresh.ts';
import type { Metrics } from './http/metric.ts';
import { PROCESS_PACING } from './pacing.ts';
import { createReconciliationObserver } from './stripe-observer.ts';
import { startReconciliationWorker } from './worker/reconciliation-worker.ts';

/** What comparing is made of. */
export interface ReconciliationPartTools {
  readonly workspaces: WorkspaceList;
  readonly runs: ReconciliationRunStore;
  readonly checks: readonly WorkspaceCheck[];
  /** What brings a workspace to what Stripe shows, each by itself. */
  readonly refreshes: readonly ((tenant: TenantRef) => Promise<unknown>)[];
  readonly notebook: Pick<AuditNotebook, 'note'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What compares workspaces with Stripe, and mends what reading again mends. */
export interface ReconciliationPart {
  readonly reconciliation: Reconciliation;
  readonly refresh: WorkspaceRefresh;
  /** Begins to compare once a day; answers how to end it. */
  readonly start: () => { stop(): Promise<void> };
}

/** Builds what compares; nothing begins to work yet. */
export function createReconciliationPart(tools: ReconciliationPartTools): ReconciliationPart {
  const { workspaces, runs: store, checks, refreshes: parts, notebook, clock, logger, metrics } = tools;
  const observer = createReconciliationObserver(metrics.reconciliation, logger);
  const reconciliation = new Reconciliation({ workspaces, checks, pacing: PROCESS_PACING });
  return {
    reconciliation,
    refresh: new WorkspaceRefresh({ notebook, parts }),
    start: () => {
      const daily = new DailyReconciliation({ reconciliation, store, clock, observer });
      return startReconciliationWorker({ daily, observer });
    },
  };
}
