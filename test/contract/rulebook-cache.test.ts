// How long rules are kept at hand and how often they are read, over a clock that the test moves.

import { describe, expect, test } from 'vitest';
import { REFRESH_INTERVAL_MS, RULEBOOK_AGE_MAX_MS, RulebookCache } from '../../kernel/app/catalog/rulebook-cache.ts';
import type { ProductCode } from '../../kernel/domain/id.ts';
import type { Rulebook } from '../../kernel/domain/rulebook.ts';

const PRODUCT = 'agentruntime' as ProductCode;

/** A cache over a store whose reads the test answers, each with a rulebook of its own. */
function createStage() {
  let nowMs = 1_000;
  const reads: { readonly atMs: number; answer(): void; fail(): void }[] = [];
  const sleepers: { readonly untilMs: number; wake(): void }[] = [];
  const loadRulebook = (productCode: ProductCode): Promise<Rulebook> =>
    new Promise((resolve, reject) => {
      const rulebook: Rulebook = { productCode, policies: new Map(), prices: new Map() };
      reads.push({ atMs: nowMs, answer: () => resolve(rulebook), fail: () => reject(new Error('injected')) });
    });
  const delay = (ms: number): Promise<void> =>
    new Promise((resolve) => sleepers.push({ untilMs: nowMs + ms, wake: resolve }));
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    cache: new RulebookCache({ loadRulebook }, { monotonicMs: () => nowMs, delay }),
    reads,
    async answer(): Promise<void> {
      reads.at(-1)?.answer();
      await settle();
    },
    async pass(ms: number): Promise<void> {
      nowMs += ms;
      for (const sleeper of sleepers.splice(0)) {
        if (sleeper.untilMs <= nowMs) sleeper.wake();
        else sleepers.push(sleeper);
      }
      await settle();
    },
  };
}

describe('loadRulebook', () => {
  test('reads once for all who ask at once, and then not for a while', async () => {
    const { cache, reads, answer } = createStage();
    const asked = [cache.loadRulebook(PRODUCT), cache.loadRulebook(PRODUCT)];
    await answer();
    const [first, second] = await Promise.all(asked);
    expect(second).toBe(first);
    expect(await cache.loadRulebook(PRODUCT)).toBe(first);
    expect(reads).toHaveLength(1);
  });

  test('reads again behind the callers’ backs, and makes them wait only for rules that are too old', async () => {
    const { cache, reads, answer, pass } = createStage();
    const loading = cache.loadRulebook(PRODUCT);
    await answer();
    const first = await loading;
    await pass(RULEBOOK_AGE_MAX_MS - 1_000);
    expect(await cache.loadRulebook(PRODUCT)).toBe(first);
    expect(reads).toHaveLength(2);
    await pass(2_000);
    const waiting = cache.loadRulebook(PRODUCT);
    await answer();
    expect(await waiting).not.toBe(first);
    expect(reads).toHaveLength(2);
  });

  test('answers what it has while the database fails, until that is too old', async () => {
    const { cache, reads, answer, pass } = createStage();
    const loading = cache.loadRulebook(PRODUCT);
    await answer();
    const first = await loading;
    await pass(RULEBOOK_AGE_MAX_MS - 1_000);
    expect(await cache.loadRulebook(PRODUCT)).toBe(first);
    reads.at(-1)?.fail();
    await pass(2_000);
    const failing = cache.loadRulebook(PRODUCT);
    reads.at(-1)?.fail();
    await expect(failing).rejects.toThrow('injected');
  });
});

describe('refreshRulebook', () => {
  test('answers what was read after the call, not what is being read', async () => {
    const { cache, reads, answer, pass } = createStage();
    const loading = cache.loadRulebook(PRODUCT);
    const refreshed = cache.refreshRulebook(PRODUCT);
    await answer();
    const first = await loading;
    await pass(REFRESH_INTERVAL_MS);
    expect(reads).toHaveLength(2);
    await answer();
    expect(await refreshed).not.toBe(first);
  });

  test('waits for a slow read to end before it begins the next', async () => {
    const { cache, reads, answer, pass } = createStage();
    const loading = cache.loadRulebook(PRODUCT);
    const refreshed = cache.refreshRulebook(PRODUCT);
    await pass(10 * REFRESH_INTERVAL_MS);
    expect(reads).toHaveLength(1);
    await answer();
    expect(reads).toHaveLength(2);
    await answer();
    expect(await refreshed).not.toBe(await loading);
  });

  test('reads at most once in each interval, however many ask', async () => {
    const { cache, reads, answer, pass } = createStage();
    const asked: Promise<Rulebook>[] = [];
    for (let step = 0; step < 100; step += 1) {
      asked.push(cache.refreshRulebook(PRODUCT));
      await answer();
      await pass(10);
    }
    await pass(REFRESH_INTERVAL_MS);
    await answer();
    await Promise.all(asked);
    expect(reads.length).toBeLessThanOrEqual(2 + 1_000 / REFRESH_INTERVAL_MS);
    for (const [index, read] of reads.entries()) {
      const before = reads[index - 1];
      if (before !== undefined) expect(read.atMs - before.atMs).toBeGreaterThanOrEqual(REFRESH_INTERVAL_MS);
    }
  });
});
