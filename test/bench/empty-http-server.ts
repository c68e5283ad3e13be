// Owns an Express server that does nothing but what must be: a delivery's signature is checked and nothing is stored; plans
// and balances are asked of an empty gRPC server and answered as they come. It is a program of its own, as kernel and BFF are.
// Takes a signing secret and the gRPC server's address as its arguments; says `{"msg":"listening","http":"host:port"}` when
// it listens, and ends on SIGTERM or when its parent goes.

import { Client, credentials } from '@grpc/grpc-js';
import express, { type RequestHandler } from 'express';
import { Stripe } from 'stripe';
import { CatalogServiceService, ListPlansRequest } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { GetBalanceRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { UnaryMethod } from '../../kernel/cli/kernel-connection.ts';

const [, , secret = '', grpc = ''] = process.argv;
const client = new Client(grpc, credentials.createInsecure());

/** Asks the gRPC server, and answers what comes of it. */
function pass<Request, Response>(
  { path, requestSerialize, responseDeserialize }: UnaryMethod<Request, Response>,
  request: Request,
  toJson: (answer: Response | undefined) => unknown,
): RequestHandler {
  return (_, response) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer?: Response) => {
      if (error === null) response.json(toJson(answer));
      else response.status(500).json({ message: error.message });
    });
  };
}

const app = express();
app.post('/stripe/webhook', express.raw({ type: 'application/json', limit: '1mb' }), (delivery, response) => {
  Stripe.webhooks.constructEvent(delivery.body, delivery.headers['stripe-signature'] ?? '', secret);
  response.json({ status: 'received' });
});
app.get(
  '/v1/billing/plans',
  pass(CatalogServiceService.listPlans, ListPlansRequest.fromPartial({ offeredOnly: true }), (answer) => ({
    plans: answer?.plans.map(({ planCode, productName }) => ({ planCode, productName })),
  })),
);
app.get(
  '/v1/billing/usage',
  pass(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId: 'ten_bench' }), (answer) => ({
    available: Number(answer?.balance?.availableMicrocredits ?? 0n),
  })),
);
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server listens nowhere');
  console.log(JSON.stringify({ msg: 'listening', http: `127.0.0.1:${address.port}` }));
});
// Other rounds run between two of its own, for longer than the default: what is kept is not to be cut then.
server.keepAliveTimeout = 65_000;
process.once('SIGTERM', () => process.exit(0));
