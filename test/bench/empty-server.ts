// Owns a gRPC server that does nothing: every Debit, ListPlans and GetBalance gets the same answer at once. It is a program of its
// own, as the kernel is, and shows what a unary call of these sizes costs before any work is done.
// Takes the answers as base64 in its first three arguments; says `{"msg":"listening","grpc":"host:port"}` when it listens, and
// ends on SIGTERM or when its parent goes.

import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import {
  CatalogServiceService,
  type ListPlansRequest,
  ListPlansResponse,
} from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import {
  type DebitRequest,
  DebitResponse,
  type GetBalanceRequest,
  GetBalanceResponse,
  LedgerServiceService,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';

const answer = DebitResponse.decode(Buffer.from(process.argv[2] ?? '', 'base64'));
const plans = ListPlansResponse.decode(Buffer.from(process.argv[3] ?? '', 'base64'));
const balance = GetBalanceResponse.decode(Buffer.from(process.argv[4] ?? '', 'base64'));
// The bookkeeping for a debugging service is off, as in the kernel.
const server = new Server({ 'grpc.enable_channelz': 0 });
server.addService(
  {
    debit: LedgerServiceService.debit,
    getBalance: LedgerServiceService.getBalance,
    listPlans: CatalogServiceService.listPlans,
  },
  {
    listPlans: (
      _call: ServerUnaryCall<ListPlansRequest, ListPlansResponse>,
      callback: sendUnaryData<ListPlansResponse>,
    ): void => callback(null, plans),
    getBalance: (
      _call: ServerUnaryCall<GetBalanceRequest, GetBalanceResponse>,
      callback: sendUnaryData<GetBalanceResponse>,
    ): void => callback(null, balance),
    debit: (_call: ServerUnaryCall<DebitRequest, DebitResponse>, callback: sendUnaryData<DebitResponse>): void =>
      callback(null, answer),
  },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(JSON.stringify({ msg: 'listening', grpc: `127.0.0.1:${port}` }));
});
process.once('SIGTERM', () => {
  server.forceShutdown();
});
