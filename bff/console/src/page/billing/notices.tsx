// Owns what the overview tells first: what needs somebody's attention, the most pressing alone of its kind.

import { Alert, Button, Group, Loader, Text } from '@mantine/core';
import { IconAlertTriangle, IconCoins, IconHourglass } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { PAGE_PATHS } from '../../../page-path.ts';
import type { Balance, SubscriptionState } from '../../api/type.ts';
import { useThresholds } from '../../data/billing-query.ts';
import { computePlanStatus } from '../../data/plan-status.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { computeTimeLeft, formatDate } from '../../format/time.ts';
import { formatPlan } from '../../part/plan-name.ts';
import { TopUpButton } from '../../part/top-up/top-up-button.tsx';
import { useRole } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.billing.notice;
/** Where nobody has set a threshold, this is little: one step of a workflow costs as much. */
const LOW_MICROCREDITS = 5_000_000;
const TRIAL_SOON_DAYS = 3;

interface NoticesProps {
  readonly balance: Balance | undefined;
  readonly state: SubscriptionState | undefined;
  readonly isReturning: boolean;
}

/** Shows the notices that there are. */
export function Notices({ balance, state, isReturning }: NoticesProps) {
  return (
    <>
      <div role="status" {...(!isReturning && { className: 'hidden' })}>
        {isReturning && (
          <Group gap="sm">
            <Loader size="xs" color="gray" />
            <Text size="sm">{WORDS.back}</Text>
          </Group>
        )}
      </div>
      {state !== undefined && <PaymentNotice state={state} />}
      {state !== undefined && <TrialNotice state={state} />}
      {balance !== undefined && <BalanceNotice balance={balance} />}
    </>
  );
}

function PaymentNotice({ state }: { readonly state: SubscriptionState }) {
  const mayPay = useRole('tenant_admin');
  const status = computePlanStatus(state);
  if (status.kind !== 'past_due' && status.kind !== 'lapsing') return null;
  const { grace_end_time: end, payment_url: url, fallback_plan_code: fallback } = status.subscription;
  const words = end === null ? WORDS.pastDueOpen : WORDS.pastDueText(formatDate(end), formatPlan(fallback));
  return (
    <Notice
      color="red"
      icon={<IconAlertTriangle aria-hidden />}
      title={WORDS.pastDueTitle}
      text={status.kind === 'lapsing' ? WORDS.lapsingText : words}
    >
      {mayPay && url !== null && (
        <Button component="a" href={url} target="_blank" rel="noreferrer" color="red" size="xs">
          {STRINGS.billing.plan.pay}
        </Button>
      )}
    </Notice>
  );
}

function TrialNotice({ state }: { readonly state: SubscriptionState }) {
  const mayBuy = useRole('tenant_admin');
  const status = computePlanStatus(state);
  if (status.kind !== 'trial' || status.trial.consent_time !== null) return null;
  const left = computeTimeLeft(state.as_of_time, status.trial.end_time);
  if (left.unit === 'day' && left.count > TRIAL_SOON_DAYS) return null;
  return (
    <Notice
      color="brand"
      icon={<IconHourglass aria-hidden />}
      title={WORDS.trialSoonTitle(STRINGS.timeLeft[left.unit](left.count))}
      text={WORDS.trialSoonText}
    >
      {mayBuy && (
        <Button component={Link} to={PAGE_PATHS.plans} size="xs" variant="default">
          {STRINGS.billing.plan.choose}
        </Button>
      )}
    </Notice>
  );
}

function BalanceNotice({ balance }: { readonly balance: Balance }) {
  const mayBuy = useRole('tenant_admin');
  const thresholds = useThresholds().data;
  const own = thresholds?.filter(({ microcredits }) => balance.available < microcredits) ?? [];
  const isLow =
    thresholds === undefined || thresholds.length === 0 ? balance.available < LOW_MICROCREDITS : own.length > 0;
  if (!isLow) return null;
  const isEmpty = balance.available <= 0;
  const text = isEmpty ? WORDS.emptyText : WORDS.lowText;
  return (
    <Notice
      color={isEmpty ? 'red' : 'yellow'}
      icon={<IconCoins aria-hidden />}
      title={isEmpty ? WORDS.emptyTitle : WORDS.lowTitle(formatCreditsShort(balance.available))}
      text={mayBuy ? text : `${text} ${WORDS.askAdmin}`}
    >
      {mayBuy && <TopUpButton size="xs" variant="default" />}
    </Notice>
  );
}

interface NoticeProps {
  readonly color: string;
  readonly icon: ReactNode;
  readonly title: string;
  readonly text: string;
  readonly children: ReactNode;
}

function Notice({ color, icon, title, text, children }: NoticeProps) {
  return (
    <Alert color={color} variant="light" icon={icon} title={title}>
      <Group justify="space-between" gap="sm">
        <Text size="sm">{text}</Text>
        {children}
      </Group>
    </Alert>
  );
}
