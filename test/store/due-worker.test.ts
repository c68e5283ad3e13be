// The worker that records what falls due, over notes in a real database.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TenantId } from '../../kernel/domain/id.ts';
import { openLedgerStore } from '../../kernel/store/ledger/ledger-store.ts';
import { startDueWorker } from '../../kernel/worker/due-worker.ts';
import { type FixtureKernel, type LedgerFixture, openLedgerFixture } from '../support/ledger-fixture.ts';

let fixture: LedgerFixture;
let kernel: FixtureKernel;

beforeAll(async () => {
  fixture = await openLedgerFixture();
  kernel = await fixture.addKernel();
});
afterAll(() => fixture.close());

describe('the due worker', () => {
  it('looks after every account, also where many fall due at one moment', async () => {
    const store = await openLedgerStore(fixture.connection);
    const seen: TenantId[] = [];
    const dueAt = kernel.clock.now() + 1_500;
    const tenants = Array.from({ length: 250 }, (_, index) => `ten_due_${index}` as TenantId);
    await store.saveDueNotes(tenants.map((tenantId) => ({ tenantId, dueAt })));
    await store.saveDueNotes([{ tenantId: 'ten_due_later' as TenantId, dueAt: dueAt + 1 }]);
    const failures: unknown[] = [];
    const worker = startDueWorker({
      store,
      clock: kernel.clock,
      observer: { backgroundFailed: (_what: string, error: unknown) => void failures.push(error) },
      ledger: {
        recordDue: (tenantId) => {
          seen.push(tenantId);
          return Promise.resolve(undefined);
        },
      },
    });
    try {
      await vi.waitFor(() => expect(new Set(seen).size).toBe(251), { timeout: 15_000, interval: 100 });
    } finally {
      await worker.stop();
    }
    expect(new Set(seen)).toEqual(new Set([...tenants, 'ten_due_later']));
    expect(failures).toEqual([]);
  });
});
