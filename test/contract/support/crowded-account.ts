// Accounts with more open holds than a test can reserve one by one: the commit that they would have led to, sealed and
// stored as the kernel does it.

import { OPEN_HOLDS_MAX } from '../../../kernel/domain/bound.ts';
import { estimateHoldBytes } from '../../../kernel/domain/byte-estimate.ts';
import type { Reserved } from '../../../kernel/domain/entry.ts';
import { formatHoldId } from '../../../kernel/domain/entry-id.ts';
import { evolve } from '../../../kernel/domain/evolve.ts';
import { compareHoldOrder, figuresOf, type Hold } from '../../../kernel/domain/hold.ts';
import type { IdempotencyKey, TenantId } from '../../../kernel/domain/id.ts';
import { RANDOM_ID_SOURCE } from '../../../kernel/id-source.ts';
import { openLedgerStore } from '../../../kernel/store/ledger/ledger-store.ts';
import type { KernelFixture } from './kernel-fixture.ts';

const HOUR_MS = 3_600_000;
/** Holds of one commit differ by their index; those of the account by seqs that nobody has used yet. */
const FIRST_SEQ = 1_000;

/** What every hold of a crowd is like: it costs nothing, and its texts take the space that they take. */
type CrowdShape = Pick<Hold, 'action' | 'projectId' | 'workflowId' | 'runId'>;

/** How many bytes the kernel counts for one hold of a crowd. */
export function crowdHoldBytes(shape: CrowdShape): number {
  return estimateHoldBytes(holdOf(shape, 0, 0));
}

/** Gives an account so many open holds by one more commit. */
export async function crowdAccount(
  kernel: KernelFixture,
  tenantId: string,
  count: number,
  shape: CrowdShape,
): Promise<void> {
  if (count > OPEN_HOLDS_MAX) throw new RangeError(`an account has at most ${OPEN_HOLDS_MAX} holds`);
  const store = await openLedgerStore(kernel.connection);
  const commits = await store.loadCommits(tenantId as TenantId, 1, 100);
  const head = commits.at(-1);
  if (head?.state === undefined) throw new Error('the newest commit of the account carries no state');
  const createdAt = Math.max(Date.now(), head.createdAt);
  const holds = Array.from({ length: count }, (_, index) => holdOf(shape, index, createdAt));
  const [last] = holds.slice(-1);
  if (last === undefined) throw new RangeError('a crowd has at least one hold');
  const entry: Reserved = {
    type: 'reserved',
    key: `req:test:reserve:crowd-${tenantId}` as IdempotencyKey,
    holdId: last.holdId,
    action: last.action,
    quantity: '1',
    price: last.price,
    hold: figuresOf(last),
    after: head.totals,
  };
  const others = holds.slice(0, -1).toSorted(compareHoldOrder);
  const holdBytes = others.reduce((sum, hold) => sum + estimateHoldBytes(hold), 0);
  const state = evolve({ ...head.state, holds: others, holdBytes }, entry);
  const next = { tenantId: head.tenantId, seq: head.seq + 1, commitId: RANDOM_ID_SOURCE.commitId(), createdAt };
  const prepared = store.prepareCommit({ ...next, entries: [entry], totals: head.totals, state }, head.hash);
  const [outcome] = await store.insertCommits([prepared]);
  if (outcome?.kind !== 'acknowledged') throw new Error(`the commit was not stored: ${outcome?.kind}`);
}

function holdOf(shape: CrowdShape, index: number, createdAt: number): Hold {
  return {
    holdId: formatHoldId({ seq: FIRST_SEQ + index, index: 0 }, createdAt),
    ...shape,
    price: { microcreditsPerUnit: 0n, unit: 'x', rule: 'default', effectiveAt: 0 },
    draws: [],
    overdraft: 0n,
    settled: 0n,
    expiresAt: createdAt + HOUR_MS,
  };
}
