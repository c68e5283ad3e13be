import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { mongo } from 'mongoose';
import { describe, expect, it } from 'vitest';
import { GENESIS_HASH } from '../../kernel/app/ledger/account-head.ts';
import { type AccountState, ZERO_TOTALS } from '../../kernel/domain/account.ts';
import { MICROCREDITS_MAX } from '../../kernel/domain/bound.ts';
import {
  estimateCommitBytes,
  estimateEntryBytes,
  estimateHoldBytes,
  estimateStateBytes,
} from '../../kernel/domain/byte-estimate.ts';
import { type Commit, keysOf, STATE_VERSION } from '../../kernel/domain/commit.ts';
import type {
  Adjusted,
  Debited,
  Entry,
  Granted,
  PersonalText,
  Reserved,
  Reversed,
  Settled,
  TrialStarted,
} from '../../kernel/domain/entry.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import type { Grant, GrantDraw } from '../../kernel/domain/grant.ts';
import type { Hold, HoldEnd, HoldFigures } from '../../kernel/domain/hold.ts';
import type {
  EntryId,
  Fingerprint,
  GrantId,
  HoldId,
  IdempotencyKey,
  PlanCode,
  ProductCode,
  TopUpId,
  UserId,
} from '../../kernel/domain/id.ts';
import type { CycleTerms, Subscription } from '../../kernel/domain/subscription.ts';
import type { Trial } from '../../kernel/domain/trial.ts';
import {
  type CommitDocument,
  fromDocumentCommit,
  toDocumentCommit,
} from '../../kernel/store/ledger/commit-document.ts';
import { computeCommitHash } from '../../kernel/store/ledger/commit-hash.ts';
import { toDocumentEntry } from '../../kernel/store/ledger/entry-document.ts';
import { toDocumentState } from '../../kernel/store/ledger/state-document.ts';
import { roundCount } from '../support/round-count.ts';
import { PLAN, PRODUCT, START, TENANT } from './support/command.ts';
import { bsonSize, commitChains, commitIdOf, hashOf, sealDocument, throughBson } from './support/commit.ts';

const numRuns = roundCount(100, 5_000);
const PERSONAL: PersonalText = {
  digest: 'ZGlnZXN0',
  salt: 'c2FsdA',
  reason: 'goodwill',
  dimensions: { region: 'eu', team: 'a' },
};
const PAYG_7 = { ...ZERO_TOTALS, payg: 7n };
const GRANT_ID = 'grt_0198c0de-0000-7000-8000-000000000001' as GrantId;

function grantOf(fields: Partial<Grant> = {}): Grant {
  return {
    grantId: GRANT_ID,
    bucket: 'payg',
    granted: 10n,
    remaining: 7n,
    held: 2n,
    effectiveAt: START,
    expiresAt: START + 1_000,
    source: 'operator',
    ...fields,
  };
}

const DRAW: GrantDraw = { grantId: GRANT_ID, bucket: 'payg', microcredits: 3n };

function identityOf(name: string): { key: IdempotencyKey; fingerprint: Fingerprint; personal: PersonalText } {
  return {
    key: `req:internal/test:${name}:1` as IdempotencyKey,
    fingerprint: `1:${name}` as Fingerprint,
    personal: PERSONAL,
  };
}

const GRANTED: Granted = {
  type: 'granted',
  ...identityOf('grant'),
  grant: grantOf(),
  deficitPaid: 3n,
  scheduled: false,
  actor: 'usr_1',
  after: PAYG_7,
};
const DEBITED: Debited = {
  type: 'debited',
  ...identityOf('debit'),
  // A request id as most callers make them.
  key: 'req:internal/test:debit:0198c0de-0000-7000-8000-00000000000a' as IdempotencyKey,
  action: 'workflow.step.execute',
  quantity: '1.5',
  price: { microcreditsPerUnit: 5_000_000n, unit: 'step', rule: 'plan', effectiveAt: START - 1 },
  cost: 4n,
  draws: [DRAW, { ...DRAW, bucket: 'trial', microcredits: 1n }],
  deficit: 0n,
  projectId: 'prj_1',
  workflowId: 'wfl_1',
  runId: 'run_1',
  runStatus: 'failed',
  alreadyPerformed: false,
  after: PAYG_7,
};
const ADJUSTED: Adjusted = {
  type: 'adjusted',
  ...identityOf('adjust'),
  bucket: 'included',
  delta: -2n,
  draws: [DRAW],
  grant: grantOf({ source: 'adjustment' }),
  deficitPaid: 1n,
  actor: 'usr_1',
  after: PAYG_7,
};

const HOLD_ID = 'hld_0198c0de-0000-7000-8000-000000000002' as HoldId;
const ENTRY_ID = 'ent_0198c0de-0000-7000-8000-000000000003' as EntryId;
const FIGURES: HoldFigures = { draws: [DRAW], overdraft: 1n, settled: 2n, expiresAt: START + 5 };
const END: HoldEnd = { freed: [DRAW], expired: [{ ...DRAW, bucket: 'trial' }], deficitPaid: 1n };
const CONTEXT = { projectId: 'prj_1', workflowId: 'wfl_1', runId: 'run_1' };
const HOLD_COMMON = { holdId: HOLD_ID, action: 'workflow.step.execute', ...CONTEXT, hold: FIGURES, after: PAYG_7 };
const RESERVED: Reserved = {
  type: 'reserved',
  ...identityOf('reserve'),
  ...HOLD_COMMON,
  quantity: '2',
  price: DEBITED.price,
};
const SETTLED: Settled = {
  type: 'settled',
  ...identityOf('settle'),
  ...HOLD_COMMON,
  partId: 'part-1',
  quantity: '1.5',
  price: DEBITED.price,
  cost: 5n,
  draws: [DRAW, { ...DRAW, bucket: 'trial', microcredits: 1n }],
  drawsFromHold: 1,
  deficit: 1n,
  runStatus: 'succeeded',
  final: true,
  late: false,
  end: END,
};
const REVERSED: Reversed = {
  type: 'reversed',
  ...identityOf('reverse'),
  effectKey: `reverse:${ENTRY_ID}:1` as IdempotencyKey,
  entryId: ENTRY_ID,
  reversedType: 'settled',
  returned: [grantOf({ held: 0n })],
  expired: [DRAW],
  taken: [{ ...DRAW, bucket: 'included' }],
  unscheduled: GRANT_ID,
  deficitCancelled: 3n,
  deficitPaid: 4n,
  usage: { action: 'workflow.step.execute', quantity: '1.5', cost: 5n, ...CONTEXT, at: START - 7 },
  actor: 'usr_1',
  after: PAYG_7,
};

