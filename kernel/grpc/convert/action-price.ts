// Owns the translation of what operators set prices by.

import type { ActionPrice as ActionPriceMessage } from '../../../gen/wheelhouse/catalog/v1/action_price.ts';
import type { SetActionPriceRequest } from '../../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import type { SetPriceInput } from '../../app/catalog/price-draft.ts';
import type { PriceRow } from '../../domain/action-price.ts';
import { MICROCREDITS_MAX } from '../../domain/bound.ts';
import type { PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { FieldCheck, ID_LENGTH_MAX, quote } from './field-check.ts';
import { checkOperator } from './operator.ts';
import { toProtoActionPrice } from './plan.ts';

const ACTION = /^[a-z0-9._-]{1,128}$/;
const UNIT_LENGTH_MAX = 32;

/** Checks a request to set a price. Throws DomainError INVALID_FIELD. */
export function fromProtoSetActionPrice(request: SetActionPriceRequest): {
  readonly requestId: string;
  readonly input: SetPriceInput;
} {
  const check = new FieldCheck();
  const requestId = check.requestId(request.requestId);
  const input: SetPriceInput = {
    productCode: check.id('product_code', request.productCode, true) as ProductCode,
    action: checkAction(check, request.action),
    ...checkTarget(check, request),
    ...(request.endsOverride ? checkNoPrice(check, request) : { price: checkPrice(check, request) }),
    ...present({ effectiveAt: check.instant('effective_time', request.effectiveTime) }),
    ...checkOperator(check, request),
  };
  check.assertValid();
  return { requestId, input };
}

/** Translates a row as it was set; the end of an override has no price. */
export function toProtoPriceRow(row: PriceRow): ActionPriceMessage {
  if (row.endsOverride !== true) return toProtoActionPrice(row.action, row);
  return toProtoActionPrice(row.action, { ...row, microcreditsPerUnit: 0n, unit: '' });
}

function checkAction(check: FieldCheck, value: string): string {
  if (value === '') check.refuse('action', 'is required');
  else if (!ACTION.test(value)) {
    check.refuse('action', `must be 1 to ${ID_LENGTH_MAX} characters of a-z 0-9 . _ -, got ${quote(value)}`);
  }
  return value;
}

function checkTarget(
  check: FieldCheck,
  request: SetActionPriceRequest,
): { readonly planCode?: PlanCode; readonly tenantId?: TenantId } {
  const planCode = check.id('plan_code', request.planCode, false) as PlanCode;
  const tenantId = check.id('tenant_id', request.tenantId, false) as TenantId;
  if (planCode !== '' && tenantId !== '') {
    check.refuse('tenant_id', 'must be left out where plan_code is set: a price is for a plan or for a tenant');
  }
  if (tenantId !== '') return { tenantId };
  return planCode === '' ? {} : { planCode };
}

function checkPrice(check: FieldCheck, request: SetActionPriceRequest): NonNullable<SetPriceInput['price']> {
  const unit = check.text('unit', request.unit, { required: true, lengthMax: UNIT_LENGTH_MAX });
  const { microcreditsPerUnit } = request;
  const field = 'microcredits_per_unit';
  if (microcreditsPerUnit === undefined) {
    check.refuse(field, 'is required: 0 makes the action free, and ends_override ends an override');
    return { microcreditsPerUnit: 0n, unit };
  }
  if (microcreditsPerUnit < 0n || microcreditsPerUnit > MICROCREDITS_MAX) {
    check.refuse(field, `must be 0 to ${MICROCREDITS_MAX} (2^53 - 1) microcredits, got ${microcreditsPerUnit}`);
  }
  return { microcreditsPerUnit, unit };
}

function checkNoPrice(check: FieldCheck, request: SetActionPriceRequest): Record<never, never> {
  const why = 'ends_override sets no price';
  if (request.planCode === '' && request.tenantId === '') {
    check.refuse('ends_override', 'needs plan_code or tenant_id: a default price does not end, set another one');
  }
  if (request.microcreditsPerUnit !== undefined) check.refuse('microcredits_per_unit', `must be left out: ${why}`);
  check.absent('unit', request.unit, why);
  return {};
}
