// Owns what an administrator can do to the plan from the overview. Each act says what will happen before it does.

import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Link } from 'react-router';
import { PAGE_PATHS } from '../../../page-path.ts';
import type { Balance, Plan, Subscription, SubscriptionState } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import type { PlanStatus } from '../../data/plan-status.ts';
import { toReturnPath } from '../../data/return-visit.ts';
import { formatDate } from '../../format/time.ts';
import { ConfirmDialog } from '../../part/confirm-dialog.tsx';
import { formatPlan, formatPlanPrice } from '../../part/plan-name.ts';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { describeCanceled, toCancelLines } from './cancel-line.ts';

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
    case 'lapsing':
      return (
        <>
          <PayButton url={status.subscription.payment_url} />
          <ResumePlan isPrimary={false} />
        </>
      );
    case 'past_due':
      return (
        <>
          <PayButton url={status.subscription.payment_url} />
          <CancelPlan state={state} status={status} balance={balance} />
        </>
      );
    case 'canceling':
    case 'changing':
      return (
        <>
          <ResumePlan isPrimary />
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

function PayButton({ url }: { readonly url: string | null }) {
  if (url === null) return null;
  return (
    <Button component="a" href={url} target="_blank" rel="noreferrer">
      {WORDS.plan.pay}
    </Button>
  );
}

interface CancelPlanProps {
  readonly state: SubscriptionState;
  readonly status: Extract<PlanStatus, { subscription: Subscription }>;
  readonly balance: Balance | undefined;
}

function CancelPlan({ state, status, balance }: CancelPlanProps) {
  const { api } = useWorkspace();
  const [isOpen, { open, close }] = useDisclosure(false);
  const act = useAct(() => api.cancelSubscription(), {
    tell: () => describeCanceled(status.subscription),
    onDone: close,
    showsProblem: true,
  });
  return (
    <>
      <Button variant="subtle" color="gray" onClick={open}>
        {WORDS.plan.cancel}
      </Button>
      <ConfirmDialog
        isOpen={isOpen}
        onClose={close}
        title={WORDS.cancel.title(formatPlan(state.plan_code))}
        lines={toCancelLines(status.subscription, balance)}
        action={WORDS.cancel.action}
        keep={WORDS.cancel.keep}
        act={act}
      />
    </>
  );
}

function ResumePlan({ isPrimary }: { readonly isPrimary: boolean }) {
  const { api } = useWorkspace();
  const act = useAct(() => api.resumeSubscription(), { tell: () => WORDS.resume.done });
  return (
    <Button variant={isPrimary ? 'filled' : 'default'} onClick={() => act.mutate(undefined)} loading={act.isPending}>
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
