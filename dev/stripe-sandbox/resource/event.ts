/** Owns: reading events. Does not own: making them (`../event.ts`). */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { EVENT_RETENTION_SECONDS, EVENTS, type StripeEvent } from '../event.ts';
import { readFlag, readText, readTexts } from '../field.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { invalidRequest } from '../stripe-error.ts';
import { CUSTOMERS } from './customer-object.ts';

const list: Operation = {
  supported: [...PAGE_PARAMETERS, 'created', 'delivery_success', 'type', 'types'],
  run(call, { parameters }) {
    const [type, types] = [readText(parameters, 'type'), readTexts(parameters, 'types')];
    if (type !== undefined && types !== undefined) {
      throw invalidRequest('You may pass only one of `type` or `types`.', { param: 'types' });
    }
    const patterns = type === undefined ? types : [type];
    const isDelivered = readFlag(parameters, 'delivery_success');
    const filter = (event: StripeEvent): boolean =>
      (event.created > call.now - EVENT_RETENTION_SECONDS || followsTestClock(call, event)) &&
      (patterns?.some((pattern) => isOfType(event.type, pattern)) ?? true) &&
      (isDelivered === undefined || isDelivered === (event.pending_webhooks === 0));
    return toPage({ objects: call.tx.all(EVENTS), filter, url: '/v1/events' }, parameters);
  },
};

/** Says whether an event has the time of a test clock, which says nothing about how long ago it was made. */
function followsTestClock(call: Call, { data: { object } }: StripeEvent): boolean {
  const owner = call.tx.find(CUSTOMERS, String(object['customer']));
  return typeof (object['test_clock'] ?? owner?.test_clock) === 'string';
}

/** Says whether a type is meant by a pattern, in which `*` stands for any text. */
function isOfType(type: string, pattern: string): boolean {
  const [start = '', ...rest] = pattern.split('*');
  return rest.length === 0 ? type === pattern : type.startsWith(start) && type.endsWith(rest.join('*'));
}

/** Is the API of events. */
export const EVENT_RESOURCE: Resource = {
  operations: {
    'GET /v1/events': list,
    'GET /v1/events/{id}': { supported: [], run: (call, request) => call.need(EVENTS, toPathId(request), 'id', 404) },
  },
};
