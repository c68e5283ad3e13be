// Owns the use cases of usage: summaries and explanations. Does not own how rollups come to be.

import type { AccountReader } from '../ledger/account-reader.ts';
import { HeadLoader } from '../ledger/head-loader.ts';
import { asDomainError } from '../ledger/write-error.ts';
import type { LedgerStore } from '../ports.ts';
import { explainEntry } from './entry-explanation.ts';
import type { UsageStore } from './ports.ts';
import type { RollupProjector } from './rollup-projector.ts';
import type { Usage } from './usage.ts';
import { listUsageDimensions } from './usage-dimensions.ts';
import { summarizeUsage } from './usage-summary.ts';

/** What usage is answered with. */
export interface UsageTools {
  readonly store: LedgerStore;
  readonly usage: UsageStore;
  readonly reader: Pick<AccountReader, 'readHead' | 'findSeqAt'>;
  readonly projector: Pick<RollupProjector, 'catchUp'>;
}

/** Builds what answers questions about usage. */
export function createUsage(tools: UsageTools): Usage {
  const loader = new HeadLoader(tools.store);
  return {
    summarize: (tenant, query) => read(() => summarizeUsage(tools, tenant.tenantId, query)),
    listDimensions: (tenant, question) => read(() => listUsageDimensions(tools, tenant.tenantId, question)),
    explain: (tenant, entryId) => read(() => explainEntry({ store: tools.store, loader }, tenant.tenantId, entryId)),
  };
}

/** Turns whatever is thrown into an error that callers know. */
async function read<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw asDomainError(error);
  }
}
