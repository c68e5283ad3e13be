/**
 * Owns: events: what happened to an object, with the object as it was right then.
 * Does not own: bringing them to webhook endpoints (`delivery.ts`).
 */
import { createId } from './id.ts';
import { type ApiObject, isFields, type Json, type JsonFields } from './json.ts';
import { defineTable } from './store.ts';

/** Is an event. */
export interface StripeEvent extends ApiObject {
  readonly created: number;
  readonly data: { readonly object: ApiObject; readonly previous_attributes?: JsonFields };
  readonly pending_webhooks: number;
  readonly type: string;
}

/** Are the events, oldest first. */
export const EVENTS = defineTable<StripeEvent>('event');

/** Is how long Stripe lists events, in seconds. */
export const EVENT_RETENTION_SECONDS = 30 * 24 * 60 * 60;

/** Says which request made an event; both are null where time did. */
export interface EventOrigin {
  readonly requestId: string | null;
  readonly idempotencyKey: string | null;
}

/** Says what happened. */
export interface Happening {
  readonly type: string;
  readonly object: ApiObject;
  /** Is the object before, where it was changed. */
  readonly before?: ApiObject;
}

/** Makes an event. */
export function createEvent(happening: Happening, now: number, origin: EventOrigin, apiVersion: string): StripeEvent {
  const { type, object, before } = happening;
  return {
    id: createId('evt'),
    object: 'event',
    api_version: apiVersion,
    created: now,
    data: { object, ...(before === undefined ? {} : { previous_attributes: toPreviousAttributes(before, object) }) },
    livemode: false,
    pending_webhooks: 0,
    request: { id: origin.requestId, idempotency_key: origin.idempotencyKey },
    type,
  };
}

/** Returns what differed before: of objects only the fields that did, of anything else the whole. */
function toPreviousAttributes(before: JsonFields, after: JsonFields): JsonFields {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changed = [...names].filter((name) => !isSame(before[name], after[name]));
  return Object.fromEntries(
    changed.map((name): [string, Json] => {
      const [old, young] = [before[name], after[name]];
      return [name, isFields(old) && isFields(young) ? toPreviousAttributes(old, young) : (old ?? null)];
    }),
  );
}

function isSame(a: Json | undefined, b: Json | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Says whether an endpoint that enabled these types gets an event; `*` is every type. */
export function isEnabled(enabledEvents: readonly string[], type: string): boolean {
  return enabledEvents.some((enabled) => enabled === '*' || enabled === type);
}
