// Owns the translation of watches of balances.

import type {
  WatchBalanceRequest,
  WatchBalanceResponse,
} from '../../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import type { WatchedBalance } from '../../app/ledger/balance-watch.ts';
import type { TenantId } from '../../domain/id.ts';
import { toProtoBalance } from './balance.ts';
import { FieldCheck, ID_LENGTH_MAX } from './field-check.ts';

/** Checks a request to watch. Throws DomainError INVALID_FIELD; what a token says is judged by the watch. */
export function fromProtoWatchBalance({ tenantId, resumeToken }: WatchBalanceRequest): {
  readonly tenantId: TenantId;
  readonly resumeToken: string;
} {
  const check = new FieldCheck();
  const query = {
    tenantId: check.tenantId(tenantId),
    resumeToken: check.text('resume_token', resumeToken, { required: false, lengthMax: ID_LENGTH_MAX }),
  };
  check.assertValid();
  return query;
}

export function toProtoWatchBalance({ reading, resumeToken }: WatchedBalance): WatchBalanceResponse {
  return { balance: toProtoBalance(reading.totals), commitSeq: BigInt(reading.seq), resumeToken };
}
