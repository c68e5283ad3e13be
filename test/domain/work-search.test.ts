// Passing over what has no work of a kind: whatever the history, however far it was projected, and while rollups are
// rebuilt, a list that searches is the list that reads everything.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unopenedHead } from '../../kernel/app/ledger/account-head.ts';
import { AccountReader } from '../../kernel/app/ledger/account-reader.ts';
import { listEntries, type WorkFinder } from '../../kernel/app/ledger/entry-list.ts';
import { LaneRegistry } from '../../kernel/app/ledger/lane-registry.ts';
import type { EntryFilter } from '../../kernel/app/ledger/ledger.ts';
import type { Clock, SealedCommit } from '../../kernel/app/ports.ts';
import { STRETCH_COMMITS } from '../../kernel/app/usage/rollup-key.ts';
import { RollupProjector } from '../../kernel/app/usage/rollup-projector.ts';
import { rebuildUsage } from '../../kernel/app/usage/usage-rebuild.ts';
import { WorkSearch } from '../../kernel/app/usage/work-search.ts';
import type { Debited, Entry, EntryType } from '../../kernel/domain/entry.ts';
import type { Instant } from '../../kernel/domain/id.ts';
import { present } from '../../kernel/domain/optional.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { roundCount } from '../support/round-count.ts';
import { START, TENANT } from './support/command.ts';
import { filterNaively, placesOf } from './support/entry-filter.ts';
import { createMemoryStore } from './support/memory-store.ts';
import { type Circumstances, MemoryUsage } from './support/memory-usage-store.ts';
import { commitOf, debitedOf, readUsageOf, reservedOf, reversedOf, settledOf } from './support/usage-history.ts';

const CLOCK: Clock = { now: () => START, estimate: () => START, measure: () => Promise.resolve() };
const TYPES: readonly EntryType[] = ['debited', 'settled', 'reserved', 'reversed'];
const STEP_MS = 1_000;
const PAGES_MAX = 3_000;
const RARE = { projectId: 'rare', workflowId: 'rarer' };

/** One entry about rare work: at the border of a stretch or anywhere; what is undone is so at another place, further on. */
interface Rarity {
  readonly kind: 'debited' | 'settled' | 'reserved' | 'undone';
  readonly place: number;
  readonly further: number;
}

const places = fc.oneof(
  fc.tuple(fc.nat(4), fc.integer({ min: -2, max: 1 })).map(([count, beside]) => count * STRETCH_COMMITS + beside),
  fc.nat(5 * STRETCH_COMMITS),
);
const rarities: fc.Arbitrary<Rarity> = fc.record({
  kind: fc.constantFrom('debited', 'settled', 'reserved', 'undone'),
  place: places,
  further: places,
});

/** Histories of common work, one entry each commit, with a few about rare work. */
const historiesWithRarities: fc.Arbitrary<readonly SealedCommit[]> = fc
  .tuple(fc.integer({ min: 1, max: 5 * STRETCH_COMMITS }), fc.array(rarities, { maxLength: 4 }))
  .map(([length, rare]) => {
    const entries = Array.from({ length }, (): Entry => debitedOf());
    for (const { kind, place, further } of rare) {
      if (place < 0 || place >= length) continue;
      const charge = debitedOf(RARE);
      entries[place] = entryOf(kind, charge);
      const later = place + Math.max(1, further);
      if (kind === 'undone' && later < length) entries[later] = reversedOf(charge, place + 1, timeOf(place));
    }
    return entries.map((entry, index) => commitOf(index + 1, timeOf(index), [entry]));
  });

function entryOf(kind: Rarity['kind'], charge: Debited): Entry {
  if (kind === 'settled') return settledOf(charge);
  return kind === 'reserved' ? reservedOf(charge) : charge;
}

function timeOf(index: number): Instant {
  return START + index * STEP_MS;
}

const times = fc.option(
  fc.tuple(places, fc.integer({ min: -1, max: 1 })).map(([place, beside]) => timeOf(place) + beside),
  { nil: undefined, freq: 1 },
);
const filters: fc.Arbitrary<EntryFilter> = fc
  .record({
    types: fc.option(fc.subarray([...TYPES], { minLength: 1 }), { nil: undefined, freq: 1 }),
    work: fc.constantFrom(
      { projectId: 'rare' },
      { workflowId: 'rarer' },
      { ...RARE, action: 'tick' },
      { action: 'tick' },
    ),
    startAt: times,
    endAt: times,
  })
  .map(({ types, work, startAt, endAt }) => ({ ...work, ...present({ types, startAt, endAt }) }));
/** Small ones, so that every bound is met. */
const bounds = fc.record({
  first: fc.integer({ min: 1, max: 2 }),
  read: fc.integer({ min: 1, max: 3 }),
  search: fc.integer({ min: 1, max: 4 }),
});