/** One entry of each type, with everything that it can have; not a history that could happen. */
/** What a release without trials wrote: entries of thirteen types. */
const EARLIER_ENTRIES: readonly Entry[] = [
  {
    type: 'account_opened',
    ...identityOf('open'),
    productCode: PRODUCT,
    planCode: PLAN,
    actor: 'usr_1',
    after: ZERO_TOTALS,
  },
  GRANTED,
  {
    type: 'grant_started',
    key: 'start:grt_1' as IdempotencyKey,
    grantId: GRANT_ID,
    deficitPaid: 2n,
    dueAt: START,
    after: PAYG_7,
  },
  { type: 'grant_expired', key: 'expire:grt_1' as IdempotencyKey, expired: DRAW, dueAt: START, after: PAYG_7 },
  DEBITED,
  ADJUSTED,
  RESERVED,
  {
    type: 'hold_extended',
    ...identityOf('extend'),
    ...HOLD_COMMON,
    quantity: '0.5',
    draws: [DRAW],
    overdraft: 1n,
  },
  SETTLED,
  { type: 'hold_released', ...identityOf('release'), ...HOLD_COMMON, end: END },
  {
    type: 'hold_expired',
    key: `hold-expired:${HOLD_ID}` as IdempotencyKey,
    ...HOLD_COMMON,
    end: END,
    dueAt: START + 5,
  },
  REVERSED,
  { type: 'redacted', ...identityOf('redact'), entryId: ENTRY_ID, actor: 'usr_1', after: PAYG_7 },
];

const TRIAL: Trial = {
  ...{ planCode: PLAN, fallbackPlanCode: 'free' as PlanCode, endsAt: START + 7, granted: 9n, revokesUnused: true },
  endBehaviour: 'convert_or_fallback',
  personId: 'usr_2' as UserId,
  status: 'canceled',
  startedAt: START,
  grantId: GRANT_ID,
};
const TRIAL_STARTED: TrialStarted = {
  type: 'trial_started',
  ...identityOf('start_trial'),
  effectKey: `trial:${TENANT}` as IdempotencyKey,
  ...{
    planCode: PLAN,
    fallbackPlanCode: TRIAL.fallbackPlanCode,
    endsAt: TRIAL.endsAt,
    granted: 9n,
    revokesUnused: true,
  },
  ...{ endBehaviour: 'convert_or_fallback', personId: 'usr_2' as UserId, startedAt: START },
  grant: grantOf({ bucket: 'trial', source: 'trial' }),
  deficitPaid: 2n,
  actor: 'usr_1',
  after: PAYG_7,
};
/** What a release without subscriptions knew. */
const TRIAL_ENTRIES: readonly Entry[] = [
  ...EARLIER_ENTRIES,
  TRIAL_STARTED,
  { type: 'trial_canceled', ...identityOf('cancel_trial'), actor: 'usr_1', after: PAYG_7 },
  {
    type: 'trial_ended',
    key: 'trial-ended' as IdempotencyKey,
    planCode: TRIAL.fallbackPlanCode,
    dueAt: TRIAL.endsAt,
    after: PAYG_7,
  },
];

const TERMS: CycleTerms = {
  ...{ planCode: PLAN, stripePriceId: 'price_1', minorUnits: 4_900n, currency: 'usd', interval: 'month' },
  ...{ intervalCount: 1, includedPerCycle: 6n },
};
const SUBSCRIPTION: Subscription = {
  ...TERMS,
  ...{ rolloverLimit: 2n, graceMs: 60 * 86_400_000, pastDueEnd: 'fallback', stripeSubscriptionId: 'sub_1' },
  ...{ status: 'past_due', fallbackPlanCode: 'free' as PlanCode, startedAt: START, periodStart: START },
  ...{ periodEnd: START + 9, paidAllowance: 6n, graceEndsAt: START + 10, failureCode: 'card_declined' },
  ...{ cancelAt: START + 9, lapsedAt: START + 1, endedAt: START + 11, endedBy: 'time' },
  pending: { terms: { ...TERMS, stripePriceId: 'price_2' }, effectiveAt: START + 9 },
};
const SUBSCRIPTION_ENTRIES: readonly Entry[] = [
  ...TRIAL_ENTRIES,
  { type: 'trial_consented', ...identityOf('consent'), at: START + 3, after: PAYG_7 },
  {
    type: 'subscription_changed',
    ...identityOf('subscription'),
    effectKey: 'cycle:sub_1:1' as IdempotencyKey,
    ...{ change: 'renewed', subscription: SUBSCRIPTION, planCode: PLAN, at: START + 4, endsTrial: true },
    ...{ lapsed: [DRAW], grant: grantOf({ bucket: 'included' }), rolledOver: 2n, deficitPaid: 1n, after: PAYG_7 },
  },
];
const ENTRIES: readonly Entry[] = [
  ...SUBSCRIPTION_ENTRIES,
  {
    type: 'payback_settled',
    ...identityOf('payback'),
    ...{ topUpId: 'pay_1' as TopUpId, total: 9n, waivedTotal: 2n, taken: [DRAW], deficit: 3n },
    ...{ grant: grantOf({ bucket: 'payg' }), deficitPaid: 1n, after: PAYG_7 },
  },
  {
    type: 'run_reported',
    ...identityOf('run'),
    ...{ runId: 'run_1', runStatus: 'failed', projectId: 'prj_1', workflowId: 'wf_1', after: PAYG_7 },
  },
];

