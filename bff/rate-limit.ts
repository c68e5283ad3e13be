// Owns how many requests an address, and a caller, may send in a minute. Does not own who they are, or which proxies are believed
// about an address (app.ts). It counts in this process alone: behind a balancer of n processes the limits are n times as high.
// Invariants: a caller is counted by who it was proved to be, never by what a request says of itself; of personal access tokens
// only digests are kept.

import type { Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { type Identity, keyOf } from './identity.ts';
import { Problem } from './problem.ts';
import { toRemoteAddress } from './remote-address.ts';

const WINDOW_MS = 60_000;
const MS_PER_S = 1_000;

/** How many requests may be sent in a minute; 0 means any number. */
export interface RateLimitOptions {
  readonly perAddress: number;
  /** Of one personal access token, or one person. */
  readonly perCaller: number;
}

/** Counts requests, and refuses those beyond the limits. */
export class RateLimits {
  /** Counts each request for its address. Passes on RATE_LIMITED beyond the limit. */
  readonly countAddress: RequestHandler;
  readonly #countCaller: RequestHandler;
  readonly #callers = new WeakMap<Request, string>();

  constructor({ perAddress, perCaller }: RateLimitOptions) {
    this.countAddress = createLimiter('address', perAddress, ({ ip }) => ipKeyGenerator(toRemoteAddress(ip) ?? ''));
    this.#countCaller = createLimiter('caller', perCaller, (request) => this.#callers.get(request) ?? '');
  }

  /** Counts a request for whoever sent it. Throws RATE_LIMITED beyond the limit. */
  async countCaller(identity: Identity, request: Request, response: Response): Promise<void> {
    if (identity.kind === 'nobody') return;
    this.#callers.set(request, `${identity.kind}\n${keyOf(identity)}`);
    await new Promise<void>((resolve, reject) => {
      void this.#countCaller(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error)));
    });
  }
}

function createLimiter(name: string, limit: number, keyGenerator: (request: Request) => string): RequestHandler {
  if (limit === 0) return (_request, _response, next) => next();
  return rateLimit({
    windowMs: WINDOW_MS,
    limit,
    identifier: name,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator,
    // Its checks are about how it is set up, and are told on the console.
    validate: false,
    handler: (request, _response, next) => next(rateLimited(name, limit, request)),
  });
}

function rateLimited(name: string, limit: number, request: Request): Problem {
  const info: unknown = Reflect.get(request, 'rateLimit');
  const resetTime: unknown = typeof info === 'object' && info !== null ? Reflect.get(info, 'resetTime') : undefined;
  const leftMs = resetTime instanceof Date ? resetTime.getTime() - Date.now() : WINDOW_MS;
  const who = name === 'address' ? 'This address' : 'This access token';
  return new Problem('RATE_LIMITED', {
    detail: `${who} has sent the ${limit} requests that it may send in a minute; try again after the time in Retry-After.`,
    metadata: { limit: String(limit), per: name },
    retryAfterS: Math.max(1, Math.ceil(leftMs / MS_PER_S)),
  });
}
