// Owns beginning a trial from the page of the plans.

import type { Plan } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { ConfirmDialog } from '../../part/confirm-dialog.tsx';
import { formatTier } from '../../part/plan-name.ts';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.plans.startTrial;

/** Says what the trial gives, and begins it. */
export function TrialDialog({ plan, onClose }: { readonly plan: Plan; readonly onClose: () => void }) {
  const { api } = useWorkspace();
  const act = useAct(() => api.startTrial(plan.plan_code), {
    tell: () => WORDS.done,
    onDone: onClose,
    showsProblem: true,
  });
  const credits = STRINGS.common.credits(formatCreditsShort(plan.trial_credits_granted));
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={WORDS.title(formatTier(plan.plan_code))}
      lines={[WORDS.text(plan.trial_days, credits), WORDS.noCard]}
      action={WORDS.action}
      keep={STRINGS.common.cancel}
      act={act}
      isHarmless
    />
  );
}
