// Owns starting the empty servers that answers over HTTP are compared with: Express before gRPC, each a program of its own.

import { fileURLToPath } from 'node:url';
import { startProcess } from '../../dev/process/managed-process.ts';
import type { PartContext } from './part-context.ts';

/** The secret by which deliveries of the bench are signed. */
export const WEBHOOK_SECRET = 'whsec_bench';
const READY_TIMEOUT_MS = 30_000;
const EMPTY_GRPC_SERVER = fileURLToPath(new URL('empty-server.ts', import.meta.url));
const EMPTY_HTTP_SERVER = fileURLToPath(new URL('empty-http-server.ts', import.meta.url));

/** What the empty gRPC server answers, encoded. */
export interface EmptyAnswers {
  readonly plans: Buffer;
  readonly balance: Buffer;
}

/** Starts an empty Express server before an empty gRPC server; answers its URL. */
export async function startEmptyHttp({ lifetime }: PartContext, { plans, balance }: EmptyAnswers): Promise<string> {
  const grpcArgs = [EMPTY_GRPC_SERVER, '', plans.toString('base64'), balance.toString('base64')];
  const grpcServer = await startProcess({ name: 'empty server', command: process.execPath, args: grpcArgs });
  lifetime.addProcess(grpcServer);
  const grpc = await grpcServer.waitForLine((line) => /"grpc":"([^"]+)"/.exec(line)?.[1], READY_TIMEOUT_MS);
  const httpArgs = [EMPTY_HTTP_SERVER, WEBHOOK_SECRET, grpc];
  const httpServer = await startProcess({ name: 'empty Express server', command: process.execPath, args: httpArgs });
  lifetime.addProcess(httpServer);
  return `http://${await httpServer.waitForLine((line) => /"http":"([^"]+)"/.exec(line)?.[1], READY_TIMEOUT_MS)}`;
}
