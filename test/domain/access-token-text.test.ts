import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accessTokenPrefix, formatAccessToken, isAccessTokenText } from '../../kernel/domain/access-token-text.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** As docs/adr/0011 gives it to scanners. */
const SCANNER = /\bwhp_[0-9A-Za-z]{49}\b/g;
const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('the text of an access token', () => {
  test('has its form, and is found by scanners wherever it stands', () => {
    fc.assert(
      fc.property(bytes, (random) => {
        const token = formatAccessToken(random);
        expect(isAccessTokenText(token)).toBe(true);
        expect(`curl -H "Authorization: Bearer ${token}" https://x`.match(SCANNER)).toEqual([token]);
      }),
    );
  });

  test('carries all bits: two secrets have two texts', () => {
    fc.assert(
      fc.property(
        bytes,
        bytes,
        (a, b) => (Buffer.compare(a, b) === 0) === (formatAccessToken(a) === formatAccessToken(b)),
      ),
    );
    expect(formatAccessToken(new Uint8Array(32).fill(255)).slice(4, 5)).not.toBe('0');
    expect(formatAccessToken(new Uint8Array(32))).toMatch(/^whp_0{43}/);
  });

  test('ends with the CRC-32 of its secret in base 62', () => {
    const token = formatAccessToken(createHash('sha256').update('a fixed secret').digest());
    let rest = crc32(token.slice(4, 47));
    let checksum = '';
    for (let index = 0; index < 6; index += 1) {
      checksum = ALPHABET.charAt(rest % 62) + checksum;
      rest = Math.floor(rest / 62);
    }
    expect(token.slice(47)).toBe(checksum);
  });

  test('is none any more with any one character changed, cut off or added', () => {
    const token = formatAccessToken(randomBytes(32));
    for (let index = 0; index < token.length; index += 1) {
      const other = token.charAt(index) === 'x' ? 'y' : 'x';
      expect(isAccessTokenText(token.slice(0, index) + other + token.slice(index + 1))).toBe(false);
    }
    for (const text of ['', 'whp_', token.slice(1), token.slice(0, -1), `${token}0`, ` ${token}`, `${token}\n`]) {
      expect(isAccessTokenText(text)).toBe(false);
    }
    fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => !isAccessTokenText(text)));
  });

  test('shows people no more than ten characters', () => {
    const token = formatAccessToken(randomBytes(32));
    expect(accessTokenPrefix(token)).toBe(token.slice(0, 10));
  });
});
