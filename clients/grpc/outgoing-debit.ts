// Owns what a single debit is before it goes over a stream: the message, what its answer is known by, and whether any kernel could read
// it. Does not own when it is sent (debit-queue.ts).
// Invariant: what is made here can be written as it is, so that no debit breaks the stream of the others.

import { status } from '@grpc/grpc-js';
import { v7 as newUuid } from 'uuid';
import { DebitRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { KernelError } from './kernel-error.ts';
import type { Fields } from './service-method.ts';

/** More than any debit has that the kernel takes. */
const DEBIT_BYTES_MAX = 65_536;
/** The kernel answers with as much of an id, which an answer is known by. */
const ID_LENGTH_MAX = 256;

/** One debit that can be sent. */
export interface OutgoingDebit {
  readonly request: DebitRequest;
  /** Is what an answer to it is known by. */
  readonly key: string;
  /** Is how large it is on the wire. */
  readonly bytes: number;
}

/**
 * Makes a debit of the fields that are set; one without a request id gets one. Throws KernelError with INVALID_ARGUMENT where no kernel
 * could read it, or tell whose its answer is.
 */
export function toOutgoingDebit(fields: Fields<DebitRequest>): OutgoingDebit {
  const requestId = fields.requestId ?? '';
  if (!isId(requestId)) throw invalid('request_id', noId(), requestId);
  if (!isId(fields.tenantId ?? '')) throw invalid('tenant_id', noId(), requestId);
  try {
    const request = DebitRequest.fromPartial({ ...fields, requestId: requestId || newUuid() });
    const bytes = DebitRequest.encode(request).finish().length;
    if (bytes <= DEBIT_BYTES_MAX) return { request, key: keyOf(request), bytes };
  } catch (cause) {
    throw invalid('debit', `is no DebitRequest: ${cause instanceof Error ? cause.message : String(cause)}`, requestId);
  }
  throw invalid('debit', `is larger than any debit may be, which is ${DEBIT_BYTES_MAX} bytes`, requestId);
}

/** Answers what an answer is known by. */
export function keyOf({ tenantId, requestId }: Pick<DebitRequest, 'tenantId' | 'requestId'>): string {
  return `${tenantId}\n${requestId}`;
}

/** What callers without types hand over may be anything. */
function isId(id: unknown): boolean {
  return typeof id === 'string' && id.length <= ID_LENGTH_MAX && id.isWellFormed();
}

function noId(): string {
  return `is no text of at most ${ID_LENGTH_MAX} characters`;
}

function invalid(field: string, description: string, requestId: unknown): KernelError {
  const parts = {
    code: status.INVALID_ARGUMENT,
    reason: 'INVALID_FIELD',
    violations: [{ field, description }],
  } as const;
  const message = `${field} ${description}`;
  return new KernelError({ ...parts, message, requestId: String(requestId).slice(0, ID_LENGTH_MAX) });
}
