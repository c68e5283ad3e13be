/**
 * Owns: the webhook endpoints that events go to, and their secrets.
 * Does not own: the API's operations on them (`resource/webhook-endpoint.ts`), and sending (`delivery.ts`).
 * Invariant: only addresses of this machine are endpoints, so that nothing ever leaves it.
 */
import type { ApiObject } from './json.ts';
import type { Metadata } from './metadata.ts';
import { defineTable } from './store.ts';
import { invalidRequest, notInSandbox } from './stripe-error.ts';

/** Is a webhook endpoint. Its secret is shown once only, so it is kept apart. */
export interface WebhookEndpoint extends ApiObject {
  readonly enabled_events: readonly string[];
  readonly metadata: Metadata;
  readonly status: 'enabled' | 'disabled';
  readonly url: string;
}

/** Are the endpoints. */
export const WEBHOOK_ENDPOINTS = defineTable<WebhookEndpoint>('webhook_endpoint');

/** Are the secrets by endpoint; several while one is being rotated: each signs. */
export const WEBHOOK_SECRETS = defineTable<readonly string[]>('webhook_endpoint.secret');

/** Throws StripeError unless a URL is one that the sandbox may send to. */
export function assertWebhookUrl(url: string, param: string): void {
  if (!URL.canParse(url)) throw invalidRequest('Not a valid URL', { code: 'url_invalid', param });
  const { protocol, hostname } = new URL(url);
  const isLoopback = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
  if (protocol !== 'http:' || !isLoopback) throw notInSandbox(`webhooks beyond this machine's http: (${url})`, param);
}
