/** Owns: ids as Stripe makes them: a prefix that says what it is of, and random characters. */
import { randomBytes } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const LENGTH_DEFAULT = 24;

/** Makes an id such as `price_1Abc…`. */
export function createId(prefix: string, length = LENGTH_DEFAULT): string {
  return `${prefix}_${createToken(length)}`;
}

/** Makes random letters and digits. */
export function createToken(length: number): string {
  // 256 is no multiple of 62: the first letters come a little more often, which matters to nobody here.
  return [...randomBytes(length)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
}
