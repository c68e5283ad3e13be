// Owns one debit among others on the wire, of a batch or a stream: read, asked for, answered or refused by itself. Does
// not own in which order or how many at once.

import type { DebitRequest } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { DebitInput, Ledger, Posting, TenantRef, WriteContext } from '../../app/ledger/ledger.ts';
import type { TenantStatusBoard } from '../../app/tenant/tenant-status-board.ts';
import type { DomainError } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
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
 * @param tenantOf Finds the tenant, or throws DomainError TENANT_NOT_FOUND, TENANT_SUSPENDED, TENANT_CLOSED.
 */
export async function postDebitItem(
  ledger: Ledger,
  tenantOf: (tenantId: TenantId, input: DebitInput) => TenantRef | Promise<TenantRef>,
  { requestId, tenantId, input }: TenantWrite<DebitInput>,
  call: CallContext,
): Promise<Posting | Refused> {
  try {
    return await ledger.debit(await tenantOf(tenantId, input), input, toWriteContext(call, requestId));
  } catch (error) {
    call.reportFailure(error);
    return { refusal: toDomainError(error) };
  }
}

/**
 * Throws DomainError TENANT_SUSPENDED, TENANT_CLOSED where a tenant may not be charged; work that was performed already is
 * charged all the same.
 */
export function assertMayDebit(
  board: Pick<TenantStatusBoard, 'assertChargeable'>,
  tenantId: TenantId,
  { alreadyPerformed }: DebitInput,
): void {
  if (!alreadyPerformed) board.assertChargeable(tenantId);
}

/** Says who asks for a write, and until when the answer is of use. */
export function toWriteContext(
  { caller, deadlineAtMs }: Pick<CallContext, 'caller' | 'deadlineAtMs'>,
  requestId: string,
): WriteContext {
  const context = { callerScope: caller.callerScope, requestId, deadlineAtMs };
  return caller.scope === 'sysadmin' ? { ...context, ...present({ remoteAddress: caller.remoteAddress }) } : context;
}
