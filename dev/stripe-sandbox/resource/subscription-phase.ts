/**
 * Owns: going from one phase of a schedule to the next, and the end of the last one.
 * Does not own: the API of schedules (`subscription-schedule.ts`).
 * Invariant: a phase that begins with a period is billed with that period; one that begins inside of one is prorated as it says.
 */
import type { Call } from '../call.ts';
import { schedule as note, unschedule } from '../due.ts';
import { createId } from '../id.ts';
import { invalidRequest } from '../stripe-error.ts';
import { PRICES } from './price.ts';
import { cancelSubscription } from './subscription-cancellation.ts';
import { changeItems, type ProrationBehavior } from './subscription-change.ts';
import { needActivePrice } from './subscription-item.ts';
import { SUBSCRIPTIONS, type Subscription, type SubscriptionItem, toPeriod } from './subscription-object.ts';
import {
  PHASE_DUE,
  type Phase,
  SUBSCRIPTION_SCHEDULES,
  type SubscriptionSchedule,
} from './subscription-schedule-object.ts';

/** Returns the items that a phase makes of those of a subscription: those of the same price, then those in its place, stay what they are. */
function toPhaseItems(call: Call, subscription: Subscription, phase: Phase): readonly SubscriptionItem[] {
  const left = [...subscription.items.data];
  const take = (isIt: (item: SubscriptionItem) => boolean): SubscriptionItem | undefined => {
    const index = left.findIndex(isIt);
    return index < 0 ? undefined : left.splice(index, 1)[0];
  };
  const kept = phase.items.map(({ price }) => take((item) => item.price.id === price));
  return phase.items.map(({ price: priceId, quantity }, index) => {
    const { start, end } = toPeriod(subscription);
    const price = needSchedulable(call, priceId);
    const item = kept[index] ?? take(() => true);
    if (item !== undefined) return { ...item, price, quantity };
    return {
      id: createId('si', 14),
      object: 'subscription_item',
      billing_thresholds: null,
      created: call.now,
      current_period_end: end,
      current_period_start: start,
      discounts: [],
      metadata: {},
      price,
      quantity,
      subscription: subscription.id,
      tax_rates: [],
    };
  });
}

/** A price that was archived since it was scheduled is billed all the same. */
function needSchedulable(call: Call, id: string): SubscriptionItem['price'] {
  const price = call.need(PRICES, id, 'phases[items][price]');
  if (price.active) return needActivePrice(call, id, 'phases[items][price]');
  if (price.recurring === null) throw invalidRequest(`The price ${id} is not recurring.`, { param: 'phases' });
  return { ...price, recurring: price.recurring };
}

/** Notes when the phase that a schedule is in ends. */
export function schedulePhase(
  call: Call,
  { id, current_phase: current, status, test_clock: testClock }: SubscriptionSchedule,
): void {
  if (status !== 'active' || current === null) unschedule(call.tx, PHASE_DUE, id);
  else note(call.tx, { kind: PHASE_DUE, subject: id, at: current.end_date, testClock });
}

/** Returns the phase after the one that a schedule is in. */
function findNextPhase({ phases, current_phase: current }: SubscriptionSchedule): Phase | undefined {
  return phases.find(({ start_date: start }) => current !== null && start >= current.end_date);
}

/** Says what a schedule makes of a subscription whose period ends: other items to bill, or its end. */
export interface EnteredPhase {
  readonly items?: readonly SubscriptionItem[];
  readonly isOver: boolean;
}

/** Enters the phase that begins as a subscription's period ends, if one does. What it bills is billed with the new period. */
export function enterDuePhase(call: Call, subscription: Subscription): EnteredPhase {
  const current = call.tx.find(SUBSCRIPTION_SCHEDULES, subscription.schedule ?? '');
  const phaseEnd = current?.current_phase?.end_date;
  if (current === undefined || phaseEnd === undefined || phaseEnd > call.now) return { isOver: false };
  const next = findNextPhase(current);
  if (next === undefined) return { isOver: finishSchedule(call, current, subscription) };
  const items = toPhaseItems(call, subscription, next);
  enter(call, current, next);
  const metadata = { ...subscription.metadata, ...next.metadata };
  const changed = { ...subscription, metadata, discounts: next.discounts.map(({ discount }) => discount) };
  call.tx.put(SUBSCRIPTIONS, subscription.id, changed);
  return { items, isOver: false };
}

function enter(call: Call, current: SubscriptionSchedule, { start_date, end_date }: Phase): void {
  const changes = { current_phase: { start_date, end_date } };
  schedulePhase(call, call.update(SUBSCRIPTION_SCHEDULES, current, changes, 'subscription_schedule.updated'));
}

/** Has happen what is due when a phase ends inside of a period. Returns whether that was for the end of the period to do. */
export function endPhase(call: Call, id: string): 'done' | { readonly periodOf: string } {
  const current = call.tx.find(SUBSCRIPTION_SCHEDULES, id);
  const subscription = call.tx.find(SUBSCRIPTIONS, current?.subscription ?? '');
  if (current?.status !== 'active' || subscription === undefined) return 'done';
  if (toPeriod(subscription).end <= call.now) return { periodOf: subscription.id };
  const next = findNextPhase(current);
  if (next === undefined) {
    finishSchedule(call, current, subscription);
    return 'done';
  }
  const items = toPhaseItems(call, subscription, next);
  enter(call, current, next);
  changeItems(call, subscription, {
    items,
    // What a phase says was checked by the schema.
    behavior: next.proration_behavior as ProrationBehavior,
    at: call.now,
    isAnchoredNow: false,
    endsTrial: false,
    collection: { behavior: 'allow_incomplete', isOffSession: true },
    changes: { metadata: { ...subscription.metadata, ...next.metadata } },
  });
  return 'done';
}

/** Ends a schedule after its last phase. Returns whether the subscription has ended with it. */
function finishSchedule(call: Call, current: SubscriptionSchedule, subscription: Subscription): boolean {
  if (current.end_behavior === 'release') {
    releaseSchedule(call, current);
    return false;
  }
  const changes: Partial<SubscriptionSchedule> = { completed_at: call.now, current_phase: null, status: 'completed' };
  const completed = call.move(SUBSCRIPTION_SCHEDULES, current, changes, 'subscription_schedule.completed');
  schedulePhase(call, completed);
  cancelSubscription(call, subscription, { reason: 'cancellation_requested' });
  return true;
}

/** Ends a schedule and leaves the subscription as it is. */
export function releaseSchedule(call: Call, current: SubscriptionSchedule): SubscriptionSchedule {
  const subscription = call.tx.find(SUBSCRIPTIONS, current.subscription ?? '');
  const released = call.move(
    SUBSCRIPTION_SCHEDULES,
    current,
    {
      current_phase: null,
      released_at: call.now,
      released_subscription: current.subscription,
      status: 'released',
      subscription: null,
    },
    'subscription_schedule.released',
  );
  schedulePhase(call, released);
  if (subscription !== undefined) {
    call.update(SUBSCRIPTIONS, subscription, { schedule: null }, 'customer.subscription.updated');
  }
  return released;
}
