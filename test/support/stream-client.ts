// Streams of a kernel as a caller sees them: what arrives is collected, and how it ends is a value.

import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import {
  AlertServiceService,
  WatchEventsRequest,
  type WatchEventsResponse,
} from '../../gen/wheelhouse/alert/v1/alert_service.ts';
import {
  LedgerStreamServiceService,
  type StreamDebitsRequest,
  type StreamDebitsResponse,
  WatchBalanceRequest,
  type WatchBalanceResponse,
} from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import type { ServerStreamMethod } from '../../kernel/cli/kernel-connection.ts';

/** Who opens a stream, and with what. */
export interface StreamSettings {
  readonly token: string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/** How a stream ended; the error is absent where it ended with OK. */
export interface StreamEnd {
  readonly code: status;
  readonly error?: ServiceError;
}

/** A stream that collects what it receives. */
export interface OpenStream<Message> {
  readonly received: readonly Message[];
  readonly ended: Promise<StreamEnd>;
  /** Calls back for each message that arrives from now on; what it throws ends the stream. */
  onMessage(take: (message: Message) => void): void;
  /** Resolves when so many messages have arrived in all; rejects where the stream ends before. */
  arrived(count: number): Promise<readonly Message[]>;
  /** Reads nothing any more, so that what is sent backs up to the kernel. */
  stall(): void;
  /** Reads on. */
  resume(): void;
  /** Ends the stream from this side. */
  cancel(): void;
  /** Closes the connection. */
  close(): void;
}

/** A stream of debits. */
export interface DebitStream extends OpenStream<StreamDebitsResponse> {
  /** Sends a debit; resolves when the transport has taken it. */
  send(debit: StreamDebitsRequest['debit']): Promise<void>;
  /** Sends debits in one message; resolves when the transport has taken it. */
  sendTogether(debits: StreamDebitsRequest['debits'], debit?: StreamDebitsRequest['debit']): Promise<void>;
  /** Sends bytes in the place of a message. */
  sendRaw(bytes: Buffer): void;
  /** Says that no more debits come. */
  halfClose(): void;
}

interface Raw {
  readonly raw: Buffer;
}

/** Opens a stream of debits. */
export function openDebitStream(address: string, settings: StreamSettings): DebitStream {
  const method = LedgerStreamServiceService.streamDebits;
  const client = new Client(address, credentials.createInsecure());
  const serialize = (message: StreamDebitsRequest | Raw): Buffer =>
    'raw' in message ? message.raw : method.requestSerialize(message);
  const call: ClientDuplexStream<StreamDebitsRequest | Raw, StreamDebitsResponse> = client.makeBidiStreamRequest(
    method.path,
    serialize,
    method.responseDeserialize,
    toMetadata(settings),
    toOptions(settings),
  );
  return {
    ...collect(client, call),
    send: (debit) =>
      new Promise((resolve) => {
        call.write({ debit, debits: [] }, () => resolve());
      }),
    sendTogether: (debits, debit) =>
      new Promise((resolve) => {
        call.write({ debit, debits }, () => resolve());
      }),
    sendRaw: (raw) => void call.write({ raw }),
    halfClose: () => void call.end(),
  };
}

/** Opens a watch of billing events. */
export function openEventWatch(
  address: string,
  request: Partial<WatchEventsRequest>,
  settings: StreamSettings,
): OpenStream<WatchEventsResponse> {
  return openServerStream(address, AlertServiceService.watchEvents, WatchEventsRequest.fromPartial(request), settings);
}

/** Opens a watch of a balance. */
export function openWatch(
  address: string,
  request: Partial<WatchBalanceRequest>,
  settings: StreamSettings,
): OpenStream<WatchBalanceResponse> {
  return openServerStream(
    address,
    LedgerStreamServiceService.watchBalance,
    WatchBalanceRequest.fromPartial(request),
    settings,
  );
}

function openServerStream<Request, Response>(
  address: string,
  { path, requestSerialize, responseDeserialize }: ServerStreamMethod<Request, Response>,
  request: Request,
  settings: StreamSettings,
): OpenStream<Response> {
  const client = new Client(address, credentials.createInsecure());
  const [metadata, options] = [toMetadata(settings), toOptions(settings)];
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata, options);
  return collect(client, call);
}

function collect<Message>(client: Client, call: ClientReadableStream<Message>): OpenStream<Message> {
  const received: Message[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const check of waiting) check();
  };
  let end: StreamEnd | undefined;
  const ended = new Promise<StreamEnd>((resolve) => {
    const finish = (result: StreamEnd): void => {
      end ??= result;
      resolve(end);
      wake();
    };
    call.on('error', (error: ServiceError) => finish({ code: error.code, error }));
    call.on('status', ({ code }: { code: status }) => {
      if (code === status.OK) finish({ code });
    });
  });
  call.on('data', (message: Message) => {
    received.push(message);
    wake();
  });
  return {
    received,
    ended,
    onMessage: (take) => void call.on('data', take),
    arrived: (count) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (received.length < count && end === undefined) return;
          waiting.delete(check);
          if (received.length >= count) resolve(received);
          else reject(end?.error ?? new Error(`the stream ended after ${received.length} of ${count} messages`));
        };
        waiting.add(check);
        check();
      }),
    stall: () => void call.pause(),
    resume: () => void call.resume(),
    cancel: () => call.cancel(),
    close: () => client.close(),
  };
}

function toMetadata({ token, metadata = {} }: StreamSettings): Metadata {
  const sent = new Metadata();
  if (token !== undefined) sent.set('authorization', `Bearer ${token}`);
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  return sent;
}

function toOptions({ deadlineMs }: StreamSettings): { deadline?: number } {
  return deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
}
