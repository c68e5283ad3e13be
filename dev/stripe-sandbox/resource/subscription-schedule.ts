/**
 * Owns: the API of subscription schedules: later changes of a subscription, phase by phase.
 * Does not own: going through the phases (`subscription-phase.ts`). A schedule is made from a subscription; one that makes its
 * subscription itself, later, is not here.
 */
import { computeBoundary, type Interval } from '../billing/period.ts';
import { type Call, type Operation, type Request, type Resource, toPathId } from '../call.ts';
import { readFields, readFlag, readInteger, readList, readText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { mergeMetadata } from '../metadata.ts';
import { readAmount } from '../money.ts';
import { invalidRequest, notInSandbox } from '../stripe-error.ts';
import { toCustomerCall } from './customer-object.ts';
import { cancelSubscription } from './subscription-cancellation.ts';
import { cycleSubscription } from './subscription-cycle.ts';
import { needActivePrice } from './subscription-item.ts';
import {
  assertNotOver,
  needSubscription,
  SUBSCRIPTIONS,
  type Subscription,
  toInterval,
  toPeriod,
} from './subscription-object.ts';
import { endPhase, releaseSchedule, schedulePhase } from './subscription-phase.ts';
import {
  PHASE_DUE,
  type Phase,
  type PhaseDiscount,
  type PhaseItem,
  SUBSCRIPTION_SCHEDULES,
  type SubscriptionSchedule,
} from './subscription-schedule-object.ts';

const PHASES_MAX = 10;

const create: Operation = {
  supported: ['from_subscription', 'metadata'],
  run(call, { parameters }) {
    const id = readText(parameters, 'from_subscription');
    if (id === undefined) throw notInSandbox('schedules that make their subscription', 'from_subscription');
    const subscription = needSubscription(call, id, 'from_subscription');
    assertNotOver(subscription);
    if (subscription.schedule !== null) {
      throw invalidRequest(
        `You cannot migrate a subscription that is already attached to a schedule: ${subscription.schedule}.`,
        {
          param: 'from_subscription',
        },
      );
    }
    if (subscription.cancel_at !== null) {
      throw notInSandbox('schedules of a subscription that is to be canceled', 'from_subscription');
    }
    const { own } = toCustomerCall(call, subscription.customer);
    return begin(own, subscription, mergeMetadata({}, parameters));
  },
};

function begin(
  call: Call,
  subscription: Subscription,
  metadata: SubscriptionSchedule['metadata'],
): SubscriptionSchedule {
  const { start, end } = toPeriod(subscription);
  const phase = toPhase(subscription, {
    start_date: start,
    end_date: end,
    items: subscription.items.data.map(({ price, quantity }) => toPhaseItem(price.id, quantity)),
    metadata: {},
    proration_behavior: 'create_prorations',
    discounts: subscription.discounts.map(toPhaseDiscount),
  });
  const schedule: SubscriptionSchedule = {
    id: createId('sub_sched'),
    object: 'subscription_schedule',
    application: null,
    billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
    canceled_at: null,
    completed_at: null,
    created: call.now,
    current_phase: { start_date: start, end_date: end },
    customer: subscription.customer,
    customer_account: null,
    default_settings: toDefaults(subscription),
    end_behavior: 'release',
    livemode: false,
    metadata,
    phases: [phase],
    released_at: null,
    released_subscription: null,
    status: 'active',
    subscription: subscription.id,
    test_clock: subscription.test_clock,
  };
  call.create(SUBSCRIPTION_SCHEDULES, schedule, 'subscription_schedule.created');
  call.update(SUBSCRIPTIONS, subscription, { schedule: schedule.id }, 'customer.subscription.updated');
  schedulePhase(call, schedule);
  return schedule;
}

/** Has a subscription bill something else when its period ends, by a schedule. */
export function scheduleChange(call: Call, subscription: Subscription, priceId: string): SubscriptionSchedule {
  const known = call.tx.find(SUBSCRIPTION_SCHEDULES, subscription.schedule ?? '');
  const schedule = known ?? begin(call, subscription, {});
  const price = needActivePrice(call, priceId, 'price');
  const { end } = toPeriod(subscription);
  const later = toPhase(subscription, {
    start_date: end,
    end_date: computeBoundary(end, price.recurring, 1),
    items: [toPhaseItem(priceId, subscription.items.data[0]?.quantity ?? 1)],
    metadata: {},
    proration_behavior: 'none',
    discounts: subscription.discounts.map(toPhaseDiscount),
  });
  const phases = [...schedule.phases.filter(({ start_date: start }) => start < end), later];
  return call.update(SUBSCRIPTION_SCHEDULES, schedule, { phases }, 'subscription_schedule.updated');
}

function toDefaults({ default_payment_method, collection_method, days_until_due }: Subscription): JsonFields {
  return {
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: 'automatic',
    billing_thresholds: null,
    collection_method,
    default_payment_method,
    description: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      days_until_due,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    on_behalf_of: null,
    transfer_data: null,
  };
}

function toPhaseItem(price: string, quantity: number): PhaseItem {
  return { billing_thresholds: null, discounts: [], metadata: {}, price, quantity, tax_rates: [] };
}

type PhaseTerms = Pick<Phase, 'start_date' | 'end_date' | 'items' | 'metadata' | 'proration_behavior' | 'discounts'>;

function toPhaseDiscount(discount: string): PhaseDiscount {
  return { coupon: null, discount, promotion_code: null };
}

function toPhase({ currency }: Subscription, terms: PhaseTerms): Phase {
  return {
    add_invoice_items: [],
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: null,
    billing_thresholds: null,
    collection_method: null,
    currency,
    default_payment_method: null,
    default_tax_rates: [],
    description: null,
    invoice_settings: null,
    on_behalf_of: null,
    transfer_data: null,
    trial_end: null,
    ...terms,
  };
}

function need(call: Call, request: Request): { readonly schedule: SubscriptionSchedule; readonly own: Call } {
  const schedule = call.need(SUBSCRIPTION_SCHEDULES, toPathId(request), 'schedule', 404);
  return { schedule, own: toCustomerCall(call, schedule.customer).own };
}

/** Throws StripeError for a schedule that is over. */
function assertRunning({ status }: SubscriptionSchedule, verb: string): void {
  if (status === 'active') return;
  throw invalidRequest(`You cannot ${verb} a subscription schedule that is currently in the \`${status}\` status.`, {
    param: 'schedule',
  });
}

const PHASE_PARAMETERS = [
  'discounts.discount',
  'duration',
  'end_date',
  'items.price',
  'items.quantity',
  'metadata',
  'proration_behavior',
  'start_date',
];

const update: Operation = {
  supported: ['end_behavior', 'metadata', 'proration_behavior', ...PHASE_PARAMETERS.map((name) => `phases.${name}`)],
  run(call, request) {
    const { parameters } = request;
    const { schedule, own } = need(call, request);
    assertRunning(schedule, 'update');
    const end = readText(parameters, 'end_behavior') ?? schedule.end_behavior;
    if (end !== 'cancel' && end !== 'release') throw notInSandbox(`the end behavior ${end}`, 'end_behavior');
    const phases = readList(parameters, 'phases');
    const planned = phases === undefined ? schedule.phases : readPhases(own, schedule, phases);
    const current = planned.find(({ start_date: start, end_date: till }) => start <= own.now && own.now < till);
    if (current === undefined) {
      throw invalidRequest('The subscription schedule update must include a phase that is the current one.', {
        param: 'phases',
      });
    }
    assertUnchanged(schedule, current, needSubscription(own, schedule.subscription ?? '', 'subscription'));
    const changes: Partial<SubscriptionSchedule> = {
      current_phase: { start_date: current.start_date, end_date: current.end_date },
      end_behavior: end,
      metadata: mergeMetadata(schedule.metadata, parameters),
      phases: planned,
    };
    const changed = own.update(SUBSCRIPTION_SCHEDULES, schedule, changes, 'subscription_schedule.updated');
    schedulePhase(own, changed);
    return changed;
  },
};

/**
 * The phase that runs can be ended at another time, and not bill something else: the subscription itself is changed for that. Its
 * discounts are those that the subscription has by now: what was for one invoice is used up by the first of the phase.
 */
function assertUnchanged(
  { phases, current_phase: running }: SubscriptionSchedule,
  phase: Phase,
  { discounts }: Subscription,
): void {
  const before = phases.find(({ start_date: start }) => start === running?.start_date);
  const toText = (items: Phase['items'] | undefined): string =>
    JSON.stringify(items?.map(({ price, quantity }) => [price, quantity]));
  const isSame =
    toText(before?.items) === toText(phase.items) &&
    JSON.stringify(phase.discounts) === JSON.stringify(discounts.map(toPhaseDiscount));
  if (before?.start_date === phase.start_date && isSame) return;
  if (before?.start_date !== phase.start_date) {
    throw invalidRequest('You can not modify the start date of the current phase.', { param: 'phases[0][start_date]' });
  }
  throw notInSandbox('other items or discounts in the current phase: update the subscription', 'phases[0]');
}

function readPhases(call: Call, schedule: SubscriptionSchedule, sent: readonly JsonFields[]): readonly Phase[] {
  if (sent.length > PHASES_MAX) {
    throw invalidRequest(`A subscription schedule has at most ${PHASES_MAX} current and future phases.`, {
      param: 'phases',
    });
  }
  const subscription = needSubscription(call, schedule.subscription ?? '', 'subscription');
  const phases: Phase[] = [];
  for (const [index, fields] of sent.entries()) {
    const param = `phases[${index}]`;
    const start = readDate(call, fields, 'start_date') ?? phases.at(-1)?.end_date ?? schedule.current_phase?.start_date;
    if (start === undefined || (index > 0 && start !== phases.at(-1)?.end_date)) {
      throw invalidRequest('Each phase must begin where the one before it ends.', { param: `${param}[start_date]` });
    }
    phases.push(readPhase(call, subscription, fields, { start, param }));
  }
  return phases;
}

function readPhase(
  call: Call,
  subscription: Subscription,
  fields: JsonFields,
  { start, param }: { readonly start: number; readonly param: string },
): Phase {
  const items = (readList(fields, 'items') ?? []).map((item, index) => {
    const price = readText(item, 'price');
    if (price === undefined) {
      throw invalidRequest(`Missing required param: ${param}[items][${index}][price].`, {
        code: 'parameter_missing',
        param: `${param}[items][${index}][price]`,
      });
    }
    const isThere = subscription.items.data.some((each) => each.price.id === price);
    // What is subscribed to already may have been archived.
    const interval = isThere
      ? toInterval(subscription)
      : needActivePrice(call, price, `${param}[items][price]`).recurring;
    return { item: toPhaseItem(price, readAmount(item, 'quantity') ?? 1), interval };
  });
  const interval = items[0]?.interval ?? toInterval(subscription);
  return toPhase(subscription, {
    start_date: start,
    end_date: readEnd(call, fields, start, { interval, param }),
    items: items.map(({ item }) => item),
    metadata: mergeMetadata({}, fields),
    proration_behavior: readText(fields, 'proration_behavior') ?? 'create_prorations',
    discounts: readPhaseDiscounts(subscription, fields, param),
  });
}

/** A phase has the discounts that it names, and no others. */
function readPhaseDiscounts({ discounts }: Subscription, fields: JsonFields, param: string): readonly PhaseDiscount[] {
  return (readList(fields, 'discounts') ?? []).map((each) => {
    const id = readText(each, 'discount') ?? '';
    if (discounts.includes(id)) return toPhaseDiscount(id);
    throw notInSandbox('discounts of a phase but those of its subscription', `${param}[discounts]`);
  });
}

function readEnd(
  call: Call,
  fields: JsonFields,
  start: number,
  { interval, param }: { readonly interval: Interval; readonly param: string },
): number {
  const [end, duration] = [readDate(call, fields, 'end_date'), readFields(fields, 'duration')];
  if (end !== undefined && duration !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: end_date, duration.', {
      param: `${param}[end_date]`,
    });
  }
  // A last phase without an end lasts one period.
  const length = duration === undefined ? interval : toLength(duration);
  const till = end ?? computeBoundary(start, length, 1);
  if (till <= start) {
    throw invalidRequest('The end of a phase must be after its start.', { param: `${param}[end_date]` });
  }
  return till;
}

