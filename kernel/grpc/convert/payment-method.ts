// Owns the translation between the payment methods' contract and what the use cases know.

import type { PaymentMethod } from '../../../gen/wheelhouse/payment/v1/payment_method.ts';
import type {
  ListPaymentMethodsRequest,
  OpenPortalRequest,
  SetDefaultPaymentMethodRequest,
  StartSetupRequest,
  StartSetupResponse,
} from '../../../gen/wheelhouse/payment/v1/payment_method_service.ts';
import type { StoredPaymentMethod } from '../../app/subscription/ports.ts';
import type { Setup, SetupInput } from '../../app/subscription/use-case.ts';
import type { TenantId } from '../../domain/id.ts';
import { FieldCheck } from './field-check.ts';
import type { TenantWrite } from './operator.ts';
import { checkReturnPath } from './return-path.ts';

/** Checks a request to store a card. Throws DomainError INVALID_FIELD. */
export function fromProtoStartSetup(request: StartSetupRequest): TenantWrite<SetupInput> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: {
      isHosted: request.hostedPage,
      consentsToCharge: request.consentToCharge,
      returnPath: checkReturnPath(check, request.returnPath),
    },
  };
  check.assertValid();
  return write;
}

/** Checks a request for what is stored. Throws DomainError INVALID_FIELD. */
export function fromProtoListPaymentMethods(request: ListPaymentMethodsRequest): TenantId {
  const check = new FieldCheck();
  const tenantId = check.tenantId(request.tenantId);
  check.assertValid();
  return tenantId;
}

/** Checks a request for another default. Throws DomainError INVALID_FIELD. */
export function fromProtoSetDefault(request: SetDefaultPaymentMethodRequest): TenantWrite<string> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: check.id('stripe_payment_method_id', request.stripePaymentMethodId, true),
  };
  check.assertValid();
  return write;
}

/** Checks a request for the page on which people manage how they pay; answers the path that it leads back to. Throws DomainError INVALID_FIELD. */
export function fromProtoOpenPortal(request: OpenPortalRequest): TenantWrite<string> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: checkReturnPath(check, request.returnPath),
  };
  check.assertValid();
  return write;
}

export function toProtoSetup(setup: Setup): StartSetupResponse {
  return setup.kind === 'page' ? { url: setup.url, clientSecret: '' } : { url: '', clientSecret: setup.clientSecret };
}

export function toProtoPaymentMethod({ card, ...stored }: StoredPaymentMethod): PaymentMethod {
  return {
    stripePaymentMethodId: stored.stripePaymentMethodId,
    type: stored.type,
    cardBrand: card?.brand ?? '',
    cardLast4: card?.last4 ?? '',
    cardExpireMonth: card?.expireMonth ?? 0,
    cardExpireYear: card?.expireYear ?? 0,
    isDefault: stored.isDefault,
  };
}
