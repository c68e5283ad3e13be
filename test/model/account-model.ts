// The account as the documents describe it, written a second time and as plainly as can be: one list of credits, a clock
// that ticks through every millisecond, and a search through everything for each microcredit's source. It shares no code
// with kernel/domain, only the shape of commands; where the two disagree, one of them is wrong.

import type { Bucket } from '../../kernel/domain/bucket.ts';
import type { Adjust, Command, Debit, GiveGrant } from '../../kernel/domain/command.ts';

const MOST = 2n ** 53n - 1n;
const MOST_CREDITS = 1_000;
const MILLION = 1_000_000n;

/** Credit from one source, as the model keeps it. */
interface Credit {
  readonly id: string;
  readonly bucket: Bucket;
  left: bigint;
  readonly from: number;
  readonly until: number;
  started: boolean;
}

/** What the model says to a command. */
export type ModelAnswer =
  | {
      readonly kind: 'accepted';
      readonly draws: readonly (readonly [id: string, amount: bigint])[];
      readonly owed: bigint;
    }
  | { readonly kind: 'replayed' }
  | { readonly kind: 'rejected'; readonly reason: string; readonly needed?: bigint; readonly available?: bigint };

/** What an account holds, as the model sees it. */
export interface ModelBalance {
  readonly trial: bigint;
  readonly included: bigint;
  readonly payg: bigint;
  readonly deficit: bigint;
  /** What is left of each source of credit, those that have not begun included. */
  readonly left: Readonly<Record<string, bigint>>;
}

/** One tenant's account. */
export class AccountModel {
  #time: number;
  #plan: string | undefined;
  readonly #credits: Credit[] = [];
  #deficit = 0n;
  readonly #done = new Set<string>();

  constructor(startsAt: number) {
    this.#time = startsAt;
  }

