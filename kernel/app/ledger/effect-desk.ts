// Owns credits that the kernel gives and takes back by itself, each once for what it is for: a payment, a promotion, money that
// went back to its payer. Does not own whether there was a payment (app/payment), or who may have a promotion (app/promotion).

import type { GiveGrant, SettlePayback } from '../../domain/command.ts';
import type { Grant } from '../../domain/grant.ts';
import type { IdempotencyKey, TenantId, TopUpId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { paybackKey } from '../../domain/payback.ts';
import { givingKey } from '../../domain/payment-giving.ts';
import type { PlacedEntry } from '../ports.ts';
import type { AccountDesk } from './account-desk.ts';
import { postedEntryOf } from './entry-list.ts';
import type { CreditInput, Ledger, PaybackReading, PostedEntry, Posting, TenantRef } from './ledger.ts';
import { markReversed } from './reversal-mark.ts';

/** How many entries of one top-up are looked for at once: mostly there is one, or none. */
const ENTRIES_PER_LOOK = 4;

/** Serves the effects of every tenant. */
export class EffectDesk implements Pick<Ledger, 'giveCredit' | 'findByKeys' | 'readPayback' | 'settlePayback'> {
  readonly #desk: AccountDesk;

  constructor(desk: AccountDesk) {
    this.#desk = desk;
  }

  async giveCredit(tenant: TenantRef, input: CreditInput): Promise<Posting> {
    const { key, bucket, amount, expiresAt, claimedUntil, source } = input;
    await this.#desk.noteDueTimes(tenant.tenantId, [expiresAt]);
    const grantId = this.#desk.tools.ids.grantId();
    const times = present({ expiresAt, claimedUntil });
    const command: GiveGrant = { type: 'grant', key, grantId, bucket, amount, ...times, source };
    return this.#desk.submit(tenant, command, {});
  }

  async findByKeys(
    { tenantId }: TenantRef,
    keys: readonly IdempotencyKey[],
  ): Promise<ReadonlyMap<IdempotencyKey, PostedEntry>> {
    const found = await this.#load(tenantId, keys);
    return new Map(found.map((placed) => [placed.entry.key, postedEntryOf(tenantId, placed)]));
  }

  async readPayback({ tenantId }: TenantRef, topUpId: TopUpId): Promise<PaybackReading | undefined> {
    const given = (await this.#loadSeries(tenantId, (number) => givingKey(topUpId, number))).flatMap(givingOf);
    const [first] = given;
    if (first === undefined) return undefined;
    const posted = given.map(({ placed }) => postedEntryOf(tenantId, placed));
    const marked = await this.#desk.read(() => markReversed(this.#desk.tools.store, tenantId, posted));
    const standing = given.filter((_, index) => marked[index]?.reversedBy === undefined);
    const settlements = await this.#loadSeries(tenantId, (number) => paybackKey(topUpId, number));
    const last = settlements.at(-1)?.entry;
    const { total, waivedTotal } = last?.type === 'payback_settled' ? last : { total: 0n, waivedTotal: 0n };
    return {
      ...{ topUpId, givings: given.length, paidGrantId: first.grant.grantId },
      paidEntryId: postedEntryOf(tenantId, (standing.at(-1) ?? given.at(-1) ?? first).placed).entryId,
      credits: standing.reduce((sum, { grant }) => sum + grant.granted, 0n),
      ...{ number: settlements.length + 1, total, waivedTotal, isReversed: standing.length === 0 },
    };
  }

  /** Loads the entries of keys that are numbered from 1 on, up to the first number that has none. */
  async #loadSeries(tenantId: TenantId, keyOf: (number: number) => IdempotencyKey): Promise<readonly PlacedEntry[]> {
    const series: PlacedEntry[] = [];
    for (;;) {
      const keys = Array.from({ length: ENTRIES_PER_LOOK }, (_, index) => keyOf(series.length + index + 1));
      const found = new Map((await this.#load(tenantId, keys)).map((placed) => [placed.entry.key, placed]));
      for (const key of keys) {
        const placed = found.get(key);
        if (placed === undefined) return series;
        series.push(placed);
      }
    }
  }

  async settlePayback(
    { tenantId }: TenantRef,
    reading: PaybackReading,
    target: bigint,
    waivesDebt: boolean,
  ): Promise<boolean> {
    const { topUpId, number, total, waivedTotal, paidGrantId, credits, isReversed } = reading;
    // An operator has taken back the whole of it by hand.
    if (isReversed || target === total) return true;
    if (target < 0n || target > credits) {
      throw new RangeError(`${target} of ${credits} microcredits of ${topUpId} can't be taken back`);
    }
    const command: SettlePayback = {
      type: 'settle_payback',
      key: paybackKey(topUpId, number),
      ...{ topUpId, target, before: { total, waivedTotal }, paidGrantId, waivesDebt },
      grantId: this.#desk.tools.ids.grantId(),
    };
    const { replayed } = await this.#desk.committer.submit(tenantId, command, Number.POSITIVE_INFINITY);
    return !replayed;
  }

  #load(tenantId: TenantId, keys: readonly IdempotencyKey[]): Promise<readonly PlacedEntry[]> {
    return this.#desk.read(() => this.#desk.tools.store.loadEntriesByKeys(tenantId, keys));
  }
}

function givingOf(placed: PlacedEntry): readonly { readonly placed: PlacedEntry; readonly grant: Grant }[] {
  return placed.entry.type === 'granted' ? [{ placed, grant: placed.entry.grant }] : [];
}
