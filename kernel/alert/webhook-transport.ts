// Owns handing alerts to endpoints by HTTP, signed as Standard Webhooks says: the only importer of standardwebhooks. Does not own what
// is sent, when, or how often.
// Invariants: a message goes to an address that was judged, and nowhere else: no name is looked up twice, no redirect followed, no
// connection kept, no proxy used; no answer is waited for longer than TIMEOUT_MS, and none is read beyond its head.

import { lookup } from 'node:dns/promises';
import { type IncomingMessage, request as requestByHttp } from 'node:http';
import { request as requestByTls } from 'node:https';
import { Webhook } from 'standardwebhooks';
import type { AlertMessage, AlertTransport } from '../app/alert/ports.ts';
import { messageOf } from '../domain/error.ts';
import { ForbiddenTarget, findTargets, NOT_TLS, pinLookup, type Resolve, type TargetRules } from './alert-target.ts';

/** How long an attempt may take in all, looking up the name included, in milliseconds. */
const TIMEOUT_MS = 15_000;
/** How long it is waited for a name when an endpoint is made, in milliseconds. */
const OBJECTION_TIMEOUT_MS = 3_000;
const HEAD_BYTES_MAX = 16_384;

/** How alerts go out. */
export interface WebhookTransportSettings {
  readonly allowsLoopback: boolean;
  /** @default TIMEOUT_MS */
  readonly timeoutMs?: number;
  /** @default the system's look-up */
  readonly resolve?: Resolve;
}

/** Builds a transport. */
export function createWebhookTransport({
  allowsLoopback,
  timeoutMs = TIMEOUT_MS,
  resolve = (name, options) => lookup(name, options),
}: WebhookTransportSettings): AlertTransport {
  const rules: TargetRules = { allowsLoopback, resolve };
  return {
    send: (message) => {
      const signal = AbortSignal.timeout(timeoutMs);
      return endWith(signal, `no answer within ${timeoutMs} ms`, () => send(message, rules, signal));
    },
    findObjection: async (text) => {
      const url = new URL(text);
      try {
        const signal = AbortSignal.timeout(OBJECTION_TIMEOUT_MS);
        await endWith(signal, 'the name was not found in time', () => findTargets(url, rules));
        return undefined;
      } catch (error) {
        if (error instanceof ForbiddenTarget) return error.message;
        // A name that can't be looked up now is judged whenever something is sent to it.
        return url.protocol === 'https:' ? undefined : NOT_TLS;
      }
    },
  };
}

/** Runs something that nobody waits for beyond a signal. */
async function endWith<T>(signal: AbortSignal, message: string, run: () => Promise<T>): Promise<T> {
  const ended = Promise.withResolvers<never>();
  const onAbort = (): void => ended.reject(new Error(message));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([run(), ended.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function send(message: AlertMessage, rules: TargetRules, signal: AbortSignal): Promise<number> {
  const url = new URL(message.url);
  const addresses = await findTargets(url, rules);
  // Who had to wait too long for the name does not begin to send any more.
  signal.throwIfAborted();
  const answered = Promise.withResolvers<number>();
  const request = (url.protocol === 'https:' ? requestByTls : requestByHttp)(url, {
    method: 'POST',
    headers: headersOf(message),
    // A pool could have a connection to an address that was judged for another message.
    agent: false,
    lookup: pinLookup(addresses),
    maxHeaderSize: HEAD_BYTES_MAX,
    signal,
  });
  request.on('error', (error) => answered.reject(new Error(`it can't be reached: ${messageOf(error)}`)));
  request.on('response', (response: IncomingMessage) => {
    // The status says it all: what else an endpoint answers, however much that is, is of no use.
    response.on('error', () => undefined);
    response.destroy();
    answered.resolve(response.statusCode ?? 0);
  });
  request.end(message.body);
  return answered.promise;
}

function headersOf({ eventId, body, sentAt, secrets }: AlertMessage): Record<string, string> {
  const at = new Date(sentAt);
  return {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'wheelhouse',
    'webhook-id': eventId,
    'webhook-timestamp': String(Math.floor(sentAt / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(eventId, at, body)).join(' '),
  };
}
