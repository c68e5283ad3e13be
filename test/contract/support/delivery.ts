// Deliveries as Stripe makes them, and as somebody else might.

import { Stripe } from 'stripe';
import { WEBHOOK_SECRET } from './stripe.ts';

/** How a delivery is signed; absent: as Stripe does it now. */
export interface Signing {
  readonly secret?: string;
  /** How far from now it is signed, in seconds. */
  readonly awayS?: number;
}

let made = 0;

/** The body of an event; its layout is kept by nobody who parses it and writes it again. */
export function eventBody(type: string, fields: Readonly<Record<string, unknown>> = {}): string {
  made += 1;
  const created = Math.floor(Date.now() / 1_000);
  const event = {
    id: `evt_test_${process.pid}_${made}`,
    object: 'event',
    type,
    created,
    livemode: false,
    data: { object: {} },
  };
  return JSON.stringify({ ...event, ...fields }, undefined, 2);
}

export function idOf(body: string): string {
  return String((JSON.parse(body) as Record<string, unknown>)['id']);
}

export function sign(body: string, { secret = WEBHOOK_SECRET, awayS = 0 }: Signing = {}): string {
  const timestamp = Math.floor(Date.now() / 1_000) + awayS;
  return Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp });
}

/** Delivers a body; answers the status and what the kernel said. */
export async function deliver(
  httpUrl: string,
  body: string | Buffer | ReadableStream,
  signature: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly status: unknown }> {
  const response = await fetch(`${httpUrl}/stripe/webhook`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json; charset=utf-8',
      ...(signature === undefined ? {} : { 'stripe-signature': signature }),
      ...headers,
    },
    body: Buffer.isBuffer(body) ? new Uint8Array(body) : body,
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  return { code: response.status, status: answer['status'] };
}

/** Delivers an event as Stripe does. */
export function deliverEvent(httpUrl: string, body: string): ReturnType<typeof deliver> {
  return deliver(httpUrl, body, sign(body));
}
