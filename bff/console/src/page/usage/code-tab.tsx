// Owns redeeming a code: first what it gives, then the button.

import { Alert, Anchor, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type SyntheticEvent, useState } from 'react';
import { Link } from 'react-router';
import { PAGE_PATHS } from '../../../page-path.ts';
import { describeProblem } from '../../api/problem.ts';
import type { CodeForecast } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { formatMoney } from '../../format/money.ts';
import { formatDate } from '../../format/time.ts';
import { describeDiscount } from '../../part/discount-name.ts';
import { Panel } from '../../part/panel.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.usage.codes;

/** Shows the field, and what the code would do. */
export function CodeTab() {
  const { api } = useWorkspace();
  const [code, setCode] = useState('');
  const check = useMutation({ mutationFn: () => api.validateCode(code.trim()) });
  const apply = useAct(() => api.applyCode(code.trim()), {
    tell: ({ outcome }) => (outcome === 'pending' ? WORDS.pending : WORDS.applied),
    onDone: () => {
      setCode('');
      check.reset();
    },
    showsProblem: true,
  });
  const problem = check.error ?? apply.error;
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (code.trim() !== '') check.mutate();
  };
  return (
    <Panel title={WORDS.title} text={WORDS.text}>
      <form onSubmit={submit}>
        <Group align="flex-start" gap="sm">
          <TextInput
            aria-label={WORDS.label}
            placeholder={WORDS.label}
            value={code}
            autoComplete="off"
            spellCheck={false}
            onChange={({ currentTarget }) => {
              setCode(currentTarget.value);
              check.reset();
              apply.reset();
            }}
            error={problem === null ? undefined : describeProblem(problem)}
          />
          <Button type="submit" variant="default" loading={check.isPending} disabled={code.trim() === ''}>
            {WORDS.check}
          </Button>
        </Group>
      </form>
      <div role="status">
        {check.data !== undefined && (
          <Forecast forecast={check.data} isPending={apply.isPending} onApply={() => apply.mutate(undefined)} />
        )}
      </div>
    </Panel>
  );
}

interface ForecastProps {
  readonly forecast: CodeForecast;
  readonly isPending: boolean;
  readonly onApply: () => void;
}

function Forecast({ forecast, isPending, onApply }: ForecastProps) {
  return (
    <Alert color="teal" variant="light">
      <Stack gap="sm" align="flex-start">
        {toSentences(forecast).map((sentence) => (
          <Text key={sentence} size="sm">
            {sentence}
          </Text>
        ))}
        {forecast.purchase_promotion_code === null ? (
          <Button size="xs" loading={isPending} onClick={onApply}>
            {WORDS.apply}
          </Button>
        ) : (
          <Anchor component={Link} to={PAGE_PATHS.plans} size="sm">
            {WORDS.choose}
          </Anchor>
        )}
      </Stack>
    </Alert>
  );
}

function toSentences({ credit, discount, price, purchase_promotion_code }: CodeForecast): readonly string[] {
  const sentences: string[] = [];
  if (credit !== null) {
    const credits = STRINGS.common.credits(formatCreditsShort(credit.microcredits));
    sentences.push(
      credit.expire_time === null ? WORDS.gives(credits) : WORDS.givesUntil(credits, formatDate(credit.expire_time)),
    );
  }
  if (discount !== null) sentences.push(describeDiscount(discount));
  if (price !== null) sentences.push(WORDS.price(formatMoney(price.before), formatMoney(price.after)));
  if (purchase_promotion_code !== null) sentences.push(WORDS.atPurchase);
  return sentences;
}
