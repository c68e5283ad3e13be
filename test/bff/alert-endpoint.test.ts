// Alerts over REST: which input and which answers are refused. What each endpoint asks and answers stands in people-endpoint.test.ts.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  AlertDeliveryState,
  AlertEndpointState,
  type AlertDeliveryState as DeliveryState,
  type AlertEndpointState as EndpointState,
} from '../../gen/wheelhouse/alert/v1/alert_endpoint.ts';
import { SendTestEventResponse, UpdateEndpointResponse } from '../../gen/wheelhouse/alert/v1/alert_endpoint_service.ts';
import { DELIVERY, ENDPOINT } from './support/alert-case.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { type HttpAnswer, Stage } from './support/stage.ts';

const PATH = '/v1/billing/alerts';
const URL = 'https://example.com/hook';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => stage.kernel.reset());

function write(method: string, path: string, body?: unknown): Promise<HttpAnswer> {
  return stage.write(method, path, body, { 'x-workspace-id': TENANT_ID });
}

test.each([
  ['PUT', '/thresholds', {}, 'microcredits'],
  ['PUT', '/thresholds', { microcredits: 5 }, 'microcredits'],
  ['PUT', '/thresholds', { microcredits: [0] }, 'microcredits.0'],
  ['PUT', '/thresholds', { microcredits: [1.5] }, 'microcredits.0'],
  ['PUT', '/thresholds', { microcredits: ['1'] }, 'microcredits.0'],
  ['PUT', '/thresholds', { microcredits: [2 ** 53] }, 'microcredits.0'],
  ['PUT', '/thresholds', { microcredits: Array.from({ length: 11 }, (_, index) => index + 1) }, 'microcredits'],
  ['PUT', '/thresholds', { microcredits: [1], currency: 'usd' }, 'currency'],
  ['POST', '/endpoints', {}, 'url'],
  ['POST', '/endpoints', { url: '' }, 'url'],
  ['POST', '/endpoints', { url: [URL] }, 'url'],
  ['POST', '/endpoints', { url: `${URL}${'x'.repeat(2_048)}` }, 'url'],
  ['POST', '/endpoints', { url: URL, types: 'balance.low' }, 'types'],
  ['POST', '/endpoints', { url: URL, types: ['Balance Low'] }, 'types.0'],
  ['POST', '/endpoints', { url: URL, secret: 'mine' }, 'secret'],
  ['POST', '/endpoints', { url: URL, description: 'x'.repeat(201) }, 'description'],
  ['PUT', '/endpoints/whe_1', { url: URL }, 'enabled'],
  ['PUT', '/endpoints/whe_1', { url: URL, enabled: 'true' }, 'enabled'],
  ['POST', '/endpoints/whe_1/test', { type: 'balance.low' }, 'type'],
])('%s %s %j is refused', async (method, path, body, field) => {
  const answer = await write(method, `${PATH}${path}`, body);

  expect(answer.problem()).toMatchObject({ status: 400, reason: 'INVALID_FIELD', errors: [{ field }] });
  expect(stage.kernel.calls).toEqual([]);
});

test.each(['/deliveries?state=gone', '/deliveries?endpoint_id=..%2Fx', '/events?type=X', '/events?tenant_id=ten_1'])(
  'GET %s is refused',
  async (path) => {
    const answer = await stage.get(`${PATH}${path}`);

    expect(answer.problem()).toMatchObject({ status: 400, reason: 'INVALID_FIELD' });
    expect(stage.kernel.calls).toEqual([]);
  },
);

describe('an answer', () => {
  test.each([
    [AlertEndpointState.ENABLED, 'enabled'],
    [AlertEndpointState.DISABLED, 'disabled'],
    [AlertEndpointState.FAILING, 'failing'],
    [AlertEndpointState.GONE, 'gone'],
  ] as const)('of an endpoint that stands at %i says %s', async (state, text) => {
    stage.kernel.answers.updateEndpoint = () =>
      UpdateEndpointResponse.fromPartial({ endpoint: { ...ENDPOINT, state } });

    expect((await write('PUT', `${PATH}/endpoints/whe_1`, { url: URL, enabled: true })).json()).toMatchObject({
      state: text,
    });
  });

  test.each([
    undefined,
    { ...ENDPOINT, state: AlertEndpointState.UNSPECIFIED },
    { ...ENDPOINT, state: 77 as EndpointState },
    { ...ENDPOINT, createTime: undefined },
  ])('without a whole endpoint is not shown: %o', async (endpoint) => {
    stage.kernel.answers.updateEndpoint = () => UpdateEndpointResponse.fromPartial({ ...(endpoint && { endpoint }) });

    const answer = await write('PUT', `${PATH}/endpoints/whe_1`, { url: URL, enabled: true });
    expect(answer.problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
  });

  test.each([
    undefined,
    { ...DELIVERY, event: undefined },
    { ...DELIVERY, state: AlertDeliveryState.UNSPECIFIED },
    { ...DELIVERY, state: 77 as DeliveryState },
  ])('without a whole delivery is not shown: %o', async (delivery) => {
    stage.kernel.answers.sendTestEvent = () => SendTestEventResponse.fromPartial({ ...(delivery && { delivery }) });

    const answer = await write('POST', `${PATH}/endpoints/whe_1/test`);
    expect(answer.problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
  });
});
