// Owns LedgerStreamService on the wire: debits and balances over long-lived streams. Does not own credits, nor how
// streams begin and end (stream-pipeline.ts).

import type { BatchDebitResult, DebitRequest } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { LedgerStreamServiceService } from '../../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import type { BalanceWatch } from '../../app/ledger/balance-watch.ts';
import type { DebitInput, Ledger } from '../../app/ledger/ledger.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import type { TenantStatusBoard } from '../../app/tenant/tenant-status-board.ts';
import { estimateEntryBytes } from '../../domain/byte-estimate.ts';
import { invalidField } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import type { CallContext } from '../caller.ts';
import { fromProtoWatchBalance, toProtoWatchBalance } from '../convert/balance-watch.ts';
import { toProtoDebitError, toProtoDebitResponse } from '../convert/debit.ts';
import { assertMayDebit, postDebitItem, type Refused, readDebitItem } from './debit-item.ts';
import { type DebitAnswer, DebitWindow } from './debit-window.ts';
import type { HandlerMap } from './handler-map.ts';

/** What LedgerStreamService answers with. */
export interface LedgerStreamHandlerParts {
  readonly ledger: Ledger;
  readonly directory: TenantDirectory;
  readonly statusBoard: Pick<TenantStatusBoard, 'assertChargeable'>;
  readonly watch: BalanceWatch;
  /** How long one debit of a stream may take, in milliseconds. */
  readonly deadlineDefaultMs: number;
}

/** How much of an id that can't be one is answered: enough to know it by, whatever its length. */
const ECHO_LENGTH_MAX = 256;
/** About how large a refusal is, in bytes. */
const REFUSAL_BYTES = 2_048;

/** Builds the handlers of LedgerStreamService. */
export function createLedgerStreamHandlers(
  parts: LedgerStreamHandlerParts,
): HandlerMap<typeof LedgerStreamServiceService> {
  return {
    streamDebits: (messages, context, send) => {
      const window = new DebitWindow(messages, send, (debit, prefix) => answerDebit(parts, debit, prefix, context));
      return window.run(context.signal);
    },
    watchBalance: async (request, context, send) => {
      const { tenantId, resumeToken } = fromProtoWatchBalance(request);
      const tenant = await parts.directory.requireTenant(tenantId, context.caller.visibility);
      await parts.watch.run(tenant, resumeToken, context.signal, (watched) => send(toProtoWatchBalance(watched)));
    },
  };
}

/** Makes one debit of a stream; what it meets never touches the others. */
async function answerDebit(
  parts: LedgerStreamHandlerParts,
  debit: DebitRequest | undefined,
  prefix: string,
  context: CallContext,
): Promise<DebitAnswer> {
  if (debit === undefined) return toStreamed('', '', missingDebit());
  const item = readDebitItem(debit, prefix);
  if ('refusal' in item) return toStreamed(debit.tenantId, debit.requestId, item);
  const { requestId, tenantId } = item.write;
  // A stream goes on without a deadline, but no debit of it waits for its turn longer than one by itself would.
  const call: CallContext = {
    caller: context.caller,
    requestId: context.requestId,
    deadlineAtMs: Math.min(context.deadlineAtMs, performance.now() + parts.deadlineDefaultMs),
    reportFailure: (error) => context.reportFailure(error),
  };
  const tenantOf = (id: TenantId, input: DebitInput) => {
    assertMayDebit(parts.statusBoard, id, input);
    return parts.directory.requireTenant(id, context.caller.visibility);
  };
  return toStreamed(tenantId, requestId, await postDebitItem(parts.ledger, tenantOf, item.write, call));
}

function toStreamed(
  tenantId: string,
  requestId: string,
  outcome: Awaited<ReturnType<typeof postDebitItem>>,
): DebitAnswer {
  const ids = {
    tenantId: tenantId.slice(0, ECHO_LENGTH_MAX).toWellFormed(),
    requestId: requestId.slice(0, ECHO_LENGTH_MAX).toWellFormed(),
  };
  if ('refusal' in outcome) return { ...ids, result: toProtoDebitError(outcome.refusal), bytes: REFUSAL_BYTES };
  const result: BatchDebitResult = { outcome: { $case: 'debit', value: toProtoDebitResponse(outcome) } };
  return { ...ids, result, bytes: estimateEntryBytes(outcome.posted.entry) };
}

function missingDebit(): Refused {
  return { refusal: invalidField({ field: 'debit', description: 'is required' }) };
}
