// The account as the documents describe it, written a second time and as plainly as can be: a heap of lumps of credit, each
// free, held by some hold or not begun, plain loops over all of them, and no totals kept anywhere. It shares no code with
// kernel/; where the two disagree, one of them is wrong. What becomes of a subscription stands in subscription-model.ts, and what
// the two know of the kernel's words in kernel-words.ts.

import { nextByTime, nextStep, type Standing, type Step, type StripeSight } from './subscription-model.ts';

const MOST = 2n ** 53n - 1n;
const MOST_CREDITS = 1_000;
const MOST_HOLDS = 10_000;
const LONGEST_HOLD_MS = 24 * 60 * 60 * 1_000;
const MILLION = 1_000_000n;
const BURN: readonly string[] = ['trial', 'included', 'payg'];
const NEVER = Number.POSITIVE_INFINITY;

/** A price that was set: for everyone, for a plan or for one tenant, from a time on. Without a price it ends an override. */
export interface PriceLine {
  readonly action: string;
  readonly level: 'default' | 'plan' | 'tenant';
  readonly whose: string | undefined;
  readonly from: number;
  readonly perUnit: bigint | undefined;
}

/** The rules that stand outside an account. */
export interface Rules {
  readonly tenant: string;
  readonly overdraftOf: (plan: string) => bigint;
  /** Says whether work of an action may not begin without credit. */
  readonly needsCredit: (plan: string, action: string) => boolean;
  readonly pricesOf: (action: string) => readonly PriceLine[];
}

/** What can be asked of the model. `key` is what makes a request this one request. */
export type Ask = { readonly key: string } & (
  | { readonly to: 'look' }
  | { readonly to: 'open'; readonly plan: string }
  | {
      readonly to: 'give';
      readonly credit: string;
      readonly bucket: string;
      readonly amount: bigint;
      readonly from?: number | undefined;
      readonly until?: number | undefined;
    }
  | {
      readonly to: 'use';
      readonly action: string;
      readonly millionths: bigint;
      readonly mustPay: boolean;
      readonly rules: Rules;
    }
  | { readonly to: 'correct'; readonly credit: string; readonly bucket: string; readonly change: bigint }
  | {
      readonly to: 'hold';
      readonly hold: string;
      readonly action: string;
      readonly millionths: bigint;
      readonly until: number;
      readonly rules: Rules;
    }
  | {
      readonly to: 'extend';
      readonly hold: string;
      readonly millionths?: bigint | undefined;
      readonly until?: number | undefined;
      readonly rules: Rules;
    }
  | {
      readonly to: 'settle';
      readonly hold: string;
      readonly millionths: bigint;
      readonly final: boolean;
    }
  | { readonly to: 'release'; readonly hold: string }
  /**
   * `target` is the key of the request to undo, undefined where there is no such entry; `credit` the id of credit that
   * comes back as new.
   */
  | { readonly to: 'undo'; readonly target: string | undefined; readonly credit: string }
  | { readonly to: 'redact'; readonly target: string | undefined }
  /** Some of what was paid for the credit `own` went back, or came again: `target` of it is to be gone now. */
  | {
      readonly to: 'pay-back';
      readonly own: string;
      readonly credit: string;
      readonly target: bigint;
      readonly total: bigint;
      readonly waived: bigint;
      readonly waives: boolean;
    }
  | {
      readonly to: 'try';
      readonly credit: string;
      readonly plan: string;
      /** The plan that follows. */
      readonly after: string;
      readonly amount: bigint;
      readonly until: number;
      /** Says that what is left lapses at the end. */
      readonly lapses: boolean;
      /** Says that it may only replace the plan that follows. */
      readonly onlyFromAfter: boolean;
      readonly decidedBy: number;
    }
  | { readonly to: 'quit' }
  /** `moves`: how often the subscription had moved when Stripe was looked at. */
  | { readonly to: 'follow'; readonly credit: string; readonly sees: StripeSight; readonly moves: number }
);

/** So much from, or to, one credit. */
export type Part = readonly [credit: string, amount: bigint];

/** What became of what a hold still held when it ended. */
export interface EndSight {
  readonly freed: readonly Part[];
  readonly lapsed: readonly Part[];
  readonly paid: bigint;
}

/** A hold as anyone can see it. */
export interface HoldSight {
  readonly held: readonly Part[];
  readonly overdraft: bigint;
  readonly charged: bigint;
  /** Undefined where the hold has ended long since. */
  readonly until: number | undefined;
}

