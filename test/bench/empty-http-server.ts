// Owns an Express server that does nothing but what must be: a delivery's signature is checked and nothing is stored; plans
// are asked of an empty gRPC server and answered as they come. It is a program of its own, as kernel and BFF are.
// Takes a signing secret and the gRPC server's address as its arguments; says `{"msg":"listening","http":"host:port"}` when
// it listens, and ends on SIGTERM or when its parent goes.

import { Client, credentials } from '@grpc/grpc-js';
import express from 'express';
import { Stripe } from 'stripe';
import {
  CatalogServiceService,
  ListPlansRequest,
  type ListPlansResponse,
} from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';

const [, , secret = '', grpc = ''] = process.argv;
const client = new Client(grpc, credentials.createInsecure());
const { path, requestSerialize, responseDeserialize } = CatalogServiceService.listPlans;
const request = ListPlansRequest.fromPartial({ offeredOnly: true });

const app = express();
app.post('/stripe/webhook', express.raw({ type: 'application/json', limit: '1mb' }), (delivery, response) => {
  Stripe.webhooks.constructEvent(delivery.body, delivery.headers['stripe-signature'] ?? '', secret);
  response.json({ status: 'received' });
});
app.get('/v1/billing/plans', (_, response) => {
  client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer?: ListPlansResponse) => {
    if (error !== null) response.status(500).json({ message: error.message });
    else response.json({ plans: answer?.plans.map(({ planCode, productName }) => ({ planCode, productName })) });
  });
});
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server listens nowhere');
  console.log(JSON.stringify({ msg: 'listening', http: `127.0.0.1:${address.port}` }));
});
process.once('SIGTERM', () => process.exit(0));
