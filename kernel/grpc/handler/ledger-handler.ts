// Owns LedgerService on the wire. Does not own credits: every rule is behind the Ledger.
// Invariant: a batch hands all its debits to the ledger in their order before it waits for any of them.

import type {
  BatchDebitResult,
  DebitRequest,
  LedgerServiceService,
} from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { DebitInput, Ledger, Posting, TenantRef, WriteContext } from '../../app/ledger/ledger.ts';
import type { Clock } from '../../app/ports.ts';
import { type TenantDirectory, tenantNotFound } from '../../app/tenant/tenant-directory.ts';
import type { TenantId } from '../../domain/id.ts';
import type { CallContext } from '../caller.ts';
import {
  assertBatchSize,
  fromProtoCheckFunds,
  fromProtoDebit,
  toProtoCheckFunds,
  toProtoDebitError,
  toProtoDebitResponse,
} from '../convert/debit.ts';
import { toProtoBalance, toProtoEntry, toProtoGrant } from '../convert/entry.ts';
import { fromProtoGetBalance, fromProtoListEntries } from '../convert/entry-list.ts';
import { fromProtoAdjust, fromProtoGrant, type TenantWrite } from '../convert/operator.ts';
import { toDomainError } from '../status.ts';
import type { HandlerMap } from './handler-map.ts';

/** What LedgerService answers with. */
export interface LedgerHandlerParts {
  readonly ledger: Ledger;
  readonly directory: TenantDirectory;
  readonly clock: Pick<Clock, 'estimate'>;
}

type LedgerHandlers = HandlerMap<typeof LedgerServiceService>;

/** Builds the handlers of LedgerService. */
export function createLedgerHandlers(parts: LedgerHandlerParts): LedgerHandlers {
  const { ledger, directory } = parts;
  return {
    ...createReadHandlers(parts),
    debit: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoDebit(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      return toProtoDebitResponse(await ledger.debit(tenant, input, toWriteContext(call, requestId)));
    },
    batchDebit: async ({ debits }, call) => {
      assertBatchSize(debits.length);
      return { results: await debitAll(parts, debits, call) };
    },
    grant: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoGrant(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      return toProtoPosting(await ledger.grant(tenant, input, toWriteContext(call, requestId)));
    },
    adjust: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoAdjust(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      return toProtoPosting(await ledger.adjust(tenant, input, toWriteContext(call, requestId)));
    },
  };
}

function createReadHandlers(
  parts: LedgerHandlerParts,
): Pick<LedgerHandlers, 'getBalance' | 'checkFunds' | 'listEntries'> {
  const { ledger, directory, clock } = parts;
  return {
    getBalance: async (request, { caller }) => {
      const { tenantId, at } = fromProtoGetBalance(request, clock.estimate());
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      const reading = await ledger.readBalance(tenant, at);
      return {
        balance: toProtoBalance(reading.totals),
        planCode: reading.planCode,
        overdraftLimitMicrocredits: reading.overdraftLimit,
        grants: request.includeGrants ? reading.grants.map(toProtoGrant) : [],
        commitSeq: BigInt(reading.seq),
        asOfTime: new Date(reading.asOf),
      };
    },
    checkFunds: async (request, { caller }) => {
      const { tenantId, query } = fromProtoCheckFunds(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      return toProtoCheckFunds(await ledger.checkFunds(tenant, query));
    },
    listEntries: async (request, { caller }) => {
      const { tenantId, filter, pageSize, pageToken } = fromProtoListEntries(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      const page = await ledger.listEntries(tenant, filter, pageSize, pageToken);
      return { entries: page.entries.map(toProtoEntry), nextPageToken: page.nextPageToken };
    },
  };
}

function toWriteContext(call: CallContext, requestId: string): WriteContext {
  return { callerScope: call.caller.callerScope, requestId, deadlineAtMs: call.deadlineAtMs };
}

function toProtoPosting({ posted, replayed }: Posting): { entry: ReturnType<typeof toProtoEntry>; replayed: boolean } {
  return { entry: toProtoEntry(posted), replayed };
}

/** Debits every item by itself; what one of them meets never touches the others. */
async function debitAll(
  { ledger, directory }: LedgerHandlerParts,
  requests: readonly DebitRequest[],
  call: CallContext,
): Promise<BatchDebitResult[]> {
  const items = requests.map(readItem);
  const tenantIds = new Set(items.flatMap((item) => ('write' in item ? [item.write.tenantId] : [])));
  const tenants = await directory.findTenants(tenantIds);
  const debits = items.map((item) => ('write' in item ? beginDebit(ledger, tenants, item.write, call) : item.refused));
  return Promise.all(debits);

  function readItem(request: DebitRequest, index: number): Item {
    try {
      return { write: fromProtoDebit(request, `debits[${index}].`) };
    } catch (error) {
      return { refused: toProtoDebitError(toDomainError(error)) };
    }
  }
}

/** One debit of a batch: ready to be asked for, or refused as it stands. */
type Item = { readonly write: TenantWrite<DebitInput> } | { readonly refused: BatchDebitResult };

async function beginDebit(
  ledger: Ledger,
  tenants: ReadonlyMap<TenantId, TenantRef>,
  { requestId, tenantId, input }: TenantWrite<DebitInput>,
  call: CallContext,
): Promise<BatchDebitResult> {
  try {
    const tenant = tenants.get(tenantId);
    if (tenant === undefined) throw tenantNotFound(tenantId);
    const posting = await ledger.debit(tenant, input, toWriteContext(call, requestId));
    return { outcome: { $case: 'debit', value: toProtoDebitResponse(posting) } };
  } catch (error) {
    call.reportFailure(error);
    return toProtoDebitError(toDomainError(error));
  }
}