/** What one thing that happened did, in figures. */
export type Deed =
  | { readonly did: 'opened' }
  | { readonly did: 'gave'; readonly left: bigint; readonly paid: bigint; readonly later: boolean }
  | { readonly did: 'began'; readonly credit: string; readonly paid: bigint; readonly at: number }
  | { readonly did: 'lapsed'; readonly part: Part; readonly at: number }
  | { readonly did: 'used'; readonly cost: bigint; readonly parts: readonly Part[]; readonly owed: bigint }
  | { readonly did: 'corrected'; readonly parts: readonly Part[]; readonly left: bigint; readonly paid: bigint }
  | { readonly did: 'held'; readonly hold: HoldSight }
  | { readonly did: 'extended'; readonly more: readonly Part[]; readonly overdraft: bigint; readonly hold: HoldSight }
  | {
      readonly did: 'settled';
      readonly cost: bigint;
      readonly fromHold: readonly Part[];
      readonly others: readonly Part[];
      readonly owed: bigint;
      readonly late: boolean;
      readonly hold: HoldSight;
      readonly end?: EndSight;
    }
  | { readonly did: 'released'; readonly hold: HoldSight; readonly end: EndSight }
  | {
      readonly did: 'ran-out';
      readonly id: string;
      readonly at: number;
      readonly hold: HoldSight;
      readonly end: EndSight;
    }
  | {
      readonly did: 'undid';
      readonly back: readonly Part[];
      readonly lapsed: readonly Part[];
      readonly taken: readonly Part[];
      readonly dropped: string | undefined;
      readonly cancelled: bigint;
      readonly paid: bigint;
    }
  | { readonly did: 'redacted' }
  | {
      readonly did: 'paid-back';
      readonly taken: readonly Part[];
      readonly owed: bigint;
      readonly waived: bigint;
      readonly left: bigint;
      readonly paid: bigint;
    }
  | { readonly did: 'tried'; readonly left: bigint; readonly paid: bigint }
  | { readonly did: 'quit' }
  | { readonly did: 'tried-out'; readonly plan: string; readonly at: number }
  | {
      readonly did: 'followed';
      readonly change: string;
      readonly standing: Standing;
      readonly plan: string;
      readonly at: number;
      readonly endsTrial: boolean;
      readonly lapsed: readonly Part[];
      readonly kept: bigint;
      readonly left: bigint;
      readonly paid: bigint;
    };

/** What the model says to an ask. */
export type Answer =
  | { readonly kind: 'done'; readonly deed?: Deed }
  | { readonly kind: 'again' }
  | {
      readonly kind: 'refused';
      readonly reason: string;
      readonly needed?: bigint;
      readonly available?: bigint;
      readonly overdraft?: bigint;
    };

/** What an account holds. */
export interface Sums {
  readonly trial: bigint;
  readonly included: bigint;
  readonly payg: bigint;
  readonly held: bigint;
  readonly deficit: bigint;
}

/** A trial as anyone can see it. */
export interface TrialSight {
  readonly plan: string;
  readonly after: string;
  readonly until: number;
  readonly stands: string;
}

/** What an account holds, credit by credit and hold by hold. */
export interface Sight {
  readonly sums: Sums;
  /** Empty before the account is open. */
  readonly plan: string;
  readonly trial: TrialSight | undefined;
  readonly standing: Standing | undefined;
  /** What is free, or not begun, of each credit that has some. */
  readonly free: Readonly<Record<string, bigint>>;
  /** What is held of each credit of which some is. */
  readonly pinned: Readonly<Record<string, bigint>>;
  readonly holds: Readonly<Record<string, HoldSight>>;
}

/** Where credit comes from. */
interface Source {
  readonly id: string;
  readonly bucket: string;
  readonly given: bigint;
  readonly from: number;
  readonly until: number;
  /** Says that it lapsed with what it was given for. */
  isGone?: boolean;
  /** Why it was given, where it may lapse with that. */
  readonly why?: 'trial' | 'subscription';
  /** Says that money which came again gave it. There is one payment that can. */
  readonly cameAgain?: true;
}

/** Some credit of one source in one place: `free`, `later` (not begun) or the id of the hold that keeps it. */
interface Lump {
  readonly source: Source;
  amount: bigint;
  place: string;
}

interface Hold {
  readonly id: string;
  readonly action: string;
  readonly perUnit: bigint;
  until: number;
  overdraft: bigint;
  charged: bigint;
  open: boolean;
}

/** What the model remembers of a request that was done, to undo it. */
interface Memory {
  readonly drew?: readonly Part[];
  readonly owed?: bigint;
  readonly gave?: string;
}

/** One tenant's account. */
export class AccountModel {
  #time: number;
  #plan: string | undefined;
  #trial: TrialSight | undefined;
  #standing: Standing | undefined;
  #moves = 0;
  /** The credits that were gone with the last lapse of a subscription's, and not before. */
  #goneLast: readonly string[] = [];
  #lumps: Lump[] = [];
  readonly #sources = new Map<string, Source>();
  readonly #holds = new Map<string, Hold>();
  #deficit = 0n;
  readonly #done = new Map<string, Memory>();
  readonly #undone = new Set<string>();

  constructor(startsAt: number) {
    this.#time = startsAt;
  }

