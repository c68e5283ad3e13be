// Owns how a request names which of some values a list is of.

import type { FieldCheck } from './field-check.ts';

/** Finds the value that a number of the contract stands for; undefined where a list is of all: the number is 0. */
export function checkListed<Value extends string>(
  check: FieldCheck,
  field: string,
  number: number,
  numbers: Readonly<Record<Value, number>>,
): Value | undefined {
  if (number === 0) return undefined;
  // The keys of a record are of its type; TypeScript widens them.
  const found = (Object.keys(numbers) as Value[]).find((value) => numbers[value] === number);
  if (found === undefined) check.refuse(field, `is none that there is, got ${number}: leave it out, or name one`);
  return found;
}
