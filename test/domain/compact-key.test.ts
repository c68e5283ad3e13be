import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { mongo } from 'mongoose';
import { describe, expect, it } from 'vitest';
import type { IdempotencyKey } from '../../kernel/domain/id.ts';
import { describeCompactKey, isCompactFormOf, toCompactKey } from '../../kernel/store/ledger/compact-key.ts';
import { roundCount } from '../support/round-count.ts';

const UUID = '0198c0de-0000-7000-8000-00000000000a';
const numRuns = roundCount(500, 20_000);
const formOf = (key: string): string => describeCompactKey(toCompactKey(key as IdempotencyKey));

const scopes = fc.constantFrom('internal/engine', 'bff/usr_1', 'sysadmin/operator', '');
const operations = fc.constantFrom('debit', 'grant', 'reserve');
const uuids = fc.uuid();
const requests = fc.tuple(scopes, operations, uuids).map((parts) => `req:${parts.join(':')}`);
const strangeKeys = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  requests.map((key) => key.toUpperCase()),
  fc.tuple(requests, fc.constantFrom(' ', '\n', ':', '0', 'x')).map(([key, rest]) => key + rest),
  fc.tuple(requests, fc.constantFrom('/', ':', '0')).map(([key, rest]) => key.replace(/(?=[^:]*$)/, rest)),
);

describe('the compact form of a key', () => {
  it('is the same for ever: six bytes for caller and operation, sixteen for the UUID', () => {
    const prefix = createHash('sha256').update('req:internal/test:debit:').digest('hex').slice(0, 12);
    expect(formOf(`req:internal/test:debit:${UUID}`)).toBe(`0x${prefix}0198c0de00007000800000000000000a`);
    expect(formOf(`req:internal/test:debit:${UUID}`)).toBe('0x228479498e950198c0de00007000800000000000000a');
    const stored = toCompactKey(`req:internal/test:debit:${UUID}` as IdempotencyKey);
    expect(stored).toMatchObject({ sub_type: mongo.Binary.SUBTYPE_DEFAULT, position: 22 });
  });

  it.each([
    `open:ten_${UUID}`,
    `expire:grt_${UUID}`,
    `settle:hld_${UUID}:part-1`,
    `reverse:ent_${UUID}:1`,
    'req:internal/test:debit:1',
    `req:internal/test:debit:${UUID.toUpperCase()}`,
    `req:internal/test:debit:${UUID.replaceAll('-', '')}`,
    `req:internal/test:debit:a${UUID}`,
    `req:internal/test:debit:a:${UUID}`,
    `req:internal/test:debit:${UUID} `,
    `req:internal/test:debit:${UUID}\n`,
    ` req:internal/test:debit:${UUID}`,
    `req:${UUID}`,
  ])('of every other key is its text: %j', (key) => {
    expect(toCompactKey(key as IdempotencyKey)).toBe(key);
  });

  it('is another for another key', () => {
    fc.assert(
      fc.property(fc.oneof(requests, strangeKeys), fc.oneof(requests, strangeKeys), (a, b) => {
        expect(formOf(a) === formOf(b)).toBe(a === b);
        expect(isCompactFormOf(toCompactKey(a as IdempotencyKey), b as IdempotencyKey)).toBe(a === b);
      }),
      { numRuns },
    );
  });

  it('keeps the order of the ids of one caller and operation', () => {
    fc.assert(
      fc.property(scopes, operations, uuids, uuids, (scope, operation, a, b) => {
        const [first, second] = [a, b].map((id) => formOf(`req:${scope}:${operation}:${id}`));
        expect((first ?? '') < (second ?? '')).toBe(a < b);
      }),
      { numRuns },
    );
  });
});
