// Owns how the body of a request is read, checked and refused.
// Invariants: a body is uncompressed JSON in UTF-8, but for the forms of our own pages, and of bounded size; one that nobody asked for is refused, not ignored; what is
// read is what was sent: bytes that are no UTF-8 are refused, never taken for another text, and an object that names a field
// twice is refused, since others on its way may have read the other one; a field that a call does not have is refused by name.

import { isUtf8 } from 'node:buffer';
import { MIMEType } from 'node:util';
import express, { type Request, type RequestHandler, type Response } from 'express';
import { toFieldErrors } from './field-complaint.ts';
import { findTextFault } from './json-text.ts';
import { invalidField, Problem } from './problem.ts';
import { compileSchema, propertyNames, type Schema } from './schema.ts';
import type { JsonSchema } from './shape.ts';

const BODY_BYTES_MAX = 65_536;

/** Says that the bytes of a body are no UTF-8, in the way of the parser's own errors. */
class EncodingError extends Error {
  readonly type = 'body.encoding.invalid';
}

/** Says that a body is in another charset than UTF-8, in the way of the parser's own errors. */
class CharsetError extends Error {
  readonly type = 'charset.unsupported';
}

/** The parser would decode what the parameter says, also UTF-16, of which ASCII is well-formed UTF-8, too. */
function assertCharset(contentType = ''): void {
  const charset = new MIMEType(contentType).params.get('charset') ?? 'utf-8';
  if (charset.toLowerCase() !== 'utf-8') throw new CharsetError(`the body is in ${charset}`);
}

/** Are the bytes of bodies that are being read. */
const bodyBytes = new WeakMap<object, Buffer>();

/** A form is read by its own names, whatever their order; what it has twice counts as it came last. */
const parseForm = express.text({ limit: BODY_BYTES_MAX, inflate: false, type: 'application/x-www-form-urlencoded' });

const parseJson = express.json({
  limit: BODY_BYTES_MAX,
  inflate: false,
  strict: false,
  type: 'application/json',
  // JSON between systems is UTF-8 (RFC 8259 §8.1), whatever the charset parameter says; the parser would put U+FFFD in the
  // place of what is not.
  verify: (request, _response, bytes) => {
    assertCharset(request.headers['content-type']);
    if (!isUtf8(bytes)) throw new EncodingError('the body is no UTF-8');
    bodyBytes.set(request, bytes);
  },
});

/**
 * Makes sure that a request has no body. Throws REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE or INVALID_FIELD when it has
 * one, whichever is the first thing wrong with it.
 */
export async function refuseBody(request: Request, response: Response): Promise<void> {
  if (!hasBody(request)) {
    return;
  }
  await readJson(request, response);
  throw invalidField({ field: 'body', message: `${request.method} takes no body here; send parameters in the query.` });
}

/**
 * Reads the body of a request; undefined where it has none. Throws REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE or
 * INVALID_FIELD `body`, whichever is the first thing wrong with it.
 */
export async function readBody(request: Request, response: Response): Promise<unknown> {
  return hasBody(request) ? await readJson(request, response) : undefined;
}

/**
 * Reads the fields of a form that a browser sent; none where it sent no body. Throws REQUEST_TOO_LARGE,
 * UNSUPPORTED_MEDIA_TYPE or INVALID_FIELD `body`.
 */
export async function readForm(request: Request, response: Response): Promise<ReadonlyMap<string, string>> {
  if (!hasBody(request)) return new Map();
  return new Map(new URLSearchParams(String(await parse(parseForm, request, response))));
}

/** Checks a body and gives it its type. */
export interface CheckBody<Body> {
  /** Throws INVALID_FIELD, which names every field at fault. */
  (body: unknown): Body;
  /** Is what it checks by; the document of the API tells it. */
  readonly schema: JsonSchema;
}

/** Compiles the schema of a body. Where nothing in it is required, no body counts as an empty object. */
export function defineBody<Body>(schema: Schema<Body>): CheckBody<Body> {
  const check = compileSchema(schema);
  const names = propertyNames(schema);
  const checkBody = (body: unknown): Body => {
    if (body !== undefined && (typeof body !== 'object' || body === null || Array.isArray(body))) {
      throw invalidField({ field: 'body', message: 'The body must be a JSON object.' });
    }
    const checked = check(body ?? {});
    if ('violations' in checked) {
      throw invalidField(...toFieldErrors(checked.violations, { noun: 'field', names }));
    }
    refuseNull(body ?? {});
    return checked.value;
  };
  return Object.assign(checkBody, { schema });
}

/** What is null is neither there nor left out: a client may mean either. */
function refuseNull(body: object): void {
  const errors = Object.entries(body)
    .filter(([, value]) => value === null)
    .map(([field]) => ({ field, message: 'It must not be null; leave it out instead.' }));
  if (errors.length > 0) throw invalidField(...errors);
}

/** The body of a call that has no fields. */
export const checkEmptyBody: CheckBody<Record<string, never>> = defineBody<Record<string, never>>({
  type: 'object',
  properties: {},
  required: [],
  additionalProperties: false,
});

function hasBody(request: Request): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
}

async function parse(parser: RequestHandler, request: Request, response: Response): Promise<unknown> {
  await new Promise<void>((resolve, reject) => {
    void parser(request, response, (error?: unknown) =>
      error === undefined ? resolve() : reject(toBodyProblem(error)),
    );
  });
  if (request.body === undefined) {
    throw new Problem('UNSUPPORTED_MEDIA_TYPE');
  }
  return request.body;
}

async function readJson(request: Request, response: Response): Promise<unknown> {
  const body = await parse(parseJson, request, response);
  const fault = findTextFault(bodyBytes.get(request)?.toString('utf8') ?? '');
  if (fault !== undefined) {
    throw invalidField({ field: 'body', message: fault });
  }
  return body;
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
