// Owns the translation of the audit log and the kill switches.

import {
  AuditOutcome,
  type AuditRecord as AuditRecordMessage,
} from '../../../gen/wheelhouse/operator/v1/audit_record.ts';
import {
  type KillSwitch,
  KillSwitchName as KillSwitchNumber,
} from '../../../gen/wheelhouse/operator/v1/kill_switch.ts';
import type {
  ListAuditRecordsRequest,
  SetKillSwitchRequest,
} from '../../../gen/wheelhouse/operator/v1/operator_service.ts';
import type { AuditReading, AuditOutcome as Outcome } from '../../app/operator/audit-log.ts';
import type { KillSwitchReading } from '../../app/operator/kill-switch-board.ts';
import type { AuditFilter } from '../../app/operator/ports.ts';
import type { ProductCode, TenantId } from '../../domain/id.ts';
import { KILL_SWITCHES, type KillSwitchName } from '../../domain/kill-switch.ts';
import { present } from '../../domain/optional.ts';
import type { CatalogWrite, PageQuery } from './catalog-admin.ts';
import { FieldCheck } from './field-check.ts';
import { checkOperator } from './operator.ts';

const PAGE_SIZE_DEFAULT = 50;
/** Behind each record may stand a read of its own. */
const PAGE_SIZE_MAX = 200;

const OUTCOMES: Readonly<Record<Outcome, AuditOutcome>> = {
  applied: AuditOutcome.APPLIED,
  not_applied: AuditOutcome.NOT_APPLIED,
  partly_applied: AuditOutcome.PARTLY_APPLIED,
};
const NUMBERS = {
  TRIALS_ENABLED: KillSwitchNumber.TRIALS_ENABLED,
  TOPUPS_ENABLED: KillSwitchNumber.TOPUPS_ENABLED,
  SIGNUPS_ENABLED: KillSwitchNumber.SIGNUPS_ENABLED,
} as const satisfies Record<KillSwitchName, KillSwitchNumber>;

/** Checks a request to turn a switch. Throws DomainError INVALID_FIELD. */
export function fromProtoSetKillSwitch(
  request: SetKillSwitchRequest,
): CatalogWrite<{ readonly name: KillSwitchName; readonly enabled: boolean }> {
  const check = new FieldCheck();
  const name = KILL_SWITCHES.find((candidate) => NUMBERS[candidate] === request.name);
  if (name === undefined) {
    const names = KILL_SWITCHES.map((candidate) => `KILL_SWITCH_NAME_${candidate}`).join(', ');
    check.refuse('name', `is required: one of ${names}, got ${request.name}`);
  }
  if (request.enabled === undefined) check.refuse('enabled', 'is required: true or false');
  const write = {
    requestId: check.requestId(request.requestId),
    ...checkOperator(check, request),
    input: { name: name ?? KILL_SWITCHES[0], enabled: request.enabled ?? true },
  };
  check.assertValid();
  return write;
}

export function toProtoKillSwitch({ name, enabled }: KillSwitchReading): KillSwitch {
  return { name: NUMBERS[name], enabled };
}

/** Checks a request for audit records. Throws DomainError INVALID_FIELD. */
export function fromProtoListAuditRecords(
  request: ListAuditRecordsRequest,
): PageQuery & { readonly filter: AuditFilter } {
  const check = new FieldCheck();
  const filter = present({
    productCode: check.optionalId('product_code', request.productCode) as ProductCode | undefined,
    tenantId: check.optionalId('tenant_id', request.tenantId) as TenantId | undefined,
    actor: check.optionalId('actor', request.actor),
    method: check.optionalId('method', request.method),
    ...check.range(request),
  });
  const pageSize = Math.min(check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT), PAGE_SIZE_MAX);
  const query = { filter, pageSize, pageToken: check.pageToken(request.pageToken) };
  check.assertValid();
  return query;
}

export function toProtoAuditRecord({ record, outcome, reason, tenantId, entryId }: AuditReading): AuditRecordMessage {
  return {
    recordId: record.recordId,
    createTime: new Date(record.createdAt),
    method: record.method,
    credential: record.credential,
    actor: record.actor,
    reason,
    requestId: record.requestId,
    productCode: record.productCode ?? '',
    planCode: record.planCode ?? '',
    tenantId: tenantId ?? '',
    changes: record.changes.map(({ field, before, after }) => ({ field, before, after })),
    outcome: OUTCOMES[outcome],
    entryId: entryId ?? '',
    remoteAddress: record.remoteAddress ?? '',
  };
}
