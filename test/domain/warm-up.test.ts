import { describe, expect, it } from 'vitest';
import type { PriceStore } from '../../kernel/app/catalog/ports.ts';
import type { TenantStore } from '../../kernel/app/tenant/ports.ts';
import { warmUp } from '../../kernel/app/warm-up.ts';
import { createMemoryStore } from './support/memory-store.ts';

/** Answers every call of a store with nothing, and notes its name. */
function silentStore<Store extends object>(calls: string[], failing?: string): Store {
  const call = (name: string) => (): Promise<unknown> => {
    calls.push(name);
    return name === failing ? Promise.reject(new Error(`${name} failed`)) : Promise.resolve(undefined);
  };
  // Whatever is asked of it is a method.
  return new Proxy({}, { get: (_, name) => call(String(name)) }) as Store;
}

describe('warming up', () => {
  it('reads what callers will read, and writes nothing', async () => {
    const calls: string[] = [];
    const { store, reads, commits } = createMemoryStore();
    const others = { tenants: silentStore<TenantStore>(calls), prices: silentStore<PriceStore>(calls) };
    expect(await warmUp({ ledger: store, ...others })).toEqual([]);
    expect(commits).toEqual([]);
    expect(reads).toContain('loadExistingSeqs');
    expect(reads).toContain('loadEntriesByKeys');
    expect([...reads, ...calls].every((name) => name.startsWith('load'))).toBe(true);
  });

  it('answers what failed, and does the rest', async () => {
    const calls: string[] = [];
    const { store, reads } = createMemoryStore();
    const tenants = silentStore<TenantStore>(calls, 'loadTenantProducts');
    const failures = await warmUp({ ledger: store, tenants, prices: silentStore<PriceStore>(calls) });
    expect(failures).toEqual([new Error('loadTenantProducts failed')]);
    expect(reads).toContain('loadCommits');
  });
});
