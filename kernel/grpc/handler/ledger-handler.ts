// Owns LedgerService on the wire. Does not own credits: every rule is behind the Ledger.
// Invariant: a batch hands all its debits to the ledger in their order before it waits for any of them.

import type {
  BatchDebitResult,
  DebitRequest,
  LedgerServiceService,
} from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { DebitInput, Ledger, Posting, TenantRef } from '../../app/ledger/ledger.ts';
import type { OperatorLedger } from '../../app/operator/operator-ledger.ts';
import type { Clock } from '../../app/ports.ts';
import { type TenantDirectory, tenantNotFound } from '../../app/tenant/tenant-directory.ts';
import type { TenantStatusBoard } from '../../app/tenant/tenant-status-board.ts';
import { estimateEntryBytes } from '../../domain/byte-estimate.ts';
import type { TenantId } from '../../domain/id.ts';
import type { CallContext } from '../caller.ts';
import { toProtoBalance, toProtoGrant } from '../convert/balance.ts';
import {
  assertBatchSize,
  fromProtoCheckFunds,
  fromProtoDebit,
  toProtoCheckFunds,
  toProtoDebitError,
  toProtoDebitResponse,
} from '../convert/debit.ts';
import { toProtoEntry, toProtoPosting } from '../convert/entry.ts';
import { fromProtoGetBalance, fromProtoListEntries } from '../convert/entry-list.ts';
import { fromProtoAdjust, fromProtoGrant } from '../convert/operator.ts';
import { assertMayDebit, postDebitItem, type Refused, readDebitItem, toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';

/** What LedgerService answers with. */
export interface LedgerHandlerParts {
  readonly ledger: Ledger;
  readonly operatorLedger: OperatorLedger;
  readonly directory: TenantDirectory;
  readonly statusBoard: Pick<TenantStatusBoard, 'assertChargeable'>;
  readonly clock: Pick<Clock, 'estimate'>;
}

/** How large the entries of a batch's answer may be, in bytes: a gRPC client takes 4 MiB unless it says otherwise. */
const BATCH_ANSWER_BYTES_MAX = 2 * 1_048_576;

type LedgerHandlers = HandlerMap<typeof LedgerServiceService>;

/** Builds the handlers of LedgerService. */
export function createLedgerHandlers(parts: LedgerHandlerParts): LedgerHandlers {
  const { ledger, operatorLedger, directory, statusBoard } = parts;
  return {
    ...createReadHandlers(parts),
    debit: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoDebit(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      assertMayDebit(statusBoard, tenantId, input);
      return toProtoDebitResponse(await ledger.debit(tenant, input, toWriteContext(call, requestId)));
    },
    batchDebit: async ({ debits }, call) => {
      assertBatchSize(debits.length);
      return { results: await debitAll(parts, debits, call) };
    },
    grant: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoGrant(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      return toProtoPosting(await operatorLedger.grant(tenant, input, toWriteContext(call, requestId)));
    },
    adjust: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoAdjust(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      return toProtoPosting(await operatorLedger.adjust(tenant, input, toWriteContext(call, requestId)));
    },
  };
}

function createReadHandlers(
  parts: LedgerHandlerParts,
): Pick<LedgerHandlers, 'getBalance' | 'checkFunds' | 'listEntries'> {
  const { ledger, directory, clock, statusBoard } = parts;
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
      statusBoard.assertChargeable(tenantId);
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

/** Debits every item by itself; what one of them meets never touches the others. */
async function debitAll(
  { ledger, directory, statusBoard }: LedgerHandlerParts,
  requests: readonly DebitRequest[],
  call: CallContext,
): Promise<BatchDebitResult[]> {
  const items = requests.map((request, index) => readDebitItem(request, `debits[${index}].`));
  const tenantIds = new Set(items.flatMap((item) => ('write' in item ? [item.write.tenantId] : [])));
  const tenants = await directory.findTenants(tenantIds);
  const tenantOf = (tenantId: TenantId, input: DebitInput): TenantRef => {
    const tenant = tenants.get(tenantId);
    if (tenant === undefined) throw tenantNotFound(tenantId);
    assertMayDebit(statusBoard, tenantId, input);
    return tenant;
  };
  const debits = items.map((item) => ('write' in item ? postDebitItem(ledger, tenantOf, item.write, call) : item));
  return toProtoResults(await Promise.all(debits));
}

/** Translates results; past the bound on an answer's size further entries are told in short. */
function toProtoResults(results: readonly (Posting | Refused)[]): BatchDebitResult[] {
  let bytes = 0;
  return results.map((result) => {
    if ('refusal' in result) return toProtoDebitError(result.refusal);
    bytes += estimateEntryBytes(result.posted.entry);
    const isShort = bytes > BATCH_ANSWER_BYTES_MAX;
    return { outcome: { $case: 'debit', value: toProtoDebitResponse(isShort ? shorten(result) : result) } };
  });
}

/** Leaves out what can make an entry large: the dimensions and the draws. */
function shorten({ posted, replayed }: Posting): Posting {
  const { personal: _, ...entry } = posted.entry;
  return { posted: { ...posted, entry: entry.type === 'debited' ? { ...entry, draws: [] } : entry }, replayed };
}
