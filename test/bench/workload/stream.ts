// Owns debits over one long-lived stream: each is sent when the window has room, and is done when its answer comes.

import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';
import type { DebitRequest } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  LedgerStreamServiceService,
  type StreamDebitsRequest,
  type StreamDebitsResponse,
  type StreamedDebit,
} from '../../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import type { Workload } from '../workload.ts';
import { createDebitRequest } from './debit.ts';

const OPTIONS = { 'grpc-node.flow_control_window': 1_024 * 1_024 };

/** Is a stream of debits to one kernel. */
export interface DebitStream {
  /** Debits that are there at the same time travel together, up to so many in a message; default each by itself. */
  workload(name: string, tenantId: string, inFlight: number, perMessage?: number): Workload;
  close(): void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Opens a stream as an internal service does. */
export function openDebitStream(address: string, token: string): DebitStream {
  const client = new Client(address, credentials.createInsecure(), OPTIONS);
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const { path, requestSerialize, responseDeserialize } = LedgerStreamServiceService.streamDebits;
  const stream: ClientDuplexStream<StreamDebitsRequest, StreamDebitsResponse> = client.makeBidiStreamRequest(
    ...([path, requestSerialize, responseDeserialize, metadata] as const),
  );
  const waiting = new Map<string, Waiting>();
  const end = ({ requestId, result }: Pick<StreamedDebit, 'requestId' | 'result'>): void => {
    const waiter = waiting.get(requestId);
    waiting.delete(requestId);
    if (result?.outcome?.$case === 'debit') waiter?.resolve();
    else waiter?.reject(new Error(`a debit of the stream was refused: ${JSON.stringify(result?.outcome?.value)}`));
  };
  stream.on('data', (answer: StreamDebitsResponse) => {
    if (answer.results.length === 0) end(answer);
    else answer.results.forEach(end);
  });
  stream.on('error', (error) => {
    for (const waiter of waiting.values()) waiter.reject(error);
    waiting.clear();
  });
  let together: DebitRequest[] = [];
  const flush = (): void => {
    const debits = together;
    together = [];
    if (debits.length > 0) stream.write({ debit: undefined, debits });
  };
  const send = (debit: DebitRequest, perMessage: number): void => {
    if (perMessage === 1) {
      stream.write({ debit, debits: [] });
      return;
    }
    if (together.length === 0) setImmediate(flush);
    together.push(debit);
    if (together.length === perMessage) flush();
  };
  return {
    workload: (name, tenantId, inFlight, perMessage = 1) => ({
      name,
      inFlight,
      operationsPerCall: 1,
      call: () =>
        new Promise<void>((resolve, reject) => {
          const debit = createDebitRequest(tenantId);
          waiting.set(debit.requestId, { resolve, reject });
          send(debit, perMessage);
        }),
    }),
    close: () => {
      stream.end();
      client.close();
    },
  };
}
