// Owns what stands below a preview: how it is paid, a discount code, and the button that names what it does.

import { Button, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { CodeForecast, PaymentMethod, Plan, PlanChangePreview, Trial } from '../../api/type.ts';
import { formatMoney } from '../../format/money.ts';
import { formatDate } from '../../format/time.ts';
import { formatCard } from '../../part/card-name.ts';
import { ProblemNote } from '../../part/problem-note.tsx';
import { STRINGS } from '../../strings.ts';
import { DiscountField } from './discount-field.tsx';
import { isAtOnce } from './preview-table.tsx';

const WORDS = STRINGS.plans.preview;

/** Is a change as it was agreed to. */
export interface ChangeOrder {
  readonly kind: PlanChangePreview['kind'];
  readonly byPage: boolean;
  readonly promotionCode?: string | undefined;
}

interface ChangeFormProps {
  readonly plan: Plan;
  readonly preview: PlanChangePreview;
  /** Is the card that would be charged. */
  readonly card: PaymentMethod | undefined;
  /** Is the trial that would end with it. */
  readonly endsTrial: Trial | null;
  readonly act: {
    readonly error: Error | null;
    readonly isPending: boolean;
    readonly mutate: (order: ChangeOrder) => void;
  };
  /** Is what the code that was entered does. */
  readonly forecast: CodeForecast | undefined;
  readonly onForecast: (forecast: CodeForecast | undefined) => void;
  readonly onClose: () => void;
}

/** Shows the ways on. */
export function ChangeForm({ plan, preview, card, endsTrial, act, forecast, onForecast, onClose }: ChangeFormProps) {
  const { kind } = preview;
  const promotionCode = forecast?.purchase_promotion_code ?? undefined;
  const isPurchase = kind === 'activation';
  const byPage = isPurchase && card === undefined;
  // Nobody pays the full price because they forgot to have a code checked.
  const [isUnsettled, setUnsettled] = useState(false);
  const order = (page: boolean): void => act.mutate({ kind, byPage: page, promotionCode });
  return (
    <Stack gap="md">
      {isPurchase && endsTrial !== null && (
        <Text size="sm">
          {endsTrial.revokes_unused ? STRINGS.billing.subscribe.trialEnds : STRINGS.billing.subscribe.trialEndsKept}
        </Text>
      )}
      {!isAtOnce(preview) && <Text size="sm">{WORDS.waits(formatDate(preview.effective_time))}</Text>}
      {isPurchase && <DiscountField plan={plan} onChoose={onForecast} onUnsettled={setUnsettled} />}
      {act.error !== null && <ProblemNote error={act.error} />}
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={onClose}>
          {STRINGS.common.cancel}
        </Button>
        {isPurchase && card !== undefined && (
          <Button variant="default" disabled={act.isPending || isUnsettled} onClick={() => order(true)}>
            {WORDS.byPage}
          </Button>
        )}
        <Button
          color={kind === 'cancellation' ? 'red' : 'brand'}
          loading={act.isPending}
          disabled={isUnsettled}
          onClick={() => order(byPage)}
          data-autofocus
        >
          {toWords(preview, card, promotionCode !== undefined)}
        </Button>
      </Group>
    </Stack>
  );
}

function toWords(preview: PlanChangePreview, card: PaymentMethod | undefined, isDiscounted: boolean): string {
  const { kind, due_now: due } = preview;
  const { confirm } = WORDS;
  switch (kind) {
    case 'activation':
      // What a code takes off, the payment page says to the cent.
      return card === undefined || isDiscounted
        ? confirm.activation
        : confirm.activationByCard(formatMoney(due), formatCard(card));
    case 'upgrade':
      return due.amount === 0 ? confirm.upgradeFree : confirm.upgrade(formatMoney(due));
    case 'downgrade':
      return confirm.downgrade;
    case 'cancellation':
      return confirm.cancellation;
    case 'resumption':
      return confirm.resumption;
  }
}
