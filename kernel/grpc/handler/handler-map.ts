// Owns what handlers look like, for each kind of method that a service definition can have.

import type { CallContext } from '../caller.ts';

/** One method of a generated service definition. */
export interface ServiceMethod<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (message: Response) => Buffer;
}

/** Answers one call of one method; what it throws becomes the call's status. */
export type Handler<Request, Response> = (request: Request, call: CallContext) => Promise<Response>;

/** What a handler knows of a stream beside its messages. */
export interface StreamContext extends CallContext {
  /** Aborts when nobody waits for messages any more: the caller went away, its deadline passed, or the kernel ends. */
  readonly signal: AbortSignal;
}

/** Sends one message; resolves when the transport has taken it, rejects when nobody waits for it any more. */
export type Send<Response> = (message: Response) => Promise<void>;

/** Answers one request with as many messages as there are; what it throws becomes the stream's status. */
export type ServerStreamHandler<Request, Response> = (
  request: Request,
  context: StreamContext,
  send: Send<Response>,
) => Promise<void>;

/** The messages of a caller that sends many. */
export interface MessageSource<Request> {
  /**
   * Hands over each message as it arrives; to be called once. Resolves when the caller has sent all, or none is read any
   * more because the kernel ends. Rejects with DomainError INVALID_FIELD at a message that can't be read, and with the
   * reason of the context's signal when that aborts.
   */
  readAll(take: (message: Request) => void): Promise<void>;
  /** Stops reading; a few messages that have arrived already may wait meanwhile. */
  pause(): void;
  /** Reads on. */
  resume(): void;
}

/** Answers messages while they arrive; what it throws becomes the stream's status. */
export type BidiHandler<Request, Response> = (
  messages: MessageSource<Request>,
  context: StreamContext,
  send: Send<Response>,
) => Promise<void>;

type HandlerOf<Method, Request, Response> = Method extends { requestStream: true }
  ? BidiHandler<Request, Response>
  : Method extends { responseStream: true }
    ? ServerStreamHandler<Request, Response>
    : Handler<Request, Response>;

/** One handler for each method of a service definition. */
export type HandlerMap<Service> = {
  readonly [Name in keyof Service]: Service[Name] extends {
    requestDeserialize: (bytes: Buffer) => infer Request;
    responseSerialize: (message: infer Response) => Buffer;
  }
    ? HandlerOf<Service[Name], Request, Response>
    : never;
};