const HOLD: Hold = {
  holdId: HOLD_ID,
  action: 'workflow.step.execute',
  price: DEBITED.price,
  ...CONTEXT,
  ...FIGURES,
};
const STATE: AccountState = {
  status: 'open',
  productCode: PRODUCT,
  planCode: PLAN,
  trial: { ...TRIAL, consentedAt: START + 3 },
  subscription: SUBSCRIPTION,
  subscriptionRevision: 3,
  grants: { trial: [], included: [grantOf({ bucket: 'included' })], payg: [grantOf({ held: 0n })] },
  pinned: [grantOf({ bucket: 'trial', remaining: 0n })],
  scheduled: [grantOf({ effectiveAt: START + 9, held: 0n })],
  holds: [HOLD],
  overdraftHeld: FIGURES.overdraft,
  holdBytes: estimateHoldBytes(HOLD),
  totals: { trial: 1n, included: 2n, payg: 3n, held: 4n, deficit: 5n },
};

const COMMIT: Commit = {
  tenantId: TENANT,
  seq: 7,
  commitId: commitIdOf(7),
  createdAt: START,
  entries: ENTRIES,
  totals: STATE.totals,
  state: STATE,
};

const { subscription: _, ...OLDER_STATE } = { ...STATE, subscriptionRevision: 0 };
const { trial: __, ...STATE_WITHOUT_TRIAL } = OLDER_STATE;

/** The same as a release without subscriptions wrote it. */
const TRIAL_COMMIT: Commit = { ...COMMIT, entries: TRIAL_ENTRIES, state: { ...OLDER_STATE, trial: TRIAL } };

/** The same as a release without trials wrote it. */
const EARLIER_COMMIT: Commit = { ...COMMIT, entries: EARLIER_ENTRIES, state: STATE_WITHOUT_TRIAL };

const UNHELD = grantOf({ held: 0n });

/** What a release without holds wrote: the first six types of entries, and a state in which nothing is held. */
const FIRST_COMMIT: Commit = {
  ...EARLIER_COMMIT,
  entries: ENTRIES.slice(0, 6).map((entry): Entry => {
    if (entry.type === 'granted') return { ...entry, grant: UNHELD };
    return entry.type === 'adjusted' ? { ...entry, grant: { ...UNHELD, source: 'adjustment' } } : entry;
  }),
  state: {
    ...STATE_WITHOUT_TRIAL,
    grants: { trial: [], included: [{ ...UNHELD, bucket: 'included' }], payg: [UNHELD] },
    pinned: [],
    holds: [],
    overdraftHeld: 0n,
    holdBytes: 0,
  },
};

