// The worker that records what falls due, over notes in a real database.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Clock, LedgerStore } from '../../kernel/app/ports.ts';
import type { Instant, TenantId } from '../../kernel/domain/id.ts';
import { openLedgerStore } from '../../kernel/store/ledger/ledger-store.ts';
import { startDueWorker } from '../../kernel/worker/due-worker.ts';
import { type LedgerFixture, openLedgerFixture } from '../support/ledger-fixture.ts';

/** Several ticks of the worker, and far less than the minute after which old notes are looked at again. */
const SOON = { timeout: 20_000, interval: 100 };

let fixture: LedgerFixture;
let store: LedgerStore;
let worker: { stop(): Promise<void> } | undefined;
let attempts: TenantId[];
let followed: TenantId[];
let failures: unknown[];

beforeAll(async () => {
  fixture = await openLedgerFixture();
  store = await openLedgerStore(fixture.connection);
});
beforeEach(async () => {
  [attempts, followed, failures] = [[], [], []];
  await fixture.connection.collection('ledger_due').deleteMany({});
});
afterEach(() => worker?.stop());
afterAll(() => fixture.close());

const tenantOf = (name: string | number): TenantId => `ten_due_${name}` as TenantId;
const attemptsOf = (tenantId: TenantId): number => attempts.filter((attempted) => attempted === tenantId).length;

const nothing = (_tenantId: TenantId): Promise<undefined> => Promise.resolve(undefined);

/** Starts a worker whose ledger only notes which account it was asked for; `record` and `followUp` may refuse. */
function start(clock: Clock, record = nothing, followUp: (tenantId: TenantId) => Promise<void> = nothing): void {
  worker = startDueWorker({
    store,
    clock,
    observer: { backgroundFailed: (_what, error) => void failures.push(error) },
    followUp: (tenantId) => {
      followed.push(tenantId);
      return followUp(tenantId);
    },
    ledger: {
      recordDue: (tenantId) => {
        attempts.push(tenantId);
        return record(tenantId);
      },
    },
  });
}

/** A clock that stands still: whatever the worker does again, it does not do for the time that has passed. */
function clockAt(now: Instant): Clock {
  return { now: () => now, estimate: () => now, measure: () => Promise.resolve() };
}

