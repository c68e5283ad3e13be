// An HTTP balancer before several BFFs, as simple as they come: it asks each for `/readyz`, hands requests to those that are ready in
// turn over connections that it keeps, and answers 502 where that fails. It repeats nothing.

import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const CHECK_INTERVAL_MS = 100;

export interface HttpBalancer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a balancer before these URLs on a free port. */
export async function startHttpBalancer(targets: readonly string[]): Promise<HttpBalancer> {
  const agent = new Agent({ keepAlive: true });
  const ready = new Set<string>();
  let turn = 0;
  const check = async (target: string): Promise<void> => {
    const answer = await fetch(`${target}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) ready.add(target);
    else ready.delete(target);
  };
  const server = createServer((incoming: IncomingMessage, response) => {
    const able = targets.filter((target) => ready.has(target));
    turn += 1;
    const target = able[turn % able.length];
    if (target === undefined) {
      answerBadGateway(response);
      return;
    }
    const { method, url, headers } = incoming;
    const passed = request(new URL(url ?? '/', target), { method, headers, agent }, (upstream) => {
      response.statusCode = upstream.statusCode ?? 502;
      const { connection: _, ...kept } = upstream.headers;
      for (const [name, value] of Object.entries(kept)) if (value !== undefined) response.setHeader(name, value);
      upstream.pipe(response);
    });
    passed.on('error', () => {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      answerBadGateway(response);
    });
    incoming.pipe(passed);
  });
  await Promise.all(targets.map(check));
  const checking = setInterval(() => void Promise.all(targets.map(check)), CHECK_INTERVAL_MS);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    // A server that listens has an address with a port.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      clearInterval(checking);
      agent.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answerBadGateway(response: ServerResponse): void {
  response.statusCode = 502;
  response.end();
}
