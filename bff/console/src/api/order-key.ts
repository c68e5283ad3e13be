// Owns by which idempotency key a write of the pages goes out: what somebody asks for again, because they could not see what became
// of it, has the key of the first time, so that it is done, and charged, once.
// Does not own repeats that nobody asked for (REST client): within one call the key is the same anyway.
// Invariant: a key serves no other request, and none after an answer that says what became of it, or after another write.

import type { createBillingClient } from '../../../../clients/rest/client.ts';
import { outcomeUnknown } from './problem.ts';

/** Is what a client lets look at its requests and their answers. */
type Middleware = Parameters<ReturnType<typeof createBillingClient>['use']>[number];

const KEY_HEADER = 'Idempotency-Key';
/** Are POSTs that change nothing: pages make them by themselves, between two presses of one button. */
const FORECAST = /\/(?:preview|validate|refresh)$/;
const TOO_MANY_REQUESTS = 429;
const SERVER_FAULT = 500;

/** Makes what gives the writes of one client their keys, and what says that nobody knows what became of one. */
export function createOrderKeys(): Middleware {
  let last: { readonly order: string; readonly key: string } | undefined;
  return {
    async onRequest({ request }) {
      if (isRead(request) || FORECAST.test(request.url)) return;
      const order = `${request.method} ${request.url} ${await request.clone().text()}`;
      if (last?.order !== order) last = { order, key: crypto.randomUUID() };
      request.headers.set(KEY_HEADER, last.key);
    },
    onResponse({ request, response }) {
      if (isDecided(response) && last?.key === request.headers.get(KEY_HEADER)) last = undefined;
    },
    onError({ request }) {
      return isRead(request) ? undefined : outcomeUnknown();
    },
  };
}

function isRead({ method }: Request): boolean {
  return method === 'GET';
}

/** What the service refuses, it has not done; what it, or something before it, failed at, it may have. */
function isDecided({ status }: Response): boolean {
  return status < SERVER_FAULT && status !== TOO_MANY_REQUESTS;
}
