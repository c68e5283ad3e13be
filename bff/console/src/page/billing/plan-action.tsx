// Owns what an administrator can do to the plan from the overview. Each act says what will happen before it does.

import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Link } from 'react-router';
import { PAGE_PATHS } from '../../../page-path.ts';
import type { Balance, Plan, SubscriptionState } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import type { PlanStatus } from '../../data/plan-status.ts';
import { toReturnPath } from '../../data/return-visit.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { formatDate } from '../../format/time.ts';
import { ConfirmDialog } from '../../part/confirm-dialog.tsx';
import { formatPlan, formatPlanPrice } from '../../part/plan-name.ts';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.billing;

interface PlanActionsProps {
  readonly state: SubscriptionState;
  readonly status: PlanStatus;
  readonly plan: Plan | undefined;
  readonly balance: Balance | undefined;
}

/** Shows what can be done as it stands. */
export function PlanActions({ state, status, plan, balance }: PlanActionsProps) {
  switch (status.kind) {
    case 'trial':
      return (
        <>
          <ChooseButton words={WORDS.plan.subscribe} isPrimary />
          {!status.isCanceled && status.trial.consent_time === null && plan !== undefined && (
            <KeepAfterTrial plan={plan} endTime={status.trial.end_time} />
          )}
          {!status.isCanceled && <EndTrial endTime={status.trial.end_time} />}
        </>
      );
    case 'none':
      return <ChooseButton words={WORDS.plan.choose} isPrimary />;
    case 'past_due':
      return (
        <>
          {status.subscription.payment_url !== null && (
            <Button component="a" href={status.subscription.payment_url} target="_blank" rel="noreferrer">
              {WORDS.plan.pay}
            </Button>
          )}
          <CancelPlan state={state} status={status} balance={balance} />
        </>
      );
    case 'canceling':
    case 'changing':
      return (
        <>
          <ResumePlan />
          <ChooseButton words={WORDS.plan.change} isPrimary={false} />
        </>
      );
    case 'active':
    case 'renewing':
      return (
        <>
          <ChooseButton words={WORDS.plan.change} isPrimary={false} />
          <CancelPlan state={state} status={status} balance={balance} />
        </>
      );
  }
}

function ChooseButton({ words, isPrimary }: { readonly words: string; readonly isPrimary: boolean }) {
  return (
    <Button component={Link} to={PAGE_PATHS.plans} variant={isPrimary ? 'filled' : 'default'}>
      {words}
    </Button>
  );
}

interface CancelPlanProps {
  readonly state: SubscriptionState;
  readonly status: Extract<PlanStatus, { kind: 'active' | 'canceling' | 'changing' | 'past_due' | 'renewing' }>;
  readonly balance: Balance | undefined;
}

function CancelPlan({ state, status, balance }: CancelPlanProps) {
  const { api } = useWorkspace();
  const [isOpen, { open, close }] = useDisclosure(false);
  const act = useAct(() => api.cancelSubscription(), {
    tell: () => WORDS.cancel.done,
    onDone: close,
    showsProblem: true,
  });
  const toCredits = (amount: number): string => STRINGS.common.credits(formatCreditsShort(amount));
  const lines = [
    WORDS.cancel.keepsUntil(formatDate(status.subscription.period_end_time)),
    ...(balance === undefined
      ? []
      : [
          WORDS.cancel.lapses(toCredits(balance.included_remaining)),
          WORDS.cancel.payg(toCredits(balance.payg_remaining)),
        ]),
    WORDS.cancel.back,
  ];
  return (
    <>
      <Button variant="subtle" color="gray" onClick={open}>
        {WORDS.plan.cancel}
      </Button>
      <ConfirmDialog
        isOpen={isOpen}
        onClose={close}
        title={WORDS.cancel.title(formatPlan(state.plan_code))}
        lines={lines}
        action={WORDS.cancel.action}
        keep={WORDS.cancel.keep}
        act={act}
      />
    </>
  );
}

function ResumePlan() {
  const { api } = useWorkspace();
  const act = useAct(() => api.resumeSubscription(), { tell: () => WORDS.resume.done });
  return (
    <Button onClick={() => act.mutate(undefined)} loading={act.isPending}>
      {WORDS.plan.resume}
    </Button>
  );
}

function EndTrial({ endTime }: { readonly endTime: string }) {
  const { api } = useWorkspace();
  const [isOpen, { open, close }] = useDisclosure(false);
  const act = useAct(() => api.cancelTrial(), { tell: () => WORDS.endTrial.done, onDone: close, showsProblem: true });
  return (
    <>
      <Button variant="subtle" color="gray" onClick={open}>
        {WORDS.plan.cancelTrial}
      </Button>
      <ConfirmDialog
        isOpen={isOpen}
        onClose={close}
        title={WORDS.endTrial.title}
        lines={[WORDS.endTrial.text(formatDate(endTime))]}
        action={WORDS.endTrial.action}
        keep={WORDS.endTrial.keep}
        act={act}
      />
    </>
  );
}

function KeepAfterTrial({ plan, endTime }: { readonly plan: Plan; readonly endTime: string }) {
  const { api } = useWorkspace();
  const [isOpen, { open, close }] = useDisclosure(false);
  const act = useAct(
    () => api.setUpPaymentMethod({ consent_to_charge: true, return_path: toReturnPath(PAGE_PATHS.billing) }),
    { onDone: ({ url }) => url !== null && location.assign(url), showsProblem: true },
  );
  return (
    <>
      <Button variant="default" onClick={open}>
        {WORDS.plan.keepAfterTrial}
      </Button>
      <ConfirmDialog
        isOpen={isOpen}
        onClose={close}
        title={WORDS.keepAfterTrial.title}
        lines={[WORDS.keepAfterTrial.text(formatPlan(plan.plan_code), formatPlanPrice(plan), formatDate(endTime))]}
        action={WORDS.keepAfterTrial.action}
        keep={STRINGS.common.cancel}
        act={act}
        isHarmless
      />
    </>
  );
}
