// Times in requests: what RFC 3339 allows, and nothing else.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTimestamp } from '../../bff/timestamp.ts';

test('reads back every time that it can show', () => {
  const dates = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  });
  fc.assert(fc.property(dates, (date) => parseTimestamp(date.toISOString())?.getTime() === date.getTime()));
});

test('reads offsets', () => {
  const minutes = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 });
  fc.assert(
    fc.property(minutes, (offset) => {
      const size = Math.abs(offset);
      const pad = (value: number): string => String(value).padStart(2, '0');
      const text = `2026-06-15T12:00:00${offset < 0 ? '-' : '+'}${pad(Math.trunc(size / 60))}:${pad(size % 60)}`;
      return parseTimestamp(text)?.getTime() === Date.UTC(2026, 5, 15, 12) - offset * 60_000;
    }),
  );
});

test('agrees with Date about which days exist', () => {
  const parts = fc.tuple(
    fc.integer({ min: 1, max: 9_999 }),
    fc.integer({ min: 0, max: 13 }),
    fc.integer({ min: 0, max: 32 }),
  );
  fc.assert(
    fc.property(parts, ([year, month, day]) => {
      const text = `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}T00:00:00Z`;
      const date = new Date(text);
      const isReal = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text.slice(0, 10));
      return (parseTimestamp(text) !== undefined) === isReal;
    }),
  );
});

test.each([
  ['2026-01-01T00:00:00z', '2026-01-01T00:00:00.000Z'],
  ['2026-01-01t00:00:00Z', '2026-01-01T00:00:00.000Z'],
  ['2026-01-01T00:00:00.1Z', '2026-01-01T00:00:00.100Z'],
  ['2026-01-01T00:00:00.123456+00:00', '2026-01-01T00:00:00.124Z'],
  ['2026-01-01T00:00:00.000000001Z', '2026-01-01T00:00:00.001Z'],
  ['2026-12-31T23:59:59.999999999Z', '2027-01-01T00:00:00.000Z'],
  ['2024-02-29T12:00:00-00:00', '2024-02-29T12:00:00.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
])('reads %s as %s', (text, iso) => {
  expect(parseTimestamp(text)?.toISOString()).toBe(iso);
});

test.each([
  '',
  '2026',
  '2026-01-01 00:00:00Z',
  '2026-01-01T00:00Z',
  '2026-01-01T00:00:00+0200',
  '2026-01-01T00:00:00.1234567890Z',
  ' 2026-01-01T00:00:00Z',
  '٢٠٢٦-01-01T00:00:00Z',
])('does not read %j', (text) => {
  expect(parseTimestamp(text)).toBeUndefined();
});
