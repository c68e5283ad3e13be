import fc from 'fast-check';
import { validate, version } from 'uuid';
import { describe, expect, it } from 'vitest';
import {
  type EntryPlace,
  formatEntryId,
  formatHoldId,
  parseEntryId,
  parseHoldId,
} from '../../kernel/domain/entry-id.ts';
import { roundCount } from '../support/round-count.ts';
import { START } from './support/command.ts';

const SEQ_MAX = 2 ** 48 - 1;
const seqs = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: SEQ_MAX }));
const places: fc.Arbitrary<EntryPlace> = fc.record({ seq: seqs, index: fc.integer({ min: 0, max: 4_095 }) });
const instants = fc.oneof(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.integer({ min: START, max: START + 5 }));
const numRuns = roundCount(500, 50_000);

describe('an entry id', () => {
  it('leads back to its place', () => {
    fc.assert(
      fc.property(places, instants, (place, at) => {
        expect(parseEntryId(formatEntryId(place, at))).toEqual({ ...place, createdAt: at });
      }),
      { numRuns },
    );
  });

  it('is a valid UUIDv7 behind its prefix, with the time of the commit', () => {
    fc.assert(
      fc.property(places, instants, (place, at) => {
        const [prefix, uuid = ''] = formatEntryId(place, at).split('_');
        expect(prefix).toBe('ent');
        expect(validate(uuid)).toBe(true);
        expect(version(uuid)).toBe(7);
        expect(Number.parseInt(uuid.replace('-', '').slice(0, 12), 16)).toBe(at);
      }),
      { numRuns },
    );
  });

  it('is one for each place', () => {
    fc.assert(
      fc.property(fc.uniqueArray(places, { selector: ({ seq, index }) => `${seq}/${index}`, maxLength: 50 }), (all) => {
        expect(new Set(all.map((place) => formatEntryId(place, START))).size).toBe(all.length);
      }),
      { numRuns: roundCount(100, 5_000) },
    );
  });

  it('sorts as the history does: by time, then commit, then place in the commit', () => {
    fc.assert(
      fc.property(places, places, instants, fc.nat(3), (a, b, at, elapsed) => {
        const [first, second] = a.seq < b.seq || (a.seq === b.seq && a.index <= b.index) ? [a, b] : [b, a];
        // A commit's time is never before the one it follows, and entries of one commit have one time.
        const later = first.seq === second.seq ? at : at + elapsed;
        fc.pre(later < 2 ** 48 && (first.seq !== second.seq || first.index !== second.index));
        expect(formatEntryId(first, at) < formatEntryId(second, later)).toBe(true);
      }),
      { numRuns },
    );
  });

  it.each<[string, EntryPlace]>([
    ['seq 0', { seq: 0, index: 0 }],
    ['a negative seq', { seq: -1, index: 0 }],
    ['a seq beyond 48 bits', { seq: SEQ_MAX + 1, index: 0 }],
    ['a negative index', { seq: 1, index: -1 }],
    ['an index beyond 12 bits', { seq: 1, index: 4_096 }],
    ['no number', { seq: Number.NaN, index: 0 }],
  ])('refuses %s', (_what, place) => {
    expect(() => formatEntryId(place, START)).toThrow(RangeError);
  });

  it('is read from what formatEntryId writes and from nothing else', () => {
    const id = formatEntryId({ seq: 7, index: 3 }, START);
    const others = [
      '',
      id.slice(4),
      ` ${id}`,
      `${id}\n`,
      `${id}0`,
      id.slice(0, -1),
      id.toUpperCase(),
      id.replace('ent_', 'grt_'),
      id.replace('-7', '-4'),
      id.replace('-8', '-c'),
      'ent_00000000-0000-7000-8000-000000000000',
    ];
    for (const text of others) expect(parseEntryId(text), text).toBeUndefined();
  });
});

describe('a hold id', () => {
  it('is the id of the entry that made it, under a prefix of its own, and neither is taken for the other', () => {
    fc.assert(
      fc.property(places, instants, (place, at) => {
        const [entryId, holdId] = [formatEntryId(place, at), formatHoldId(place, at)];
        expect(holdId).toBe(entryId.replace('ent_', 'hld_'));
        expect(parseHoldId(holdId)).toEqual({ ...place, createdAt: at });
        expect(parseHoldId(entryId)).toBeUndefined();
        expect(parseEntryId(holdId)).toBeUndefined();
      }),
      { numRuns },
    );
  });

  it('is refused where there is no such place', () => {
    expect(() => formatHoldId({ seq: 0, index: 0 }, START)).toThrow(RangeError);
    expect(() => formatHoldId({ seq: 1, index: 4_096 }, START)).toThrow(RangeError);
    expect(parseHoldId('hld_00000000-0000-7000-8000-000000000000')).toBeUndefined();
  });
});