function toLength(duration: JsonFields): Interval {
  // The schema allows no other interval.
  const interval = readText(duration, 'interval') as Interval['interval'];
  return { interval, interval_count: readAmount(duration, 'interval_count', 1) ?? 1 };
}

function readDate(call: Call, fields: JsonFields, name: string): number | undefined {
  return fields[name] === 'now' ? call.now : readInteger(fields, name);
}

const release: Operation = {
  supported: ['preserve_cancel_date'],
  run(call, request) {
    const { schedule, own } = need(call, request);
    assertRunning(schedule, 'release');
    return releaseSchedule(own, schedule);
  },
};

const cancel: Operation = {
  supported: ['invoice_now', 'prorate'],
  run(call, request) {
    const { schedule, own } = need(call, request);
    assertRunning(schedule, 'cancel');
    const canceled = cancelSchedule(own, schedule);
    const subscription = needSubscription(own, schedule.subscription ?? '', 'subscription');
    cancelSubscription(own, subscription, {
      reason: 'cancellation_requested',
      isInvoiced: readFlag(request.parameters, 'invoice_now') ?? true,
      isProrated: readFlag(request.parameters, 'prorate') ?? true,
    });
    return canceled;
  },
};

function cancelSchedule(call: Call, schedule: SubscriptionSchedule): SubscriptionSchedule {
  const changes: Partial<SubscriptionSchedule> = { canceled_at: call.now, current_phase: null, status: 'canceled' };
  const canceled = call.move(SUBSCRIPTION_SCHEDULES, schedule, changes, 'subscription_schedule.canceled');
  schedulePhase(call, canceled);
  return canceled;
}

