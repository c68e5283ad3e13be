// Owns UsageService on the wire. Does not own sums or sentences: both are behind Usage.

import type { UsageServiceService } from '../../../gen/wheelhouse/ledger/v1/usage_service.ts';
import type { Ledger } from '../../app/ledger/ledger.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import type { Usage } from '../../app/usage/usage.ts';
import type { Caller } from '../caller.ts';
import { toProtoPosting } from '../convert/entry.ts';
import {
  fromProtoExplainEntry,
  fromProtoReportRun,
  fromProtoUsageDimensions,
  fromProtoUsageSummary,
  toProtoExplanation,
  toProtoUsageDimensions,
  toProtoUsageRow,
} from '../convert/usage.ts';
import { toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';

/** What UsageService answers with. */
export interface UsageHandlerParts {
  readonly ledger: Ledger;
  readonly usage: Usage;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of UsageService. */
export function createUsageHandlers({
  ledger,
  usage,
  directory,
}: UsageHandlerParts): HandlerMap<typeof UsageServiceService> {
  return {
    getUsageSummary: async (request, { caller }) => {
      const { tenantId, query } = fromProtoUsageSummary(request, visibleProjectsOf(caller));
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      const page = await usage.summarize(tenant, query);
      return { rows: page.rows.map(toProtoUsageRow), nextPageToken: page.nextPageToken };
    },
    listUsageDimensions: async (request, { caller }) => {
      const { tenantId, question } = fromProtoUsageDimensions(request, visibleProjectsOf(caller));
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      return toProtoUsageDimensions(await usage.listDimensions(tenant, question));
    },
    reportRun: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoReportRun(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      return toProtoPosting(await ledger.reportRun(tenant, input, toWriteContext(call, requestId)));
    },
    explainEntry: async (request, { caller }) => {
      const { tenantId, entryId } = fromProtoExplainEntry(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      return toProtoExplanation(tenantId, await usage.explain(tenant, entryId));
    },
  };
}

/** Says of which projects a caller may see usage; undefined where of all, and of what belongs to none. */
function visibleProjectsOf(caller: Caller): ReadonlySet<string> | undefined {
  if (caller.scope !== 'bff') return undefined;
  const { tenantAdmin, projectRoles } = caller.place?.standing ?? { tenantAdmin: false, projectRoles: [] };
  return tenantAdmin ? undefined : new Set(projectRoles.map(({ projectId }) => projectId));
}
