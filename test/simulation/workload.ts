// Draws what the clients of a run ask: small amounts and near times, so that last credits, limits and due moments are met
// exactly; holds, parts and corrections of what was answered before; the same request again, and another one with its id.

import type { TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { BUCKETS } from '../../kernel/domain/bucket.ts';
import type { HoldId, TenantId } from '../../kernel/domain/id.ts';
import type { Quantity } from '../../kernel/domain/quantity.ts';
import type { Ending } from './attempt.ts';
import type { Random } from './random.ts';
import {
  adjustRequest,
  cancelTrialRequest,
  debitRequest,
  extendRequest,
  grantRequest,
  openRequest,
  redactRequest,
  releaseRequest,
  reserveRequest,
  reverseRequest,
  settleRequest,
  startTrialRequest,
  type WriteRequest,
} from './request.ts';
import { ACTIONS, PLANS, PRODUCT } from './rule.ts';

/** How many of the last entries and holds requests refer to. */
const RECENT = 12;
const UNKNOWN_ENTRY = 'ent_019b76da-a800-7000-8000-00fff0000000';
const UNKNOWN_HOLD = 'hld_019b76da-a800-7000-8000-00fff0000000' as HoldId;

type Draw = (tenant: TenantRef, id: string, now: number) => WriteRequest | undefined;

/** What one tenant's clients have been told. */
interface Knowledge {
  readonly holds: HoldId[];
  readonly entries: string[];
  readonly requests: { readonly request: WriteRequest; readonly draw: Draw; readonly id: string }[];
}

/** Draws requests. */
export class Workload {
  readonly #random: Random;
  readonly tenants: readonly TenantRef[];
  readonly #known = new Map<TenantId, Knowledge>();
  /** Request ids are UUIDs, which the index has in a form of its own. */
  readonly #hasUuids: boolean;
  #count = 0;
  readonly #draws: readonly (readonly [weight: number, draw: Draw])[];

  constructor(random: Random, tenants: number) {
    this.#random = random;
    this.#hasUuids = random.chance(0.5);
    this.tenants = Array.from({ length: tenants }, (_, index): TenantRef => {
      const tenantId = `ten_0198c0de-0000-7000-8000-00000000000${index + 1}` as TenantId;
      return { tenantId, productCode: PRODUCT };
    });
    for (const { tenantId } of this.tenants) this.#known.set(tenantId, { holds: [], entries: [], requests: [] });
    this.#draws = [
      [20, this.#drawDebit],
      [9, this.#drawGrant],
      [4, this.#drawAdjust],
      [9, this.#drawReserve],
      [3, this.#drawExtend],
      [9, this.#drawSettle],
      [3, this.#drawRelease],
      [5, this.#drawReverse],
      [1, this.#drawRedact],
      [2, this.#drawTrial],
      [1, this.#drawCancellation],
      [5, this.#drawRepeat],
      [2, this.#drawReuse],
    ];
  }

  /** Draws one request for a tenant at a moment. */
  draw(tenant: TenantRef, now: number): WriteRequest {
    const draw = this.#random.weighed(this.#draws);
    const id = this.#nextId();
    const request = draw(tenant, id, now) ?? this.#drawDebit(tenant, id);
    this.#knowledgeOf(tenant).requests.push({ request, draw, id });
    return request;
  }

  open(tenant: TenantRef): WriteRequest {
    return openRequest(tenant, PLANS[this.tenants.indexOf(tenant) % PLANS.length] ?? PLANS[0] ?? this.#noPlan());
  }

  /** Learns from an answer what later requests can refer to. */
  learn({ tenant }: WriteRequest, ending: Ending): void {
    if (ending.kind !== 'posted') return;
    const { entryId, entry } = ending.posting.posted;
    const known = this.#knowledgeOf(tenant);
    known.entries.push(entryId);
    if (entry.type === 'reserved') known.holds.push(entry.holdId);
  }

  #noPlan(): never {
    throw new RangeError('the run has no plans');
  }

  #nextId(): string {
    this.#count += 1;
    return this.#hasUuids ? `0198c0de-0000-7000-8000-${String(this.#count).padStart(12, '0')}` : `r${this.#count}`;
  }

  #knowledgeOf({ tenantId }: TenantRef): Knowledge {
    const known = this.#known.get(tenantId);
    if (known === undefined) throw new RangeError(`no tenant ${tenantId} in this run`);
    return known;
  }

  #drawQuantity(most: number): Quantity {
    const units = BigInt(this.#random.whole(1, most)) * 1_000_000n;
    return { millionths: this.#random.chance(0.15) ? units + BigInt(this.#random.whole(1, 999_999)) : units };
  }

  #drawAction(): string {
    return this.#random.pick(ACTIONS);
  }

  readonly #drawDebit = (tenant: TenantRef, requestId: string): WriteRequest =>
    debitRequest(tenant, requestId, {
      action: this.#drawAction(),
      quantity: this.#drawQuantity(14),
      alreadyPerformed: this.#random.chance(0.12),
      ...(this.#random.chance(0.3) ? { dimensions: { who: requestId } } : {}),
    });

  readonly #drawGrant: Draw = (tenant, requestId, now) => {
    const begins = this.#random.chance(0.25) ? this.#random.whole(-500, 3_000) : undefined;
    const lasts = this.#random.chance(0.6) ? this.#random.whole(-20, 6_000) : undefined;
    return grantRequest(tenant, requestId, {
      bucket: this.#random.pick(BUCKETS),
      amount: BigInt(this.#random.whole(1, 40)),
      ...(begins === undefined ? {} : { effectiveAt: now + begins }),
      ...(lasts === undefined ? {} : { expiresAt: now + Math.max(0, begins ?? 0) + lasts }),
      actor: 'usr_operator',
      reason: `because of ${requestId}`,
    });
  };

  readonly #drawAdjust: Draw = (tenant, requestId) => {
    const amount = BigInt(this.#random.whole(1, 15));
    return adjustRequest(tenant, requestId, {
      bucket: this.#random.pick(BUCKETS),
      delta: this.#random.chance(0.5) ? amount : -amount,
      actor: 'usr_operator',
      reason: `because of ${requestId}`,
    });
  };

  readonly #drawReserve: Draw = (tenant, requestId, now) =>
    reserveRequest(tenant, requestId, {
      action: this.#drawAction(),
      quantity: this.#drawQuantity(18),
      expiresAt: now + this.#random.whole(-10, this.#random.chance(0.5) ? 3_000 : 20_000),
      ...(this.#random.chance(0.3) ? { runId: `run_${requestId}` } : {}),
    });

  readonly #drawExtend: Draw = (tenant, requestId, now) => {
    const holdId = this.#drawHold(tenant);
    if (holdId === undefined) return undefined;
    const [isLonger, isMore] = [this.#random.chance(0.6), this.#random.chance(0.6)];
    return extendRequest(tenant, requestId, {
      holdId,
      ...(isLonger ? { expiresAt: now + this.#random.whole(-10, 5_000) } : {}),
      ...(isMore || !isLonger ? { additionalQuantity: this.#drawQuantity(8) } : {}),
    });
  };

  readonly #drawSettle: Draw = (tenant) => {
    const holdId = this.#drawHold(tenant);
    if (holdId === undefined) return undefined;
    return settleRequest(tenant, {
      holdId,
      // Few parts, so that clients meet in one now and then.
      partId: `p${this.#random.whole(1, 5)}`,
      quantity: this.#random.chance(0.08) ? { millionths: 0n } : this.#drawQuantity(16),
      final: this.#random.chance(0.4),
      ...(this.#random.chance(0.2) ? { dimensions: { step: 'one' } } : {}),
    });
  };

  readonly #drawRelease: Draw = (tenant, requestId) => {
    const holdId = this.#drawHold(tenant);
    return holdId && releaseRequest(tenant, requestId, holdId);
  };

  readonly #drawReverse: Draw = (tenant, requestId) =>
    this.#drawCorrection(tenant, (correction) => reverseRequest(tenant, requestId, correction));

  readonly #drawRedact: Draw = (tenant, requestId) =>
    this.#drawCorrection(tenant, (correction) => redactRequest(tenant, requestId, correction));

  readonly #drawTrial: Draw = (tenant, requestId, now) =>
    startTrialRequest(tenant, requestId, {
      planCode: this.#random.pick(PLANS),
      granted: BigInt(this.#random.whole(0, 20)),
      endsAt: now + this.#random.whole(-10, 5_000),
    });

  readonly #drawCancellation: Draw = (tenant, requestId) => cancelTrialRequest(tenant, requestId);

  #drawCorrection(
    tenant: TenantRef,
    make: (correction: { entryId: string; actor: string; reason: string }) => WriteRequest,
  ): WriteRequest | undefined {
    const recent = this.#knowledgeOf(tenant).entries.slice(-RECENT);
    if (recent.length === 0) return undefined;
    const entryId = this.#random.chance(0.04) ? UNKNOWN_ENTRY : this.#random.pick(recent);
    return make({ entryId, actor: 'usr_operator', reason: 'a mistake' });
  }

  #drawHold(tenant: TenantRef): HoldId | undefined {
    const recent = this.#knowledgeOf(tenant).holds.slice(-RECENT);
    if (recent.length === 0) return undefined;
    return this.#random.chance(0.04) ? UNKNOWN_HOLD : this.#random.pick(recent);
  }

  /** The same request once more. */
  readonly #drawRepeat: Draw = (tenant) => {
    const recent = this.#knowledgeOf(tenant).requests.slice(-RECENT);
    return recent.length === 0 ? undefined : this.#random.pick(recent).request;
  };

  /** Another request with an id that a request of the same kind has had. */
  readonly #drawReuse: Draw = (tenant, _, now) => {
    const recent = this.#knowledgeOf(tenant).requests.slice(-RECENT);
    if (recent.length === 0) return undefined;
    const { draw, id } = this.#random.pick(recent);
    const isPlain = draw !== this.#drawRepeat && draw !== this.#drawReuse;
    return isPlain ? draw(tenant, id, now) : undefined;
  };
}
