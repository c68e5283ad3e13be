// The history as pages: whatever the size of the pages and the filter, one after the other they are the whole list.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AccountReader } from '../../kernel/app/ledger/account-reader.ts';
import {
  type EntryListTools,
  listEntries,
  NO_WORK_FINDER,
  type WorkFinder,
} from '../../kernel/app/ledger/entry-list.ts';
import { LaneRegistry } from '../../kernel/app/ledger/lane-registry.ts';
import type { EntryFilter, PostedEntry } from '../../kernel/app/ledger/ledger.ts';
import type { Clock } from '../../kernel/app/ports.ts';
import type { EntryType } from '../../kernel/domain/entry.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { roundCount } from '../support/round-count.ts';
import {
  debit,
  EXPIRE,
  extend,
  giveGrant,
  keyOf,
  OTHER_TENANT,
  openAccount,
  redact,
  release,
  reserve,
  reverse,
  START,
  settle,
  TENANT,
} from './support/command.ts';
import { filterNaively, placesOf } from './support/entry-filter.ts';
import { histories } from './support/history.ts';
import { ANY_RESERVATION, nthEntry, nthHold, nthTarget } from './support/reference.ts';
import { Writer } from './support/writer.ts';

const CLOCK: Clock = { now: () => START, estimate: () => START, measure: () => Promise.resolve() };
const ALL: EntryFilter = {};

function toolsOf(writer: Writer, work: WorkFinder = NO_WORK_FINDER): EntryListTools {
  const { store } = writer.memory;
  return { store, reader: new AccountReader(store, new LaneRegistry(), CLOCK, PROCESS_PACING), work };
}

/** Finds work by looking at all commits, so many at once; gives up after each look that is in vain. */
function finderOver(writer: Writer, commitsAtOnce: number): WorkFinder {
  return {
    findCommits: (_, { oldest, newest }, filter) => {
      const from = Math.max(oldest, newest - commitsAtOnce + 1);
      const places = filterNaively(writer.memory.commits, filter).map((place) => Number.parseInt(place, 10));
      const isThere = places.some((seq) => seq >= from && seq <= newest);
      return Promise.resolve({ oldest: from, newest: isThere ? newest : from - 1, stretchesSeen: 1 });
    },
  };
}

/** Reads a list to its end, and what came on each page. */
async function readPages(
  writer: Writer,
  filter: EntryFilter,
  size: number,
  work?: WorkFinder,
): Promise<readonly (readonly PostedEntry[])[]> {
  const tools = toolsOf(writer, work);
  const pages: (readonly PostedEntry[])[] = [];
  for (let token = ''; pages.length < 5_000; ) {
    const page = await listEntries(tools, TENANT, filter, { size, token });
    expect(page.entries.length).toBeLessThanOrEqual(size);
    pages.push(page.entries);
    token = page.nextPageToken;
    if (token === '') return pages;
  }
  throw new Error('the list has no end');
}

const TYPES: readonly EntryType[] = [
  'account_opened',
  'granted',
  'grant_started',
  'grant_expired',
  'debited',
  'adjusted',
  'reserved',
  'hold_extended',
  'settled',
  'hold_released',
  'hold_expired',
  'reversed',
  'redacted',
];
const times = fc.option(fc.integer({ min: START - 3, max: START + 60 }), { nil: undefined });
const filters: fc.Arbitrary<EntryFilter> = fc
  .record({
    types: fc.option(fc.subarray([...TYPES], { minLength: 1 }), { nil: undefined }),
    action: fc.option(fc.constantFrom('tick', 'third', 'free', 'none'), { nil: undefined }),
    startAt: times,
    endAt: times,
  })
  .map(({ types, action, startAt, endAt }) => ({
    ...(types === undefined ? {} : { types }),
    ...(action === undefined ? {} : { action }),
    ...(startAt === undefined ? {} : { startAt }),
    ...(endAt === undefined ? {} : { endAt }),
  }));

