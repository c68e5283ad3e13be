// Owns the translation of what operators do to accounts: grants and corrections.

import type { Bucket as BucketMessage } from '../../../gen/wheelhouse/common/v1/bucket.ts';
import type { AdjustRequest, GrantRequest } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { AdjustInput, CorrectionInput, GrantInput } from '../../app/ledger/ledger.ts';
import type { Bucket } from '../../domain/bucket.ts';
import type { TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { fromProtoBucket } from './balance.ts';
import { FieldCheck } from './field-check.ts';

/** How long an operator's reason may be, in characters. */
const REASON_LENGTH_MAX = 500;

/** A checked writing request about one tenant. */
export interface TenantWrite<Input> {
  readonly requestId: string;
  readonly tenantId: TenantId;
  readonly input: Input;
}

/** Checks a request to give credit. Throws DomainError INVALID_FIELD. */
export function fromProtoGrant(request: GrantRequest): TenantWrite<GrantInput> {
  const check = new FieldCheck();
  const { effectiveTime, expireTime } = request;
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: {
      bucket: checkBucket(check, request.bucket),
      amount: check.amount('microcredits', request.microcredits),
      ...present({
        effectiveAt: check.instant('effective_time', effectiveTime),
        expiresAt: check.instant('expire_time', expireTime),
      }),
      ...checkOperator(check, request),
    },
  };
  const { effectiveAt, expiresAt } = write.input;
  if (effectiveAt !== undefined && expiresAt !== undefined && expiresAt <= effectiveAt) {
    check.refuse('expire_time', 'must lie after effective_time');
  }
  check.assertValid();
  return write;
}

/** Checks a request to correct a bucket. Throws DomainError INVALID_FIELD. */
export function fromProtoAdjust(request: AdjustRequest): TenantWrite<AdjustInput> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: {
      bucket: checkBucket(check, request.bucket),
      delta: check.delta('delta_microcredits', request.deltaMicrocredits),
      ...checkOperator(check, request),
    },
  };
  check.assertValid();
  return write;
}

/** Checks a request of an operator about an earlier entry. Throws DomainError INVALID_FIELD. */
export function fromProtoCorrection(request: {
  readonly requestId: string;
  readonly tenantId: string;
  readonly entryId: string;
  readonly actor: string;
  readonly reason: string;
}): TenantWrite<CorrectionInput> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: { entryId: check.id('entry_id', request.entryId, true), ...checkOperator(check, request) },
  };
  check.assertValid();
  return write;
}

function checkBucket(check: FieldCheck, value: BucketMessage): Bucket {
  const bucket = fromProtoBucket(value);
  if (bucket !== undefined) return bucket;
  check.refuse('bucket', `is required: BUCKET_TRIAL, BUCKET_INCLUDED or BUCKET_PAYG, got ${value}`);
  return 'payg';
}

/** Checks who does something by hand, and why. */
export function checkOperator(
  check: FieldCheck,
  request: { readonly actor: string; readonly reason: string },
): { readonly actor: string; readonly reason: string } {
  return {
    actor: check.id('actor', request.actor, true),
    reason: check.text('reason', request.reason, { required: true, lengthMax: REASON_LENGTH_MAX }),
  };
}
