// Owns the answers that say why a request was refused: one for each status, with the reasons that it can have.
// Does not own which reasons a route has (common-reason.ts), or how one looks (problem.ts).
// Invariant: what most routes have of a status is a component of the document, so that it is there once.

import { PROBLEM, PROBLEM_KINDS, type ProblemReason } from '../problem.ts';
import { type JsonSchema, oneOf } from '../shape.ts';
import { toHeaders } from './response-header.ts';
import type { SchemaTranslation } from './schema-translation.ts';

type Reasons = readonly ProblemReason[];

const RETRY_STATUSES: ReadonlySet<number> = new Set([409, 429, 503]);

/** The answers of a document. */
export class ProblemAnswers {
  /** Are those that most routes have, by their names. */
  readonly components: Readonly<Record<string, JsonSchema>>;
  readonly #schemas: SchemaTranslation;
  readonly #names = new Map<string, string>();

  /** Takes the reasons of each route. */
  constructor(schemas: SchemaTranslation, ofRoutes: readonly Reasons[]) {
    this.#schemas = schemas;
    const byStatus = Map.groupBy(ofRoutes.flatMap(splitByStatus), ({ status }) => status);
    const components = [...byStatus].sort(byNumber).map(([status, sets]): [string, JsonSchema] => {
      const [common] = mostFrequent(sets);
      const reasons = common?.reasons ?? [];
      this.#names.set(keyOf(reasons), `Problem${status}`);
      return [`Problem${status}`, this.#toAnswer(status, reasons)];
    });
    this.components = Object.fromEntries(components);
  }

  /** Builds the answers of a route that is refused for these reasons. */
  of(reasons: Reasons): JsonSchema {
    const entries = splitByStatus(reasons).map(({ status, reasons: ofStatus }): [number, JsonSchema] => {
      const name = this.#names.get(keyOf(ofStatus));
      return [
        status,
        name === undefined ? this.#toAnswer(status, ofStatus) : { $ref: `#/components/responses/${name}` },
      ];
    });
    return Object.fromEntries(entries);
  }

  #toAnswer(status: number, reasons: Reasons): JsonSchema {
    const titles = [...new Set(reasons.map((reason) => PROBLEM_KINDS[reason].title))];
    const narrowed = { type: 'object', properties: { reason: oneOf(reasons) } };
    return {
      description: `${titles.join('. ')}.`,
      headers: toHeaders([
        'X-Request-Id',
        ...(status === 401 ? (['WWW-Authenticate'] as const) : []),
        ...(RETRY_STATUSES.has(status) ? (['Retry-After'] as const) : []),
      ]),
      content: { 'application/problem+json': { schema: { allOf: [this.#schemas.translate(PROBLEM), narrowed] } } },
    };
  }
}

interface StatusReasons {
  readonly status: number;
  readonly reasons: Reasons;
}

function splitByStatus(reasons: Reasons): readonly StatusReasons[] {
  const byStatus = Map.groupBy(reasons, (reason) => PROBLEM_KINDS[reason].status);
  return [...byStatus].map(([status, ofStatus]) => ({ status, reasons: ofStatus }));
}

function mostFrequent(sets: readonly StatusReasons[]): readonly StatusReasons[] {
  const same = [...Map.groupBy(sets, ({ reasons }) => keyOf(reasons)).values()];
  return same.sort((left, right) => right.length - left.length)[0] ?? [];
}

function keyOf(reasons: Reasons): string {
  return reasons.join(' ');
}

function byNumber([left]: readonly [number, unknown], [right]: readonly [number, unknown]): number {
  return left - right;
}
