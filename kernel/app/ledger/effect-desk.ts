// Owns credits that the kernel gives and takes back by itself, each once for what it is for: a payment, a promotion, money that
// went back to its payer. Does not own whether there was a payment (app/payment), or who may have a promotion (app/promotion).

import type { GiveGrant, SettlePayback } from '../../domain/command.ts';
import type { IdempotencyKey, TenantId, TopUpId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { paybackKey, paymentKey } from '../../domain/payback.ts';
import type { PlacedEntry } from '../ports.ts';
import type { AccountDesk } from './account-desk.ts';
import { postedEntryOf } from './entry-list.ts';
import type { CreditInput, Ledger, PaybackReading, PostedEntry, Posting, TenantRef } from './ledger.ts';
import { markReversed } from './reversal-mark.ts';

/** How many settlements of one top-up are looked for at once: mostly there is none, or one. */
const SETTLEMENTS_PER_LOOK = 4;

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

  async readPayback(tenant: TenantRef, topUpId: TopUpId): Promise<PaybackReading | undefined> {
    const { tenantId } = tenant;
    const [paid] = await this.#load(tenantId, [paymentKey(topUpId)]);
    if (paid?.entry.type !== 'granted') return undefined;
    const { store } = this.#desk.tools;
    const given = postedEntryOf(tenantId, paid);
    const [posted = given] = await this.#desk.read(() => markReversed(store, tenantId, [given]));
    const { grantId: paidGrantId, granted: credits } = paid.entry.grant;
    const last = await this.#findLast(tenantId, topUpId);
    const isReversed = posted.reversedBy !== undefined;
    return { topUpId, paidEntryId: given.entryId, paidGrantId, credits, ...last, isReversed };
  }

  async #findLast(
    tenantId: TenantId,
    topUpId: TopUpId,
  ): Promise<Pick<PaybackReading, 'number' | 'total' | 'waivedTotal'>> {
    for (let number = 0, total = 0n, waivedTotal = 0n; ; ) {
      const keys = Array.from({ length: SETTLEMENTS_PER_LOOK }, (_, index) => paybackKey(topUpId, number + index + 1));
      const found = new Map((await this.#load(tenantId, keys)).map(({ entry }) => [entry.key, entry]));
      for (const key of keys) {
        const entry = found.get(key);
        if (entry?.type !== 'payback_settled') return { number: number + 1, total, waivedTotal };
        ({ total, waivedTotal } = entry);
        number += 1;
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
    if (target < 0n || target > credits) {
      throw new RangeError(`${target} of ${credits} microcredits of ${topUpId} can't be taken back`);
    }
    // An operator has taken back the whole of it by hand.
    if (isReversed || target === total) return true;
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
