/**
 * Owns: which operation a method and a path mean, by Stripe's specification.
 * Does not own: the operations.
 * Invariant: every served method of Stripe's is either an operation here or answers that the sandbox does not know it; no
 * operation is here that Stripe has not.
 */
import type { Operation, Resource } from './call.ts';
import { type OpenApi, type Operation as OperationSchema, type Schema, toParameterSchema } from './openapi/openapi.ts';
import { invalidRequest, notInSandbox } from './stripe-error.ts';

/** Is an operation that was asked for. */
export interface Route {
  readonly operation: Operation;
  readonly path: Readonly<Record<string, string>>;
  readonly parameters: Schema;
  readonly answer: Schema;
}

interface Entry {
  readonly method: string;
  readonly segments: readonly string[];
  readonly name: string;
  readonly schema: OperationSchema;
}

/** Finds operations. */
export class Router {
  readonly #entries: readonly Entry[];
  readonly #operations: ReadonlyMap<string, Operation>;

  /** Throws RangeError for an operation that Stripe's specification, or the list of served paths, has not. */
  constructor(openApi: OpenApi, resources: readonly Resource[]) {
    this.#entries = Object.entries(openApi.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([lowerMethod, schema]) => {
        const method = lowerMethod.toUpperCase();
        return { method, segments: path.split('/'), name: `${method} ${path}`, schema };
      }),
    );
    this.#operations = new Map(resources.flatMap(({ operations }) => Object.entries(operations)));
    const known = new Set(this.#entries.map(({ name }) => name));
    const stray = [...this.#operations.keys()].filter((name) => !known.has(name));
    if (stray.length > 0) {
      throw new RangeError(
        `The extract of Stripe's specification has no ${stray.join(', ')}: see openapi/served-path.ts.`,
      );
    }
  }

  /** Returns the operation. Throws StripeError where Stripe, or the sandbox, has none. */
  find(method: string, path: string): Route {
    const segments = path.split('/');
    const fitting = this.#entries.filter((entry) => entry.method === method && isFitting(entry.segments, segments));
    // A path that says a word where another has a parameter is the one that is meant.
    const [entry] = fitting.sort((a, b) => countParameters(a.segments) - countParameters(b.segments));
    if (entry === undefined) {
      const message = `Unrecognized request URL (${method}: ${path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`;
      throw invalidRequest(message, {}, 404);
    }
    const operation = this.#operations.get(entry.name);
    if (operation === undefined) throw notInSandbox(entry.name);
    return {
      operation,
      path: toPathValues(entry.segments, segments),
      parameters: toParameterSchema(entry.schema),
      answer: entry.schema.responses['200'].content['application/json']?.schema ?? {},
    };
  }
}

function isParameter(segment: string): boolean {
  return segment.startsWith('{');
}

function countParameters(segments: readonly string[]): number {
  return segments.filter(isParameter).length;
}

function isFitting(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => (isParameter(part) ? segments[index] !== '' : part === segments[index]))
  );
}

function toPathValues(pattern: readonly string[], segments: readonly string[]): Record<string, string> {
  const values = pattern.flatMap((part, index): (readonly [string, string])[] =>
    isParameter(part) ? [[part.slice(1, -1), decode(segments[index] ?? '')]] : [],
  );
  return Object.fromEntries(values);
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
