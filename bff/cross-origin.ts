// Owns which pages of other sites may read our answers: those of the origins in the configuration, none by default. They send
// access tokens; cookies are no credential across sites (browser-session/).

import cors from 'cors';
import type { RequestHandler } from 'express';

const ALLOWED_HEADERS = [
  ...['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Workspace-Id', 'X-Request-Id'],
  ...['If-None-Match', 'Last-Event-ID'],
];
const EXPOSED_HEADERS = [
  ...['X-Request-Id', 'Idempotency-Replayed', 'Location', 'ETag', 'Retry-After', 'WWW-Authenticate'],
  ...['RateLimit', 'RateLimit-Policy', 'Content-Disposition'],
];
/** How long a browser need not ask again, in seconds. */
const MAX_AGE_S = 600;

/** Builds what answers to the pages of these origins; a page of another gets no word, and its browser keeps our answer from it. */
export function createCors(origins: readonly string[]): RequestHandler {
  return cors({
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ALLOWED_HEADERS,
    exposedHeaders: EXPOSED_HEADERS,
    credentials: false,
    maxAge: MAX_AGE_S,
  });
}
