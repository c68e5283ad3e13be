import type { CallContext } from '../caller.ts';

/** One method of a generated service definition. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (message: Response) => Buffer;
}

/** Answers one call of one method; what it throws becomes the call's status. */
export type Handler<Request, Response> = (request: Request, call: CallContext) => Promise<Response>;

/** One handler for each method of a service definition. */
export type HandlerMap<Service> = {
  readonly [Name in keyof Service]: Service[Name] extends {
    requestDeserialize: (bytes: Buffer) => infer Request;
    responseSerialize: (message: infer Response) => Buffer;
  }
    ? Handler<Request, Response>
    : never;
};
