// Owns entering a discount code where a plan is bought: it is looked up, and what it takes off is shown.

import { Anchor, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation } from '@tanstack/react-query';
import { type SyntheticEvent, useState } from 'react';
import { describeProblem } from '../../api/problem.ts';
import type { CodeForecast, Plan } from '../../api/type.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { formatMoney } from '../../format/money.ts';
import { describeDiscount } from '../../part/discount-name.ts';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.plans.preview;

interface DiscountFieldProps {
  readonly plan: Plan;
  /** Takes what a code does; undefined where there is none, or none that counts. */
  readonly onChoose: (forecast: CodeForecast | undefined) => void;
  /** Takes whether something was typed of which it is not known what it does. */
  readonly onUnsettled: (isUnsettled: boolean) => void;
}

/** Shows the field, once somebody wants it. */
export function DiscountField({ plan, onChoose, onUnsettled }: DiscountFieldProps) {
  const { api } = useWorkspace();
  const [isOpen, { open }] = useDisclosure(false);
  const [code, setCode] = useState('');
  const check = useMutation({
    mutationFn: () => api.validateCode(code.trim(), plan.plan_code),
    onSuccess: (forecast) => {
      onChoose(forecast);
      onUnsettled(false);
    },
    onError: () => onChoose(undefined),
  });
  if (!isOpen) {
    return (
      <Anchor component="button" type="button" size="sm" onClick={open} ta="start">
        {WORDS.codeAdd}
      </Anchor>
    );
  }
  const typed = code.trim();
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (typed !== '') check.mutate();
  };
  return (
    <Stack component="form" gap={6} onSubmit={submit}>
      <Group align="flex-end" gap="sm" wrap="nowrap">
        <TextInput
          label={WORDS.code}
          flex={1}
          maw={260}
          value={code}
          onChange={({ currentTarget }) => {
            setCode(currentTarget.value);
            onChoose(undefined);
            onUnsettled(currentTarget.value.trim() !== '');
            check.reset();
          }}
          error={check.error === null ? undefined : describeProblem(check.error)}
          data-autofocus
        />
        <Button type="submit" variant="default" loading={check.isPending} disabled={typed === ''}>
          {WORDS.codeCheck}
        </Button>
      </Group>
      <Text size="sm" role="status">
        {check.data === undefined ? typed !== '' && WORDS.codeUnsettled : describeForecast(check.data)}
      </Text>
    </Stack>
  );
}

function describeForecast({ price, discount, credit }: CodeForecast): string {
  if (credit !== null) return WORDS.codeCredits(STRINGS.common.credits(formatCreditsShort(credit.microcredits)));
  if (price !== null) return WORDS.codePrice(formatMoney(price.before), formatMoney(price.after));
  return discount === null ? '' : describeDiscount(discount);
}
