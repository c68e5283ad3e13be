// Owns that an answer which comes again and again is decoded once. Does not own calls.

import type { UnaryMethod } from '../clients/grpc/unary-call.ts';

/**
 * Makes a method out of another that decodes an answer which is, byte for byte, the one before it only once: both are then
 * the same object, which nobody may change.
 */
export function decodeOnce<Request, Response>(method: UnaryMethod<Request, Response>): UnaryMethod<Request, Response> {
  let last: { readonly bytes: Buffer; readonly response: Response } | undefined;
  return {
    path: method.path,
    requestSerialize: method.requestSerialize,
    responseDeserialize: (bytes) => {
      if (last === undefined || !last.bytes.equals(bytes)) {
        last = { bytes: Buffer.from(bytes), response: method.responseDeserialize(bytes) };
      }
      return last.response;
    },
  };
}
