// What becomes of a subscription, written a second time and as plainly as can be: one list of cases, first that fits. It shares
// no code with kernel/; account-model.ts does to credits what a case says. What it knows of the kernel's words stands in
// kernel-words.ts.

const DAY_MS = 24 * 60 * 60 * 1_000;

/** A subscription as an account has it. */
export interface Standing {
  readonly id: string;
  readonly stands: 'active' | 'renewal_pending' | 'past_due' | 'ended';
  readonly plan: string;
  readonly price: string;
  /** How long a cycle is, such as `1 month`. */
  readonly span: string;
  /** What a cycle of the plan gives. */
  readonly allowance: bigint;
  /** How much of what is left over is kept. */
  readonly keeps: bigint;
  readonly graceMs: number;
  /** Says that it ends when its grace is over. */
  readonly falls: boolean;
  /** The plan that follows. */
  readonly after: string;
  readonly from: number;
  readonly until: number;
  /** What a cycle of the plan gives that was paid for. */
  readonly paidFor: bigint;
  readonly graceUntil?: number | undefined;
  readonly endsAt?: number | undefined;
  /** The price that waits, and when it begins. */
  readonly next?: string | undefined;
  readonly trouble?: string | undefined;
  readonly endedAt?: number | undefined;
  readonly endedBy?: 'stripe' | 'time' | undefined;
  /** What is gone since it ended by time. */
  readonly spared?: bigint | undefined;
  /** Says that a payment was missing when it ended so. */
  readonly owed?: boolean | undefined;
  /** Until when that could have been paid, had nobody canceled. */
  readonly owedUntil?: number | undefined;
}

/** A subscription as Stripe shows it. */
export interface StripeSight
  extends Pick<
    Standing,
    'id' | 'plan' | 'price' | 'span' | 'allowance' | 'keeps' | 'graceMs' | 'falls' | 'after' | 'from' | 'until'
  > {
  readonly phase: 'incomplete' | 'live' | 'ended';
  readonly unpaid: boolean;
  readonly contract: boolean;
  /** The invoice of the period, and what a cycle of the plan gives that it is for. */
  readonly cycle: { readonly state: string; readonly allowance: bigint; readonly paidAt: number | undefined };
  /** The invoices of the changes of the period, in the order of their times. */
  readonly changes: readonly { readonly state: string; readonly since: number; readonly allowance: bigint }[];
  /** The invoice of the newest change. */
  readonly change: { readonly state: string };
  readonly endsAt: number | undefined;
  readonly next: string | undefined;
  readonly trouble: string | undefined;
  readonly endedAt: number | undefined;
}

/** One step, and what it does to the credits that subscriptions gave. */
export interface Step {
  readonly change: string;
  readonly standing: Standing;
  /** Says that all that is left lapses. */
  readonly clears: boolean;
  /** How much of what lapses is given again. */
  readonly keeps: bigint;
  /** How much of what lapsed before is given again. */
  readonly regives: bigint;
  /** Says that it is remembered what lapses. */
  readonly spares: boolean;
  /** Says that what was used or is held of what lapsed last has not lapsed. */
  readonly revives: boolean;
  readonly gives: bigint;
}

/** What Stripe's sight leads to next; undefined where there is nothing to do. */
export function nextStep(has: Standing | undefined, sees: StripeSight, now: number): Step | undefined {
  if (has?.id !== sees.id) return has === undefined || has.stands === 'ended' ? begin(sees, now) : undefined;
  if (has.endedBy === 'stripe') return undefined;
  if (sees.phase === 'ended') {
    const over = { ...has, spared: undefined, owed: undefined, owedUntil: undefined };
    const gone = { ...over, endedAt: has.endedAt ?? sees.endedAt ?? now, endedBy: 'stripe' as const };
    return step('ended', { ...gone, stands: 'ended', graceUntil: undefined, next: undefined }, has.stands !== 'ended');
  }
  if (sees.phase === 'incomplete' || sees.from < has.from) return undefined;
  const isLater = sees.from > has.from || sees.span !== has.span;
  if (has.stands === 'ended') return comeBack(has, sees, now, isLater);
  return isLater ? inNextPeriod(has, sees) : inThisPeriod(has, sees, now);
}

/** What time does to a subscription, and when; undefined where it does nothing. */
export function nextByTime(has: Standing | undefined): { readonly at: number; readonly step: Step } | undefined {
  if (has === undefined || has.stands === 'ended') return undefined;
  const ends: number[] = [];
  if (has.endsAt !== undefined) ends.push(has.endsAt);
  if (has.stands !== 'active' && has.falls && has.graceUntil !== undefined) ends.push(has.graceUntil);
  const end = Math.min(...ends);
  if (has.stands === 'active' && has.until < end) {
    return { at: has.until, step: step('renewal_pending', pending(has)) };
  }
  if (ends.length === 0) return undefined;
  const gone: Standing = {
    ...has,
    stands: 'ended',
    endedAt: end,
    endedBy: 'time',
    graceUntil: undefined,
    next: undefined,
  };
  const isCanceled = end === has.endsAt;
  const spares = isCanceled || end >= has.until;
  const owed = has.stands === 'past_due';
  const owedUntil = owed && isCanceled ? has.graceUntil : undefined;
  return { at: end, step: { ...step('ended', { ...gone, owed, owedUntil }, true), spares } };
}

function step(change: string, standing: Standing, clears = false, gives = 0n, keeps = 0n): Step {
  return { change, standing, clears, gives, keeps, regives: 0n, spares: false, revives: false };
}

