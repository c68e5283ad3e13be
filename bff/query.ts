// Owns how the query of a request is checked, and what people are told about a parameter that can't be accepted.
// Invariants: a parameter that a call does not have is refused by name, never ignored; no parameter counts twice.

import { invalidField } from './problem.ts';
import { compileSchema, quote, type Schema, type Violation } from './schema.ts';

/** Checks a raw query and gives it its type. Throws INVALID_FIELD, which names every parameter at fault. */
export type ReadQuery<Query> = (raw: unknown) => Query;

/** Compiles the schema of a query, whose properties are all strings: a query has nothing else. */
export function defineQuery<Query>(schema: Schema<Query>): ReadQuery<Query> {
  const check = compileSchema(schema);
  const names = 'properties' in schema ? Object.keys(Object(schema['properties'])) : [];
  const known = names.length === 0 ? 'it takes no parameter' : `it takes ${names.join(', ')}`;
  return (raw) => {
    const checked = check(raw);
    if ('violations' in checked) {
      throw invalidField(
        ...checked.violations.map((violation) => ({
          field: shorten(violation.field),
          message: complain(violation, known),
        })),
      );
    }
    return checked.value;
  };
}

/** The query of a call that takes no parameter. */
export const readEmptyQuery: ReadQuery<Record<string, never>> = defineQuery<Record<string, never>>({
  type: 'object',
  properties: {},
  required: [],
  additionalProperties: false,
});

function complain({ problem, value, expected }: Violation, known: string): string {
  if (problem === 'unknown') {
    return `This call has no such parameter; ${known}.`;
  }
  if (problem === 'missing') {
    return `This parameter is required; it must be ${expected}.`;
  }
  if (Array.isArray(value)) {
    return 'The parameter was sent more than once; send it once.';
  }
  return `It must be ${expected}, not ${quote(value)}.`;
}

/** A made-up parameter name is echoed, but not at the length that its sender chose. */
function shorten(field: string): string {
  return field.length > 64 ? `${field.slice(0, 63)}…` : field;
}
