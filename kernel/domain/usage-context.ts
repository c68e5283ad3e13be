// Owns what usage was for, as debits, holds and their settlements share it.

/** How the run behind a debit ended. */
export type RunStatus = 'running' | 'succeeded' | 'failed' | 'canceled';

/** What a debit was for, as far as it is not about a person. */
export interface UsageContext {
  readonly projectId?: string;
  readonly workflowId?: string;
  readonly runId?: string;
  readonly runStatus?: RunStatus;
}
