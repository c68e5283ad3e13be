import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { mongo } from 'mongoose';
import { describe, expect, it } from 'vitest';
import { formatCanonicalJson } from '../../kernel/store/ledger/canonical-json.ts';
import { roundCount } from '../support/round-count.ts';

/** What stored documents are made of, as JSON has it: the plain way to say what the written text must be. */
function toPlain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof mongo.Binary) return Buffer.from(value.buffer.subarray(0, value.position)).toString('hex');
  if (Array.isArray(value)) return value.map(toPlain);
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, part]) => (part === undefined ? [] : [[name, toPlain(part)]])),
  );
}

const names = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('a', 'b', 'key', 'Key', 'tenant_id', 'after', '_id', '10', '9', 'é', '€', '🧾', ''),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }).filter((name) => name !== '__proto__') },
);
const leaves = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
  fc.constantFrom('"', '\\', '\u2028', '\u007f', '\u0000\b\t\n\f\r\u001f', 'a"b\\c/d', '€', '🧾'),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => new mongo.Binary(bytes)),
  fc.uuid().map((uuid) => new mongo.UUID(uuid)),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constant(null),
);
const { document: documents } = fc.letrec<{ value: unknown; document: Record<string, unknown> }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaves, fc.array(tie('value'), { maxLength: 4 }), tie('document')),
  document: fc.dictionary(
    names,
    fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 6, arbitrary: tie('value') }),
    {
      maxKeys: 8,
      noNullPrototype: true,
    },
  ),
}));

describe('canonical JSON', () => {
  it('is what the reference implementation of RFC 8785 writes, for every document', () => {
    fc.assert(
      fc.property(documents, (document) => {
        expect(formatCanonicalJson(document)).toBe(canonicalize(toPlain(document)));
      }),
      { numRuns: roundCount(2_000, 100_000) },
    );
  });

  it('is the same in whichever order the fields came', () => {
    fc.assert(
      fc.property(
        documents.chain((document) =>
          fc.tuple(
            fc.constant(document),
            fc.shuffledSubarray(Object.keys(document), { minLength: Object.keys(document).length }),
          ),
        ),
        ([document, order]) => {
          const shuffled = Object.fromEntries(order.map((name) => [name, document[name]]));
          expect(formatCanonicalJson(shuffled)).toBe(formatCanonicalJson(document));
        },
      ),
      { numRuns: roundCount(300, 10_000) },
    );
  });

  it('keeps working when documents have more shapes than it remembers', () => {
    for (let round = 0; round < 12_000; round += 1) {
      expect(formatCanonicalJson({ [`z${round}`]: 1n, [`a${round}`]: { b: 'x', a: [] } })).toBe(
        `{"a${round}":{"a":[],"b":"x"},"z${round}":"1"}`,
      );
    }
  });

  it.each([
    ['a lone surrogate', { text: '\ud800' }],
    ['a name with a lone surrogate', { '\udc00': 1n }],
    ['a number that is none', { seq: Number.NaN }],
    ['an endless number', { list: [Number.POSITIVE_INFINITY] }],
    ['a function', { run: () => 1 }],
    ['nothing in a list', { list: [undefined] }],
  ])('refuses what has no canonical form: %s', (_what, document) => {
    expect(() => formatCanonicalJson(document)).toThrow(TypeError);
  });
});
