import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccountState, UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { MICROCREDITS_MAX, STATE_INLINE_BYTES_MAX } from '../../kernel/domain/bound.ts';
import type { Bucket } from '../../kernel/domain/bucket.ts';
import { estimateCommitBytes, estimateHoldBytes, estimateStateBytes } from '../../kernel/domain/byte-estimate.ts';
import type { Grant, GrantDraw } from '../../kernel/domain/grant.ts';
import type { Hold } from '../../kernel/domain/hold.ts';
import type { GrantId, HoldId, PlanCode, ProductCode } from '../../kernel/domain/id.ts';
import { toDocumentState } from '../../kernel/store/ledger/state-document.ts';
import { roundCount } from '../support/round-count.ts';
import { START } from './support/command.ts';
import { bsonSize, commitChains, hashOf, sealDocument } from './support/commit.ts';
import { FollowingAccount, factsOf } from './support/subscription.ts';

const idOf = (prefix: string): string => `${prefix}_0198c0de-0000-7000-8000-000000000001`;
const GRANT_ID = idOf('grt') as GrantId;
const numRuns = roundCount(300, 20_000);

const buckets = fc.constantFrom<Bucket>('trial', 'included', 'payg');
const amounts = fc.bigInt({ min: 1n, max: MICROCREDITS_MAX });
const times = fc.integer({ min: 0, max: 4_000_000_000_000 });
const present = <T extends object>(properties: T): T =>
  Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as T;
const grants: fc.Arbitrary<Grant> = fc
  .record({
    grantId: fc.constant(GRANT_ID),
    bucket: buckets,
    granted: amounts,
    remaining: amounts,
    held: fc.oneof(fc.constant(0n), amounts),
    effectiveAt: times,
    expiresAt: fc.option(times, { nil: undefined }),
    source: fc.constantFrom('operator', 'adjustment'),
  })
  .map((grant) => present(grant) as Grant);
const draws: fc.Arbitrary<GrantDraw> = fc.record({
  grantId: fc.constant(GRANT_ID),
  bucket: buckets,
  microcredits: amounts,
});
const texts = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 128 }),
  fc.string({ unit: 'binary', maxLength: 64 }),
);
const holds: fc.Arbitrary<Hold> = fc
  .record({
    holdId: fc.constant(idOf('hld') as HoldId),
    action: texts,
    price: fc.record({
      microcreditsPerUnit: amounts,
      unit: texts,
      rule: fc.constantFrom('default' as const, 'plan' as const, 'tenant' as const),
      effectiveAt: times,
    }),
    projectId: fc.option(texts, { nil: undefined }),
    workflowId: fc.option(texts, { nil: undefined }),
    runId: fc.option(texts, { nil: undefined }),
    draws: fc.array(draws, { maxLength: 12 }),
    overdraft: amounts,
    settled: amounts,
    expiresAt: times,
  })
  .map((hold) => present(hold) as Hold);

function stateOf(
  active: readonly Grant[],
  scheduled: readonly Grant[],
  open: readonly Hold[],
  code: string,
): AccountState {
  return {
    ...UNOPENED_ACCOUNT,
    status: 'open',
    productCode: code as ProductCode,
    planCode: code as PlanCode,
    grants: { trial: [], included: active, payg: [] },
    scheduled,
    holds: open,
    holdBytes: open.reduce((sum, hold) => sum + estimateHoldBytes(hold), 0),
  };
}

/** What a state adds to the commit that carries it. */
const stateSize = (state: AccountState): number => bsonSize({ state: toDocumentState(state) }) - bsonSize({});

