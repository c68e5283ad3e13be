// Owns taking Stripe's deliveries over HTTP: the raw body within its bounds, and what each outcome is answered with. Does
// not own what is believed of a delivery, or what becomes of it (app/webhook).
// Invariants: the body reaches the inbox byte by byte as it came; 2xx is said only of what is stored; memory for bodies that
// nobody has verified is bounded.

import type { IncomingMessage } from 'node:http';
import type { WebhookObserver } from '../app/webhook/ports.ts';
import type { WebhookInbox } from '../app/webhook/webhook-inbox.ts';
import { DomainError } from '../domain/error.ts';
import { type Answer, toJson } from './answer.ts';
import { DeliveryPlaces } from './delivery-place.ts';

export const WEBHOOK_PATH = '/stripe/webhook';

/** How large a delivery may be, in bytes; Stripe's are a few KiB, some come near 100. */
export const WEBHOOK_BODY_BYTES_MAX = 1_048_576;
/** How long a body may take to arrive, in milliseconds: whoever sends slowly takes the place of others meanwhile. */
const BODY_TIMEOUT_MS = 3_000;
const RETRY_AFTER_S = '5';

export interface WebhookEndpointParts {
  /** Absent where Stripe is off, or no signing secret is set. */
  readonly inbox: Pick<WebhookInbox, 'receive'> | undefined;
  readonly observer: Pick<WebhookObserver, 'refused'>;
  /** Told why a delivery could not be stored. */
  readonly onError: (error: unknown) => void;
  /** Whose `X-Forwarded-For` is believed: addresses, or networks such as `10.0.0.0/8`. */
  readonly trustedProxies: readonly string[];
}

/** Takes deliveries. */
export class WebhookEndpoint {
  readonly #parts: WebhookEndpointParts;
  readonly #places: DeliveryPlaces;

  constructor(parts: WebhookEndpointParts) {
    this.#parts = parts;
    this.#places = new DeliveryPlaces(parts.trustedProxies);
  }

  /** Answers one delivery. */
  async answer(request: IncomingMessage): Promise<Answer> {
    const { inbox, observer } = this.#parts;
    if (request.method !== 'POST') return toJson(405, { status: 'only POST is known here' }, { allow: 'POST' });
    if (inbox === undefined) {
      return toJson(404, { status: 'not found: this kernel takes no events, set STRIPE_WEBHOOK_SECRETS' });
    }
    const leave = this.#places.take(request);
    if (leave === undefined) {
      observer.refused('overloaded');
      return unavailable('too many deliveries at once, or from this address: come again');
    }
    try {
      const body = await readBody(request);
      if (typeof body !== 'string') return await this.#receive(inbox, body, request.headers['stripe-signature']);
      observer.refused(body);
      return refuseBody(body);
    } finally {
      leave();
    }
  }

  async #receive(
    inbox: Pick<WebhookInbox, 'receive'>,
    body: Buffer,
    signature: string | readonly string[] | undefined,
  ): Promise<Answer> {
    const { observer, onError } = this.#parts;
    try {
      const receipt = await inbox.receive(body, typeof signature === 'string' ? signature : undefined);
      if (receipt.kind === 'refused') return toJson(400, { status: receipt.refusal, message: receipt.message });
      return toJson(200, { status: receipt.kind });
    } catch (error) {
      observer.refused('not_stored');
      onError(error);
      if (error instanceof DomainError && error.reason === 'DATABASE_UNAVAILABLE') {
        return unavailable('the event could not be stored: come again');
      }
      return toJson(500, { status: 'failed' });
    }
  }
}

/** What reading a body came to: the body, or why there is none. */
type Delivery = Buffer | 'body_too_large' | 'body_too_slow';

/** Reads a body whole, within its bounds of size and time; one whose connection breaks came too slowly. */
function readBody(request: IncomingMessage): Promise<Delivery> {
  if (Number(request.headers['content-length'] ?? 0) > WEBHOOK_BODY_BYTES_MAX) return Promise.resolve('body_too_large');
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const giveUp = setTimeout(() => end('body_too_slow'), BODY_TIMEOUT_MS);
    const end = (delivery: Delivery): void => {
      clearTimeout(giveUp);
      // What is left is not read; the connection ends with the answer.
      if (typeof delivery === 'string') request.pause();
      resolve(delivery);
    };
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= WEBHOOK_BODY_BYTES_MAX) chunks.push(chunk);
      else end('body_too_large');
    });
    request.once('end', () => end(Buffer.concat(chunks)));
    request.once('error', () => end('body_too_slow'));
    request.once('close', () => end('body_too_slow'));
  });
}

function refuseBody(problem: 'body_too_large' | 'body_too_slow'): Answer {
  if (problem === 'body_too_large') {
    return toJson(413, { status: `the body has more than ${WEBHOOK_BODY_BYTES_MAX} bytes` }, { connection: 'close' });
  }
  return toJson(408, { status: `the body did not arrive within ${BODY_TIMEOUT_MS} ms` }, { connection: 'close' });
}

function unavailable(status: string): Answer {
  return toJson(503, { status }, { 'retry-after': RETRY_AFTER_S });
}