describe('a commit', () => {
  it('comes back from BSON as it was, with "absent" in one form only', () => {
    fc.assert(
      fc.property(commitChains, (commits) => {
        for (const commit of commits) {
          const { hash, ...read } = fromDocumentCommit(throughBson(sealDocument(commit, GENESIS_HASH)));
          expect(read).toStrictEqual(commit);
          expect(hash).toHaveLength(32);
        }
      }),
      { numRuns },
    );
  });

  it('comes back with everything that each type of entry can have', () => {
    const { hash: _, ...read } = fromDocumentCommit(throughBson(sealDocument(COMMIT, GENESIS_HASH)));
    expect(read).toStrictEqual(COMMIT);
  });

  it('keeps every amount whole, up to the bound and beyond what a double holds', () => {
    for (const amount of [MICROCREDITS_MAX, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      const totals = { ...COMMIT.totals, payg: amount };
      const commit = { ...COMMIT, totals, state: { ...STATE, totals } };
      expect(fromDocumentCommit(throughBson(sealDocument(commit, GENESIS_HASH))).totals.payg).toBe(amount);
    }
  });

  it.each<[string, Commit]>([
    ['a total', { ...COMMIT, totals: { ...COMMIT.totals, trial: 2n ** 63n } }],
    ['a total below', { ...COMMIT, totals: { ...COMMIT.totals, deficit: -(2n ** 63n) - 1n } }],
    ['a cost', { ...COMMIT, entries: [{ ...DEBITED, cost: 2n ** 64n }] }],
    ['a draw', { ...COMMIT, entries: [{ ...DEBITED, draws: [{ ...DRAW, microcredits: 2n ** 64n }] }] }],
    ['a price', { ...COMMIT, entries: [{ ...DEBITED, price: { ...DEBITED.price, microcreditsPerUnit: 2n ** 63n } }] }],
    ['a grant', { ...COMMIT, entries: [{ ...GRANTED, grant: grantOf({ granted: 2n ** 63n }) }] }],
    ['a change', { ...COMMIT, entries: [{ ...ADJUSTED, delta: 2n ** 63n }] }],
    ['a hold', { ...COMMIT, entries: [{ ...RESERVED, hold: { ...FIGURES, settled: 2n ** 63n } }] }],
    ['what a hold frees', { ...COMMIT, entries: [{ ...SETTLED, end: { ...END, deficitPaid: 2n ** 63n } }] }],
    ['what is cancelled', { ...COMMIT, entries: [{ ...REVERSED, deficitCancelled: 2n ** 63n }] }],
    ['what was held', { ...COMMIT, state: { ...STATE, holds: [{ ...HOLD, overdraft: 2n ** 63n }] } }],
    ['the state', { ...COMMIT, state: { ...STATE, scheduled: [grantOf({ remaining: 2n ** 63n })] } }],
  ])('is refused with %s of more than 64 bits, which the driver would wrap', (_what, commit) => {
    expect(() => toDocumentCommit(commit)).toThrow(/does not fit into 64 bits/);
  });

  it('is refused with a state that has other totals, since they are stored once', () => {
    const commit = { ...COMMIT, totals: { ...COMMIT.totals, deficit: 6n } };
    expect(() => toDocumentCommit(commit)).toThrow(/the state has other totals than its commit/);
  });

  it('has nothing that says nothing: no sum of zero, no flag that is not set, no empty list', () => {
    fc.assert(
      fc.property(commitChains, (commits) => {
        for (const commit of commits) expect(idleFieldsOf(throughBson(sealDocument(commit, GENESIS_HASH)))).toEqual([]);
      }),
      { numRuns },
    );
  });

  it('keeps a name that a caller chose out of the field names', () => {
    const dimensions = Object.fromEntries([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['$set', 'c'],
      ['a.b', 'd'],
    ]);
    const commit = { ...COMMIT, entries: [{ ...DEBITED, personal: { ...PERSONAL, dimensions } }] };
    const [entry] = fromDocumentCommit(throughBson(sealDocument(commit, GENESIS_HASH))).entries;
    expect(Object.entries(entry?.personal?.dimensions ?? {})).toEqual(Object.entries(dimensions));
    expect(Object.entries(dimensions)).toHaveLength(4);
  });

  it('of a newer version is refused, and so is one of none', () => {
    const document = sealDocument(COMMIT, GENESIS_HASH);
    for (const version of [STATE_VERSION + 1, 1, 0, -1, 1.5, Number.NaN]) {
      expect(() => fromDocumentCommit({ ...document, state_version: version })).toThrow(
        expect.objectContaining({ reason: 'STATE_VERSION_UNSUPPORTED' }),
      );
    }
  });

  it('with an entry that lacks a field of its type, or is of no type, is corrupt', () => {
    const document = throughBson(sealDocument(COMMIT, GENESIS_HASH));
    for (const entry of document.entries) {
      for (const name of Object.keys(entry).filter((field) => !OPTIONAL[entry.type].includes(field))) {
        const entries = [{ ...entry, [name]: undefined }];
        const error = errorOf(() => fromDocumentCommit({ ...document, entries }));
        expect(error, `${entry.type} without ${name}`).toMatchObject({ reason: 'LEDGER_CORRUPT' });
      }
    }
    const strange = { ...document, entries: [{ ...document.entries[0], type: 'refunded' }] };
    // No type of this release: what a release that forgot to raise the version might have written.
    expect(errorOf(() => fromDocumentCommit(strange as unknown as CommitDocument))).toMatchObject({
      reason: 'LEDGER_CORRUPT',
      message: expect.stringContaining('refunded'),
    });
  });
});

/** Prices, costs and the amounts of a grant say something even where they are zero. */
const AMOUNTS = ['microcredits_per_unit', 'cost', 'delta', 'granted', 'remaining', 'microcredits'];

/** The paths of all fields of a document that say nothing. */
function idleFieldsOf(document: object, path = ''): string[] {
  return Object.entries(document).flatMap(([name, value]: [string, unknown]) => {
    const place = `${path}.${name}`;
    if (Array.isArray(value) && value.length === 0 && name !== 'dimensions') return [place];
    if (value === false || (value === 0n && !AMOUNTS.includes(name))) return [place];
    return typeof value === 'object' && value !== null && !(value instanceof mongo.Binary)
      ? idleFieldsOf(value, place)
      : [];
  });
}

const EVERY = ['type', 'key', 'effect_key', 'fingerprint', 'personal', 'after'];
const CONTEXT_FIELDS = ['project_id', 'workflow_id', 'run_id'];
const CHARGE_FIELDS = ['run_status', 'draws', 'deficit'];
const REVERSAL_FIELDS = ['unscheduled', 'usage', 'returned', 'expired_draws', 'taken', 'deficit_cancelled'];

/** The fields that an entry of a type may lack, or without which it is none at all. */
const OPTIONAL: Readonly<Record<Entry['type'], readonly string[]>> = {
  account_opened: [...EVERY, 'actor'],
  granted: [...EVERY, 'actor', 'deficit_paid', 'scheduled'],
  grant_started: [...EVERY, 'deficit_paid'],
  grant_expired: EVERY,
  debited: [...EVERY, ...CONTEXT_FIELDS, ...CHARGE_FIELDS, 'already_performed'],
  adjusted: [...EVERY, 'grant', 'draws', 'deficit_paid'],
  reserved: [...EVERY, ...CONTEXT_FIELDS],
  hold_extended: [...EVERY, ...CONTEXT_FIELDS, 'quantity', 'draws', 'overdraft'],
  settled: [...EVERY, ...CONTEXT_FIELDS, ...CHARGE_FIELDS, 'end', 'final', 'late'],
  hold_released: [...EVERY, ...CONTEXT_FIELDS],
  hold_expired: [...EVERY, ...CONTEXT_FIELDS],
  reversed: [...EVERY, ...REVERSAL_FIELDS, 'deficit_paid'],
  redacted: EVERY,
  trial_started: [...EVERY, 'actor', 'grant', 'deficit_paid'],
  trial_canceled: [...EVERY, 'actor'],
  trial_ended: EVERY,
  trial_consented: EVERY,
  subscription_changed: [...EVERY, 'ends_trial', 'lapsed', 'grant', 'rolled_over', 'deficit_paid'],
  run_reported: [...EVERY, 'project_id', 'workflow_id'],
  payback_settled: [...EVERY, 'total', 'waived_total', 'taken', 'deficit', 'grant', 'deficit_paid'],
};

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function hexOf(commit: Commit | CommitDocument, previous = hashOf('before')): string {
  const document = 'commitId' in commit ? toDocumentCommit(commit) : commit;
  return Buffer.from(computeCommitHash(document, previous)).toString('hex');
}

describe('the hash of a commit', () => {
  it('is the same for ever: other releases and tools compute it too', () => {
    const byVersion = (version: number, commit: Commit): string =>
      hexOf({ ...toDocumentCommit(commit), state_version: version } as CommitDocument);
    const byVersion2 = (commit: Commit): string => byVersion(2, commit);
    const first = [FIRST_COMMIT, withoutState(FIRST_COMMIT)].map(byVersion2);
    expect(first).toEqual([
      '8e6131cf41f92bf8bd1ee50c4b8305b0dd2ae8e9a0d5c9f8efe616ebb6e2af80',
      'ec6f29b486357243a0274b62e4c3e63ae87b473f687473f0393d47f7df1c1b72',
    ]);
    const earlier = [EARLIER_COMMIT, withoutState(EARLIER_COMMIT)].map(byVersion2);
    expect(earlier).toEqual([
      'a1eeb9df9df0b396d73ff1ad0284552074ab28d5b34906876b3a0298c88bcf39',
      'f3fb91bf3ce5e0ed35ac628b139bf0ce0322ee58f626eb9615c5782f5f4ea8fc',
    ]);
    const byVersion3 = [TRIAL_COMMIT, withoutState(TRIAL_COMMIT)].map((commit) => byVersion(3, commit));
    expect(byVersion3).toEqual([
      'ef878068602a47e46323ed9d806dfe1a7773acc8ed7e630b78d68e1c35c77946',
      'f3ab240d14ae35faa45406743391ee1d510963533e798037e12385fc0aa49d11',
    ]);
    const subscribed = { ...COMMIT, entries: SUBSCRIPTION_ENTRIES };
    expect([subscribed, withoutState(subscribed)].map((commit) => hexOf(commit))).toEqual([
      'd43ae8983e96278d3088b662496278fd89525d30f53ce89a62f8ea27243ad939',
      'a8cd80e215a13a2fe6b2c44afd6603a2acb171e554189fcb964eb15ffcc076e9',
    ]);
    const paidBack = { ...COMMIT, entries: ENTRIES.filter(({ type }) => type !== 'run_reported') };
    expect([paidBack, withoutState(paidBack)].map((commit) => hexOf(commit))).toEqual([
      'c2bdc438b83c7e7cb86f7bfa1400e2bdd1dce397b2fc7636b9caffd07ca1ec53',
      'f327dcfb5b2a35e7f9b644a3875a98db215611fef5f92ba09b87a3130ab009db',
    ]);
    expect([COMMIT, withoutState(COMMIT)].map((commit) => hexOf(commit))).toEqual([
      '1e325c3aae8748025800b9483bbda27cb0a8f91ec7b6c516e8de8f7c678a14fa',
      'a5592fab1f79c8ad98f449f1a9dbdbd87d8c810f2c830178c9d377faea0dbb4b',
    ]);
  });

  it('of a subscription that others went before is read as it was', () => {
    const { periodStart, periodEnd, interval, intervalCount } = SUBSCRIPTION;
    const earlier = [6n, 0n].map((paidAllowance, index) => ({
      ...{
        stripeSubscriptionId: `sub_before_${index}`,
        periodStart,
        periodEnd,
        interval,
        intervalCount,
        paidAllowance,
      },
    }));
    const commit = { ...COMMIT, state: { ...STATE, subscription: { ...SUBSCRIPTION, earlier } } };
    expect(fromDocumentCommit(throughBson(sealDocument(commit, GENESIS_HASH))).state).toEqual(commit.state);
  });

  it('of a subscription with discounts is read as it was', () => {
    const discounts: Subscription['discounts'] = [
      {
        reduction: { kind: 'percent', percent: { millionths: 12_500_000n } },
        ...{ duration: 'repeating', durationMonths: 3, endsAt: SUBSCRIPTION.periodEnd },
      },
      { reduction: { kind: 'amount', minorUnits: 9_007_199_254_740_993n, currency: 'usd' }, duration: 'once' },
    ];
    const commit = { ...COMMIT, state: { ...STATE, subscription: { ...SUBSCRIPTION, discounts } } };
    expect(fromDocumentCommit(throughBson(sealDocument(commit, GENESIS_HASH))).state).toEqual(commit.state);
  });

  it('of version 2, which knew no trials, is read as it is', () => {
    const document = { ...throughBson(sealDocument(EARLIER_COMMIT, GENESIS_HASH)), state_version: 2 };
    const read = fromDocumentCommit(document);
    expect(read.state).toEqual(STATE_WITHOUT_TRIAL);
    expect(read.entries).toEqual(EARLIER_ENTRIES);
  });

  it.each([true, false])(
    'of a subscription that ended with something left over is read as it was (past due: %s)',
    (wasPastDue) => {
      const subscription: Subscription = {
        ...SUBSCRIPTION,
        isContract: true,
        leftOver: { microcredits: 30n, wasPastDue, ...(wasPastDue ? { graceEndsAt: SUBSCRIPTION.periodEnd } : {}) },
      };
      const commit = { ...COMMIT, state: { ...STATE, subscription } };
      expect(fromDocumentCommit(throughBson(sealDocument(commit, GENESIS_HASH))).state).toEqual(commit.state);
    },
  );

  it.each([{}, { lapsedAt: START + 2 }])('of a subscription that was canceled is read as it was (%o)', (priorLapse) => {
    const leftOver = { microcredits: 0n, wasPastDue: false, priorLapse };
    const commit = { ...COMMIT, state: { ...STATE, subscription: { ...SUBSCRIPTION, leftOver } } };
    expect(fromDocumentCommit(throughBson(sealDocument(commit, GENESIS_HASH))).state).toEqual(commit.state);
  });

  it('of a subscription whose end was taken back is read as it was, and has its old form where nothing was held', () => {
    const [change] = SUBSCRIPTION_ENTRIES.filter(({ type }) => type === 'subscription_changed');
    if (change?.type !== 'subscription_changed') throw new Error('there is no change of a subscription');
    const revived: Entry = { ...change, revived: [DRAW.grantId] };
    const read = fromDocumentCommit(throughBson(sealDocument({ ...COMMIT, entries: [revived] }, GENESIS_HASH)));
    expect(read.entries).toEqual([revived]);
    const sealed = throughBson(sealDocument({ ...COMMIT, entries: [change] }, GENESIS_HASH));
    expect(sealed.entries[0]).not.toHaveProperty('revived');
  });

  it('of version 3, which knew no subscriptions, is read as it is', () => {
    const document = { ...throughBson(sealDocument(TRIAL_COMMIT, GENESIS_HASH)), state_version: 3 };
    const read = fromDocumentCommit(document);
    expect(read.state).toEqual(TRIAL_COMMIT.state);
    expect(read.entries).toEqual(TRIAL_ENTRIES);
  });

  it('is SHA-256 over the previous hash and canonical JSON: sorted names, int64 as text, digests for state and text', () => {
    const state: AccountState = {
      ...STATE_WITHOUT_TRIAL,
      grants: { trial: [], included: [], payg: [] },
      pinned: [],
      scheduled: [],
      holds: [],
      overdraftHeld: 0n,
      holdBytes: 0,
      totals: { ...ZERO_TOTALS, payg: 9_007_199_254_740_993n },
    };
    const [opened] = ENTRIES;
    if (opened === undefined) throw new Error('there is no entry');
    const commit: Commit = { ...COMMIT, entries: [opened], totals: state.totals, state };
    const stateJson = '{"plan_code":"pro","product_code":"agentruntime"}';
    const json = [
      '{"_id":"0198c0de000070008000000000000007"',
      '"created_at":"2026-01-01T00:00:00.000Z"',
      '"entries":[{"actor":"usr_1","after":{},"fingerprint":"1:open","key":"req:internal/test:open:1"',
      '"personal_digest":"ZGlnZXN0","plan_code":"pro","product_code":"agentruntime","type":"account_opened"}]',
      '"keys":["req:internal/test:open:1"]',
      '"seq":"7"',
      `"state_digest":"${createHash('sha256').update(stateJson).digest('hex')}"`,
      '"state_version":4',
      `"tenant_id":"${TENANT}"`,
      '"totals":{"payg":"9007199254740993"}}',
    ].join(',');
    const expected = createHash('sha256').update(hashOf('before')).update(json).digest('hex');
    expect(hexOf(commit)).toBe(expected);
  });

  it('is the same for the document that comes back from the database', () => {
    fc.assert(
      fc.property(commitChains, (commits) => {
        let previous = GENESIS_HASH;
        for (const commit of commits) {
          const { hash, ...stored } = throughBson(sealDocument(commit, previous));
          expect(hexOf(stored as CommitDocument, previous)).toBe(Buffer.from(hash.buffer).toString('hex'));
          previous = hash.buffer;
        }
      }),
      { numRuns: roundCount(50, 2_000) },
    );
  });

  it('is another after another commit', () => {
    expect(hexOf(COMMIT, hashOf('other'))).not.toBe(hexOf(COMMIT));
  });

  it('is another for any change of any field', () => {
    const document = toDocumentCommit(COMMIT) as CommitDocument;
    const seen = new Map([[hexOf(document), 'nothing']]);
    const changes = changesOf(document, '');
    expect(changes.length).toBeGreaterThan(250);
    for (const { path, value } of changes) {
      const hash = hexOf(value as CommitDocument);
      expect(seen.get(hash), `${path} changed as`).toBeUndefined();
      seen.set(hash, path);
    }
  });

  it('is another where a commit loses its state, or has that of another commit', () => {
    const hashes = [
      hexOf(COMMIT),
      hexOf(withoutState(COMMIT)),
      hexOf({ ...COMMIT, state: { ...STATE, scheduled: [] } }),
    ];
    expect(new Set(hashes).size).toBe(3);
  });

  it('stays as it is when personal text and salt are removed, and not when the digest is', () => {
    const redact = (personal: PersonalText): PersonalText => ({ digest: personal.digest });
    const edited = (edit: (personal: PersonalText) => PersonalText | undefined): Commit => ({
      ...COMMIT,
      entries: COMMIT.entries.map((entry) => {
        const { personal, ...rest } = entry;
        const left = personal && edit(personal);
        return (left === undefined ? rest : { ...rest, personal: left }) as Entry;
      }),
    });
    expect(hexOf(edited(redact))).toBe(hexOf(COMMIT));
    expect(hexOf(edited((personal) => ({ ...personal, reason: 'other' })))).toBe(hexOf(COMMIT));
    expect(hexOf(edited((personal) => ({ ...personal, digest: 'other' })))).not.toBe(hexOf(COMMIT));
    expect(hexOf(edited(() => undefined))).not.toBe(hexOf(COMMIT));
  });
});

function withoutState({ state: _, ...commit }: Commit): Commit {
  return commit;
}

interface Change {
  readonly path: string;
  readonly value: unknown;
}

/** All ways to change one thing of a document: another value, a field less, an element less, two elements swapped. */
function changesOf(value: unknown, path: string): Change[] {
  // Text and salt are outside of the chain, so that they can be removed.
  if (/\.personal\.(salt|reason|dimensions)$/.test(path)) return [];
  if (Array.isArray(value)) {
    const inner = value.flatMap((item, index) =>
      changesOf(item, `${path}[${index}]`).map((change) => ({
        path: change.path,
        value: value.with(index, change.value),
      })),
    );
    const fewer = value.map((_, index) => ({ path: `${path} less [${index}]`, value: value.toSpliced(index, 1) }));
    const swapped = value.length < 2 ? [] : [{ path: `${path} reversed`, value: value.toReversed() }];
    return [...inner, ...fewer, ...swapped];
  }
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    const fields = Object.entries(value).filter(([name, part]) => part !== undefined && name !== 'hash');
    return fields.flatMap(([name, part]) => [
      ...changesOf(part, `${path}.${name}`).map((change) => ({
        path: change.path,
        value: { ...value, [name]: change.value },
      })),
      ...(name === '_id' || path === '' || /\.personal$/.test(path)
        ? []
        : [{ path: `${path} less ${name}`, value: { ...value, [name]: undefined } }]),
    ]);
  }
  return [{ path, value: changedLeaf(value) }];
}

