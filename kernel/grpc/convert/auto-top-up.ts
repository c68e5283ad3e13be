// Owns the translation of the rules by which workspaces buy credits without a person.

import {
  type AutoTopUp as AutoTopUpMessage,
  AutoTopUpState,
  AutoTopUpStopReason,
} from '../../../gen/wheelhouse/payment/v1/auto_top_up.ts';
import type { GetAutoTopUpRequest, SetAutoTopUpRequest } from '../../../gen/wheelhouse/payment/v1/top_up_service.ts';
import type { AutoTopUpView } from '../../app/payment/auto-top-up-service.ts';
import type { AutoTopUpStop, AutoTopUpTerms } from '../../domain/auto-top-up.ts';
import type { TenantId } from '../../domain/id.ts';
import { FieldCheck } from './field-check.ts';
import { checkPrice, toProtoMoney, toProtoTime } from './money.ts';
import type { TenantWrite } from './operator.ts';

const COOLDOWN_DEFAULT_S = 600;
const COOLDOWN_MIN_S = 60;
const COOLDOWN_MAX_S = 31 * 86_400;

const STOP_REASONS: Readonly<Record<AutoTopUpStop, AutoTopUpStopReason>> = {
  declined: AutoTopUpStopReason.DECLINED,
  requires_action: AutoTopUpStopReason.REQUIRES_ACTION,
  payment_method_missing: AutoTopUpStopReason.PAYMENT_METHOD_MISSING,
  price_changed: AutoTopUpStopReason.PRICE_CHANGED,
  not_offered: AutoTopUpStopReason.NOT_OFFERED,
  not_paid: AutoTopUpStopReason.NOT_PAID,
  returned: AutoTopUpStopReason.RETURNED,
};

/** Checks a request for a rule. Throws DomainError INVALID_FIELD. */
export function fromProtoGetAutoTopUp(request: GetAutoTopUpRequest): TenantId {
  const check = new FieldCheck();
  const tenantId = check.tenantId(request.tenantId);
  check.assertValid();
  return tenantId;
}

/** Checks a request to set a rule. Throws DomainError INVALID_FIELD. */
export function fromProtoSetAutoTopUp(
  request: SetAutoTopUpRequest,
): TenantWrite<{ readonly terms: AutoTopUpTerms; readonly isEnabled: boolean }> {
  const check = new FieldCheck();
  const { enabled: isEnabled, consent } = request;
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: { terms: checkTerms(check, request), isEnabled },
  };
  if (isEnabled && !consent) {
    check.refuse('consent', 'must be true: the payment method is charged without asking each time');
  }
  check.assertValid();
  return write;
}

function checkTerms(check: FieldCheck, request: SetAutoTopUpRequest): AutoTopUpTerms {
  const price = checkPrice(check, request.price, 1n);
  const minorUnitsPerMonth = check.amount('monthly_limit_minor_units', request.monthlyLimitMinorUnits);
  if (minorUnitsPerMonth > 0n && minorUnitsPerMonth < price.minorUnits) {
    const rule = `must be at least the price of one purchase, ${price.minorUnits}`;
    check.refuse('monthly_limit_minor_units', `${rule}, got ${minorUnitsPerMonth}`);
  }
  const cooldown = request.cooldownSeconds === 0 ? COOLDOWN_DEFAULT_S : request.cooldownSeconds;
  if (cooldown < COOLDOWN_MIN_S || cooldown > COOLDOWN_MAX_S) {
    check.refuse('cooldown_seconds', `must be ${COOLDOWN_MIN_S} to ${COOLDOWN_MAX_S}, got ${cooldown}`);
  }
  return {
    ...price,
    threshold: check.amount('threshold_microcredits', request.thresholdMicrocredits),
    microcredits: check.amount('microcredits', request.microcredits),
    ...{ minorUnitsPerMonth, cooldownMs: cooldown * 1_000 },
  };
}

export function toProtoAutoTopUp(rule: AutoTopUpView | undefined): AutoTopUpMessage {
  return {
    state: stateOf(rule),
    stopReason: rule?.stop === undefined ? AutoTopUpStopReason.UNSPECIFIED : STOP_REASONS[rule.stop],
    failureCode: rule?.failureCode ?? '',
    thresholdMicrocredits: rule?.threshold ?? 0n,
    price: rule && toProtoMoney(rule),
    microcredits: rule?.microcredits ?? 0n,
    monthlyLimitMinorUnits: rule?.minorUnitsPerMonth ?? 0n,
    spentMinorUnits: rule?.spent ?? 0n,
    cooldownSeconds: (rule?.cooldownMs ?? 0) / 1_000,
    restEndTime: toProtoTime(rule?.restsUntil),
    consentedBy: rule?.consent?.userId ?? '',
    consentTime: toProtoTime(rule?.consent?.at),
  };
}

function stateOf(rule: AutoTopUpView | undefined): AutoTopUpState {
  if (rule?.isEnabled !== true) return AutoTopUpState.OFF;
  return rule.stop === undefined ? AutoTopUpState.ACTIVE : AutoTopUpState.STOPPED;
}
