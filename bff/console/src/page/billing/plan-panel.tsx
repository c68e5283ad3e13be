// Owns what the overview shows of the plan: which it is, how it stands, what comes next, and what can be done.

import { Badge, Button, Group, Stack, Text } from '@mantine/core';
import { Link } from 'react-router';
import { PAGE_PATHS } from '../../../page-path.ts';
import type { Balance, Plan, Subscription, SubscriptionState } from '../../api/type.ts';
import { computePlanStatus, type PlanStatus } from '../../data/plan-status.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { formatPrice, type Money } from '../../format/money.ts';
import { computeTimeLeft, formatDate } from '../../format/time.ts';
import { formatOffAt, formatRunningDiscount } from '../../part/discount-name.ts';
import { Panel } from '../../part/panel.tsx';
import { formatCycle, formatPlan, formatPlanPrice } from '../../part/plan-name.ts';
import { useRole } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { PlanActions } from './plan-action.tsx';

const WORDS = STRINGS.billing.plan;
const STATUS = STRINGS.billing.status;

interface PlanPanelProps {
  readonly state: SubscriptionState;
  readonly plans: readonly Plan[];
  readonly balance: Balance | undefined;
}

/** Shows the plan. */
export function PlanPanel({ state, plans, balance }: PlanPanelProps) {
  const mayChange = useRole('tenant_admin');
  const status = computePlanStatus(state);
  const plan = plans.find(({ plan_code }) => plan_code === state.plan_code);
  return (
    <Panel
      title={WORDS.title}
      aside={<StatusBadge status={status} isFree={plan?.amount === 0} />}
      actions={
        mayChange ? (
          <PlanActions state={state} status={status} plan={plan} balance={balance} />
        ) : (
          <Button component={Link} to={PAGE_PATHS.plans} variant="default">
            {STRINGS.nav.plans}
          </Button>
        )
      }
    >
      <Stack gap={2}>
        <Text fz={28} fw={600} lh={1.2}>
          {formatPlan(state.plan_code)}
        </Text>
        <PriceLine status={status} plan={plan} />
      </Stack>
      <Stack gap={4}>
        {toSentences(state, status, { plan, balance }).map((sentence, index) => (
          <Text key={sentence} size="sm" fw={index === 0 ? 500 : 400} {...(index > 0 && { c: 'dimmed' })}>
            {sentence}
          </Text>
        ))}
      </Stack>
    </Panel>
  );
}

function PriceLine({ status, plan }: { readonly status: PlanStatus; readonly plan: Plan | undefined }) {
  const subscription = 'subscription' in status ? status.subscription : undefined;
  const price = subscription === undefined ? plan && formatPlanPrice(plan) : formatCycle(subscription);
  const included = subscription?.included_microcredits_per_cycle ?? plan?.included_microcredits_per_cycle ?? 0;
  const credits = STRINGS.common.credits(formatCreditsShort(included));
  const discounts = subscription?.discounts.map(formatRunningDiscount) ?? [];
  const parts = [price, ...discounts, included > 0 ? WORDS.included(credits) : undefined];
  return (
    <Group gap={6}>
      <Text size="sm" c="dimmed">
        {parts.filter((part) => part !== undefined).join(' · ')}
      </Text>
    </Group>
  );
}

function StatusBadge({ status, isFree }: { readonly status: PlanStatus; readonly isFree: boolean }) {
  const [words, color] = toBadge(status, isFree);
  return (
    <Badge variant="light" color={color} size="md" radius="sm">
      {words}
    </Badge>
  );
}

function toBadge({ kind }: PlanStatus, isFree: boolean): readonly [words: string, color: string] {
  switch (kind) {
    case 'trial':
      return [STATUS.trial, 'violet'];
    case 'active':
    case 'changing':
      return [STATUS.active, 'teal'];
    case 'canceling':
      return [STATUS.canceling, 'yellow'];
    case 'past_due':
    case 'lapsing':
      return [STATUS.pastDue, 'red'];
    case 'renewing':
      return [STATUS.renewing, 'brand'];
    case 'none':
      return isFree ? [STATUS.free, 'gray'] : [STATUS.contract, 'gray'];
  }
}

interface Known {
  readonly plan: Plan | undefined;
  readonly balance: Balance | undefined;
}

/** Says in words how it stands, the most important first. */
function toSentences(state: SubscriptionState, status: PlanStatus, { plan, balance }: Known): readonly string[] {
  switch (status.kind) {
    case 'trial':
      return toTrialSentences(state, status, { plan, balance });
    case 'none':
      return [plan?.amount === 0 ? WORDS.free : WORDS.given];
    case 'past_due': {
      const end = status.subscription.grace_end_time;
      return [end === null ? STRINGS.billing.notice.pastDueOpen : WORDS.pastDue(formatDate(end))];
    }
    case 'lapsing': {
      const { cancel_time: end, grace_end_time: grace } = status.subscription;
      const unpaid = grace === null ? [] : [WORDS.lapsesUnpaid(formatDate(grace))];
      return [WORDS.lapsing, ...(end === null ? [] : [WORDS.lapsesPaid(formatDate(end))]), ...unpaid];
    }
    case 'renewing':
      return [WORDS.renewing];
    case 'canceling': {
      const { cancel_time: end, fallback_plan_code: fallback } = status.subscription;
      return [WORDS.ends(formatDate(end ?? status.subscription.period_end_time), formatPlan(fallback))];
    }
    case 'changing':
    case 'active':
      return toRenewalSentences(status.subscription);
  }
}

function toTrialSentences(
  state: SubscriptionState,
  { trial, isCanceled }: Extract<PlanStatus, { kind: 'trial' }>,
  { plan, balance }: Known,
): readonly string[] {
  const { unit, count } = computeTimeLeft(state.as_of_time, trial.end_time);
  const credits = STRINGS.common.credits(formatCreditsShort(balance?.trial_remaining ?? trial.remaining_microcredits));
  const first = WORDS.trialSentence(STRINGS.timeLeft[unit](count), credits);
  const end = formatDate(trial.end_time);
  if (isCanceled) return [first, WORDS.trialCanceled(end)];
  const name =
    plan === undefined ? formatPlan(trial.plan_code) : `${formatPlan(plan.plan_code)}, ${formatPlanPrice(plan)},`;
  const next = trial.consent_time === null ? WORDS.trialFallsBack : WORDS.trialConverts(name);
  return [first, `${WORDS.trialEnds(end)} ${next}`];
}

function toRenewalSentences(subscription: Subscription): readonly string[] {
  const { period_end_time: end, pending_change: change, discounts } = subscription;
  if (change === null) return [toRenewal(end, subscription, discounts)];
  const { plan_code: code, effective_time: time } = change;
  return [WORDS.changes(formatPlan(code), formatDate(time)), toRenewal(time, change, discounts)];
}

function toRenewal(time: string, price: Money, discounts: Subscription['discounts']): string {
  const offs = formatOffAt(discounts, time);
  const [date, full] = [formatDate(time), formatPrice(price)];
  return offs === undefined ? WORDS.renews(date, full) : WORDS.renewsOff(date, full, offs);
}