describe('the due worker', () => {
  it('looks after every account, also where many fall due at one moment', async () => {
    const { clock } = await fixture.addKernel();
    const dueAt = clock.now() + 1_500;
    const tenants = Array.from({ length: 250 }, (_, index) => tenantOf(index));
    await store.saveDueNotes(tenants.map((tenantId) => ({ tenantId, dueAt })));
    await store.saveDueNotes([{ tenantId: tenantOf('later'), dueAt: dueAt + 1 }]);
    start(clock);
    await vi.waitFor(() => expect(new Set(attempts).size).toBe(251), SOON);
    expect(new Set(attempts)).toEqual(new Set([...tenants, tenantOf('later')]));
    expect(failures).toEqual([]);
  });

  it('tries an account that failed again soon, and leaves the others out of it', async () => {
    const now = Date.now();
    const [failing, other] = [tenantOf('failing'), tenantOf('other')];
    await store.saveDueNotes([failing, other].map((tenantId) => ({ tenantId, dueAt: now - 1 })));
    start(clockAt(now), (tenantId) => {
      const isFirst = tenantId === failing && attemptsOf(failing) === 1;
      return isFirst ? Promise.reject(new Error('injected: the database was away')) : Promise.resolve(undefined);
    });
    await vi.waitFor(() => expect(attemptsOf(failing)).toBeGreaterThanOrEqual(2), SOON);
    expect(attemptsOf(other)).toBeGreaterThanOrEqual(1);
    expect(failures).toHaveLength(1);
  });

  it('lets follow what is due then, after the account was recorded, and not where it could not be', async () => {
    const now = Date.now();
    const [failing, fine] = [tenantOf('failing'), tenantOf('fine')];
    await store.saveDueNotes([failing, fine].map((tenantId) => ({ tenantId, dueAt: now - 1 })));
    const order: string[] = [];
    start(
      clockAt(now),
      (tenantId) => {
        order.push(`recorded ${tenantId}`);
        const isAway = tenantId === failing && attemptsOf(failing) < 3;
        return isAway ? Promise.reject(new Error('injected: the database was away')) : nothing(tenantId);
      },
      (tenantId) => {
        order.push(`followed ${tenantId}`);
        return Promise.resolve();
      },
    );
    await vi.waitFor(() => expect(followed).toContain(failing), SOON);
    expect(order.filter((step) => step.endsWith(failing)).slice(0, 4)).toEqual([
      ...Array.from({ length: 3 }, () => `recorded ${failing}`),
      `followed ${failing}`,
    ]);
    expect(order.filter((step) => step.endsWith(fine)).slice(0, 2)).toEqual([`recorded ${fine}`, `followed ${fine}`]);
  });

  it('keeps the note of an account for which nothing was recorded until what follows is done', async () => {
    const now = Date.now();
    const [failing, fine] = [tenantOf('failing'), tenantOf('fine')];
    await store.saveDueNotes([failing, fine].map((tenantId) => ({ tenantId, dueAt: now - 120_000 })));
    let isAway = true;
    start(clockAt(now), nothing, (tenantId) =>
      tenantId === failing && isAway ? Promise.reject(new Error('injected: no mail today')) : Promise.resolve(),
    );
    const tenantsNoted = async (): Promise<readonly TenantId[]> =>
      (await store.loadDueNotes(0, now, 10)).map(({ tenantId }) => tenantId);
    await vi.waitFor(async () => expect(await tenantsNoted()).toEqual([failing]), SOON);
    expect(failures).toContainEqual(expect.objectContaining({ message: 'injected: no mail today' }));
    isAway = false;
    await vi.waitFor(async () => expect(await tenantsNoted()).toEqual([]), SOON);
  });

  it('finds a note that was written after its time was read', async () => {
    const now = Date.now();
    await store.saveDueNotes([{ tenantId: tenantOf('early'), dueAt: now }]);
    start(clockAt(now));
    await vi.waitFor(() => expect(attemptsOf(tenantOf('early'))).toBeGreaterThanOrEqual(1), SOON);
    await store.saveDueNotes([{ tenantId: tenantOf('late'), dueAt: now - 1 }]);
    await vi.waitFor(() => expect(attemptsOf(tenantOf('late'))).toBeGreaterThanOrEqual(1), SOON);
  });

  it('removes what is well past due, also what comes later, and keeps what its account could not be asked about', async () => {
    const now = Date.now();
    const [failing, done, recent] = [tenantOf('failing'), tenantOf('done'), tenantOf('recent')];
    const longAgo = now - 120_000;
    await store.saveDueNotes([failing, done].map((tenantId) => ({ tenantId, dueAt: longAgo })));
    await store.saveDueNotes([{ tenantId: recent, dueAt: now - 30_000 }]);
    start(clockAt(now), (tenantId) =>
      tenantId === failing ? Promise.reject(new Error('injected: the database was away')) : Promise.resolve(undefined),
    );
    const tenantsNoted = async (): Promise<readonly TenantId[]> =>
      (await store.loadDueNotes(0, now, 10)).map(({ tenantId }) => tenantId);
    await vi.waitFor(async () => expect(await tenantsNoted()).toEqual([failing, recent]), SOON);
    await store.saveDueNotes([{ tenantId: tenantOf('overlooked'), dueAt: longAgo }]);
    await vi.waitFor(async () => expect(await tenantsNoted()).toEqual([failing, recent]), SOON);
    expect(attemptsOf(tenantOf('overlooked'))).toBe(1);
  });
});
