// Owns PaymentMethodService on the wire. Does not own what is stored.

import type { PaymentMethodServiceService } from '../../../gen/wheelhouse/payment/v1/payment_method_service.ts';
import type { PaymentMethods } from '../../app/subscription/use-case.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import {
  fromProtoListPaymentMethods,
  fromProtoOpenPortal,
  fromProtoSetDefault,
  fromProtoStartSetup,
  toProtoPaymentMethod,
  toProtoSetup,
} from '../convert/payment-method.ts';
import { requireAsker } from './act.ts';
import { toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';

/** What PaymentMethodService answers with. */
export interface PaymentMethodHandlerParts {
  readonly paymentMethods: PaymentMethods;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of PaymentMethodService. */
export function createPaymentMethodHandlers({
  paymentMethods,
  directory,
}: PaymentMethodHandlerParts): HandlerMap<typeof PaymentMethodServiceService> {
  return {
    startSetup: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoStartSetup(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const context = toWriteContext(call, requestId);
      return toProtoSetup(await paymentMethods.startSetup(tenant, input, requireAsker(call), context));
    },
    listPaymentMethods: async (request, { caller }) => {
      const tenant = await directory.requireTenant(fromProtoListPaymentMethods(request), caller.visibility);
      return { paymentMethods: (await paymentMethods.list(tenant)).map(toProtoPaymentMethod) };
    },
    setDefaultPaymentMethod: async (request, call) => {
      const { requestId, tenantId, input: id } = fromProtoSetDefault(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const context = toWriteContext(call, requestId);
      const stored = await paymentMethods.setDefault(tenant, id, requireAsker(call), context);
      return { paymentMethod: toProtoPaymentMethod(stored) };
    },
    openPortal: async (request, call) => {
      const { requestId, tenantId, input: returnPath } = fromProtoOpenPortal(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const context = toWriteContext(call, requestId);
      return { url: await paymentMethods.openPortal(tenant, returnPath, requireAsker(call), context) };
    },
  };
}