const list: Operation = {
  supported: [...PAGE_PARAMETERS, 'created', 'customer', 'scheduled'],
  run(call, { parameters }) {
    const [customer, isScheduled] = [readText(parameters, 'customer'), readFlag(parameters, 'scheduled')];
    const filter = (schedule: SubscriptionSchedule): boolean =>
      (customer === undefined || schedule.customer === customer) &&
      (isScheduled === undefined || (schedule.status === 'not_started') === isScheduled);
    const objects = call.tx.all(SUBSCRIPTION_SCHEDULES);
    return toPage({ objects, filter, url: '/v1/subscription_schedules' }, parameters);
  },
};

/** What changes of a subscription itself changes the phase that it is in. */
function followSubscription(call: Call, { id }: ApiObject): void {
  const subscription = call.tx.find(SUBSCRIPTIONS, id);
  const schedule = call.tx.find(SUBSCRIPTION_SCHEDULES, subscription?.schedule ?? '');
  if (subscription === undefined || schedule?.status !== 'active') return;
  const items = subscription.items.data.map(({ price, quantity }) => toPhaseItem(price.id, quantity));
  const phases = schedule.phases.map((phase) =>
    phase.start_date === schedule.current_phase?.start_date ? { ...phase, items } : phase,
  );
  call.create(SUBSCRIPTION_SCHEDULES, { ...schedule, phases });
}

