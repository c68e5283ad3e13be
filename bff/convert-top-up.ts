// Owns the JSON of top-ups, and the translation of the contract's messages into it.
// Invariants: as in convert.ts; money is an integer of the currency's minor unit, whatever `cents` would be there.

import { type TopUp, TopUpCause, TopUpStatus } from '../gen/wheelhouse/payment/v1/top_up.ts';
import type { ListTopUpPackagesResponse } from '../gen/wheelhouse/payment/v1/top_up_service.ts';
import { ConversionError, fromProtoInteger, fromProtoOptionalTime, fromProtoTime, unknownValue } from './convert.ts';
import { fromProtoMoney } from './convert-money.ts';
import { fromProtoOptionalUrl } from './convert-subscription.ts';
import { flag, list, named, object, oneOf, orNull, text, time, url, type ValueOf, whole } from './shape.ts';

/** Where a top-up can stand. */
export const TOP_UP_STATUSES = [
  'pending',
  'requires_payment_method',
  'requires_action',
  'processing',
  'succeeded',
  'failed',
  'canceled',
] as const;

/** A purchase of credits. */
export const TOP_UP = named(
  'TopUp',
  {
    topup_id: text(),
    status: oneOf(
      TOP_UP_STATUSES,
      'Is `failed` for one that was declined and can still be paid; `succeeded` and `canceled` are ends.',
    ),
    cause: oneOf(['person', 'auto'], 'Is `auto` where the workspace’s own rule wanted it.'),
    amount_cents: whole('Is what it costs, in minor units of the currency.'),
    currency: text(),
    microcredits: whole('Is what it gives.'),
    use_stored_card: flag(),
    payment_intent_id: orNull(text(), 'Is Stripe’s id; null until there is one.'),
    client_secret: orNull(text(), 'Is what a page with Stripe’s script pays it by; null where it can’t be paid.'),
    checkout_url: orNull(url(), 'Is Stripe’s page to pay it on; null where it can’t be paid.'),
    failure_code: orNull(text(), 'Is Stripe’s word, such as `insufficient_funds`; null where it was not declined.'),
    returned_cents: whole('Is what of its price went back by now.'),
    create_time: time(),
    page_expire_time: time('Is until when it can be paid.'),
    end_time: orNull(time()),
  },
  'A purchase of pay-as-you-go credits.',
);
export type TopUpJson = ValueOf<typeof TOP_UP>;

const STATUS_NUMBERS: Readonly<Record<TopUpJson['status'], TopUpStatus>> = {
  pending: TopUpStatus.PENDING,
  requires_payment_method: TopUpStatus.REQUIRES_PAYMENT_METHOD,
  requires_action: TopUpStatus.REQUIRES_ACTION,
  processing: TopUpStatus.PROCESSING,
  succeeded: TopUpStatus.SUCCEEDED,
  failed: TopUpStatus.FAILED,
  canceled: TopUpStatus.CANCELED,
};

/** What a workspace can buy. */
export const TOP_UP_OFFER = named(
  'TopUpOffer',
  {
    offered: flag('Is false where nothing is sold on the plan; then the rest is empty.'),
    currency: orNull(text()),
    packages: list(object({ amount_cents: whole(), microcredits: whole() })),
    cents_per_credit: orNull(
      text(),
      'Is what one credit costs beside packages, as an exact decimal of minor units; null where only packages are sold.',
    ),
    amount_cents_min: orNull(whole()),
    amount_cents_max: orNull(whole()),
  },
  'What a workspace can buy.',
);
export type TopUpOfferJson = ValueOf<typeof TOP_UP_OFFER>;

/** Translates a top-up. Throws ConversionError when it is absent, or has a part that can't be shown. */
export function fromProtoTopUp(topUp: TopUp | undefined): TopUpJson {
  if (!topUp) {
    throw new ConversionError('top_up', 'the kernel answered without a top-up');
  }
  const { amount, currency } = fromProtoMoney(topUp.price, 'price');
  return {
    topup_id: topUp.topUpId,
    status: fromProtoStatus(topUp.status),
    cause: fromProtoCause(topUp.cause),
    amount_cents: amount,
    currency,
    microcredits: fromProtoInteger(topUp.microcredits, 'microcredits'),
    use_stored_card: topUp.usesStoredCard,
    payment_intent_id: topUp.paymentIntentId || null,
    client_secret: topUp.clientSecret || null,
    checkout_url: fromProtoOptionalUrl(topUp.checkoutUrl, 'checkout_url'),
    failure_code: topUp.failureCode || null,
    returned_cents: fromProtoInteger(topUp.returnedMinorUnits, 'returned_minor_units'),
    create_time: fromProtoTime(topUp.createTime, 'create_time'),
    page_expire_time: fromProtoTime(topUp.pageExpireTime, 'page_expire_time'),
    end_time: fromProtoOptionalTime(topUp.endTime, 'end_time'),
  };
}

/** Translates what is sold. Throws ConversionError when a part of it can't be shown. */
export function fromProtoTopUpOffer(offer: ListTopUpPackagesResponse): TopUpOfferJson {
  const { offered, packages, minorUnitsMin, minorUnitsMax } = offer;
  return {
    offered,
    currency: offer.currencyCode || null,
    packages: packages.map(({ price, microcredits }) => ({
      amount_cents: fromProtoMoney(price, 'packages.price').amount,
      microcredits: fromProtoInteger(microcredits, 'packages.microcredits'),
    })),
    cents_per_credit: offer.minorUnitsPerCredit || null,
    amount_cents_min: offered ? fromProtoInteger(minorUnitsMin, 'minor_units_min') : null,
    amount_cents_max: offered ? fromProtoInteger(minorUnitsMax, 'minor_units_max') : null,
  };
}

/** Says which status a list is of; all where none is named. */
export function toProtoTopUpStatus(status: TopUpJson['status'] | undefined): TopUpStatus {
  return status === undefined ? TopUpStatus.UNSPECIFIED : STATUS_NUMBERS[status];
}

function fromProtoStatus(status: TopUpStatus): TopUpJson['status'] {
  switch (status) {
    case TopUpStatus.PENDING:
      return 'pending';
    case TopUpStatus.REQUIRES_PAYMENT_METHOD:
      return 'requires_payment_method';
    case TopUpStatus.REQUIRES_ACTION:
      return 'requires_action';
    case TopUpStatus.PROCESSING:
      return 'processing';
    case TopUpStatus.SUCCEEDED:
      return 'succeeded';
    case TopUpStatus.FAILED:
      return 'failed';
    case TopUpStatus.CANCELED:
      return 'canceled';
    case TopUpStatus.UNSPECIFIED:
      throw new ConversionError('status', 'the kernel answered without the status of a top-up');
    default:
      throw unknownValue('status', status);
  }
}

function fromProtoCause(cause: TopUpCause): TopUpJson['cause'] {
  switch (cause) {
    case TopUpCause.PERSON:
      return 'person';
    case TopUpCause.AUTO:
      return 'auto';
    case TopUpCause.UNSPECIFIED:
      throw new ConversionError('cause', 'the kernel answered without the cause of a top-up');
    default:
      throw unknownValue('cause', cause);
  }
}
