// Owns how the query of a request is read and checked, and what people are told about a parameter that can't be accepted.
// Invariants: a parameter that a call does not have is refused by name, never ignored; no parameter counts twice; a value
// is what was sent: one whose percent-encoding is broken is refused, never taken for another text.

import { BrokenValue, toFieldErrors } from './field-complaint.ts';
import { invalidField } from './problem.ts';
import { compileSchema, propertyNames, type Schema } from './schema.ts';
import type { JsonSchema } from './shape.ts';

/** How many parameters a query may have; no call takes as many. */
const PARAMETERS_MAX = 100;

const BROKEN = new BrokenValue();

/**
 * Splits a query into its parameters; one that was sent more than once is a list. Throws INVALID_FIELD `query` where there
 * are too many to look at.
 */
export function parseQuery(text: string | null): object {
  const pieces = (text ?? '').split('&').filter((piece) => piece !== '');
  if (pieces.length > PARAMETERS_MAX) {
    const message = `It has ${pieces.length} parameters; send at most ${PARAMETERS_MAX}.`;
    throw invalidField({ field: 'query', message });
  }
  const values = new Map<string, unknown[]>();
  for (const piece of pieces) {
    const nameEnd = piece.includes('=') ? piece.indexOf('=') : piece.length;
    const rawName = piece.slice(0, nameEnd);
    // A name that is broken is no parameter's name: it is shown as it was sent.
    const name = decode(rawName) ?? rawName;
    values.set(name, [...(values.get(name) ?? []), decode(piece.slice(nameEnd + 1)) ?? BROKEN]);
  }
  const entries = [...values].map(([name, sent]): [string, unknown] => [name, sent.length === 1 ? sent[0] : sent]);
  return Object.fromEntries(entries);
}

/** Decodes what forms and links send; undefined where its percent-encoding is broken, or its bytes are no UTF-8. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** Checks a raw query and gives it its type. */
export interface ReadQuery<Query> {
  /** Throws INVALID_FIELD, which names every parameter at fault. */
  (raw: unknown): Query;
  /** Is what it checks by; the document of the API tells it. */
  readonly schema: JsonSchema;
}

/** Compiles the schema of a query, whose properties are all strings: a query has nothing else. */
export function defineQuery<Query>(schema: Schema<Query>): ReadQuery<Query> {
  const check = compileSchema(schema);
  const names = propertyNames(schema);
  const read = (raw: unknown): Query => {
    const checked = check(raw);
    if ('violations' in checked) {
      throw invalidField(...toFieldErrors(checked.violations, { noun: 'parameter', names }));
    }
    return checked.value;
  };
  return Object.assign(read, { schema });
}

/** The query of a call that takes no parameter. */
export const readEmptyQuery: ReadQuery<Record<string, never>> = defineQuery<Record<string, never>>({
  type: 'object',
  properties: {},
  required: [],
  additionalProperties: false,
});
