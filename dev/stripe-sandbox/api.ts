/**
 * Owns: a request to Stripe's API from its first byte to its answer: the key of the account, the version, idempotency,
 * parameters, the operation in its transaction, expansion.
 * Does not own: what operations do, and HTTP itself (`http-server.ts`).
 * Invariant: an answer is kept under its idempotency key in the same transaction as what it tells of.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Call, type Resource, type SandboxFacts } from './call.ts';
import type { Clock } from './clock.ts';
import { expand } from './expansion.ts';
import { type Fault, Faults } from './fault.ts';
import { readTexts } from './field.ts';
import { parseForm } from './form.ts';
import { createId } from './id.ts';
import { assertKey, findKeptAnswer, KEPT_ANSWERS, type KeptAnswer, keyInUse, toFingerprint } from './idempotency.ts';
import type { ApiObject, Json, JsonFields } from './json.ts';
import type { OpenApi } from './openapi/openapi.ts';
import { readParameters } from './parameter.ts';
import { type Route, Router } from './router.ts';
import { defineTable, type Store, type Transaction } from './store.ts';
import { attempt, invalidRequest, StripeError, toErrorBody } from './stripe-error.ts';

/** Is a request as it came in. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** Is an answer; `isLost` says that the connection is to be closed instead of sending it. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isLost?: boolean;
}

/** Is what an API is made of. */
export interface ApiParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly openApi: OpenApi;
  readonly resources: readonly Resource[];
  readonly facts: SandboxFacts;
  /** Is the one secret key that is taken; absent: any that begins as a key of a test account. */
  readonly secretKey?: string | undefined;
}

interface Outcome {
  readonly status: number;
  readonly body: string;
}

/** Is what is known of a request before its operation runs. */
interface Prepared {
  readonly request: ApiRequest;
  readonly requestId: string;
  readonly route: Route;
  readonly key: string | undefined;
  readonly fault: Fault | undefined;
}

/** Answers requests to `/v1`. */
export class Api {
  readonly faults = new Faults();
  readonly #parts: ApiParts;
  readonly #router: Router;
  readonly #keysInUse = new Set<string>();

  constructor(parts: ApiParts) {
    this.#parts = parts;
    this.#router = new Router(parts.openApi, parts.resources);
  }

  /** Answers a request; failures are answers, too. */
  async answer(request: ApiRequest): Promise<ApiAnswer> {
    const requestId = createId('req', 14);
    const key = request.method === 'POST' ? request.headers['idempotency-key'] : undefined;
    const headers = {
      'request-id': requestId,
      'stripe-version': this.#parts.facts.apiVersion,
      ...(key === undefined ? {} : { 'idempotency-key': key, 'original-request': requestId }),
    };
    try {
      this.assertMayAsk(request.headers);
      const route = this.#router.find(request.method, request.path);
      const fault = this.faults.take(request.method, request.path);
      return await this.#answerOnce({ request, requestId, route, key, fault }, headers);
    } catch (error) {
      return { ...toOutcome(error), headers };
    }
  }

  /** Throws StripeError unless the headers have a key of the account, and no other version than ours. */
  assertMayAsk(headers: ApiRequest['headers']): void {
    const key = toSecretKey(headers['authorization']);
    if (key === undefined) {
      const message =
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').";
      throw invalidRequest(message, {}, 401);
    }
    const { secretKey, facts } = this.#parts;
    const isKnown = secretKey === undefined ? /^(sk|rk)_test_./.test(key) : key === secretKey;
    if (!isKnown) throw invalidRequest(`Invalid API Key provided: ${key.slice(0, 8)}****`, {}, 401);
    const version = headers['stripe-version'];
    if (version !== undefined && version !== facts.apiVersion) {
      throw invalidRequest(`The sandbox speaks Stripe's API version ${facts.apiVersion}, not ${version}.`);
    }
  }

