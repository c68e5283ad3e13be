// When the catalog is synced: whoever asks gets a sync that began after it asked, and those who ask together share one.

import { describe, expect, it } from 'vitest';
import type { CatalogSync } from '../../kernel/app/catalog-sync/catalog-sync.ts';
import { SyncSchedule } from '../../kernel/app/catalog-sync/sync-schedule.ts';

type Report = Awaited<ReturnType<CatalogSync['run']>>;

const REPORT: Report = {
  ...{ changes: [], onboarding: [], badRows: [], pinned: [] },
  ...{ pricesRead: 0, unchanged: 0, ignored: 0 },
};

/** A schedule whose syncs end when the test says so; no time passes in it. */
function openSchedule() {
  const running: { readonly end: () => void; readonly fail: (error: Error) => void }[] = [];
  let begun = 0;
  let together = 0;
  const schedule = new SyncSchedule({
    sync: {
      run: () => {
        begun += 1;
        return new Promise((resolve, reject) => {
          running.push({ end: () => resolve(REPORT), fail: reject });
          together = Math.max(together, running.length);
        });
      },
    },
    intervalMs: 60_000,
    pacing: { delay: () => Promise.resolve(), random: () => 0 },
    observer: { syncFailed: () => undefined },
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    ask: (count: number) => Array.from({ length: count }, () => schedule.syncSoon()),
    settle,
    end: async (error?: Error) => {
      const sync = running.shift();
      if (error === undefined) sync?.end();
      else sync?.fail(error);
      await settle();
    },
    begun: () => begun,
    together: () => together,
  };
}

describe('a schedule of syncs', () => {
  it('has one sync for all who ask together, and one more for all who ask while it runs', async () => {
    const schedule = openSchedule();
    const first = schedule.ask(100);
    await schedule.settle();
    expect(schedule.begun()).toBe(1);
    const later: Promise<void>[] = [];
    for (let round = 0; round < 10; round += 1) {
      later.push(...schedule.ask(10));
      await schedule.settle();
    }
    // One runs and one waits, however many ask and whenever.
    expect(schedule.begun()).toBe(1);
    await schedule.end();
    await Promise.all(first);
    expect(schedule.begun()).toBe(2);
    await schedule.end();
    await Promise.all(later);
    await schedule.settle();
    expect([schedule.begun(), schedule.together()]).toEqual([2, 1]);
  });

  it('answers nobody by a sync that had begun before it was asked', async () => {
    const schedule = openSchedule();
    const [first] = schedule.ask(1);
    await schedule.settle();
    let isAnswered = false;
    const [second] = schedule.ask(1).map((asked) => asked.then(() => (isAnswered = true)));
    await schedule.end();
    await first;
    await schedule.settle();
    expect(isAnswered).toBe(false);
    await schedule.end();
    await second;
    expect(isAnswered).toBe(true);
  });

  it('tells a failure to those alone who waited for that sync', async () => {
    const schedule = openSchedule();
    const failing = Promise.allSettled(schedule.ask(3));
    await schedule.settle();
    const next = schedule.ask(2);
    await schedule.end(new Error('Stripe is away'));
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await schedule.end();
    await Promise.all(next);
    expect(schedule.begun()).toBe(2);
  });
});
