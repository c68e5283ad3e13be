// What answers questions about usage, over the store of a kernel in a test, and stores that die on the way.

import type { Connection } from 'mongoose';
import { AccountReader } from '../../kernel/app/ledger/account-reader.ts';
import { HeadLoader } from '../../kernel/app/ledger/head-loader.ts';
import { LaneRegistry } from '../../kernel/app/ledger/lane-registry.ts';
import type { Clock, LedgerStore } from '../../kernel/app/ports.ts';
import type { UsageStore } from '../../kernel/app/usage/ports.ts';
import { RollupProjector } from '../../kernel/app/usage/rollup-projector.ts';
import type { Usage, UsageQuery } from '../../kernel/app/usage/usage.ts';
import type { RebuildTools } from '../../kernel/app/usage/usage-rebuild.ts';
import { createUsage } from '../../kernel/app/usage/usage-service.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { openUsageStore } from '../../kernel/store/usage/usage-store.ts';

/** Usage as one kernel has it. */
export interface UsageKernel {
  readonly usage: Usage;
  readonly store: UsageStore;
  readonly projector: RollupProjector;
  readonly rebuildTools: RebuildTools;
}

/** Puts usage together over a ledger store; it knows nothing of any account yet. */
export async function openUsage(
  connection: Connection,
  kernel: { readonly store: LedgerStore; readonly clock: Clock },
  adapt: (real: UsageStore) => UsageStore = (real) => real,
): Promise<UsageKernel> {
  const store = adapt(await openUsageStore(connection));
  const projector = new RollupProjector(store);
  const reader = new AccountReader(kernel.store, new LaneRegistry(), kernel.clock, PROCESS_PACING);
  const usage = createUsage({ store: kernel.store, usage: store, reader, projector });
  const rebuildTools = { usage: store, heads: new HeadLoader(kernel.store) };
  return { usage, store, projector, rebuildTools };
}

/** A store whose kernel dies at its call number `last`: that call is made or not, and nothing is after it. */
export function dyingAt(real: UsageStore, last: number, isLastMade: boolean): UsageStore {
  let calls = 0;
  return new Proxy(real, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        calls += 1;
        if (calls > last) throw new Error('injected: this kernel is dead');
        const result: unknown = calls < last || isLastMade ? await method.apply(target, args) : undefined;
        if (calls === last) throw new Error('injected: this kernel died');
        return result;
      };
    },
  });
}

/** All usage of all time as one row, with what the test sets in the place of it. */
export function everything(fields: Partial<UsageQuery> = {}): UsageQuery {
  // The last full hour that a request can name.
  const [startAt, endAt] = [0, 253_402_297_200_000];
  return { startAt, endAt, groups: new Set(), filter: {}, pageSize: 1_000, pageToken: '', ...fields };
}
