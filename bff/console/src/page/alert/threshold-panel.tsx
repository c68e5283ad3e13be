// Owns the amounts below which a workspace is told that its credits run low: which there are, setting one, and taking one back.

import { Badge, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import type { Threshold } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useThresholds } from '../../data/billing-query.ts';
import { formatCredits, parseCredits } from '../../format/credit.ts';
import { describeAmount } from '../../part/amount-complaint.ts';
import { CREDIT_FIELD } from '../../part/credit-field.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { Panel } from '../../part/panel.tsx';
import { ProblemNote } from '../../part/problem-note.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import classes from './threshold-panel.module.css';

const WORDS = STRINGS.alerts.thresholds;
/** Is how many the API takes. */
const THRESHOLDS_MAX = 10;

/** Shows the thresholds. */
export function ThresholdPanel() {
  const thresholds = useThresholds();
  return (
    <Panel title={WORDS.title} text={WORDS.text}>
      <Loaded query={thresholds} what={WORDS.title} height={120}>
        {(known) => (
          <Stack gap="md">
            {known.length === 0 ? (
              <Text size="sm" c="dimmed">
                {WORDS.none}
              </Text>
            ) : (
              <ThresholdList thresholds={known} />
            )}
            {known.length < THRESHOLDS_MAX ? (
              <ThresholdForm thresholds={known} />
            ) : (
              <Text size="sm" c="dimmed">
                {WORDS.full(THRESHOLDS_MAX)}
              </Text>
            )}
          </Stack>
        )}
      </Loaded>
    </Panel>
  );
}

interface KnownThresholds {
  readonly thresholds: readonly Threshold[];
}

function ThresholdList({ thresholds }: KnownThresholds) {
  const { api } = useWorkspace();
  const remove = useAct(
    (gone: number) => api.setThresholds(amountsOf(thresholds).filter((amount) => amount !== gone)),
    { tell: () => WORDS.removed },
  );
  return (
    <ul className={classes['list']}>
      {[...thresholds]
        .sort((a, b) => b.microcredits - a.microcredits)
        .map(({ microcredits, below }) => {
          const credits = STRINGS.common.credits(formatCredits(microcredits));
          return (
            <li key={microcredits} className={classes['entry']}>
              <Group gap="sm">
                <Text size="sm" fw={550} className="figure">
                  {WORDS.below(credits)}
                </Text>
                {below && (
                  <Badge variant="light" color="yellow">
                    {WORDS.isBelow}
                  </Badge>
                )}
              </Group>
              <Button
                size="compact-sm"
                variant="subtle"
                color="gray"
                loading={remove.isPending && remove.variables === microcredits}
                disabled={remove.isPending}
                aria-label={WORDS.removeOf(credits)}
                onClick={() => remove.mutate(microcredits)}
              >
                {STRINGS.common.remove}
              </Button>
            </li>
          );
        })}
    </ul>
  );
}

function ThresholdForm({ thresholds }: KnownThresholds) {
  const { api } = useWorkspace();
  const [typed, setTyped] = useState('');
  const parsed = parseCredits(typed);
  const amount = parsed === undefined ? undefined : Number(parsed);
  const isKnown = amount !== undefined && amountsOf(thresholds).includes(amount);
  const add = useAct((microcredits: number) => api.setThresholds([...amountsOf(thresholds), microcredits]), {
    tell: () => WORDS.added,
    onDone: () => setTyped(''),
    showsProblem: true,
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (amount !== undefined && !isKnown) add.mutate(amount);
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Group align="flex-start" gap="sm">
          <TextInput
            label={WORDS.label}
            {...CREDIT_FIELD}
            value={typed}
            onChange={({ currentTarget }) => setTyped(currentTarget.value)}
            error={typed === '' ? undefined : toComplaint(typed, amount, isKnown)}
          />
          <Button
            type="submit"
            variant="default"
            className={classes['add']}
            loading={add.isPending}
            disabled={amount === undefined || isKnown}
          >
            {WORDS.add}
          </Button>
        </Group>
        {add.error !== null && <ProblemNote error={add.error} />}
      </Stack>
    </form>
  );
}

function toComplaint(typed: string, amount: number | undefined, isKnown: boolean): string | undefined {
  if (amount === undefined) return describeAmount(typed, WORDS.invalid);
  return isKnown ? WORDS.known : undefined;
}

function amountsOf(thresholds: readonly Threshold[]): number[] {
  return thresholds.map(({ microcredits }) => microcredits);
}
