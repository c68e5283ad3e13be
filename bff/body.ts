// Owns how the body of a request is read and refused. No call takes a body yet.
// Invariants: a body is uncompressed JSON in UTF-8, of bounded size; one that nobody asked for is refused, not ignored; what is
// read is what was sent: bytes that are no UTF-8 are refused, never taken for another text.

import { isUtf8 } from 'node:buffer';
import express, { type Request, type Response } from 'express';
import { invalidField, Problem } from './problem.ts';

const BODY_BYTES_MAX = 65_536;

/** Says that the bytes of a body are no UTF-8, in the way of the parser's own errors. */
class EncodingError extends Error {
  readonly type = 'body.encoding.invalid';
}

const parseJson = express.json({
  limit: BODY_BYTES_MAX,
  inflate: false,
  strict: false,
  type: 'application/json',
  // JSON between systems is UTF-8 (RFC 8259 §8.1), whatever the charset parameter says; the parser would put U+FFFD in the
  // place of what is not.
  verify: (_request, _response, bytes) => {
    if (!isUtf8(bytes)) throw new EncodingError('the body is no UTF-8');
  },
});

/**
 * Makes sure that a request has no body. Throws REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE or INVALID_FIELD when it has
 * one, whichever is the first thing wrong with it.
 */
export async function refuseBody(request: Request, response: Response): Promise<void> {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (!hasBody) {
    return;
  }
  await readJson(request, response);
  throw invalidField({ field: 'body', message: `${request.method} takes no body here; send parameters in the query.` });
}

async function readJson(request: Request, response: Response): Promise<unknown> {
  await new Promise<void>((resolve, reject) => {
    parseJson(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(toBodyProblem(error))));
  });
  if (request.body === undefined) {
    throw new Problem('UNSUPPORTED_MEDIA_TYPE');
  }
  return request.body;
}

/** The parser tells its errors apart by `type`. */
function toBodyProblem(error: unknown): Problem {
  const type = error instanceof Error && 'type' in error ? error.type : undefined;
  switch (type) {
    case 'entity.too.large':
      return new Problem('REQUEST_TOO_LARGE', {
        cause: error,
        detail: `The body of a request may have at most ${BODY_BYTES_MAX} bytes; send less.`,
      });
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return new Problem('UNSUPPORTED_MEDIA_TYPE', { cause: error });
    case 'entity.parse.failed':
    case 'request.size.invalid':
    case 'request.aborted':
      return new Problem('INVALID_FIELD', {
        cause: error,
        detail: 'The body is no well-formed JSON; correct it.',
        errors: [{ field: 'body', message: 'The body is no well-formed JSON.' }],
      });
    case 'body.encoding.invalid':
      return new Problem('INVALID_FIELD', {
        cause: error,
        detail: 'The body is no UTF-8; send JSON in UTF-8.',
        errors: [{ field: 'body', message: 'The body has bytes that are no UTF-8.' }],
      });
    default:
      return new Problem('INTERNAL', { cause: error });
  }
}
