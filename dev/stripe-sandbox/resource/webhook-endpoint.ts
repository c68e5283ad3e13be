/** Owns: the API of webhook endpoints. Does not own: their table (`../webhook-endpoint.ts`), and sending to them. */
import { type Operation, type Resource, toPathId } from '../call.ts';
import { pickPresent, readFlag, readText, readTexts, readUnsettableText } from '../field.ts';
import { createId, createToken } from '../id.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { mergeMetadata } from '../metadata.ts';
import { assertWebhookUrl, WEBHOOK_ENDPOINTS, WEBHOOK_SECRETS, type WebhookEndpoint } from '../webhook-endpoint.ts';

const create: Operation = {
  supported: ['api_version', 'description', 'enabled_events', 'metadata', 'url'],
  run(call, { parameters }) {
    const url = readText(parameters, 'url') ?? '';
    assertWebhookUrl(url, 'url');
    const endpoint: WebhookEndpoint = {
      id: createId('we'),
      object: 'webhook_endpoint',
      api_version: readText(parameters, 'api_version') ?? null,
      application: null,
      created: call.now,
      description: readUnsettableText(parameters, 'description') ?? null,
      enabled_events: readTexts(parameters, 'enabled_events') ?? [],
      livemode: false,
      metadata: mergeMetadata({}, parameters),
      status: 'enabled',
      url,
    };
    const secret = `whsec_${createToken(32)}`;
    call.tx.put(WEBHOOK_SECRETS, endpoint.id, [secret]);
    // The secret is answered this once.
    return { ...call.create(WEBHOOK_ENDPOINTS, endpoint), secret };
  },
};

const update: Operation = {
  supported: ['description', 'disabled', 'enabled_events', 'metadata', 'url'],
  run(call, request) {
    const { parameters } = request;
    const endpoint = call.need(WEBHOOK_ENDPOINTS, toPathId(request), 'webhook_endpoint', 404);
    const url = readText(parameters, 'url');
    if (url !== undefined) assertWebhookUrl(url, 'url');
    const isDisabled = readFlag(parameters, 'disabled');
    const changes = pickPresent({
      description: readUnsettableText(parameters, 'description'),
      enabled_events: readTexts(parameters, 'enabled_events'),
      url,
    });
    return call.create(WEBHOOK_ENDPOINTS, {
      ...endpoint,
      ...changes,
      ...(isDisabled === undefined ? {} : { status: isDisabled ? 'disabled' : 'enabled' }),
      metadata: mergeMetadata(endpoint.metadata, parameters),
    });
  },
};

const remove: Operation = {
  supported: [],
  run(call, request) {
    const { id } = call.need(WEBHOOK_ENDPOINTS, toPathId(request), 'webhook_endpoint', 404);
    call.tx.remove(WEBHOOK_ENDPOINTS, id);
    call.tx.remove(WEBHOOK_SECRETS, id);
    return { id, object: 'webhook_endpoint', deleted: true };
  },
};

/** Is the API of webhook endpoints. */
export const WEBHOOK_ENDPOINT_RESOURCE: Resource = {
  operations: {
    'POST /v1/webhook_endpoints': create,
    'GET /v1/webhook_endpoints': {
      supported: PAGE_PARAMETERS,
      run: (call, { parameters }) =>
        toPage({ objects: call.tx.all(WEBHOOK_ENDPOINTS), url: '/v1/webhook_endpoints' }, parameters),
    },
    'GET /v1/webhook_endpoints/{webhook_endpoint}': {
      supported: [],
      run: (call, request) => call.need(WEBHOOK_ENDPOINTS, toPathId(request), 'webhook_endpoint', 404),
    },
    'POST /v1/webhook_endpoints/{webhook_endpoint}': update,
    'DELETE /v1/webhook_endpoints/{webhook_endpoint}': remove,
  },
};
