// Owns requests over HTTP on connections that are kept, and what an answer other than 200 is: a failure.

import { Agent, request as openRequest } from 'node:http';
import { Stripe } from 'stripe';
import { v7 as newUuid } from 'uuid';
import type { Workload } from '../workload.ts';

/** Nobody handles events of this type: what is measured is taking them in. */
const EVENT_TYPE = 'customer.updated';

interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Where GETs go, and the headers that they have. */
export interface GetTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Returns the workload of GETs of a path. */
export function createGets(name: string, { url, headers }: GetTarget, path: string, inFlight: number): Workload {
  return createGetsInTurn(name, url, [headers], path, inFlight);
}

/** Returns the workload of GETs of a path, with one set of headers after the other. */
export function createGetsInTurn(
  name: string,
  url: string,
  headers: readonly GetTarget['headers'][],
  path: string,
  inFlight: number,
): Workload {
  const send = openSender(url, inFlight);
  const requests = headers.map((each) => ({ method: 'GET', path, headers: each }));
  const call = (index: number): Promise<void> => {
    const request = requests[index % requests.length];
    if (request === undefined) throw new RangeError('There are no headers to send.');
    return send(request);
  };
  return { name, inFlight, operationsPerCall: 1, call };
}

/** Returns the workload of deliveries, each of an event of its own. */
export function createDeliveries(name: string, baseUrl: string, secret: string, inFlight: number): Workload {
  const send = openSender(baseUrl, inFlight);
  const call = (): Promise<void> => {
    const body = createEvent();
    const signature = Stripe.webhooks.generateTestHeaderString({ payload: body, secret });
    const headers = { 'content-type': 'application/json', 'stripe-signature': signature };
    return send({ method: 'POST', path: '/stripe/webhook', headers, body });
  };
  return { name, inFlight, operationsPerCall: 1, call };
}

/** An event of the size that most have. */
function createEvent(): string {
  const created = Math.floor(Date.now() / 1_000);
  const object = { id: 'cus_bench', object: 'customer', description: 'x'.repeat(1_500) };
  const rest = { type: EVENT_TYPE, created, livemode: false, data: { object } };
  return JSON.stringify({ id: `evt_${newUuid()}`, object: 'event', ...rest });
}

function openSender(baseUrl: string, inFlight: number): (request: Request) => Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const { hostname, port } = new URL(baseUrl);
  return ({ method, path, headers, body }) =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': `${Buffer.byteLength(body)}` };
      const sent = openRequest(
        { hostname, port, method, path, agent, headers: { ...headers, ...length } },
        (answer) => {
          answer.resume();
          answer.once('end', () => {
            if (answer.statusCode === 200) resolve();
            else reject(new Error(`${method} ${path} was answered with ${answer.statusCode}`));
          });
        },
      );
      sent.once('error', reject);
      sent.end(body);
    });
}