function changedLeaf(value: unknown): unknown {
  if (typeof value === 'bigint') return value + 1n;
  if (typeof value === 'string') return `${value}x`;
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  if (value instanceof Date) return new Date(value.getTime() + 1);
  if (value instanceof mongo.Binary) return new mongo.UUID(commitIdOf(8));
  throw new Error(`no way is known to change ${String(value)}`);
}

/** Texts as short and as long as the contract lets through, in narrow and in wide characters. */
const WIDTHS = ['x', '€', '🧾'] as const;
const extremesOf = (lengthMax: number): string[] => WIDTHS.flatMap((width) => [width, width.repeat(lengthMax)]);
const KEYS = [1, 128].map(
  (n) => `req:internal/${'n'.repeat(Math.min(n, 63))}:adjust:${'k'.repeat(n)}` as IdempotencyKey,
);
const SEALED = { digest: 'd'.repeat(43), salt: 's'.repeat(22) };
const REASONS: readonly PersonalText[] = extremesOf(500).map((reason) => ({ ...SEALED, reason }));
const DIMENSION_SETS: readonly PersonalText[] = extremesOf(256).flatMap((value) =>
  [1, 63].map((length) => {
    const names = Array.from({ length: 16 }, (_, n) => `${'d'.repeat(length)}${n.toString(36)}`);
    return { ...SEALED, dimensions: Object.fromEntries(names.map((name) => [name, value])) };
  }),
);
const WIDE_DRAW: GrantDraw = { grantId: GRANT_ID, bucket: 'included', microcredits: MICROCREDITS_MAX };
const WIDE_GRANT = grantOf({ bucket: 'included', source: 'adjustment' });
const WIDE_PINNED: Grant = { ...WIDE_GRANT, remaining: 0n, held: MICROCREDITS_MAX, granted: MICROCREDITS_MAX };
const NARROW_GRANT: Grant = {
  grantId: 'g' as GrantId,
  bucket: 'included',
  granted: 1n,
  remaining: 1n,
  held: 0n,
  effectiveAt: 0,
  source: '€',
};
const CODES = ['p', 'p'.repeat(63)] as const;
const FINGERPRINT = `1:${'f'.repeat(22)}` as Fingerprint;

