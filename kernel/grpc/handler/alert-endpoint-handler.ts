// Owns AlertEndpointService on the wire. Does not own what is stored or delivered.

import type { AlertEndpointServiceService } from '../../../gen/wheelhouse/alert/v1/alert_endpoint_service.ts';
import type { DeliveryDesk } from '../../app/alert/delivery-desk.ts';
import type { EndpointService } from '../../app/alert/endpoint-service.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import type { TenantId } from '../../domain/id.ts';
import type { CallContext } from '../caller.ts';
import {
  fromProtoCreateEndpoint,
  fromProtoEndpointWrite,
  fromProtoListDeliveries,
  fromProtoListEndpoints,
  fromProtoResendDelivery,
  fromProtoUpdateEndpoint,
  toProtoDelivery,
  toProtoEndpoint,
  toProtoEndpointWithSecret,
} from '../convert/alert-endpoint.ts';
import { requireAsker } from './act.ts';
import { toWriteContext } from './debit-item.ts';
import type { HandlerMap } from './handler-map.ts';

/** What AlertEndpointService answers with. */
export interface AlertEndpointHandlerParts {
  readonly alertEndpoints: EndpointService;
  readonly alertDeliveries: DeliveryDesk;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of AlertEndpointService. */
export function createAlertEndpointHandlers({
  alertEndpoints: endpoints,
  alertDeliveries: deliveries,
  directory,
}: AlertEndpointHandlerParts): HandlerMap<typeof AlertEndpointServiceService> {
  const writeOf = async (call: CallContext, write: { readonly requestId: string; readonly tenantId: TenantId }) => ({
    tenant: await directory.requireTenant(write.tenantId, call.caller.visibility),
    asker: requireAsker(call),
    context: toWriteContext(call, write.requestId),
  });
  return {
    createEndpoint: async (request, call) => {
      const write = fromProtoCreateEndpoint(request);
      const { tenant, asker, context } = await writeOf(call, write);
      return toProtoEndpointWithSecret(await endpoints.create(tenant, write.input, asker, context));
    },
    listEndpoints: async (request, { caller }) => {
      const tenant = await directory.requireTenant(fromProtoListEndpoints(request), caller.visibility);
      return { endpoints: (await endpoints.list(tenant)).map(toProtoEndpoint) };
    },
    updateEndpoint: async (request, call) => {
      const write = fromProtoUpdateEndpoint(request);
      const { tenant, asker, context } = await writeOf(call, write);
      return {
        endpoint: toProtoEndpoint(await endpoints.update(tenant, write.endpointId, write.input, asker, context)),
      };
    },
    rotateEndpointSecret: async (request, call) => {
      const write = fromProtoEndpointWrite(request);
      const { tenant, asker, context } = await writeOf(call, write);
      return toProtoEndpointWithSecret(await endpoints.rotateSecret(tenant, write.input, asker, context));
    },
    deleteEndpoint: async (request, call) => {
      const write = fromProtoEndpointWrite(request);
      const { tenant, asker, context } = await writeOf(call, write);
      await endpoints.remove(tenant, write.input, asker, context);
      return {};
    },
    sendTestEvent: async (request, call) => {
      const write = fromProtoEndpointWrite(request);
      const { tenant, asker, context } = await writeOf(call, write);
      return { delivery: toProtoDelivery(await deliveries.sendTest(tenant, write.input, asker, context)) };
    },
    listDeliveries: async (request, { caller }) => {
      const { tenantId, filter, pageSize, pageToken } = fromProtoListDeliveries(request);
      const tenant = await directory.requireTenant(tenantId, caller.visibility);
      const page = await deliveries.list(tenant, filter, pageSize, pageToken);
      return { deliveries: page.deliveries.map(toProtoDelivery), nextPageToken: page.nextPageToken };
    },
    resendDelivery: async (request, call) => {
      const write = fromProtoResendDelivery(request);
      const { tenant, asker, context } = await writeOf(call, write);
      return { delivery: toProtoDelivery(await deliveries.resend(tenant, write.input, asker, context)) };
    },
  };
}
