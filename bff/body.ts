// Owns how the body of a request is read and refused. No call takes a body yet.
// Invariants: a body is uncompressed JSON of bounded size; one that nobody asked for is refused, not ignored.

import express, { type Request, type Response } from 'express';
import { invalidField, Problem } from './problem.ts';

const BODY_BYTES_MAX = 65_536;

const parseJson = express.json({ limit: BODY_BYTES_MAX, inflate: false, strict: false, type: 'application/json' });

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
    default:
      return new Problem('INTERNAL', { cause: error });
  }
}