  async #answerOnce(prepared: Prepared, headers: Readonly<Record<string, string>>): Promise<ApiAnswer> {
    const { key, fault, request } = prepared;
    if (key !== undefined) {
      assertKey(key);
      if (this.#keysInUse.has(key)) throw keyInUse(key);
      const fingerprint = toFingerprint(request.method, request.path, request.body);
      const now = this.#parts.clock.now();
      const kept = this.#parts.store.run((tx) => findKeptAnswer(tx, key, fingerprint, now));
      if (kept !== undefined) return toReplay(kept, headers);
      this.#keysInUse.add(key);
    }
    try {
      if (fault?.delayMs !== undefined) await sleep(fault.delayMs);
      if (fault?.outcome === 'refused') throw toFailure(fault);
      const outcome = this.#execute(prepared);
      return { ...outcome, headers, ...(fault?.outcome === 'done_but_lost' ? { isLost: true } : {}) };
    } finally {
      if (key !== undefined) this.#keysInUse.delete(key);
    }
  }

  #execute(prepared: Prepared): Outcome {
    const { request, route, fault } = prepared;
    const form = parseForm([request.query, request.body].filter((text) => text !== '').join('&'));
    const parameters = readParameters(form, route.parameters, [...route.operation.supported, 'expand']);
    if (fault?.outcome === 'failed') {
      const outcome = toOutcome(toFailure(fault));
      this.#parts.store.run((tx) => this.#keep(tx, prepared, outcome));
      return outcome;
    }
    try {
      return this.#parts.store.run((tx) => {
        const outcome = this.#runOperation(tx, prepared, parameters);
        this.#keep(tx, prepared, outcome);
        return outcome;
      });
    } catch (error) {
      const outcome = toOutcome(error);
      this.#parts.store.run((tx) => this.#keep(tx, prepared, outcome));
      return outcome;
    }
  }

  #runOperation(tx: Transaction, { requestId, route, key, fault }: Prepared, parameters: JsonFields): Outcome {
    const { clock, facts } = this.#parts;
    const call = new Call(tx, facts, clock.now(), { requestId, idempotencyKey: key ?? null });
    const answer = attempt(() => route.operation.run(call, { parameters, path: route.path }));
    if (answer instanceof StripeError) return toOutcome(answer);
    const expanded = expand(this.#toSource(call), answer, route.answer, readTexts(parameters, 'expand') ?? []);
    if (fault?.outcome === 'done_but_failed') return toOutcome(toFailure(fault));
    return { status: 200, body: JSON.stringify(expanded, null, 2) };
  }

  #toSource(call: Call) {
    const { openApi, resources } = this.#parts;
    return {
      openApi,
      find: (schemaName: string, id: string): ApiObject | undefined =>
        call.tx.find(defineTable<ApiObject>(schemaName), id),
      include(object: ApiObject, field: string): Json | undefined {
        for (const { included } of resources) {
          const make = included?.[object.object]?.[field];
          if (make !== undefined) return make(call, object);
        }
        return undefined;
      },
    };
  }

  #keep(tx: Transaction, { request, requestId, key }: Prepared, { status, body }: Outcome): void {
    if (key === undefined) return;
    const fingerprint = toFingerprint(request.method, request.path, request.body);
    tx.put(KEPT_ANSWERS, key, { fingerprint, requestId, status, body, at: this.#parts.clock.now() });
  }
}

function toReplay(kept: KeptAnswer, headers: Readonly<Record<string, string>>): ApiAnswer {
  const { status, body, requestId } = kept;
  return { status, body, headers: { ...headers, 'original-request': requestId, 'idempotent-replayed': 'true' } };
}

function toOutcome(error: unknown): Outcome {
  const failure =
    error instanceof StripeError
      ? error
      : new StripeError(
          500,
          'api_error',
          `The sandbox failed: ${error instanceof Error ? error.stack : String(error)}`,
        );
  return { status: failure.status, body: JSON.stringify(toErrorBody(failure), null, 2) };
}

function toFailure({ status = 500 }: Fault): StripeError {
  if (status === 429) {
    return new StripeError(429, 'invalid_request_error', 'Request rate limit exceeded.', { code: 'rate_limit' });
  }
  return new StripeError(status, 'api_error', 'An error of the API, as it was asked for (/_sandbox/faults).');
}

/** Returns the key: as Bearer, or as the user of Basic. */
function toSecretKey(authorization: string | undefined): string | undefined {
  const [scheme = '', value = ''] = (authorization ?? '').split(' ');
  if (scheme.toLowerCase() === 'bearer') return value || undefined;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  return Buffer.from(value, 'base64').toString('utf8').split(':')[0] || undefined;
}
