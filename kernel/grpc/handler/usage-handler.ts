// Owns UsageService on the wire. Does not own sums or sentences: both are behind Usage.

import type { UsageServiceService } from '../../../gen/wheelhouse/ledger/v1/usage_service.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import type { Usage } from '../../app/usage/usage.ts';
import { fromProtoExplainEntry, fromProtoUsageSummary, toProtoExplanation, toProtoUsageRow } from '../convert/usage.ts';
import type { HandlerMap } from './handler-map.ts';

/** What UsageService answers with. */
export interface UsageHandlerParts {
  readonly usage: Usage;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of UsageService. */
export function createUsageHandlers({ usage, directory }: UsageHandlerParts): HandlerMap<typeof UsageServiceService> {
  return {
    getUsageSummary: async (request, { caller }) => {
      const { tenantId, query } = fromProtoUsageSummary(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      const page = await usage.summarize(tenant, query);
      return { rows: page.rows.map(toProtoUsageRow), nextPageToken: page.nextPageToken };
    },
    explainEntry: async (request, { caller }) => {
      const { tenantId, entryId } = fromProtoExplainEntry(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      return toProtoExplanation(tenantId, await usage.explain(tenant, entryId));
    },
  };
}
