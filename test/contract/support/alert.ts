// Calls about the alerts of a workspace, and what provokes each of their reasons.

import { status } from '@grpc/grpc-js';
import {
  CreateEndpointRequest,
  AlertEndpointServiceService as Endpoints,
  ListDeliveriesRequest,
  UpdateEndpointRequest,
} from '../../../gen/wheelhouse/alert/v1/alert_endpoint_service.ts';
import {
  AlertServiceService as Alerts,
  ListEventsRequest,
  SetThresholdsRequest,
} from '../../../gen/wheelhouse/alert/v1/alert_service.ts';
import { ENDPOINTS_MAX } from '../../../kernel/app/alert/endpoint-service.ts';
import { admitPeople, type Callers, personIn } from './account.ts';
import { failureOf } from './failure.ts';
import { newRequestId } from './kernel-fixture.ts';

/** An address at which nobody answers, and which the kernels of tests may send to. */
export const NOBODY_THERE = 'http://127.0.0.1:1/hook';

/** Makes the calls of a person in a workspace, each with a request id of its own unless one is given. */
export function alertCallsOf({ bff }: Pick<Callers, 'bff'>, tenantId: string, role = 'tenant_admin') {
  const settings = personIn(tenantId, role);
  const fresh = (requestId: string = newRequestId()) => ({ requestId, tenantId });
  return {
    thresholds: async () => (await bff.call(Alerts.listThresholds, { tenantId }, settings)).thresholds,
    setThresholds: (microcredits: bigint[], fields: Partial<SetThresholdsRequest> = {}) =>
      bff.call(
        Alerts.setThresholds,
        SetThresholdsRequest.fromPartial({ ...fresh(), microcredits, ...fields }),
        settings,
      ),
    events: (fields: Partial<ListEventsRequest> = {}) =>
      bff.call(Alerts.listEvents, ListEventsRequest.fromPartial({ tenantId, ...fields }), settings),
    createEndpoint: (fields: Partial<CreateEndpointRequest> = {}) => {
      const request = CreateEndpointRequest.fromPartial({ ...fresh(), url: NOBODY_THERE, ...fields });
      return bff.call(Endpoints.createEndpoint, request, settings);
    },
    endpoints: async () => (await bff.call(Endpoints.listEndpoints, { tenantId }, settings)).endpoints,
    updateEndpoint: async (endpointId: string, fields: Partial<UpdateEndpointRequest>) => {
      const request = { ...fresh(), endpointId, url: NOBODY_THERE, enabled: true, ...fields };
      return (await bff.call(Endpoints.updateEndpoint, UpdateEndpointRequest.fromPartial(request), settings)).endpoint;
    },
    rotateSecret: (endpointId: string, requestId?: string) =>
      bff.call(Endpoints.rotateEndpointSecret, { ...fresh(requestId), endpointId }, settings),
    deleteEndpoint: (endpointId: string) => bff.call(Endpoints.deleteEndpoint, { ...fresh(), endpointId }, settings),
    sendTest: async (endpointId: string, requestId?: string) =>
      (await bff.call(Endpoints.sendTestEvent, { ...fresh(requestId), endpointId }, settings)).delivery,
    deliveries: (fields: Partial<ListDeliveriesRequest> = {}) =>
      bff.call(Endpoints.listDeliveries, ListDeliveriesRequest.fromPartial({ tenantId, ...fields }), settings),
    resend: async (deliveryId: string, requestId?: string) =>
      (await bff.call(Endpoints.resendDelivery, { ...fresh(requestId), deliveryId }, settings)).delivery,
  };
}

/** A workspace with credits and people in it, and the calls of its administrator. */
export async function openAlerted(callers: Callers, microcredits = 0n) {
  const tenantId = await callers.openTenant(microcredits);
  await admitPeople(callers, tenantId);
  return { tenantId, ...alertCallsOf(callers, tenantId) };
}

/** Builds the proof of each reason over callers that are there when it is run. */
export function alertProofsOf(callersNow: () => Callers) {
  return {
    ALERT_ENDPOINT_NOT_FOUND: {
      code: status.NOT_FOUND,
      provoke: async () => failureOf((await openAlerted(callersNow())).deleteEndpoint('whe_x')),
      expected: { metadata: { endpoint_id: 'whe_x' } },
    },
    ALERT_ENDPOINT_LIMIT_REACHED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const { createEndpoint } = await openAlerted(callersNow());
        for (let count = 0; count < ENDPOINTS_MAX; count += 1) await createEndpoint();
        return failureOf(createEndpoint());
      },
      expected: { metadata: { limit: String(ENDPOINTS_MAX) } },
    },
    ALERT_DELIVERY_NOT_FOUND: {
      code: status.NOT_FOUND,
      provoke: async () => failureOf((await openAlerted(callersNow())).resend('whd_x')),
      expected: { metadata: { delivery_id: 'whd_x' } },
    },
    ALERT_TARGET_FORBIDDEN: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => failureOf((await openAlerted(callersNow())).createEndpoint({ url: 'https://10.0.0.1/' })),
    },
  };
}