describe('the list of entries', () => {
  it('is the whole history, newest first, whatever the size of its pages and the filter', async () => {
    await fc.assert(
      fc.asyncProperty(
        histories,
        filters,
        fc.integer({ min: 1, max: 9 }),
        fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
        async (history, filter, size, commitsAtOnce) => {
          const writer = new Writer();
          for (const { now, commands } of history) writer.write(now, ...commands);
          const work = commitsAtOnce === undefined ? undefined : finderOver(writer, commitsAtOnce);
          const pages = await readPages(writer, filter, size, work);
          expect(placesOf(pages.flat())).toEqual(filterNaively(writer.memory.commits, filter));
        },
      ),
      { numRuns: roundCount(60, 3_000) },
    );
  });

  it('answers each entry with its place, its time and the caller’s request id', async () => {
    const writer = new Writer();
    writer.write(START, openAccount(), giveGrant('a', 5n, { expiresAt: START + 5 }));
    writer.write(START + 9, debit('1', { alreadyPerformed: true, key: keyOf('a:b:c') }));
    const [entries = []] = await readPages(writer, ALL, 10);
    expect(
      entries.map(({ entry, createdAt, requestId, tenantId }) => [entry.type, createdAt, requestId, tenantId]),
    ).toEqual([
      ['debited', START + 9, 'a:b:c', TENANT],
      ['grant_expired', START + 9, undefined, TENANT],
      ['granted', START, expect.stringContaining('fresh'), TENANT],
      ['account_opened', START, undefined, TENANT],
    ]);
  });

  it('begins with the start time and ends before the end time, to the millisecond', async () => {
    const writer = new Writer();
    writer.write(START, openAccount(), giveGrant('a', 99n));
    for (let ms = 1; ms <= 3; ms += 1) writer.write(START + ms, debit('1'));
    const listed = async (filter: EntryFilter) => placesOf((await readPages(writer, filter, 10)).flat());
    expect(await listed({ startAt: START + 2 })).toEqual(['4/0', '3/0']);
    expect(await listed({ endAt: START + 2 })).toEqual(['2/0', '1/1', '1/0']);
    expect(await listed({ startAt: START + 1, endAt: START + 2 })).toEqual(['2/0']);
    expect(await listed({ startAt: START + 4 })).toEqual([]);
    expect(await listed({ endAt: START })).toEqual([]);
  });

  it('is found by project and workflow', async () => {
    const writer = new Writer();
    writer.write(START, openAccount(), giveGrant('a', 99n));
    const contexts = [{ projectId: 'p1' }, { projectId: 'p2', workflowId: 'w1' }, { workflowId: 'w1' }, {}];
    writer.write(START, ...contexts.map((context) => debit('1', context)));
    writer.write(START, ...contexts.map((context) => reserve('1', context)));
    writer.write(START, ...contexts.map((_, n) => settle(nthHold(n), '1', { reservation: ANY_RESERVATION })));
    writer.write(START, extend(nthHold(0), { expiresAt: START + 5 }), release(nthHold(1)));
    // The requests so far: opening, grant, four debits, four reservations, four parts.
    writer.write(START + 9, reverse(nthTarget(2)), reverse(nthTarget(11)), redact(nthEntry(3)));
    expect(new Set(writer.memory.commits.flatMap(({ entries }) => entries.map(({ type }) => type))).size).toBe(10);
    for (const filter of [
      { projectId: 'p1' },
      { workflowId: 'w1' },
      { projectId: 'p2', workflowId: 'w1' },
      { projectId: 'w1' },
    ]) {
      expect(placesOf((await readPages(writer, filter, 2)).flat())).toEqual(
        filterNaively(writer.memory.commits, filter),
      );
    }
  });

  it('of an account that is not open is empty', async () => {
    expect(await readPages(new Writer(), ALL, 10)).toEqual([[]]);
  });

  it('does not show what came after its first page, and loses nothing by it', async () => {
    const writer = new Writer();
    writer.write(START, openAccount(), giveGrant('a', 99n), debit('1'), debit('1'));
    const tools = toolsOf(writer);
    const first = await listEntries(tools, TENANT, ALL, { size: 3, token: '' });
    writer.write(START, debit('1'));
    const second = await listEntries(tools, TENANT, ALL, { size: 3, token: first.nextPageToken });
    expect(placesOf([...first.entries, ...second.entries])).toEqual(['1/3', '1/2', '1/1', '1/0']);
    expect(second.nextPageToken).toBe('');
  });

  it('goes through long stretches without a match in pages that end early, not in one endless read', async () => {
    const writer = new Writer();
    writer.write(START, openAccount(), giveGrant('a', 99n));
    const [first] = writer.memory.commits;
    if (first === undefined) throw new Error('nothing was written');
    for (let seq = 2; seq <= 9_000; seq += 1) writer.memory.commits.push({ ...first, seq, entries: [] });
    writer.memory.isVisible = () => true;
    const pages = await readPages(writer, { types: ['account_opened'] }, 10);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.map((page) => page.length)).toEqual(pages.map((_, index) => (index === pages.length - 1 ? 1 : 0)));
    expect(writer.memory.reads.length).toBeLessThan(200);
  });

  it('refuses a token of another tenant, of other filters, or of no list', async () => {
    const writer = new Writer();
    writer.write(START, openAccount(), giveGrant('a', 99n), debit('1'));
    const tools = toolsOf(writer);
    const { nextPageToken } = await listEntries(tools, TENANT, ALL, { size: 1, token: '' });
    const refused = { reason: 'INVALID_FIELD', violations: [{ field: 'page_token', description: expect.any(String) }] };
    const wrong: [typeof TENANT, EntryFilter, string][] = [
      [OTHER_TENANT, ALL, nextPageToken],
      [TENANT, { action: 'tick' }, nextPageToken],
      [TENANT, { endAt: START }, nextPageToken],
      [TENANT, ALL, `${nextPageToken}x`],
      [TENANT, ALL, nextPageToken.slice(1)],
      [TENANT, ALL, 'x'],
      [TENANT, ALL, Buffer.from('1.0.1.0').toString('base64url')],
    ];
    for (const [tenantId, filter, token] of wrong) {
      await expect(listEntries(tools, tenantId, filter, { size: 1, token })).rejects.toMatchObject(refused);
    }
  });

  it('takes the types of a filter in any order for the same list', async () => {
    const writer = new Writer();
    writer.write(START, openAccount(), giveGrant('a', 99n), debit('1'), EXPIRE);
    const tools = toolsOf(writer);
    const first = await listEntries(tools, TENANT, { types: ['granted', 'debited'] }, { size: 1, token: '' });
    const second = await listEntries(
      tools,
      TENANT,
      { types: ['debited', 'granted'] },
      { size: 1, token: first.nextPageToken },
    );
    expect(placesOf([...first.entries, ...second.entries])).toEqual(['1/2', '1/1']);
  });
});
