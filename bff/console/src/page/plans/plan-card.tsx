// Owns the card of one tier: what it costs, what it gives, and what can be done with it now.

import { Badge, Button, List, Paper, Stack, Text, ThemeIcon, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconCheck } from '@tabler/icons-react';
import { lazy, Suspense, useId } from 'react';
import type { Plan, SubscriptionState } from '../../api/type.ts';
import { computePlanStatus } from '../../data/plan-status.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { formatPrice } from '../../format/money.ts';
import { formatTier } from '../../part/plan-name.ts';
import { useRole } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import classes from './plan-card.module.css';
import { type Cycle, computeOffer, type PlanOffer, type Tier, variantOf } from './tier.ts';

const WORDS = STRINGS.plans;
const MONTHS_PER_YEAR = 12;

const ChangeDialog = lazy(async () => ({ default: (await import('./change-dialog.tsx')).ChangeDialog }));
const TrialDialog = lazy(async () => ({ default: (await import('./trial-dialog.tsx')).TrialDialog }));

interface PlanCardProps {
  readonly tier: Tier;
  readonly cycle: Cycle;
  readonly state: SubscriptionState;
  readonly plans: readonly Plan[];
}

/** Shows a tier. */
export function PlanCard({ tier, cycle, state, plans }: PlanCardProps) {
  const id = useId();
  const mayChange = useRole('tenant_admin');
  const plan = variantOf(tier, cycle);
  const offer = computeOffer(plan, state, plans);
  const isTrial = computePlanStatus(state).kind === 'trial' && state.plan_code === plan.plan_code;
  const isMarked = offer === 'current' || offer === 'resume' || isTrial;
  return (
    <Paper
      component="article"
      withBorder
      radius="lg"
      className={classes['card']}
      data-marked={isMarked || undefined}
      aria-labelledby={id}
    >
      <Stack gap={6}>
        <div className={classes['head']}>
          <Title order={2} size="h4" id={id}>
            {formatTier(plan.plan_code)}
          </Title>
          {isMarked && (
            <Badge variant="light" radius="sm">
              {isTrial ? WORDS.trialHere : WORDS.current}
            </Badge>
          )}
        </div>
        <Price plan={plan} />
      </Stack>
      {mayChange && <OfferButton plan={plan} offer={offer} state={state} />}
      <Features plan={plan} isTrialOffered={offer === 'trial'} />
    </Paper>
  );
}

function Price({ plan }: { readonly plan: Plan }) {
  const { amount, currency, interval } = plan;
  if (amount === null || currency === null) return null;
  const isYearly = interval === 'year';
  const shown = isYearly ? Math.round(amount / MONTHS_PER_YEAR) : amount;
  return (
    <div>
      <Text component="span" fz={30} fw={600} lh={1.2} className="figure">
        {formatPrice({ amount: shown, currency })}
      </Text>
      {interval !== null && (
        <Text component="span" size="sm" c="dimmed">
          {` ${STRINGS.plan.perMonth}`}
        </Text>
      )}
      <Text size="xs" c="dimmed" mih={18}>
        {isYearly && WORDS.billedYearly(formatPrice({ amount, currency }))}
        {amount === 0 && WORDS.free.tagline}
      </Text>
    </div>
  );
}

interface OfferButtonProps {
  readonly plan: Plan;
  readonly offer: PlanOffer;
  readonly state: SubscriptionState;
}

function OfferButton({ plan, offer, state }: OfferButtonProps) {
  const [isOpen, { open, close }] = useDisclosure(false);
  if (offer === 'none' || offer === 'current' || offer === 'pending') {
    return (
      <Text size="sm" c="dimmed" className={classes['still']}>
        {toStillWords(offer, state)}
      </Text>
    );
  }
  const isOwn = state.plan_code === plan.plan_code;
  const isPrimary =
    offer === 'trial' || offer === 'upgrade' || isOwn || (offer === 'subscribe' && plan.onboarding_default);
  return (
    <>
      <Button
        fullWidth
        variant={isPrimary ? 'filled' : 'default'}
        onClick={open}
        aria-label={`${WORDS.action[offer]}: ${formatTier(plan.plan_code)}`}
      >
        {WORDS.action[offer]}
      </Button>
      {isOpen && (
        <Suspense fallback={null}>
          {offer === 'trial' ? (
            <TrialDialog plan={plan} onClose={close} />
          ) : (
            <ChangeDialog plan={plan} state={state} onClose={close} />
          )}
        </Suspense>
      )}
    </>
  );
}

/** What stands in the place of a button where there is nothing to do. */
function toStillWords(offer: 'none' | 'current' | 'pending', state: SubscriptionState): string {
  if (offer === 'pending') return WORDS.action.pending;
  return offer === 'none' && computePlanStatus(state).kind === 'trial' ? WORDS.action.afterTrial : '';
}

function Features({ plan, isTrialOffered }: { readonly plan: Plan; readonly isTrialOffered: boolean }) {
  return (
    <List
      size="sm"
      spacing={8}
      className={classes['features']}
      icon={
        <ThemeIcon size={18} radius="xl" variant="light" color="teal" aria-hidden>
          <IconCheck size={12} stroke={2.4} />
        </ThemeIcon>
      }
    >
      {toFeatures(plan, isTrialOffered).map((feature) => (
        <List.Item key={feature}>{feature}</List.Item>
      ))}
    </List>
  );
}

function toFeatures(plan: Plan, isTrialOffered: boolean): readonly string[] {
  const { features } = WORDS;
  const included = plan.included_microcredits_per_cycle;
  const toCredits = (amount: number): string => STRINGS.common.credits(formatCreditsShort(amount));
  return [
    ...(included > 0
      ? [
          features.included(toCredits(included), plan.interval === 'year' ? features.year : features.month),
          features.topUp,
        ]
      : [features.topUpAlone]),
    plan.member_limit === null ? features.membersUnlimited : features.members(plan.member_limit),
    ...(isTrialOffered ? [features.trial(plan.trial_days, toCredits(plan.trial_credits_granted))] : []),
  ];
}