/** The extremes of every type of entry that requests make. */
function extremeEntries(key: IdempotencyKey): Entry[] {
  const identities = (personals: readonly PersonalText[]) =>
    [undefined, ...personals].map((personal) => ({ key, fingerprint: FINGERPRINT, ...(personal && { personal }) }));
  const drawLists = [0, 1, 9].map((length) => Array.from({ length }, () => WIDE_DRAW));
  const byOperators = identities(REASONS).flatMap((identity) =>
    extremesOf(128).flatMap((actor): Entry[] => [
      ...CODES.map((code): Entry => {
        const codes = { productCode: code as ProductCode, planCode: code as PlanCode };
        return { type: 'account_opened', ...identity, ...codes, actor, after: PAYG_7 };
      }),
      { ...GRANTED, ...identity, grant: WIDE_GRANT, actor },
      ...drawLists.map((draws): Entry => ({ ...ADJUSTED, ...identity, draws, grant: WIDE_GRANT, actor })),
    ]),
  );
  const bare = { ...DEBITED, quantity: '123456789012.123456' };
  const debits = identities(DIMENSION_SETS).flatMap((identity) =>
    extremesOf(128).flatMap((text) =>
      extremesOf(64).flatMap((unit) =>
        drawLists.map((draws): Entry => {
          const ids = text.length < 9 ? {} : { projectId: text, workflowId: text, runId: text };
          return { ...bare, ...identity, action: text, ...ids, price: { ...bare.price, unit, rule: 'default' }, draws };
        }),
      ),
    ),
  );
  return [...byOperators, ...debits, ...extremeCorrections(key), ...extremeHoldEntries(key)];
}

