/** Owns: the object of a subscription schedule and its phases. Does not own: its API and its life. */
import type { ApiObject, JsonFields } from '../json.ts';
import type { Metadata } from '../metadata.ts';
import { defineTable } from '../store.ts';

/** Is what a phase bills. */
export type PhaseItem = JsonFields & { readonly price: string; readonly quantity: number };

/** Is a discount of the subscription that holds in a phase. */
export type PhaseDiscount = { readonly coupon: null; readonly discount: string; readonly promotion_code: null };

/** Is a time in which a subscription is as the schedule says. */
export type Phase = JsonFields & {
  readonly discounts: readonly PhaseDiscount[];
  readonly end_date: number;
  readonly items: readonly PhaseItem[];
  readonly metadata: Metadata;
  readonly proration_behavior: string;
  readonly start_date: number;
};

/** Is a subscription schedule. */
export interface SubscriptionSchedule extends ApiObject {
  readonly current_phase: { readonly start_date: number; readonly end_date: number } | null;
  readonly customer: string;
  readonly end_behavior: 'cancel' | 'release';
  readonly metadata: Metadata;
  readonly phases: readonly Phase[];
  readonly released_subscription: string | null;
  readonly status: 'not_started' | 'active' | 'completed' | 'released' | 'canceled';
  readonly subscription: string | null;
  readonly test_clock: string | null;
}

/** Are the schedules, those that are over too. */
export const SUBSCRIPTION_SCHEDULES = defineTable<SubscriptionSchedule>('subscription_schedule');

/** Is the kind of note by which a phase ends. */
export const PHASE_DUE = 'subscription_schedule.phase';
