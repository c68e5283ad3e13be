// Owns the translation between the top-ups' contract and what the use cases know.

import {
  TopUpCause as TopUpCauseMessage,
  type TopUp as TopUpMessage,
  TopUpStatus as TopUpStatusMessage,
} from '../../../gen/wheelhouse/payment/v1/top_up.ts';
import type {
  CancelTopUpRequest,
  CreateTopUpRequest,
  GetTopUpRequest,
  ListTopUpPackagesRequest,
  ListTopUpPackagesResponse,
  ListTopUpsRequest,
} from '../../../gen/wheelhouse/payment/v1/top_up_service.ts';
import type { TopUpFilter } from '../../app/payment/ports.ts';
import type { TopUpInput, TopUpOfferView, TopUpView } from '../../app/payment/use-case.ts';
import type { TenantId, TopUpId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { isTopUpEnded, type TopUpCause, type TopUpStatus } from '../../domain/top-up.ts';
import type { Caller } from '../caller.ts';
import { checkTenantPage, FieldCheck, type TenantPage } from './field-check.ts';
import { checkListed } from './listed.ts';
import { checkPrice, toProtoMoney, toProtoTime } from './money.ts';
import type { TenantWrite } from './operator.ts';
import { checkStatedOperator, type StatedOperator } from './tenant.ts';

const STATUSES: Readonly<Record<TopUpStatus, TopUpStatusMessage>> = {
  pending: TopUpStatusMessage.PENDING,
  requires_payment_method: TopUpStatusMessage.REQUIRES_PAYMENT_METHOD,
  requires_action: TopUpStatusMessage.REQUIRES_ACTION,
  processing: TopUpStatusMessage.PROCESSING,
  succeeded: TopUpStatusMessage.SUCCEEDED,
  failed: TopUpStatusMessage.FAILED,
  canceled: TopUpStatusMessage.CANCELED,
};

const CAUSES: Readonly<Record<TopUpCause, TopUpCauseMessage>> = {
  person: TopUpCauseMessage.PERSON,
  auto: TopUpCauseMessage.AUTO,
};

/** Checks a request for what is sold. Throws DomainError INVALID_FIELD. */
export function fromProtoListTopUpPackages(request: ListTopUpPackagesRequest): TenantId {
  const check = new FieldCheck();
  const tenantId = check.tenantId(request.tenantId);
  check.assertValid();
  return tenantId;
}

/** Checks a request to buy credits. Throws DomainError INVALID_FIELD. */
export function fromProtoCreateTopUp(request: CreateTopUpRequest): TenantWrite<TopUpInput> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: {
      ...checkPrice(check, request.price, 1n),
      microcredits: check.amount('microcredits', request.microcredits),
      usesStoredCard: request.useStoredCard,
    },
  };
  check.assertValid();
  return write;
}

/** Checks a request for a top-up. Throws DomainError INVALID_FIELD. */
export function fromProtoGetTopUp(request: GetTopUpRequest): {
  readonly tenantId: TenantId;
  readonly topUpId: TopUpId;
} {
  const check = new FieldCheck();
  const query = { tenantId: check.tenantId(request.tenantId), topUpId: checkTopUpId(check, request.topUpId) };
  check.assertValid();
  return query;
}

/** Checks a request for a list. Throws DomainError INVALID_FIELD. */
export function fromProtoListTopUps(request: ListTopUpsRequest): TenantPage & { readonly filter: TopUpFilter } {
  const check = new FieldCheck();
  const query = {
    ...checkTenantPage(check, request),
    filter: present({
      status: checkListed(check, 'status', request.status, STATUSES),
      ...check.range(request),
    }),
  };
  check.assertValid();
  return query;
}

/** Checks a request to end a top-up, by who makes it. Throws DomainError INVALID_FIELD. */
export function fromProtoCancelTopUp(
  request: CancelTopUpRequest,
  scope: Caller['scope'],
): TenantWrite<{ readonly topUpId: TopUpId; readonly operator: StatedOperator }> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: {
      topUpId: checkTopUpId(check, request.topUpId),
      operator: checkStatedOperator(check, request, scope),
    },
  };
  check.assertValid();
  return write;
}

function checkTopUpId(check: FieldCheck, value: string): TopUpId {
  return check.id('top_up_id', value, true) as TopUpId;
}

export function toProtoTopUpOffer(offer: TopUpOfferView | undefined): ListTopUpPackagesResponse {
  return {
    offered: offer !== undefined,
    currencyCode: offer?.currency ?? '',
    packages: (offer?.packages ?? []).map(({ minorUnits, microcredits }) => ({
      price: toProtoMoney({ minorUnits, currency: offer?.currency ?? '' }),
      microcredits,
    })),
    minorUnitsPerCredit: offer?.minorUnitsPerCredit ?? '',
    minorUnitsMin: offer?.minorUnitsMin ?? 0n,
    minorUnitsMax: offer?.minorUnitsMax ?? 0n,
  };
}

/** What pays a top-up is for those who may pay it: the administrators of the workspace. */
export function toProtoTopUp(topUp: TopUpView, scope: Caller['scope']): TopUpMessage {
  return {
    topUpId: topUp.topUpId,
    tenantId: topUp.tenantId,
    status: STATUSES[topUp.status],
    cause: CAUSES[topUp.cause],
    price: toProtoMoney(topUp),
    microcredits: topUp.microcredits,
    usesStoredCard: topUp.usesStoredCard,
    stripeInvoiceId: topUp.stripeInvoiceId ?? '',
    paymentIntentId: topUp.stripePaymentIntentId ?? '',
    clientSecret: scope === 'bff' ? (topUp.clientSecret ?? '') : '',
    checkoutUrl: isTopUpEnded(topUp.status) ? '' : (topUp.pageUrl ?? ''),
    failureCode: topUp.failureCode ?? '',
    returnedMinorUnits: topUp.returnedMinorUnits,
    createTime: new Date(topUp.createdAt),
    pageExpireTime: new Date(topUp.pageExpiresAt),
    endTime: toProtoTime(topUp.endedAt),
  };
}