/** Texts and lists at their extremes, each once, since every one of them adds to the size by itself. */
const EXTREMES = extremesOf(128).flatMap((text) =>
  [0, 1, 9, 1_000].map((count) => ({
    text,
    unit: text.slice(0, 64).toWellFormed(),
    draws: Array.from({ length: count }, () => WIDE_DRAW),
    context: text.length < 9 ? {} : { projectId: text, workflowId: text, runId: text },
  })),
);

function extremeCorrections(key: IdempotencyKey): Entry[] {
  return EXTREMES.flatMap(({ text, draws, context }): Entry[] =>
    [undefined, ...REASONS].flatMap((personal): Entry[] => {
      const identity = { key, fingerprint: FINGERPRINT, ...(personal && { personal }) };
      const undone = { ...REVERSED, ...identity, actor: text, reversedType: 'account_opened' as const };
      const { usage: _, unscheduled: __, ...bare } = undone;
      const usage = { action: text, quantity: '123456789012.123456', cost: MICROCREDITS_MAX, ...context, at: START };
      return [
        { ...bare, returned: [], expired: [], taken: draws },
        { ...undone, returned: draws.map(() => WIDE_PINNED), expired: draws, taken: [], usage },
        { type: 'redacted', ...identity, entryId: ENTRY_ID, actor: text, after: PAYG_7 },
      ];
    }),
  );
}

function extremeHoldEntries(key: IdempotencyKey): Entry[] {
  return EXTREMES.flatMap(({ text, unit, draws, context }): Entry[] => {
    const figures = { draws, overdraft: MICROCREDITS_MAX, settled: MICROCREDITS_MAX, expiresAt: START };
    const about = { holdId: HOLD_ID, action: text, ...context, hold: figures, after: PAYG_7 };
    const identity = { key, fingerprint: FINGERPRINT };
    const price = { ...DEBITED.price, unit, rule: 'default' as const };
    const quantity = '123456789012.123456';
    const end = { freed: draws, expired: draws, deficitPaid: MICROCREDITS_MAX };
    return [
      { type: 'reserved', ...identity, ...about, quantity, price },
      { type: 'hold_extended', ...identity, ...about, quantity, draws, overdraft: MICROCREDITS_MAX },
      { type: 'hold_released', ...identity, ...about, end },
      { type: 'hold_expired', key: `hold-expired:${HOLD_ID}` as IdempotencyKey, ...about, end, dueAt: START },
      ...[undefined, ...DIMENSION_SETS].flatMap((personal): Entry[] => {
        const part = { ...SETTLED, ...about, key: partKey(text), partId: text, quantity, price, draws, end };
        const { end: _, runStatus: __, ...bare } = part;
        const fingerprint = { fingerprint: FINGERPRINT, ...(personal && { personal }) };
        return [
          { ...part, ...fingerprint, drawsFromHold: draws.length },
          { ...bare, ...fingerprint, final: false, late: true },
        ];
      }),
    ];
  });
}

