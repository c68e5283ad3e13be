// Owns what usage is charged by and what it was for, as debits, holds and their settlements share it.

import type { PriceRule } from './action-price.ts';
import type { Instant } from './id.ts';

/** How the run behind a debit ended. */
export type RunStatus = 'running' | 'succeeded' | 'failed' | 'canceled';

/** The price that a debit was charged by. */
export interface AppliedPrice {
  readonly microcreditsPerUnit: bigint;
  readonly unit: string;
  readonly rule: PriceRule;
  readonly effectiveAt: Instant;
}

/** What a debit was for, as far as it is not about a person. */
export interface UsageContext {
  readonly projectId?: string;
  readonly workflowId?: string;
  readonly runId?: string;
  readonly runStatus?: RunStatus;
}
