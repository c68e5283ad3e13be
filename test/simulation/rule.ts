// Owns the rules of a run: prices and overdraft, of which one price is published while the run goes on.

import { createPriceBook, type PriceRow } from '../../kernel/domain/action-price.ts';
import type { PlanCode, ProductCode, TenantId } from '../../kernel/domain/id.ts';
import { CLOSED_ACCOUNT_POLICY, type Rulebook } from '../../kernel/domain/rulebook.ts';
import type { Rules } from '../model/account-model.ts';
import { rulesOf } from '../model/kernel-words.ts';

export const PRODUCT = 'agentruntime' as ProductCode;
export const PLANS: readonly PlanCode[] = ['pro' as PlanCode, 'plus' as PlanCode, 'free' as PlanCode];
const OVERDRAFT: readonly (readonly [plan: string, limit: bigint])[] = [
  ['pro', 12n],
  ['plus', 4n],
];

/** The actions of a run; `nothing` never has a price, `late` has one only after a while. */
export const ACTIONS = ['tick', 'tick', 'third', 'free', 'planned', 'late', 'nothing'] as const;

/** The action that may be begun without credit on plans with overdraft. */
const UNGATED: (typeof ACTIONS)[number] = 'third';

/** The rules as they were over time. */
export class RuleHistory {
  readonly #before: Rulebook;
  readonly #after: Rulebook;
  readonly #publishedAtMs: number;
  readonly #asks = new Map<string, Rules>();

  /** `beginsAt` is the moment, `publishedAtMs` the time of the run, from which the late price is there. */
  constructor(beginsAt: number, publishedAtMs: number) {
    const early: PriceRow[] = [
      { action: 'tick', microcreditsPerUnit: 1n, unit: 'tick', rule: 'default', effectiveAt: 0 },
      { action: 'third', microcreditsPerUnit: 3n, unit: 'part', rule: 'default', effectiveAt: 0 },
      { action: 'free', microcreditsPerUnit: 0n, unit: 'part', rule: 'default', effectiveAt: 0 },
      { action: 'planned', microcreditsPerUnit: 7n, unit: 'part', rule: 'default', effectiveAt: 0 },
      {
        action: 'planned',
        microcreditsPerUnit: 2n,
        unit: 'part',
        rule: 'plan',
        planCode: 'pro' as PlanCode,
        effectiveAt: beginsAt,
      },
      {
        action: 'planned',
        rule: 'plan',
        planCode: 'pro' as PlanCode,
        effectiveAt: beginsAt + 5_000,
        endsOverride: true,
      },
    ];
    const late: PriceRow = {
      action: 'late',
      microcreditsPerUnit: 2n,
      unit: 'part',
      rule: 'default',
      effectiveAt: beginsAt,
    };
    this.#before = rulebookOf(early);
    this.#after = rulebookOf([...early, late]);
    this.#publishedAtMs = publishedAtMs;
  }

  rulebookAt(ms: number): Rulebook {
    return ms < this.#publishedAtMs ? this.#before : this.#after;
  }

  /** The rules in the model's words, as a request in this time of the run may have been decided by. */
  rulesFor(tenant: TenantId, fromMs: number, toMs: number): readonly Rules[] {
    const books = new Set([this.rulebookAt(fromMs), this.rulebookAt(toMs)]);
    return [...books].map((book) => this.#rulesOf(book, tenant));
  }

  /** The rules at the end, which have every price that ever was. */
  newestRules(tenant: TenantId): Rules {
    return this.#rulesOf(this.#after, tenant);
  }

  #rulesOf(book: Rulebook, tenant: TenantId): Rules {
    const key = `${tenant} ${book === this.#before}`;
    const known = this.#asks.get(key) ?? rulesOf(book, tenant);
    this.#asks.set(key, known);
    return known;
  }
}

function rulebookOf(rows: readonly PriceRow[]): Rulebook {
  const policies = new Map(
    OVERDRAFT.map(([plan, overdraftLimit]) => [
      plan as PlanCode,
      { ...CLOSED_ACCOUNT_POLICY, overdraftLimit, creditGates: ['*', `!${UNGATED}`] },
    ]),
  );
  return { productCode: PRODUCT, policies, prices: createPriceBook(rows) };
}