/** A list over commits, with what it read of them. */
function listOver(commits: readonly SealedCommit[], work: WorkFinder) {
  const { store, commits: kept, reads } = createMemoryStore();
  kept.push(...commits);
  const head = { ...unopenedHead(TENANT), seq: commits.length, createdAt: commits.at(-1)?.createdAt ?? 0 };
  // Only the newest commit is needed of the account itself.
  const reader = Object.assign(new AccountReader(store, new LaneRegistry(), CLOCK, PROCESS_PACING), {
    readHead: async () => head,
  });
  let commitsRead = 0;
  const counting = {
    ...store,
    loadCommits: async (...range: Parameters<typeof store.loadCommits>) => {
      const read = await store.loadCommits(...range);
      commitsRead += read.length;
      return read;
    },
  };
  const tools = { store: counting, reader, work };
  return {
    commitsRead: () => commitsRead,
    async readAll(filter: EntryFilter, size: number): Promise<readonly string[]> {
      const places: string[] = [];
      for (let token = '', pages = 0; pages < PAGES_MAX; pages += 1) {
        reads.length = 0;
        const page = await listEntries(tools, TENANT, filter, { size, token });
        places.push(...placesOf(page.entries));
        token = page.nextPageToken;
        if (token === '') return places;
      }
      throw new Error('the list has no end');
    },
  };
}

describe('a list that searches for work', () => {
  test('is the list that reads everything, however far rollups go', async () => {
    await fc.assert(
      fc.asyncProperty(
        historiesWithRarities,
        fc.array(fc.nat(4 * STRETCH_COMMITS), { maxLength: 3 }),
        filters,
        fc.integer({ min: 1, max: 5 }),
        bounds,
        async (commits, ends, filter, size, searchBounds) => {
          const usage = new MemoryUsage().connect(readUsageOf(commits));
          for (const end of ends) await new RollupProjector(usage).catchUp(TENANT, Math.min(end, commits.length));
          const { readAll } = listOver(commits, new WorkSearch(usage, searchBounds));
          expect(await readAll(filter, size)).toEqual(filterNaively(commits, filter));
        },
      ),
      { numRuns: roundCount(150, 3_000) },
    );
  });

  test('is so while rollups are projected and rebuilt', async () => {
    await fc.assert(
      fc.asyncProperty(
        historiesWithRarities,
        fc.scheduler(),
        filters,
        bounds,
        async (commits, scheduler, filter, searchBounds) => {
          const kept = new MemoryUsage();
          const first = new RollupProjector(kept.connect(readUsageOf(commits)));
          await first.catchUp(TENANT, commits.length / 2);
          const turn: Circumstances['turn'] = (run) => scheduler.schedule(Promise.resolve()).then(run);
          const usage = kept.connect(readUsageOf(commits), { turn, nextFault: () => undefined });
          const head = { ...unopenedHead(TENANT), seq: commits.length };
          const rebuild = () => rebuildUsage({ usage, heads: { load: async () => head } }, TENANT, () => undefined);
          const work = [new RollupProjector(usage).catchUp(TENANT, commits.length), rebuild()];
          const listing = listOver(commits, new WorkSearch(usage, searchBounds)).readAll(filter, 50);
          await scheduler.waitFor(Promise.all([listing, ...work]));
          expect(await listing).toEqual(filterNaively(commits, filter));
        },
      ),
      { numRuns: roundCount(60, 1_500) },
    );
  });

  test('passes over commits without it, to where it is, however long they are', async () => {
    const rare = [300, 15_000, 15_001];
    const commits = Array.from({ length: 20_000 }, (_, index) =>
      commitOf(index + 1, START + index, [debitedOf(rare.includes(index + 1) ? { workflowId: 'rare' } : {})]),
    );
    const usage = new MemoryUsage().connect(readUsageOf(commits));
    await new RollupProjector(usage).catchUp(TENANT, commits.length);
    const { readAll, commitsRead } = listOver(commits, new WorkSearch(usage));
    expect(await readAll({ workflowId: 'rare' }, 50)).toEqual(['15001/0', '15000/0', '300/0']);
    // The first look, what is not rolled up yet, and two stretches.
    expect(commitsRead()).toBeLessThanOrEqual(8 + 64 + 2 * STRETCH_COMMITS);
  });

  test('looks at nothing before its start time', async () => {
    const commits = Array.from({ length: 5_000 }, (_, index) => commitOf(index + 1, START + index, [debitedOf()]));
    const usage = new MemoryUsage().connect(readUsageOf(commits));
    await new RollupProjector(usage).catchUp(TENANT, commits.length);
    const looked: number[] = [];
    const work = new WorkSearch({
      loadWatermark: usage.loadWatermark,
      scanRollups: (tenantId, generation, range, filter) => {
        looked.push(range.from);
        return usage.scanRollups(tenantId, generation, range, filter);
      },
    });
    const { readAll } = listOver(commits, work);
    expect(await readAll({ action: 'none', startAt: START + 3_000 }, 50)).toEqual([]);
    expect(Math.min(...looked)).toBe(11 * STRETCH_COMMITS + 1);
  });
});