  /** Does what a command asks at a time, which must not be before the last one. */
  apply(command: Command, now: number): ModelAnswer {
    this.#tickTo(now);
    if (command.type === 'expire') return { kind: 'accepted', draws: [], owed: 0n };
    if (this.#done.has(command.key)) return { kind: 'replayed' };
    const answer = this.#decide(command);
    if (answer.kind === 'accepted') this.#done.add(command.key);
    return answer;
  }

  /** What the account holds at a time. */
  balanceAt(now: number): ModelBalance {
    this.#tickTo(now);
    const left: Record<string, bigint> = {};
    for (const { id, left: amount } of this.#credits) if (amount > 0n) left[id] = amount;
    return {
      trial: this.#sum('trial'),
      included: this.#sum('included'),
      payg: this.#sum('payg'),
      deficit: this.#deficit,
      left,
    };
  }

  #decide(command: Exclude<Command, { readonly type: 'expire' }>): ModelAnswer {
    if (command.type === 'open_account') {
      if (this.#plan !== undefined) return refuse('IDEMPOTENCY_KEY_REUSED');
      this.#plan = command.planCode;
      return ACCEPTED;
    }
    if (this.#plan === undefined) return refuse('ACCOUNT_NOT_OPEN');
    if (command.type === 'grant') return this.#grant(command);
    return command.type === 'debit' ? this.#debit(command, this.#plan) : this.#adjust(command);
  }

  #grant({
    grantId,
    bucket,
    amount,
    effectiveAt = this.#time,
    expiresAt = Number.POSITIVE_INFINITY,
  }: GiveGrant): ModelAnswer {
    if (expiresAt <= this.#time || expiresAt <= effectiveAt) return refuse('INVALID_FIELD');
    return this.#add({ id: grantId, bucket, left: amount, from: effectiveAt, until: expiresAt, started: false });
  }

  #adjust({ grantId, bucket, delta }: Adjust): ModelAnswer {
    if (delta > 0n) {
      const until = Number.POSITIVE_INFINITY;
      return this.#add({ id: grantId, bucket, left: delta, from: this.#time, until, started: false });
    }
    const available = this.#sum(bucket);
    if (available < -delta) return { ...refuse('INSUFFICIENT_CREDITS'), needed: -delta, available };
    return { kind: 'accepted', draws: this.#draw(-delta, [bucket]), owed: 0n };
  }

  #add(credit: Credit): ModelAnswer {
    const alive = this.#credits.filter(({ left }) => left > 0n);
    if (alive.length >= MOST_CREDITS) return refuse('GRANT_LIMIT_REACHED');
    let all = credit.left;
    for (const { left } of alive) all += left;
    if (all > MOST) return refuse('BALANCE_OUT_OF_RANGE');
    this.#credits.push(credit);
    if (credit.from <= this.#time) this.#start(credit);
    return ACCEPTED;
  }

  #debit(command: Debit, plan: string): ModelAnswer {
    const price = this.#priceOf(command, plan);
    if (price === undefined) return refuse('ACTION_NOT_FOUND');
    const needed = ceilingOf(command.quantity.millionths * price);
    if (needed > MOST) return refuse('BALANCE_OUT_OF_RANGE');
    const available = this.#sum('trial') + this.#sum('included') + this.#sum('payg');
    const owed = needed > available ? needed - available : 0n;
    if (owed > 0n && !command.alreadyPerformed) {
      let limit = 0n;
      for (const [code, policy] of command.rulebook.policies) if (code === plan) limit = policy.overdraftLimit;
      if (this.#deficit + owed > limit) return { ...refuse('INSUFFICIENT_CREDITS'), needed, available };
    }
    if (this.#deficit + owed > MOST) return refuse('BALANCE_OUT_OF_RANGE');
    const draws = this.#draw(needed - owed, ['trial', 'included', 'payg']);
    this.#deficit += owed;
    return { kind: 'accepted', draws, owed };
  }

  /** The last one in force of the most particular rule that says anything. */
  #priceOf({ action, tenantId, rulebook }: Debit, plan: string): bigint | undefined {
    const prices = [...(rulebook.prices.get(action) ?? [])].filter(({ effectiveAt }) => effectiveAt <= this.#time);
    const newest = prices.sort((a, b) => b.effectiveAt - a.effectiveAt);
    const chosen =
      newest.find((price) => price.rule === 'tenant' && price.tenantId === tenantId) ??
      newest.find((price) => price.rule === 'plan' && price.planCode === plan) ??
      newest.find((price) => price.rule === 'default');
    return chosen?.microcreditsPerUnit;
  }

  /** Takes an amount that is there, always from the credit that goes first of all that are left. */
  #draw(amount: bigint, buckets: readonly Bucket[]): (readonly [string, bigint])[] {
    const draws: (readonly [string, bigint])[] = [];
    let missing = amount;
    for (const bucket of buckets) {
      while (missing > 0n && this.#sum(bucket) > 0n) {
        const first = this.#firstOf(bucket);
        const taken = first.left < missing ? first.left : missing;
        first.left -= taken;
        missing -= taken;
        draws.push([first.id, taken]);
      }
    }
    return draws;
  }

  /** Soonest expiry, then oldest, then smallest id. */
  #firstOf(bucket: Bucket): Credit {
    let first: Credit | undefined;
    for (const credit of this.#credits) {
      if (credit.bucket !== bucket || !credit.started || credit.left === 0n) continue;
      if (first === undefined || isBefore(credit, first)) first = credit;
    }
    if (first === undefined) throw new Error(`the model draws from ${bucket}, which is empty`);
    return first;
  }

  #sum(bucket: Bucket): bigint {
    let sum = 0n;
    for (const credit of this.#credits) if (credit.bucket === bucket && credit.started) sum += credit.left;
    return sum;
  }

  #tickTo(now: number): void {
    if (now < this.#time) throw new Error(`the model can't go back from ${this.#time} to ${now}`);
    while (this.#time < now) {
      this.#time += 1;
      for (const credit of this.#credits) if (credit.until === this.#time) credit.left = 0n;
      const beginning = this.#credits.filter(({ from, started }) => !started && from === this.#time);
      for (const credit of beginning.sort((a, b) => (a.id < b.id ? -1 : 1))) this.#start(credit);
    }
  }

  /** From now on credit counts, and the first thing it does is to pay what is owed. */
  #start(credit: Credit): void {
    const paid = credit.left < this.#deficit ? credit.left : this.#deficit;
    this.#deficit -= paid;
    credit.left -= paid;
    credit.started = true;
  }
}

const ACCEPTED: ModelAnswer = { kind: 'accepted', draws: [], owed: 0n };

function refuse(reason: string): { readonly kind: 'rejected'; readonly reason: string } {
  return { kind: 'rejected', reason };
}

function ceilingOf(millionths: bigint): bigint {
  const whole = millionths / MILLION;
  return whole * MILLION === millionths ? whole : whole + 1n;
}

function isBefore(a: Credit, b: Credit): boolean {
  if (a.until !== b.until) return a.until < b.until;
  if (a.from !== b.from) return a.from < b.from;
  return a.id < b.id;
}
