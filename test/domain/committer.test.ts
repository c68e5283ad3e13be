// How the answers to one commit leave. What a commit is, and what it survives, is proven by the simulator and on the real engine.

import { expect, test } from 'vitest';
import { createLedger } from '../../kernel/app/ledger/ledger-service.ts';
import type { Clock, LedgerObserver, Pacing } from '../../kernel/app/ports.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { ACTION, PLAN, PRODUCT, quantityOf, RULEBOOK, START, TENANT } from './support/command.ts';
import { createMemoryStore } from './support/memory-store.ts';

const CLOCK: Clock = { now: () => START, estimate: () => START, measure: () => Promise.resolve() };
const SILENT = new Proxy({}, { get: () => (): void => {} }) as LedgerObserver;
const DEBITS = 100;

/** A pause of the process in which everything that is due runs, but for what waits for I/O. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

test('a commit is answered a few at a time, so that others are heard meanwhile, and everybody is answered once', async () => {
  const waiting: (() => void)[] = [];
  let isHeld = false;
  const pacing: Pacing = {
    ...PROCESS_PACING,
    afterReadyIo: (run) => (isHeld ? void waiting.push(run) : PROCESS_PACING.afterReadyIo(run)),
  };
  const { store, commits } = createMemoryStore();
  const rulebooks = { loadRulebook: async () => RULEBOOK, refreshRulebook: async () => RULEBOOK };
  const ledger = createLedger({ store, clock: CLOCK, ids: RANDOM_ID_SOURCE, rulebooks, observer: SILENT, pacing });
  const tenant = { tenantId: TENANT, productCode: PRODUCT };
  const contextOf = (requestId: string) => ({ callerScope: 'internal/test', requestId });
  await ledger.openAccount(tenant, { planCode: PLAN });
  const funds = { bucket: 'payg', amount: 1_000n, actor: 'usr_operator', reason: 'test' } as const;
  await ledger.grant(tenant, funds, contextOf('funds'));
  const before = commits.length;
  isHeld = true;
  const charge = { action: ACTION, quantity: quantityOf('1'), alreadyPerformed: false };
  const answered: number[] = [];
  const debits = Array.from({ length: DEBITS }, async (_, index) => {
    const { posted } = await ledger.debit(tenant, charge, contextOf(`debit-${index}`));
    answered.push(index);
    return posted.entryId;
  });
  const counts: number[] = [];
  for (let turn = 0; answered.length < DEBITS && turn < DEBITS; turn += 1) {
    await settle();
    for (const run of waiting.splice(0)) run();
    await settle();
    counts.push(answered.length);
  }
  expect(new Set(await Promise.all(debits)).size).toBe(DEBITS);
  expect(commits.length).toBe(before + 1);
  expect(answered).toEqual([...answered.keys()]);
  const steps = counts.map((count, index) => count - (counts[index - 1] ?? 0));
  expect(Math.max(...steps)).toBeLessThan(DEBITS / 4);
});
