// Owns the JSON of the rule by which a workspace buys credits without a person, and the translation of the contract's messages into it.
// Invariants: as in convert-top-up.ts.

import { type AutoTopUp, AutoTopUpState, AutoTopUpStopReason } from '../gen/wheelhouse/payment/v1/auto_top_up.ts';
import { ConversionError, fromProtoInteger, fromProtoOptionalTime, unknownValue } from './convert.ts';
import { fromProtoMoney } from './convert-money.ts';
import { named, oneOf, orNull, text, time, type ValueOf, whole } from './shape.ts';

/** A rule. */
export const AUTO_TOP_UP = named(
  'AutoTopUp',
  {
    state: oneOf(
      ['off', 'active', 'stopped'],
      'Is `stopped` until the default payment method changes or it is set again.',
    ),
    stop_reason: orNull(
      oneOf([
        'declined',
        'requires_action',
        'payment_method_missing',
        'price_changed',
        'not_offered',
        'not_paid',
        'returned',
      ]),
    ),
    failure_code: orNull(text()),
    threshold_microcredits: orNull(whole(), 'Is null where no rule was ever set, as all that follows.'),
    amount_cents: orNull(whole()),
    currency: orNull(text()),
    microcredits: orNull(whole()),
    monthly_limit_cents: orNull(whole()),
    spent_cents: orNull(whole(), 'Is what was spent by it in this month of the calendar (UTC).'),
    cooldown_seconds: orNull(whole()),
    rest_end_time: orNull(time(), 'Is until when it buys nothing more.'),
    consented_by: orNull(text()),
    consent_time: orNull(time()),
  },
  'The rule by which a workspace buys credits without a person.',
);
export type AutoTopUpJson = ValueOf<typeof AUTO_TOP_UP>;

/** Translates a rule. Throws ConversionError when it is absent, or has a part that can't be shown. */
export function fromProtoAutoTopUp(rule: AutoTopUp | undefined): AutoTopUpJson {
  if (!rule) throw new ConversionError('auto_top_up', 'the kernel answered without a rule');
  return {
    ...{ state: fromProtoState(rule.state), stop_reason: fromProtoReason(rule.stopReason) },
    ...{ failure_code: rule.failureCode || null, ...fromProtoTerms(rule) },
  };
}

function fromProtoTerms(rule: AutoTopUp): Omit<AutoTopUpJson, 'state' | 'stop_reason' | 'failure_code'> {
  const price = rule.price === undefined ? undefined : fromProtoMoney(rule.price, 'price');
  const figure = (value: bigint, field: string) => (price === undefined ? null : fromProtoInteger(value, field));
  return {
    threshold_microcredits: figure(rule.thresholdMicrocredits, 'threshold_microcredits'),
    amount_cents: price?.amount ?? null,
    currency: price?.currency ?? null,
    microcredits: figure(rule.microcredits, 'microcredits'),
    monthly_limit_cents: figure(rule.monthlyLimitMinorUnits, 'monthly_limit_minor_units'),
    spent_cents: figure(rule.spentMinorUnits, 'spent_minor_units'),
    cooldown_seconds: price === undefined ? null : rule.cooldownSeconds,
    rest_end_time: fromProtoOptionalTime(rule.restEndTime, 'rest_end_time'),
    consented_by: rule.consentedBy || null,
    consent_time: fromProtoOptionalTime(rule.consentTime, 'consent_time'),
  };
}

function fromProtoState(state: AutoTopUpState): AutoTopUpJson['state'] {
  switch (state) {
    case AutoTopUpState.OFF:
      return 'off';
    case AutoTopUpState.ACTIVE:
      return 'active';
    case AutoTopUpState.STOPPED:
      return 'stopped';
    case AutoTopUpState.UNSPECIFIED:
      throw new ConversionError('state', 'the kernel answered without the state of a rule');
    default:
      throw unknownValue('state', state);
  }
}

function fromProtoReason(reason: AutoTopUpStopReason): AutoTopUpJson['stop_reason'] {
  switch (reason) {
    case AutoTopUpStopReason.UNSPECIFIED:
      return null;
    case AutoTopUpStopReason.DECLINED:
      return 'declined';
    case AutoTopUpStopReason.REQUIRES_ACTION:
      return 'requires_action';
    case AutoTopUpStopReason.PAYMENT_METHOD_MISSING:
      return 'payment_method_missing';
    case AutoTopUpStopReason.PRICE_CHANGED:
      return 'price_changed';
    case AutoTopUpStopReason.NOT_OFFERED:
      return 'not_offered';
    case AutoTopUpStopReason.NOT_PAID:
      return 'not_paid';
    case AutoTopUpStopReason.RETURNED:
      return 'returned';
    default:
      throw unknownValue('stop_reason', reason);
  }
}
