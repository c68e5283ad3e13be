/** Where two values differ. */
export interface Difference {
  /** Such as `grants.payg[0].remaining`; empty where the values differ as a whole. */
  readonly path: string;
  /** Undefined where nothing stands there. */
  readonly actual: unknown;
  /** Undefined where nothing should stand there. */
  readonly expected: unknown;
}

/** How much of a value is shown. */
const SHOWN_LENGTH_MAX = 80;

/** Compares values that are neither lists nor plain objects. */
type Compare = (actual: unknown, expected: unknown) => boolean;

/**
 * Finds the first place where two values differ; undefined where they are the same. Lists go by index and plain objects by
 * name, where an undefined field is an absent one; `isSame` decides about everything else.
 */
export function findDifference(
  actual: unknown,
  expected: unknown,
  isSame: Compare = Object.is,
  path = '',
): Difference | undefined {
  if (Array.isArray(actual) && Array.isArray(expected)) return findInLists(actual, expected, isSame, path);
  if (isRecord(actual) && isRecord(expected)) return findInRecords(actual, expected, isSame, path);
  return isSame(actual, expected) ? undefined : { path, actual, expected };
}

function findInLists(
  actual: readonly unknown[],
  expected: readonly unknown[],
  isSame: Compare,
  path: string,
): Difference | undefined {
  for (let index = 0; index < Math.max(actual.length, expected.length); index += 1) {
    const found = findDifference(actual[index], expected[index], isSame, `${path}[${index}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findInRecords(
  actual: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, unknown>>,
  isSame: Compare,
  path: string,
): Difference | undefined {
  for (const name of new Set([...Object.keys(actual), ...Object.keys(expected)])) {
    const found = findDifference(actual[name], expected[name], isSame, path === '' ? name : `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Says a difference in a sentence's part, such as `totals.payg is 5 and should be 4`. */
export function describeDifference({ path, actual, expected }: Difference): string {
  return `${path === '' ? 'the whole' : path} is ${describeValue(actual)} and should be ${describeValue(expected)}`;
}

function describeValue(value: unknown): string {
  if (value === undefined) return 'absent';
  if (typeof value === 'bigint') return `${value}`;
  const text =
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}` : part)) ?? typeof value;
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX).toWellFormed()}…`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
