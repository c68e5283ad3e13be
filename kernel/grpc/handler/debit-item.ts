// Owns one debit among others on the wire, of a batch or a stream: read, asked for, answered or refused by itself. Does
// not own in which order or how many at once.

import type { DebitRequest } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { DebitInput, Ledger, Posting, TenantRef, WriteContext } from '../../app/ledger/ledger.ts';
import type { DomainError } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import type { CallContext } from '../caller.ts';
import { fromProtoDebit } from '../convert/debit.ts';
import type { TenantWrite } from '../convert/operator.ts';
import { toDomainError } from '../status.ts';

/** What came of a debit that was not made. */
export interface Refused {
  readonly refusal: DomainError;
}

/** One debit of many: ready to be asked for, or refused as it stands. */
export type DebitItem = { readonly write: TenantWrite<DebitInput> } | Refused;

/** Checks one debit of many; `prefix` is its path within the request, such as `debits[3].`. */
export function readDebitItem(request: DebitRequest, prefix: string): DebitItem {
  try {
    return { write: fromProtoDebit(request, prefix) };
  } catch (error) {
    return { refusal: toDomainError(error) };
  }
}

/**
 * Asks for one debit of many. Never throws: what it meets never touches the others.
 * @param tenantOf Finds the tenant, or throws DomainError TENANT_NOT_FOUND.
 */
export async function postDebitItem(
  ledger: Ledger,
  tenantOf: (tenantId: TenantId) => TenantRef | Promise<TenantRef>,
  { requestId, tenantId, input }: TenantWrite<DebitInput>,
  call: CallContext,
): Promise<Posting | Refused> {
  try {
    return await ledger.debit(await tenantOf(tenantId), input, toWriteContext(call, requestId));
  } catch (error) {
    call.reportFailure(error);
    return { refusal: toDomainError(error) };
  }
}

/** Says who asks for a write, and until when the answer is of use. */
export function toWriteContext(call: Pick<CallContext, 'caller' | 'deadlineAtMs'>, requestId: string): WriteContext {
  return { callerScope: call.caller.callerScope, requestId, deadlineAtMs: call.deadlineAtMs };
}
