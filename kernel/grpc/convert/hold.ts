// Owns the translation of requests about holds, and of their answers.

import { type Entry as EntryMessage, RunStatus as RunStatusMessage } from '../../../gen/wheelhouse/ledger/v1/entry.ts';
import type { Hold as HoldMessage } from '../../../gen/wheelhouse/ledger/v1/hold.ts';
import type {
  ExtendRequest,
  ListHoldsRequest,
  ReleaseRequest,
  ReserveRequest,
  SettleRequest,
} from '../../../gen/wheelhouse/ledger/v1/hold_service.ts';
import type { ExtendInput, Posting, ReserveInput, SettleInput } from '../../app/ledger/ledger.ts';
import { DomainError } from '../../domain/error.ts';
import type { HoldId, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { checkDimensions, checkRunStatus } from './debit.ts';
import { toProtoEntry } from './entry.ts';
import { FieldCheck } from './field-check.ts';
import { toProtoHoldAfter } from './hold-entry.ts';
import type { TenantWrite } from './operator.ts';

const PAGE_SIZE_DEFAULT = 100;

/** Checks a request to hold credits. Throws DomainError INVALID_FIELD. */
export function fromProtoReserve(request: ReserveRequest): TenantWrite<ReserveInput> {
  const check = new FieldCheck();
  const expiresAt = check.instant('expire_time', request.expireTime);
  if (request.expireTime === undefined) check.refuse('expire_time', 'is required: when the hold ends by itself');
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: {
      action: check.id('action', request.action, true),
      quantity: check.quantity(request.quantity),
      ...present({
        projectId: check.optionalId('project_id', request.projectId),
        workflowId: check.optionalId('workflow_id', request.workflowId),
        runId: check.optionalId('run_id', request.runId),
      }),
      expiresAt: expiresAt ?? 0,
    },
  };
  check.assertValid();
  return write;
}

/** Checks a request to extend a hold. Throws DomainError INVALID_FIELD. */
export function fromProtoExtend(request: ExtendRequest): TenantWrite<ExtendInput> {
  const check = new FieldCheck();
  const { expireTime, additionalQuantity } = request;
  if (expireTime === undefined && additionalQuantity === '') {
    check.refuse('expire_time', 'or additional_quantity is required: what is to be extended');
  }
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: {
      holdId: checkHoldId(check, request.holdId),
      ...present({
        expiresAt: check.instant('expire_time', expireTime),
        additionalQuantity:
          additionalQuantity === '' ? undefined : check.quantity(additionalQuantity, 'additional_quantity'),
      }),
    },
  };
  check.assertValid();
  return write;
}

/** Checks a request to charge a part of the work behind a hold. Throws DomainError INVALID_FIELD. */
export function fromProtoSettle(request: SettleRequest): {
  readonly tenantId: TenantId;
  readonly input: SettleInput;
} {
  const check = new FieldCheck();
  const isRunStated = request.runStatus !== RunStatusMessage.UNSPECIFIED;
  const write = {
    tenantId: check.tenantId(request.tenantId),
    input: {
      holdId: checkHoldId(check, request.holdId),
      partId: check.requestId(request.partId, 'part_id'),
      quantity: check.quantity(request.quantity, 'quantity', 'allowed'),
      final: request.final,
      ...present({
        runStatus: isRunStated ? checkRunStatus(check, request.runStatus) : undefined,
        dimensions: request.dimensions.size > 0 ? checkDimensions(check, request.dimensions) : undefined,
      }),
    },
  };
  check.assertValid();
  return write;
}

/** Checks a request to release a hold. Throws DomainError INVALID_FIELD. */
export function fromProtoRelease(request: ReleaseRequest): TenantWrite<HoldId> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: checkHoldId(check, request.holdId),
  };
  check.assertValid();
  return write;
}

/** Checks a question for open holds. Throws DomainError INVALID_FIELD. */
export function fromProtoListHolds(request: ListHoldsRequest): {
  readonly tenantId: TenantId;
  readonly pageSize: number;
  readonly pageToken: string;
} {
  const check = new FieldCheck();
  const query = {
    tenantId: check.tenantId(request.tenantId),
    pageSize: check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT),
    pageToken: check.pageToken(request.pageToken),
  };
  check.assertValid();
  return query;
}

/** Translates what a write to a hold came to. */
export function toProtoHoldPosting({ posted, replayed }: Posting): {
  readonly hold: HoldMessage;
  readonly entry: EntryMessage;
  readonly replayed: boolean;
} {
  const { tenantId, entry } = posted;
  if (!('holdId' in entry)) throw new DomainError('INTERNAL', 'a write to a hold recorded something else');
  return { hold: toProtoHoldAfter(tenantId, entry), entry: toProtoEntry(posted), replayed };
}

function checkHoldId(check: FieldCheck, value: string): HoldId {
  // Whether it is the id of a hold only the history can tell.
  return check.id('hold_id', value, true) as HoldId;
}
