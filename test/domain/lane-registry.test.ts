// What a kernel knows by heart does not grow with the tenants that it has served: it stays within its bound whether they are
// charged or only looked at, and who was forgotten is read again.

import { describe, expect, it } from 'vitest';
import { AccountReader } from '../../kernel/app/ledger/account-reader.ts';
import { DueNoteBook } from '../../kernel/app/ledger/due-note-book.ts';
import { LaneRegistry } from '../../kernel/app/ledger/lane-registry.ts';
import type { TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { createLedger } from '../../kernel/app/ledger/ledger-service.ts';
import type { Clock, LedgerObserver } from '../../kernel/app/ports.ts';
import type { TenantId } from '../../kernel/domain/id.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { ACTION, PLAN, PRODUCT, quantityOf, RULEBOOK, START } from './support/command.ts';
import { createMemoryStore } from './support/memory-store.ts';

const KIB = 1_024;
const CLOCK: Clock = { now: () => START, estimate: () => START, measure: () => Promise.resolve() };
const OPERATOR = { actor: 'usr_operator', reason: 'test' };
const SILENT = new Proxy({}, { get: () => (): void => {} }) as LedgerObserver;

/** Puts together a ledger whose lanes at rest may take so many bytes. */
function createStage(restingBytesMax: number) {
  const memory = createMemoryStore();
  const lanes = new LaneRegistry(restingBytesMax);
  const { store } = memory;
  const rulebooks = { loadRulebook: async () => RULEBOOK, refreshRulebook: async () => RULEBOOK };
  const tools = { store, clock: CLOCK, ids: RANDOM_ID_SOURCE, rulebooks, observer: SILENT, pacing: PROCESS_PACING };
  let requests = 0;
  const nextContext = () => {
    requests += 1;
    // The store counts reads to find endless ones, which this is not about.
    memory.reads.length = 0;
    return { callerScope: 'internal/test', requestId: `request-${requests}`, deadlineAtMs: Number.POSITIVE_INFINITY };
  };
  const ledger = createLedger({ ...tools, lanes });
  return { ledger, lanes, store, nextContext };
}

function tenantsOf(count: number): readonly TenantRef[] {
  return Array.from({ length: count }, (_, index) => ({
    tenantId: `ten_0198c0de-0000-7000-8000-${String(index).padStart(12, '0')}` as TenantId,
    productCode: PRODUCT,
  }));
}

/** Opens the accounts of tenants, with so many grants of 10 microcredits each. */
async function openAccounts(stage: ReturnType<typeof createStage>, tenants: readonly TenantRef[], grants: number) {
  const { ledger, nextContext } = stage;
  for (const tenant of tenants) {
    nextContext();
    await ledger.openAccount(tenant, { planCode: PLAN });
    const give = () => ledger.grant(tenant, { bucket: 'payg', amount: 10n, ...OPERATOR }, nextContext());
    await Promise.all(Array.from({ length: grants }, give));
  }
}

describe('lanes at rest', () => {
  it('stay within their bound however many tenants are charged, and nobody is charged wrongly for it', async () => {
    const stage = createStage(64 * KIB);
    const { ledger, lanes, nextContext } = stage;
    const tenants = tenantsOf(150);
    await openAccounts(stage, tenants, 1);
    const charge = { action: ACTION, quantity: quantityOf('3'), alreadyPerformed: false };
    for (const _ of [1, 2]) {
      await Promise.all(tenants.map((tenant) => ledger.debit(tenant, charge, nextContext())));
      expect(lanes.workingCount).toBe(0);
      expect(lanes.restingBytes).toBeLessThanOrEqual(64 * KIB);
      expect(lanes.restingCount).toBeGreaterThan(20);
      expect(lanes.restingCount).toBeLessThan(50);
    }
    for (const tenant of tenants) {
      nextContext();
      expect((await ledger.readBalance(tenant)).totals.payg).toBe(4n);
    }
  });

  it('are weighed again when a read tells them of an account that is large', async () => {
    const stage = createStage(1_024 * KIB);
    const tenants = tenantsOf(20);
    await openAccounts(stage, tenants, 100);
    const lanes = new LaneRegistry(64 * KIB);
    const reader = new AccountReader(stage.store, lanes, CLOCK, PROCESS_PACING);
    for (const { tenantId } of tenants) {
      stage.nextContext();
      await reader.readHead(tenantId);
    }
    // 100 grants take about 30 KiB.
    expect(lanes.restingCount).toBe(2);
    expect(lanes.restingBytes).toBeGreaterThan(50 * KIB);
    expect(lanes.restingBytes).toBeLessThanOrEqual(64 * KIB);
  });

  it('count what open holds draw on', async () => {
    const stage = createStage(1_024 * KIB);
    const { ledger, lanes, nextContext } = stage;
    const [tenant] = tenantsOf(1);
    if (tenant === undefined) throw new Error('there is no tenant');
    await openAccounts(stage, [tenant], 1);
    const before = lanes.restingBytes;
    const reservation = { action: ACTION, quantity: quantityOf('1'), expiresAt: START + 60_000 };
    for (let count = 0; count < 10; count += 1) await ledger.reserve(tenant, reservation, nextContext());
    const perHold = (lanes.restingBytes - before) / 10;
    expect(perHold).toBeGreaterThan(300);
    expect(perHold).toBeLessThan(2_000);
  });

  it('take nothing when a lane was forgotten before its read came back', async () => {
    const stage = createStage(1_024 * KIB);
    const tenants = tenantsOf(2);
    await openAccounts(stage, tenants, 1);
    const [first, second] = tenants;
    if (first === undefined || second === undefined) throw new Error('there are no tenants');
    // Room for one.
    const lanes = new LaneRegistry(2 * KIB);
    const reader = new AccountReader(stage.store, lanes, CLOCK, PROCESS_PACING);
    await Promise.all([reader.readHead(first.tenantId), reader.readHead(second.tenantId)]);
    expect(lanes.restingCount).toBe(1);
    expect(lanes.laneOf(second.tenantId).head?.seq).toBe(2);
  });
});

describe('the book of due notes', () => {
  it('forgets the notes that were longest unused', async () => {
    const { store } = createMemoryStore();
    let writes = 0;
    const saveDueNotes = (): Promise<void> => {
      writes += 1;
      return Promise.resolve();
    };
    const book = new DueNoteBook({ ...store, saveDueNotes });
    const [tenant] = tenantsOf(1);
    if (tenant === undefined) throw new Error('there is no tenant');
    const note = (at: number): Promise<void> => book.note(tenant.tenantId, START + at);
    for (let at = 0; at <= 10_000; at += 1) await note(at);
    expect(writes).toBe(10_001);
    await note(10_000);
    expect(writes).toBe(10_001);
    await note(0);
    expect(writes).toBe(10_002);
  });
});