/** Part ids are ASCII by contract, so a key is no longer than its text. */
function partKey(text: string): IdempotencyKey {
  return `settle:${HOLD_ID}:${'k'.repeat(text.length)}` as IdempotencyKey;
}

const OWN_ENTRIES: readonly Entry[] = [
  {
    type: 'grant_started',
    key: `start:${GRANT_ID}` as IdempotencyKey,
    grantId: GRANT_ID,
    deficitPaid: 1n,
    dueAt: START,
    after: PAYG_7,
  },
  {
    type: 'grant_expired',
    key: `expire:${GRANT_ID}` as IdempotencyKey,
    expired: WIDE_DRAW,
    dueAt: START,
    after: PAYG_7,
  },
];

/** What an entry adds to a commit as one of the last of 256, its key in the list of keys included. */
function entrySize(entry: Entry): number {
  const keys = Object.fromEntries(keysOf({ entries: [entry] }).map((key, index) => [255 + index * 256, key]));
  return bsonSize({ 255: toDocumentEntry(entry) }) + bsonSize(keys) - 2 * bsonSize({});
}

/** The entry whose estimate is furthest below its size, with what is missing; undefined where none is below. */
function worstOf(entries: readonly Entry[]): { readonly missingBytes: number; readonly entry: Entry } | undefined {
  let worst: ReturnType<typeof worstOf>;
  for (const entry of entries) {
    const missingBytes = entrySize(entry) - estimateEntryBytes(entry);
    if (missingBytes > (worst?.missingBytes ?? 0)) worst = { missingBytes, entry };
  }
  return worst;
}

describe('the estimate of an entry’s size', () => {
  it.each(KEYS.map((key) => [key.length, key] as const))(
    'is never below what an entry with a key of %i characters takes',
    (_, key) => {
      const worst = worstOf(extremeEntries(key));
      expect(worst && { missingBytes: worst.missingBytes, type: worst.entry.type }).toBeUndefined();
    },
  );

  it('is never below it for what falls due', () => {
    expect(worstOf(OWN_ENTRIES)).toBeUndefined();
  });

  it('is no more than a few times too large, or commits would stay half empty', () => {
    for (const entry of [...ENTRIES, ...OWN_ENTRIES]) {
      expect(estimateEntryBytes(entry), entry.type).toBeLessThan(4 * entrySize(entry));
    }
  });
});

describe('the estimate of a state’s size', () => {
  const stateOf = (grant: Grant, active: number, scheduled: number, code: string): AccountState => ({
    ...STATE,
    productCode: code as ProductCode,
    planCode: code as PlanCode,
    grants: { trial: [], included: Array.from({ length: active }, () => grant), payg: [] },
    pinned: [],
    scheduled: Array.from({ length: scheduled }, () => grant),
    holds: [],
    holdBytes: 0,
  });
  const sizeOf = (state: AccountState): number => bsonSize({ state: toDocumentState(state) }) - bsonSize({});

  it.each([0, 1, 7, 15, 31, 32, 33, 64, 65, 400])(
    'is never below what one with %i active grants and as many scheduled takes',
    (count) => {
      for (const grant of [WIDE_GRANT, WIDE_PINNED, NARROW_GRANT]) {
        for (const state of CODES.flatMap((code) => [
          stateOf(grant, count, 0, code),
          stateOf(grant, count, count, code),
        ])) {
          expect(estimateStateBytes(state), `plan code ${state.planCode}`).toBeGreaterThanOrEqual(sizeOf(state));
        }
      }
    },
  );

  const holdOf = ({ text, unit, draws, context }: (typeof EXTREMES)[number]): Hold => ({
    holdId: HOLD_ID,
    action: text,
    price: { ...DEBITED.price, unit, rule: 'default' },
    ...context,
    draws,
    overdraft: MICROCREDITS_MAX,
    settled: MICROCREDITS_MAX,
    expiresAt: START,
  });

  it.each([1, 9, 64, 65])('is never below what one with %i holds takes, and pinned grants', (count) => {
    for (const [code, extreme] of CODES.flatMap((each) => EXTREMES.map((other) => [each, other] as const))) {
      const hold = holdOf(extreme);
      const state = {
        ...stateOf(WIDE_GRANT, 0, 0, code),
        pinned: Array.from({ length: count }, () => WIDE_PINNED),
        holds: Array.from({ length: count }, () => hold),
        holdBytes: count * estimateHoldBytes(hold),
      };
      expect(estimateStateBytes(state), `${extreme.draws.length} draws`).toBeGreaterThanOrEqual(sizeOf(state));
    }
  });

  it('of one hold is never below what it takes as one of ten thousand', () => {
    for (const hold of EXTREMES.map(holdOf)) {
      const [document] = toDocumentState({ ...stateOf(WIDE_GRANT, 0, 0, 'p'), holds: [hold] }).holds ?? [];
      expect(estimateHoldBytes(hold)).toBeGreaterThanOrEqual(bsonSize({ 9999: document }) - bsonSize({}));
    }
  });

  it('is never below what a state of a random history takes, and that of a commit never below the commit', () => {
    fc.assert(
      fc.property(commitChains, (commits) => {
        for (const commit of commits) {
          const document = sealDocument(commit, GENESIS_HASH);
          expect(estimateCommitBytes(commit)).toBeGreaterThanOrEqual(bsonSize(document));
          if (commit.state !== undefined) {
            expect(estimateStateBytes(commit.state)).toBeGreaterThanOrEqual(sizeOf(commit.state));
          }
          for (const entry of commit.entries) {
            expect(estimateEntryBytes(entry), entry.type).toBeGreaterThanOrEqual(entrySize(entry));
          }
        }
      }),
      { numRuns },
    );
  });
});