function begin(sees: StripeSight, now: number, back?: Standing): Step | undefined {
  if (sees.phase !== 'live' || !isPaid(sees) || isOver(sees, now)) return undefined;
  const { spared = 0n, keeps = 0n } = back !== undefined && isInTime(back, sees) ? back : {};
  const regives = spared < keeps ? spared : keeps;
  return { ...step('started', fresh(sees), true, sees.cycle.allowance), regives };
}

/** Says whether the period that comes after one that ended here by time was paid before it had to be. */
function isInTime(
  { until, graceMs, endedAt = until, owed, owedUntil = endedAt }: Standing,
  { from, contract, cycle }: StripeSight,
): boolean {
  if (from < until) return false;
  if (contract && owed !== true) return true;
  const last = owed === true ? owedUntil : until + Math.max(graceMs, DAY_MS);
  return cycle.paidAt !== undefined && cycle.paidAt <= last;
}

function comeBack(has: Standing, sees: StripeSight, now: number, isLater: boolean): Step | undefined {
  const anew = isLater ? begin(sees, now, has) : undefined;
  return anew ?? revive(has, sees, now) ?? (isLater ? undefined : goOn(has, sees, now));
}

function goOn(has: Standing, sees: StripeSight, now: number): Step | undefined {
  if (sees.unpaid || isOver(sees, now)) return undefined;
  return step('started', { ...unended(has), ...look(sees), stands: 'active' });
}

/** As if it had never been canceled, which it is no more; but not where it would have ended by now for want of money. */
function revive(has: Standing, sees: StripeSight, now: number): Step | undefined {
  const wasCanceled = has.endsAt !== undefined && has.endedAt === has.endsAt;
  const isCanceled = sees.endsAt !== undefined && sees.endsAt <= now;
  if (!wasCanceled || isCanceled) return undefined;
  const back = backOf(has, { ...unended(has), ...look(sees) }, now);
  if (back.falls && back.graceUntil !== undefined && back.graceUntil <= now) return undefined;
  return { ...step('started', back, false, has.spared), revives: true };
}

function backOf({ owed, owedUntil, until }: Standing, back: Standing, now: number): Standing {
  if (owed === true) return { ...back, stands: 'past_due', graceUntil: owedUntil };
  return until <= now ? pending(back) : { ...back, stands: 'active' };
}

function unended(has: Standing): Standing {
  return { ...has, spared: undefined, owed: undefined, owedUntil: undefined, endedAt: undefined, endedBy: undefined };
}

function inNextPeriod(has: Standing, sees: StripeSight): Step | undefined {
  if (isPaid(sees)) {
    const keeps = sees.from < has.until ? 0n : has.keeps;
    return step('renewed', fresh(sees), true, sees.cycle.allowance, keeps);
  }
  if (sees.unpaid || sees.cycle.state === 'failed') return fail(has, sees, sees.from);
  if (has.price !== sees.price && sees.change.state === 'paid') {
    const { plan, price, span, allowance, keeps, graceMs, falls } = sees;
    return step('plan_changed', { ...has, plan, price, span, allowance, keeps, graceMs, falls });
  }
  return update(has, sees);
}

function inThisPeriod(has: Standing, sees: StripeSight, now: number): Step | undefined {
  const isOther = has.price !== sees.price;
  const { plan, price, span, allowance, keeps, graceMs, falls } = sees;
  const priced: Standing = isOther ? { ...has, plan, price, span, allowance, keeps, graceMs, falls } : has;
  for (const change of sees.changes) {
    if (change.state !== 'paid' || change.allowance <= has.paidFor) continue;
    const since = Math.min(Math.max(change.since, has.from), has.until);
    const raise = ((change.allowance - has.paidFor) * BigInt(has.until - since)) / BigInt(has.until - has.from);
    return step(isOther ? 'plan_changed' : 'allowance_raised', { ...priced, paidFor: change.allowance }, false, raise);
  }
  if (isOther) {
    const behind = { ...priced, stands: 'past_due' as const, graceUntil: has.graceUntil ?? now + graceMs };
    return step('plan_changed', sees.unpaid && has.stands !== 'past_due' ? behind : priced);
  }
  if (sees.unpaid) return fail(has, sees, now);
  if (has.stands !== 'past_due') return update(has, sees);
  const well: Standing = { ...has, stands: 'active', graceUntil: undefined, trouble: undefined };
  return step('recovered', has.until <= now ? pending(well) : well);
}

function fail(has: Standing, sees: StripeSight, since: number): Step | undefined {
  if (has.stands === 'past_due') return update(has, sees);
  const { trouble } = sees;
  return step('payment_failed', { ...has, stands: 'past_due', graceUntil: since + has.graceMs, trouble });
}

function update(has: Standing, sees: StripeSight): Step | undefined {
  if (has.endsAt === sees.endsAt && has.next === sees.next && has.trouble === sees.trouble) return undefined;
  return step('updated', { ...has, ...look(sees) });
}

function look({ endsAt, next, trouble }: StripeSight): Pick<Standing, 'endsAt' | 'next' | 'trouble'> {
  return { endsAt, next, trouble };
}

function pending(has: Standing): Standing {
  return { ...has, stands: 'renewal_pending', graceUntil: has.until + Math.max(has.graceMs, DAY_MS) };
}

function fresh(sees: StripeSight): Standing {
  const { id, plan, price, span, allowance, keeps, graceMs, falls, after, from, until, cycle } = sees;
  const terms = { id, plan, price, span, allowance, keeps, graceMs, falls, after, from, until };
  return { ...terms, ...look(sees), stands: 'active', paidFor: cycle.allowance };
}

function isPaid({ cycle, contract, unpaid }: StripeSight): boolean {
  return cycle.state === 'paid' || (contract && !unpaid);
}

function isOver({ until, endsAt = Number.POSITIVE_INFINITY }: StripeSight, now: number): boolean {
  return until <= now || endsAt <= now;
}