describe('the estimate of a state’s size', () => {
  it('is never below what the state takes', () => {
    fc.assert(
      fc.property(
        fc.array(grants, { maxLength: 80 }),
        fc.array(grants, { maxLength: 8 }),
        fc.array(holds, { maxLength: 12 }),
        fc.constantFrom('p', 'agentruntime', 'p'.repeat(63)),
        (active, scheduled, open, code) => {
          const state = stateOf(active, scheduled, open, code);
          expect(estimateStateBytes(state)).toBeGreaterThanOrEqual(stateSize(state));
        },
      ),
      { numRuns },
    );
  });

  it('is never below it for as many grants as an account may have', () => {
    fc.assert(
      fc.property(grants, (grant) => {
        const state = stateOf(
          Array.from({ length: 1_000 }, () => grant),
          [],
          [],
          'pro',
        );
        expect(estimateStateBytes(state)).toBeGreaterThanOrEqual(stateSize(state));
      }),
      { numRuns: 20 },
    );
  });

  it('is never below what a subscription takes that others went before', () => {
    const account = new FollowingAccount();
    account.sync(START, factsOf());
    const { subscription } = account;
    if (subscription === undefined) throw new Error('nothing was followed');
    const { periodStart, periodEnd, interval } = subscription;
    const period = { periodStart, periodEnd, interval, intervalCount: 12, paidAllowance: MICROCREDITS_MAX };
    const sizes = [1, 8].map((count) => {
      const earlier = Array.from({ length: count }, () => ({ ...period, stripeSubscriptionId: 'x'.repeat(28) }));
      const state = { ...stateOf([], [], [], 'pro'), subscription: { ...subscription, earlier } };
      expect(estimateStateBytes(state)).toBeGreaterThanOrEqual(stateSize(state));
      return { estimated: estimateStateBytes(state), taken: stateSize(state) };
    });
    const [one, eight] = sizes;
    if (one === undefined || eight === undefined) throw new Error('nothing was measured');
    // What is left over for the subscription itself does not pay for what went before.
    expect(eight.estimated - one.estimated).toBeGreaterThanOrEqual(eight.taken - one.taken);
    expect(eight.estimated - one.estimated).toBeLessThan(2 * (eight.taken - one.taken));
  });

  it('is never below what the discounts of a subscription take', () => {
    const account = new FollowingAccount();
    account.sync(START, factsOf());
    const { subscription } = account;
    if (subscription === undefined) throw new Error('nothing was followed');
    const duration = { duration: 'repeating', durationMonths: 1_200, endsAt: START } as const;
    const reductions = [
      { kind: 'percent', percent: { millionths: 100_000_000n } },
      { kind: 'amount', minorUnits: MICROCREDITS_MAX, currency: 'usd' },
    ] as const;
    const plain = { ...stateOf([], [], [], 'pro'), subscription };
    for (const reduction of reductions) {
      const discounts = Array.from({ length: 20 }, () => ({ ...duration, reduction }));
      const state = { ...plain, subscription: { ...subscription, discounts } };
      const more = estimateStateBytes(state) - estimateStateBytes(plain);
      expect(more).toBeGreaterThanOrEqual(stateSize(state) - stateSize(plain));
    }
  });

  it('comes within a twentieth of it for grants, so that states up to the bound are stored with every commit', () => {
    fc.assert(
      fc.property(
        fc.array(grants, { minLength: 10, maxLength: 30 }),
        fc.array(grants, { maxLength: 4 }),
        (active, scheduled) => {
          const state = stateOf(active, scheduled, [], 'agentruntime');
          expect(estimateStateBytes(state)).toBeLessThan(1.05 * stateSize(state));
        },
      ),
      { numRuns },
    );
    const grant: Grant = {
      grantId: GRANT_ID,
      bucket: 'payg',
      granted: 1n,
      remaining: 1n,
      held: 0n,
      effectiveAt: 0,
      source: 'operator',
    };
    const state = stateOf(
      Array.from({ length: 24 }, () => grant),
      [],
      [],
      'agentruntime',
    );
    expect(stateSize(state)).toBeGreaterThan(0.95 * STATE_INLINE_BYTES_MAX);
    expect(estimateStateBytes(state)).toBeLessThanOrEqual(STATE_INLINE_BYTES_MAX);
  });

  it('is no more than half too large for holds', () => {
    fc.assert(
      fc.property(
        fc.array(
          holds.map((hold) => ({ ...hold, action: 'a.b' })),
          { minLength: 4, maxLength: 9 },
        ),
        (open) => {
          const narrow = open.filter(
            (hold) => !/[^ -~]/.test(`${hold.projectId}${hold.workflowId}${hold.runId}${hold.price.unit}`),
          );
          fc.pre(narrow.length > 0);
          const state = stateOf([], [], narrow, 'agentruntime');
          expect(estimateStateBytes(state)).toBeLessThan(1.5 * stateSize(state) + 1);
        },
      ),
      { numRuns },
    );
  });
});

describe('the estimate of a commit’s size', () => {
  it('is never below what the document takes', () => {
    fc.assert(
      fc.property(commitChains, (commits) => {
        for (const commit of commits) {
          expect(estimateCommitBytes(commit)).toBeGreaterThanOrEqual(bsonSize(sealDocument(commit, hashOf('before'))));
        }
      }),
      { numRuns: roundCount(50, 2_000) },
    );
  });
});
