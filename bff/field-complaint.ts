// Owns what people are told about a parameter or a field that can't be accepted. Does not own what is accepted.

import type { FieldError } from './problem.ts';
import { quote, type Violation } from './schema.ts';

/** Stands in the place of a value whose percent-encoding is broken. */
export class BrokenValue {}

/** What is read, and how it is called. */
export interface Reading {
  readonly noun: 'parameter' | 'field';
  /** Are the names that a call knows. */
  readonly names: readonly string[];
}

/** Tells each violation to people. */
export function toFieldErrors(violations: readonly Violation[], reading: Reading): readonly FieldError[] {
  return violations.map((violation) => ({ field: shorten(violation.field), message: complain(violation, reading) }));
}

function complain({ problem, value, expected }: Violation, { noun, names }: Reading): string {
  if (problem === 'unknown') {
    return `This call has no such ${noun}; it takes ${names.length === 0 ? `no ${noun}` : names.join(', ')}.`;
  }
  if (problem === 'missing') {
    return `This ${noun} is required; it must be ${expected}.`;
  }
  if (noun === 'parameter' && Array.isArray(value)) {
    return 'The parameter was sent more than once; send it once.';
  }
  if (value instanceof BrokenValue) {
    return 'Its percent-encoding is broken; send text in UTF-8, with each byte of it as % and two hexadecimal digits.';
  }
  return `It must be ${expected}, not ${quote(value)}.`;
}

/** A made-up name is echoed, but not at the length that its sender chose. */
function shorten(field: string): string {
  return field.length > 64 ? `${field.slice(0, 63)}…` : field;
}