  /** An account of its own that is just like this one. */
  copy(): AccountModel {
    const twin = new AccountModel(this.#time);
    twin.#plan = this.#plan;
    twin.#trial = this.#trial;
    twin.#standing = this.#standing;
    twin.#moves = this.#moves;
    twin.#goneLast = this.#goneLast;
    for (const [id, source] of this.#sources) twin.#sources.set(id, { ...source });
    twin.#lumps = this.#lumps.map((lump) => ({ ...lump, source: twin.#sourceOf(lump.source.id) }));
    for (const [id, hold] of this.#holds) twin.#holds.set(id, { ...hold });
    for (const [key, memory] of this.#done) twin.#done.set(key, memory);
    for (const key of this.#undone) twin.#undone.add(key);
    twin.#deficit = this.#deficit;
    return twin;
  }

  get time(): number {
    return this.#time;
  }

  /** Lets time pass, and says what happened by itself, in order. */
  passTo(now: number): readonly Deed[] {
    if (now < this.#time) throw new Error(`the model can't go back from ${this.#time} to ${now}`);
    const deeds: Deed[] = [];
    for (;;) {
      const moment = this.nextChange();
      if (moment > now) break;
      this.#time = Math.max(this.#time, moment);
      this.#happenAt(moment, deeds);
    }
    this.#time = now;
    return deeds;
  }

  /** When something next happens by itself. */
  nextChange(): number {
    let soonest = NEVER;
    for (const { source, place } of this.#lumps) {
      if (place === 'free' && source.until < soonest) soonest = source.until;
      if (place === 'later' && source.from < soonest) soonest = source.from;
    }
    for (const hold of this.#holds.values()) if (hold.open && hold.until < soonest) soonest = hold.until;
    if (this.#trial !== undefined && this.#trial.stands !== 'ended') soonest = Math.min(soonest, this.#trial.until);
    return Math.min(soonest, nextByTime(this.#standing)?.at ?? NEVER);
  }

  /** Does what is asked at a time, or says why not. What fell due by then has happened first. */
  apply(ask: Ask, now: number): Answer {
    this.passTo(now);
    if (ask.to === 'look') return { kind: 'done' };
    if (this.#done.has(ask.key)) return { kind: 'again' };
    if (ask.to === 'undo' && ask.target !== undefined && this.#undone.has(ask.target))
      return refuse('ENTRY_ALREADY_REVERSED');
    const answer = this.#decide(ask);
    this.#lumps = this.#lumps.filter(({ amount }) => amount > 0n);
    return answer;
  }

  /** What the account holds at a time. */
  sightAt(now: number): Sight {
    this.passTo(now);
    const free: Record<string, bigint> = {};
    const pinned: Record<string, bigint> = {};
    for (const { source, amount, place } of this.#lumps) {
      const where = place === 'free' || place === 'later' ? free : pinned;
      where[source.id] = (where[source.id] ?? 0n) + amount;
    }
    const holds: Record<string, HoldSight> = {};
    for (const hold of this.#holds.values()) if (hold.open) holds[hold.id] = this.#sightOf(hold);
    return {
      sums: this.sums(),
      plan: this.#plan ?? '',
      trial: this.#trial,
      standing: this.#standing,
      free,
      pinned,
      holds,
    };
  }

  sums(): Sums {
    const sums: Record<string, bigint> = { trial: 0n, included: 0n, payg: 0n, held: 0n };
    for (const { source, amount, place } of this.#lumps) {
      if (place === 'later') continue;
      sums[source.bucket] = (sums[source.bucket] ?? 0n) + amount;
      if (place !== 'free') sums['held'] = (sums['held'] ?? 0n) + amount;
    }
    const { trial = 0n, included = 0n, payg = 0n, held = 0n } = sums;
    return { trial, included, payg, held, deficit: this.#deficit };
  }

  /** How much further below zero usage may go. */
  overdraftLeft(limit: bigint): bigint {
    const used = this.#owedAndPromised();
    return limit > used ? limit - used : 0n;
  }

  /** What is owed beyond what overdraft allows. */
  overdrawn(limit: bigint): bigint {
    const promised = this.#owedAndPromised() - this.#deficit;
    const allowed = limit > promised ? limit - promised : 0n;
    return this.#deficit > allowed ? this.#deficit - allowed : 0n;
  }

  /** What is owed, and what open holds count on beyond all credit. */
  #owedAndPromised(): bigint {
    let sum = this.#deficit;
    for (const hold of this.#holds.values()) if (hold.open) sum += hold.overdraft;
    return sum;
  }

  /** What usage can draw of real credit. */
  available(): bigint {
    let sum = 0n;
    for (const { amount, place } of this.#lumps) if (place === 'free') sum += amount;
    return sum;
  }

  /** Says whether a hold is open; undefined where there never was one. */
  statusOf(hold: string): 'open' | 'ended' | undefined {
    const known = this.#holds.get(hold);
    if (known === undefined) return undefined;
    return known.open ? 'open' : 'ended';
  }

  /** Says whether a request was done. */
  hasDone(key: string): boolean {
    return this.#done.has(key);
  }

  get plan(): string | undefined {
    return this.#plan;
  }

  #decide(ask: Exclude<Ask, { readonly to: 'look' }>): Answer {
    if (ask.to === 'open') {
      if (this.#plan !== undefined) return refuse('IDEMPOTENCY_KEY_REUSED');
      this.#plan = ask.plan;
      return this.#remember(ask.key, {}, { did: 'opened' });
    }
    if (this.#plan === undefined) return refuse('ACCOUNT_NOT_OPEN');
    switch (ask.to) {
      case 'give':
        return this.#give(ask);
      case 'use':
        return this.#use(ask, this.#plan);
      case 'correct':
        return this.#correct(ask);
      case 'hold':
        return this.#hold(ask, this.#plan);
      case 'extend':
        return this.#extend(ask, this.#plan);
      case 'settle':
        return this.#settle(ask);
      case 'release':
        return this.#release(ask);
      case 'undo':
        return this.#undo(ask);
      case 'try':
        return this.#try(ask, this.#plan);
      case 'quit':
        return this.#quit(ask);
      case 'follow':
        return this.#follow(ask);
      case 'pay-back':
        return this.#payBack(ask);
      default:
        return ask.target === undefined ? refuse('ENTRY_NOT_FOUND') : this.#remember(ask.key, {}, { did: 'redacted' });
    }
  }

  #remember(key: string, memory: Memory, deed: Deed): Answer {
    this.#done.set(key, memory);
    return { kind: 'done', deed };
  }

  // Credit that comes.

  #give(ask: Ask & { readonly to: 'give' }): Answer {
    const { credit, bucket, amount, from = this.#time, until = NEVER } = ask;
    if (amount <= 0n || until <= this.#time || until <= from) return refuse('INVALID_FIELD');
    const room = this.#roomFor(amount, 1);
    if (room !== undefined) return room;
    const later = from > this.#time;
    const paid = this.#bring({ id: credit, bucket, given: amount, from, until }, amount, later);
    return this.#remember(ask.key, { gave: credit }, { did: 'gave', left: amount - paid, paid, later });
  }

  #correct(ask: Ask & { readonly to: 'correct' }): Answer {
    const { credit, bucket, change } = ask;
    if (change === 0n) return refuse('INVALID_FIELD');
    if (change > 0n) {
      const room = this.#roomFor(change, 1);
      if (room !== undefined) return room;
      const source = { id: credit, bucket, given: change, from: this.#time, until: NEVER };
      const paid = this.#bring(source, change, false);
      const deed: Deed = { did: 'corrected', parts: [], left: change - paid, paid };
      return this.#remember(ask.key, { gave: credit }, deed);
    }
    let there = 0n;
    for (const { source, amount, place } of this.#lumps) {
      if (place === 'free' && source.bucket === bucket) there += amount;
    }
    if (there < -change) return { ...refuse('INSUFFICIENT_CREDITS'), needed: -change, available: there, overdraft: 0n };
    const parts = this.#spend(-change, (lump) => lump.place === 'free' && lump.source.bucket === bucket);
    return this.#remember(ask.key, { drew: parts, owed: 0n }, { did: 'corrected', parts, left: 0n, paid: 0n });
  }

  /** Says why so many more credits of an amount do not fit. */
  #roomFor(amount: bigint, credits: number): Answer | undefined {
    const alive = new Set(this.#lumps.map(({ source }) => source.id));
    if (alive.size + credits > MOST_CREDITS) return refuse('GRANT_LIMIT_REACHED');
    let all = amount;
    for (const lump of this.#lumps) all += lump.amount;
    return all > MOST ? refuse('BALANCE_OUT_OF_RANGE') : undefined;
  }

  /** Adds credit; what counts at once pays first what is owed. Answers what it paid. */
  #bring(source: Source, amount: bigint, later: boolean): bigint {
    this.#sources.set(source.id, source);
    const paid = later ? 0n : this.#payOwed(amount);
    this.#lumps.push({ source, amount: amount - paid, place: later ? 'later' : 'free' });
    return paid;
  }

  /** Pays what is owed out of an amount that comes in; answers how much went. */
  #payOwed(amount: bigint): bigint {
    const paid = amount < this.#deficit ? amount : this.#deficit;
    this.#deficit -= paid;
    return paid;
  }

  // The trial.

  #try(ask: Ask & { readonly to: 'try' }, plan: string): Answer {
    if (this.#trial !== undefined) return refuse('TRIAL_ALREADY_USED');
    const { credit, plan: tried, after, amount, until, lapses, onlyFromAfter, decidedBy } = ask;
    if (until <= this.#time) return refuse('INVALID_FIELD');
    if (this.#standing !== undefined && this.#standing.stands !== 'ended') return refuse('TRIAL_NOT_OFFERED');
    if (onlyFromAfter && plan !== after) return refuse('TRIAL_NOT_OFFERED');
    if (decidedBy < this.#time) return refuse('DEADLINE_EXCEEDED');
    let paid = 0n;
    if (amount > 0n) {
      const room = this.#roomFor(amount, 1);
      if (room !== undefined) return room;
      const ends = lapses ? until : NEVER;
      paid = this.#bring(
        {
          id: credit,
          bucket: 'trial',
          given: amount,
          from: this.#time,
          until: ends,
          ...(lapses ? { why: 'trial' } : {}),
        },
        amount,
        false,
      );
    }
    this.#trial = { plan: tried, after, until, stands: 'active' };
    this.#plan = tried;
    return this.#remember(ask.key, {}, { did: 'tried', left: amount - paid, paid });
  }

  #quit(ask: Ask & { readonly to: 'quit' }): Answer {
    if (this.#trial?.stands !== 'active') return refuse('TRIAL_NOT_ACTIVE');
    this.#trial = { ...this.#trial, stands: 'canceled' };
    return this.#remember(ask.key, {}, { did: 'quit' });
  }

  // The subscription.

  /** Follows Stripe. The bound on credits is not looked at here. */
  #follow({ key, credit, sees, moves }: Ask & { readonly to: 'follow' }): Answer {
    const step = moves === this.#moves ? nextStep(this.#standing, sees, this.#time) : undefined;
    if (step === undefined) return { kind: 'done' };
    return this.#remember(key, {}, this.#take(step, this.#time, credit));
  }

  #take({ change, standing, clears, keeps, gives, regives, spares, revives }: Step, at: number, credit: string): Deed {
    const wasLive = this.#standing !== undefined && this.#standing.stands !== 'ended';
    const endsTrial = change === 'started' && this.#trial !== undefined && this.#trial.stands !== 'ended';
    const lapsed = endsTrial ? this.#lapse('trial') : [];
    if (endsTrial && this.#trial !== undefined) this.#trial = { ...this.#trial, stands: 'ended' };
    if (revives) this.#revive();
    const own = clears ? this.#lapse('subscription') : [];
    const rest = sumOf(own);
    const kept = (rest < keeps ? rest : keeps) + regives;
    const given = gives + kept;
    const source = { id: credit, bucket: 'included', given, from: at, until: NEVER, why: 'subscription' as const };
    const paid = given > 0n ? this.#bring(source, given, false) : 0n;
    const stand = isSpared(spares, rest, standing) ? { ...standing, spared: rest } : { ...standing, owed: undefined };
    this.#standing = stand;
    this.#moves += 1;
    if (standing.stands !== 'ended') this.#plan = standing.plan;
    else if (wasLive) this.#plan = standing.after;
    const plan = this.#plan ?? '';
    const credits = { lapsed: [...lapsed, ...own], kept, left: given - paid, paid };
    return { did: 'followed', change, standing: stand, plan, at, endsTrial, ...credits };
  }

  #hasLapsed({ until, isGone }: Source): boolean {
    return isGone === true || until <= this.#time;
  }

  /** Ends all credit that was given for something; what is held of it goes with its hold. Answers what was free. */
  #lapse(why: Source['why']): Part[] {
    const parts = this.#spend(MOST, ({ place, source }) => place === 'free' && source.why === why);
    const going = [...this.#sources.values()].filter((source) => source.why === why && source.isGone !== true);
    for (const source of going) source.isGone = true;
    if (why === 'subscription') this.#goneLast = going.map(({ id }) => id);
    return parts;
  }

  /** What lapsed last is not gone: what of it was used may be given back, and what is held comes back. */
  #revive(): void {
    for (const id of this.#goneLast) this.#sourceOf(id).isGone = false;
  }

  // Credit that goes.

  #use(ask: Ask & { readonly to: 'use' }, plan: string): Answer {
    const price = this.#priceOf(ask.action, ask.rules, plan);
    if (price === undefined) return refuse('ACTION_NOT_FOUND');
    if (ask.millionths <= 0n) return refuse('INVALID_FIELD');
    const cost = costOf(ask.millionths, price);
    if (cost > MOST) return refuse('BALANCE_OUT_OF_RANGE');
    const available = this.available();
    const owed = cost > available ? cost - available : 0n;
    const overdraft = this.overdraftLeft(ask.rules.overdraftOf(plan));
    if (owed > overdraft && !ask.mustPay) {
      return { ...refuse('INSUFFICIENT_CREDITS'), needed: cost, available, overdraft };
    }
    if (this.#deficit + owed > MOST) return refuse('BALANCE_OUT_OF_RANGE');
    const parts = this.#spend(cost - owed, isFree);
    this.#deficit += owed;
    return this.#remember(ask.key, { drew: parts, owed }, { did: 'used', cost, parts, owed });
  }

  /** Its own credit goes first, also what came again, then what else was bought, was included, was a trial's; the rest is owed or let go. */
  #payBack({ key, own, credit, target, total, waived, waives }: Ask & { readonly to: 'pay-back' }): Answer {
    if (target === total) return { kind: 'done' };
    if (target < total) return this.#payAgain(key, credit, total - target, waived);
    const before = this.#copyOfLumps();
    const taken = this.#spend(
      target - total,
      (lump) => isFree(lump) && (lump.source.id === own || lump.source.cameAgain === true),
    );
    if (!waives) {
      for (const bucket of ['payg', 'included', 'trial']) {
        const rest = target - total - sumOf(taken);
        for (const [id, amount] of this.#spend(rest, (lump) => isFree(lump) && lump.source.bucket === bucket)) {
          note(taken, id, amount);
        }
      }
    }
    const missing = target - total - sumOf(taken);
    if (!waives && this.#deficit + missing > MOST) {
      this.#lumps = before;
      return refuse('BALANCE_OUT_OF_RANGE');
    }
    if (!waives) this.#deficit += missing;
    const [owed, forgiven] = waives ? [0n, missing] : [missing, 0n];
    return this.#remember(key, {}, { did: 'paid-back', taken, owed, waived: waived + forgiven, left: 0n, paid: 0n });
  }

  /** What had been let go is not given: nobody had lost it. */
  #payAgain(key: string, credit: string, amount: bigint, waived: bigint): Answer {
    const lost = amount > waived ? amount - waived : 0n;
    const still = waived > amount ? waived - amount : 0n;
    if (lost === 0n) {
      return this.#remember(key, {}, { did: 'paid-back', taken: [], owed: 0n, waived: still, left: 0n, paid: 0n });
    }
    const room = this.#roomFor(lost, 1);
    if (room !== undefined) return room;
    const source = {
      id: credit,
      bucket: 'payg' as const,
      given: lost,
      from: this.#time,
      until: NEVER,
      cameAgain: true as const,
    };
    const paid = this.#bring(source, lost, false);
    return this.#remember(key, {}, { did: 'paid-back', taken: [], owed: 0n, waived: still, left: lost - paid, paid });
  }

  #copyOfLumps(): Lump[] {
    return this.#lumps.map((lump) => ({ ...lump }));
  }

  /** The newest line of the most particular level that has a price now. */
  #priceOf(action: string, rules: Rules, plan: string): bigint | undefined {
    for (const [level, whose] of [
      ['tenant', rules.tenant],
      ['plan', plan],
      ['default', undefined],
    ] as const) {
      let newest: PriceLine | undefined;
      for (const line of rules.pricesOf(action)) {
        if (line.level !== level || line.whose !== whose || line.from > this.#time) continue;
        if (newest === undefined || line.from > newest.from) newest = line;
      }
      if (newest?.perUnit !== undefined) return newest.perUnit;
    }
    return undefined;
  }

  /** Takes an amount out of some lumps, each time from the one that goes first; takes less where there is less. */
  #spend(amount: bigint, isFrom: (lump: Lump) => boolean): Part[] {
    const parts: Part[] = [];
    let missing = amount;
    while (missing > 0n) {
      const first = this.#firstOf(isFrom);
      if (first === undefined) break;
      const taken = first.amount < missing ? first.amount : missing;
      first.amount -= taken;
      missing -= taken;
      note(parts, first.source.id, taken);
    }
    return parts;
  }

  /** Trial before included before pay-as-you-go, then soonest end, then oldest, then smallest id. */
  #firstOf(isFrom: (lump: Lump) => boolean): Lump | undefined {
    let first: Lump | undefined;
    for (const lump of this.#lumps) {
      if (lump.amount === 0n || !isFrom(lump)) continue;
      if (first === undefined || goesBefore(lump.source, first.source)) first = lump;
    }
    return first;
  }

  // Holds.

  #hold(ask: Ask & { readonly to: 'hold' }, plan: string): Answer {
    const price = this.#priceOf(ask.action, ask.rules, plan);
    if (price === undefined) return refuse('ACTION_NOT_FOUND');
    if (ask.millionths <= 0n || !this.#isEndOfHold(ask.until)) return refuse('INVALID_FIELD');
    const cost = costOf(ask.millionths, price);
    const missing = this.#findMissing(cost, ask.action, ask.rules, plan);
    if (typeof missing !== 'bigint') return missing;
    let open = 0;
    for (const other of this.#holds.values()) if (other.open) open += 1;
    if (open >= MOST_HOLDS) return refuse('HOLD_LIMIT_REACHED');
    const { hold: id, action, until } = ask;
    const hold: Hold = { id, action, perUnit: price, until, overdraft: missing, charged: 0n, open: true };
    this.#holds.set(hold.id, hold);
    this.#keep(hold, cost - missing);
    return this.#remember(ask.key, {}, { did: 'held', hold: this.#sightOf(hold) });
  }

  #extend(ask: Ask & { readonly to: 'extend' }, plan: string): Answer {
    const hold = this.#openHold(ask.hold);
    if (typeof hold === 'string') return refuse(hold);
    if (ask.until !== undefined && !this.#isEndOfHold(ask.until)) return refuse('INVALID_FIELD');
    const cost = ask.millionths === undefined ? 0n : costOf(ask.millionths, hold.perUnit);
    const missing = this.#findMissing(cost, hold.action, ask.rules, plan);
    if (typeof missing !== 'bigint') return missing;
    const more = this.#keep(hold, cost - missing);
    hold.overdraft += missing;
    hold.until = ask.until ?? hold.until;
    return this.#remember(ask.key, {}, { did: 'extended', more, overdraft: missing, hold: this.#sightOf(hold) });
  }

  #settle(ask: Ask & { readonly to: 'settle' }): Answer {
    const hold = this.#holds.get(ask.hold);
    if (hold === undefined) return refuse('HOLD_NOT_FOUND');
    const cost = costOf(ask.millionths, hold.perUnit);
    if (cost > MOST) return refuse('BALANCE_OUT_OF_RANGE');
    let reach = this.available();
    for (const { amount, place } of this.#lumps) if (place === hold.id) reach += amount;
    if (this.#deficit + (cost > reach ? cost - reach : 0n) > MOST) return refuse('BALANCE_OUT_OF_RANGE');
    const late = !hold.open;
    const fromHold = this.#spend(cost, (lump) => lump.place === hold.id);
    const beyond = cost - sumOf(fromHold);
    const others = this.#spend(beyond, isFree);
    const owed = beyond - sumOf(others);
    this.#deficit += owed;
    const memory = { drew: [...fromHold, ...others], owed };
    const charge = { did: 'settled' as const, cost, fromHold, others, owed, late };
    if (late) {
      // The part stands alone: what the hold had charged before it ended is told by the entries of that time.
      const sight = { held: [], overdraft: 0n, charged: cost, until: undefined };
      return this.#remember(ask.key, memory, { ...charge, hold: sight });
    }
    // What the part used beyond the held credit, the overdraft that was kept for it is there for.
    hold.overdraft -= beyond < hold.overdraft ? beyond : hold.overdraft;
    hold.charged += cost;
    if (!ask.final) return this.#remember(ask.key, memory, { ...charge, hold: this.#sightOf(hold) });
    const end = this.#end(hold);
    return this.#remember(ask.key, memory, { ...charge, hold: this.#sightOf(hold), end });
  }

  #release(ask: Ask & { readonly to: 'release' }): Answer {
    const hold = this.#openHold(ask.hold);
    if (typeof hold === 'string') return refuse(hold);
    const end = this.#end(hold);
    return this.#remember(ask.key, {}, { did: 'released', hold: this.#sightOf(hold), end });
  }

  #openHold(id: string): Hold | string {
    const hold = this.#holds.get(id);
    if (hold === undefined) return 'HOLD_NOT_FOUND';
    return hold.open ? hold : 'HOLD_ENDED';
  }

  #isEndOfHold(until: number): boolean {
    return until > this.#time && until - this.#time <= LONGEST_HOLD_MS;
  }

  /** How much of an amount overdraft must cover, or why it can't. */
  #findMissing(cost: bigint, action: string, rules: Rules, plan: string): bigint | Answer {
    if (cost > MOST) return refuse('BALANCE_OUT_OF_RANGE');
    const available = this.available();
    const missing = cost > available ? cost - available : 0n;
    const overdraft = this.overdraftLeft(rules.overdraftOf(plan));
    if (missing <= overdraft) return missing;
    if (rules.needsCredit(plan, action)) {
      return { ...refuse('INSUFFICIENT_CREDITS'), needed: cost, available, overdraft };
    }
    return this.#owedAndPromised() + missing > MOST ? refuse('BALANCE_OUT_OF_RANGE') : missing;
  }

  /** Moves free credit under a hold, in burn order. */
  #keep(hold: Hold, amount: bigint): Part[] {
    const kept = this.#spend(amount, isFree);
    for (const [id, part] of kept) this.#lumps.push({ source: this.#sourceOf(id), amount: part, place: hold.id });
    return kept;
  }

  /** Ends a hold: what it held lapses where its credit has, else pays what is owed, else is free again. */
  #end(hold: Hold): EndSight {
    const freed: Part[] = [];
    const lapsed: Part[] = [];
    let paid = 0n;
    for (;;) {
      const lump = this.#firstOf(({ place }) => place === hold.id);
      if (lump === undefined) break;
      if (this.#hasLapsed(lump.source)) {
        note(lapsed, lump.source.id, lump.amount);
        lump.amount = 0n;
      } else {
        note(freed, lump.source.id, lump.amount);
        const part = this.#payOwed(lump.amount);
        paid += part;
        lump.amount -= part;
        lump.place = 'free';
      }
    }
    hold.open = false;
    hold.overdraft = 0n;
    return { freed, lapsed, paid };
  }

  #sightOf(hold: Hold): HoldSight {
    const held: Part[] = [];
    const own = this.#lumps.filter(({ place, amount }) => place === hold.id && amount > 0n);
    own.sort((a, b) => (goesBefore(a.source, b.source) ? -1 : 1));
    for (const { source, amount } of own) note(held, source.id, amount);
    return { held, overdraft: hold.overdraft, charged: hold.charged, until: hold.until };
  }

  // Undoing.

  #undo(ask: Ask & { readonly to: 'undo' }): Answer {
    const { target } = ask;
    if (target === undefined) return refuse('ENTRY_NOT_FOUND');
    // What happened by itself, or moved no credit for good, can't be undone.
    const memory = this.#done.get(target) ?? {};
    if (memory.drew === undefined && memory.gave === undefined) return refuse('ENTRY_NOT_REVERSIBLE');
    const answer = memory.drew === undefined ? this.#takeBack(ask, memory) : this.#giveBack(ask, memory.drew, memory);
    if (answer.kind === 'done') this.#undone.add(target);
    return answer;
  }

  #giveBack(ask: Ask & { readonly to: 'undo' }, drew: readonly Part[], memory: Memory): Answer {
    const owed = memory.owed ?? 0n;
    const cancelled = owed < this.#deficit ? owed : this.#deficit;
    const back: Part[] = [];
    const lapsed: Part[] = [];
    for (const [id, amount] of joinParts(drew)) {
      note(this.#hasLapsed(this.#sourceOf(id)) ? lapsed : back, id, amount);
    }
    // Some credit has paid what was owed since then, so as much comes back as new pay-as-you-go credit.
    if (owed > cancelled) {
      const source = { id: ask.credit, bucket: 'payg', given: owed - cancelled, from: this.#time, until: NEVER };
      this.#sources.set(source.id, source);
      note(back, ask.credit, owed - cancelled);
    }
    const alive = new Set(this.#lumps.map(({ source }) => source.id));
    const room = this.#roomFor(sumOf(back), back.filter(([id]) => !alive.has(id)).length);
    if (room !== undefined) return room;
    this.#deficit -= cancelled;
    let paid = 0n;
    for (const [id, amount] of back) {
      const part = this.#payOwed(amount);
      paid += part;
      this.#lumps.push({ source: this.#sourceOf(id), amount: amount - part, place: 'free' });
    }
    const deed: Deed = { did: 'undid', back, lapsed, taken: [], dropped: undefined, cancelled, paid };
    return this.#remember(ask.key, {}, deed);
  }

  /** Takes a given credit back in full, as long as all of it is still there and free. */
  #takeBack(ask: Ask & { readonly to: 'undo' }, memory: Memory): Answer {
    const source = this.#sourceOf(memory.gave ?? '');
    const deed = { did: 'undid' as const, back: [], lapsed: [], cancelled: 0n, paid: 0n };
    const waiting = this.#lumps.find((lump) => lump.source.id === source.id && lump.place === 'later');
    if (waiting !== undefined) {
      waiting.amount = 0n;
      return this.#remember(ask.key, {}, { ...deed, taken: [], dropped: source.id });
    }
    if (source.until <= this.#time) return refuse('ENTRY_NOT_REVERSIBLE');
    const own = this.#lumps.filter((lump) => isFree(lump) && lump.source.id === source.id);
    let there = 0n;
    for (const { amount } of own) there += amount;
    if (there !== source.given) return refuse('ENTRY_NOT_REVERSIBLE');
    for (const lump of own) lump.amount = 0n;
    return this.#remember(ask.key, {}, { ...deed, taken: [[source.id, there]], dropped: undefined });
  }

  #sourceOf(id: string): Source {
    const source = this.#sources.get(id);
    if (source === undefined) throw new Error(`the model knows no credit ${id}`);
    return source;
  }

  // Time.

  /** What happens by itself at one moment: credit lapses, then holds run out, then the trial ends, then the subscription moves, then credit begins. */
  #happenAt(moment: number, deeds: Deed[]): void {
    for (;;) {
      const lapsing = this.#firstOf(({ place, source }) => place === 'free' && source.until === moment);
      if (lapsing === undefined) break;
      let amount = 0n;
      for (const lump of this.#lumps) {
        if (lump.place !== 'free' || lump.source.id !== lapsing.source.id) continue;
        amount += lump.amount;
        lump.amount = 0n;
      }
      deeds.push({ did: 'lapsed', part: [lapsing.source.id, amount], at: moment });
    }
    const ending = [...this.#holds.values()].filter(({ open, until }) => open && until === moment);
    for (const hold of ending.sort((a, b) => (a.id < b.id ? -1 : 1))) {
      const end = this.#end(hold);
      deeds.push({ did: 'ran-out', id: hold.id, at: moment, hold: this.#sightOf(hold), end });
    }
    if (this.#trial !== undefined && this.#trial.stands !== 'ended' && this.#trial.until === moment) {
      this.#trial = { ...this.#trial, stands: 'ended' };
      this.#plan = this.#trial.after;
      deeds.push({ did: 'tried-out', plan: this.#trial.after, at: moment });
    }
    for (let due = nextByTime(this.#standing); due?.at === moment; due = nextByTime(this.#standing)) {
      deeds.push(this.#take(due.step, moment, ''));
    }
    const beginning = this.#lumps.filter(({ place, source }) => place === 'later' && source.from === moment);
    for (const lump of beginning.sort((a, b) => (a.source.id < b.source.id ? -1 : 1))) {
      const paid = this.#payOwed(lump.amount);
      lump.amount -= paid;
      lump.place = 'free';
      deeds.push({ did: 'began', credit: lump.source.id, paid, at: moment });
    }
    this.#lumps = this.#lumps.filter(({ amount }) => amount > 0n);
  }
}

/** A cancellation is remembered even where it left nothing. */
function isSpared(spares: boolean, rest: bigint, { endedAt, endsAt }: Standing): boolean {
  return spares && (rest > 0n || endedAt === endsAt);
}

function isFree({ place }: Lump): boolean {
  return place === 'free';
}

function refuse(reason: string): { readonly kind: 'refused'; readonly reason: string } {
  return { kind: 'refused', reason };
}

function costOf(millionths: bigint, perUnit: bigint): bigint {
  const exact = millionths * perUnit;
  const whole = exact / MILLION;
  return whole * MILLION === exact ? whole : whole + 1n;
}

function sumOf(parts: readonly Part[]): bigint {
  let sum = 0n;
  for (const [, amount] of parts) sum += amount;
  return sum;
}

/** Writes a part down; what follows from the same credit joins it. */
function note(parts: Part[], credit: string, amount: bigint): void {
  const last = parts.at(-1);
  if (last?.[0] === credit) parts[parts.length - 1] = [credit, last[1] + amount];
  else parts.push([credit, amount]);
}

/** One part for each credit, where it first stood. */
export function joinParts(parts: readonly Part[]): readonly Part[] {
  const sums = new Map<string, bigint>();
  for (const [credit, amount] of parts) sums.set(credit, (sums.get(credit) ?? 0n) + amount);
  return [...sums];
}

function goesBefore(a: Source, b: Source): boolean {
  if (a.bucket !== b.bucket) return BURN.indexOf(a.bucket) < BURN.indexOf(b.bucket);
  if (a.until !== b.until) return a.until < b.until;
  if (a.from !== b.from) return a.from < b.from;
  return a.id < b.id;
}
