/**
 * Owns: an HTTP endpoint that receives webhooks, and answers each as a test says.
 * Does not own: what is sent.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Is a webhook as it came in. */
export interface ReceivedWebhook {
  readonly headers: IncomingHttpHeaders;
  /** Is the header `Stripe-Signature`. */
  readonly signature: string;
  readonly body: string;
  readonly type: string;
  readonly id: string;
}

/** Is an endpoint that listens. */
export interface WebhookReceiver {
  readonly url: string;
  readonly received: readonly ReceivedWebhook[];
  /** Says which status the next webhooks are answered with, one each; after them 200. */
  answerNext(...statuses: readonly number[]): void;
  /** Waits until so many have come in since the start. */
  waitFor(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an endpoint on a free port. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  const statuses: number[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const { id, type } = JSON.parse(body);
      const { headers } = request;
      received.push({ headers, signature: String(headers['stripe-signature']), body, id, type });
      response.writeHead(statuses.shift() ?? 200).end();
      for (const { count, resolve } of waiting) if (received.length >= count) resolve();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/stripe/webhook`,
    received,
    answerNext: (...next) => void statuses.push(...next),
    waitFor: (count) =>
      new Promise((resolve) => {
        if (received.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
