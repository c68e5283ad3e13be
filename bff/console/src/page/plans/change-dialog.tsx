// Owns changing the plan: first what the change would do, as the service reckons it, and only then the button.

import { Modal, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { PAGE_PATHS } from '../../../page-path.ts';
import type { CodeForecast, Plan, PlanChangePreview, SubscriptionChange, SubscriptionState } from '../../api/type.ts';
import { tell, useAct } from '../../data/act.ts';
import { usePaymentMethods } from '../../data/billing-query.ts';
import { computePlanStatus, runningSubscription } from '../../data/plan-status.ts';
import { toReturnPath } from '../../data/return-visit.ts';
import { formatDate } from '../../format/time.ts';
import { useFocusBack } from '../../part/focus-back.ts';
import { Loaded } from '../../part/loaded.tsx';
import { formatPlan } from '../../part/plan-name.ts';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { ChangeForm, type ChangeOrder } from './change-form.tsx';
import { PreviewTable } from './preview-table.tsx';

const WORDS = STRINGS.plans.preview;

interface ChangeDialogProps {
  readonly plan: Plan;
  readonly state: SubscriptionState;
  readonly onClose: () => void;
}

/** Shows the preview, and makes the change. */
export function ChangeDialog({ plan, state, onClose }: ChangeDialogProps) {
  useFocusBack();
  const { api } = useWorkspace();
  const preview = useQuery({
    queryKey: ['preview', api.scope.workspaceId, plan.plan_code],
    queryFn: () => api.previewPlanChange(plan.plan_code),
    // It is of the moment: one of a dialog that was closed tells nothing.
    staleTime: 0,
    gcTime: 0,
  });
  const [forecast, setForecast] = useState<CodeForecast>();
  const methods = usePaymentMethods();
  const card = methods.data?.find(({ is_default }) => is_default);
  const kind = preview.data?.kind;
  const title = kind === undefined ? formatPlan(plan.plan_code) : `${WORDS.title[kind]} ${formatPlan(plan.plan_code)}`;
  const act = useChange(plan, state, onClose);
  return (
    <Modal opened onClose={onClose} title={title} size="lg">
      <Loaded query={preview} what={WORDS.what} height={300}>
        {(known) => (
          <Stack gap="lg">
            <PreviewTable preview={known} forecast={forecast} discounts={runningSubscription(state)?.discounts ?? []} />
            <ChangeForm
              plan={plan}
              preview={known}
              card={known.kind === 'activation' && methods.isPending ? undefined : card}
              endsTrial={computePlanStatus(state).kind === 'trial' ? state.trial : null}
              act={act}
              forecast={forecast}
              onForecast={setForecast}
              onClose={onClose}
            />
          </Stack>
        )}
      </Loaded>
    </Modal>
  );
}

function useChange(plan: Plan, state: SubscriptionState, onClose: () => void) {
  const { api } = useWorkspace();
  const navigate = useNavigate();
  return useAct((order: ChangeOrder) => change(api, { plan, state, order }), {
    showsProblem: true,
    onDone: (answer) => {
      // A page to pay on, or the bank's: both lead back here.
      if (answer.action_url !== null) {
        location.assign(answer.action_url);
        return;
      }
      onClose();
      tell(describeOutcome(answer, plan));
      void navigate(PAGE_PATHS.billing);
    },
  });
}

interface Change {
  readonly plan: Plan;
  readonly state: SubscriptionState;
  readonly order: ChangeOrder;
}

/** Each kind of change has a call of its own. */
function change(
  api: ReturnType<typeof useWorkspace>['api'],
  { plan, state, order }: Change,
): Promise<SubscriptionChange> {
  const { kind, byPage, promotionCode } = order;
  const returnPath = toReturnPath(PAGE_PATHS.billing);
  switch (kind) {
    case 'activation': {
      const isOwnTrial = computePlanStatus(state).kind === 'trial' && state.plan_code === plan.plan_code;
      if (isOwnTrial && promotionCode === undefined) {
        return api.convertTrial({ hosted_page: byPage, return_path: returnPath });
      }
      return api.activate({
        plan_code: plan.plan_code,
        hosted_page: byPage,
        return_path: returnPath,
        ...(promotionCode !== undefined && { promotion_code: promotionCode }),
      });
    }
    case 'resumption':
      return api.resumeSubscription();
    case 'cancellation':
      return api.cancelSubscription();
    case 'upgrade':
    case 'downgrade':
      return api.changePlan(plan.plan_code);
  }
}

function describeOutcome({ outcome, subscription }: SubscriptionChange, plan: Plan): string {
  if (outcome === 'pending') return WORDS.pending;
  const later = subscription?.pending_change;
  if (later !== null && later !== undefined) {
    return WORDS.doneLater(formatPlan(later.plan_code), formatDate(later.effective_time));
  }
  if (subscription !== null && subscription.cancel_time !== null) {
    return WORDS.doneLater(formatPlan(subscription.fallback_plan_code), formatDate(subscription.cancel_time));
  }
  return WORDS.done(formatPlan(plan.plan_code));
}

/** Is what a change is called. */
export type ChangeKind = PlanChangePreview['kind'];
