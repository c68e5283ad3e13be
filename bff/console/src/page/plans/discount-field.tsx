// Owns entering a discount code where a plan is bought: it is looked up, and what it takes off is shown.

import { Anchor, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { describeProblem } from '../../api/problem.ts';
import type { CodeForecast, Plan } from '../../api/type.ts';
import { formatMoney } from '../../format/money.ts';
import { describeDiscount } from '../../part/discount-name.ts';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.plans.preview;

interface DiscountFieldProps {
  readonly plan: Plan;
  /** Takes what a code does; undefined where there is none, or none that counts. */
  readonly onChoose: (forecast: CodeForecast | undefined) => void;
}

/** Shows the field, once somebody wants it. */
export function DiscountField({ plan, onChoose }: DiscountFieldProps) {
  const { api } = useWorkspace();
  const [isOpen, { open }] = useDisclosure(false);
  const [code, setCode] = useState('');
  const check = useMutation({
    mutationFn: () => api.validateCode(code.trim(), plan.plan_code),
    onSuccess: onChoose,
    onError: () => onChoose(undefined),
  });
  if (!isOpen) {
    return (
      <Anchor component="button" type="button" size="sm" onClick={open} ta="start">
        {WORDS.codeAdd}
      </Anchor>
    );
  }
  return (
    <Stack gap={6}>
      <Group align="flex-end" gap="sm">
        <TextInput
          label={WORDS.code}
          value={code}
          onChange={({ currentTarget }) => {
            setCode(currentTarget.value);
            onChoose(undefined);
            check.reset();
          }}
          error={check.error === null ? undefined : describeProblem(check.error)}
          data-autofocus
        />
        <Button
          variant="default"
          loading={check.isPending}
          disabled={code.trim() === ''}
          onClick={() => check.mutate()}
        >
          {WORDS.codeCheck}
        </Button>
      </Group>
      <Text size="sm" role="status">
        {check.data !== undefined && describeForecast(check.data)}
      </Text>
    </Stack>
  );
}

function describeForecast({ price, discount }: CodeForecast): string {
  if (price !== null) return WORDS.codePrice(formatMoney(price.before), formatMoney(price.after));
  return discount === null ? '' : describeDiscount(discount);
}
