// Owns how numbers of things are written for people.

import { LOCALES } from './locale.ts';

const COUNT = new Intl.NumberFormat(LOCALES);

/** Writes a number of things, such as `1,204`. */
export function formatCount(count: number): string {
  return COUNT.format(count);
}