/** A schedule ends with its subscription. */
function endWithSubscription(call: Call, { id }: ApiObject): void {
  const subscription = call.tx.find(SUBSCRIPTIONS, id);
  const schedule = call.tx.find(SUBSCRIPTION_SCHEDULES, subscription?.schedule ?? '');
  if (schedule?.status === 'active') cancelSchedule(call, schedule);
}

const PATH = '/v1/subscription_schedules';

/** Is the API of subscription schedules. */
export const SUBSCRIPTION_SCHEDULE_RESOURCE: Resource = {
  operations: {
    [`POST ${PATH}`]: create,
    [`GET ${PATH}`]: list,
    [`GET ${PATH}/{schedule}`]: { supported: [], run: (call, request) => need(call, request).schedule },
    [`POST ${PATH}/{schedule}`]: update,
    [`POST ${PATH}/{schedule}/release`]: release,
    [`POST ${PATH}/{schedule}/cancel`]: cancel,
  },
  reactions: {
    'customer.subscription.updated': followSubscription,
    'customer.subscription.deleted': endWithSubscription,
  },
  due: {
    [PHASE_DUE](call, id) {
      const outcome = endPhase(call, id);
      if (outcome !== 'done') cycleSubscription(call, outcome.periodOf);
    },
  },
};
