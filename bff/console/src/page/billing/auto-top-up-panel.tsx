// Owns what the overview shows of the rule by which credits are bought without a person.

import { Badge, Button, Progress, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense } from 'react';
import type { AutoTopUp } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useAutoTopUp, usePaymentMethods } from '../../data/billing-query.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { formatMoney, formatPrice } from '../../format/money.ts';
import { Loaded } from '../../part/loaded.tsx';
import { Panel } from '../../part/panel.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.billing.autoTopUp;
const AutoTopUpDialog = lazy(async () => ({ default: (await import('./auto-top-up-dialog.tsx')).AutoTopUpDialog }));

/** Shows the rule. */
export function AutoTopUpPanel() {
  const rule = useAutoTopUp();
  const [isOpen, { open, close }] = useDisclosure(false);
  const hasCard = (usePaymentMethods().data ?? []).length > 0;
  const isSet = rule.data !== undefined && rule.data.state !== 'off';
  return (
    <Panel
      title={WORDS.title}
      aside={rule.data && <StateBadge rule={rule.data} />}
      actions={
        <>
          <Button variant="default" onClick={open} disabled={!hasCard || rule.data === undefined}>
            {isSet ? WORDS.edit : WORDS.setUp}
          </Button>
          {isSet && rule.data !== undefined && <TurnOff rule={rule.data} />}
        </>
      }
    >
      <Loaded query={rule} what={WORDS.title} height={64}>
        {(known) => <Sentences rule={known} hasCard={hasCard} />}
      </Loaded>
      {isOpen && rule.data !== undefined && (
        <Suspense fallback={null}>
          <AutoTopUpDialog rule={rule.data} onClose={close} />
        </Suspense>
      )}
    </Panel>
  );
}

function StateBadge({ rule: { state } }: { readonly rule: AutoTopUp }) {
  const [words, color] = {
    off: [WORDS.offBadge, 'gray'],
    active: [WORDS.on, 'teal'],
    stopped: [WORDS.stopped, 'red'],
  }[state] as [string, string];
  return (
    <Badge variant="light" color={color} radius="sm">
      {words}
    </Badge>
  );
}

function Sentences({ rule, hasCard }: { readonly rule: AutoTopUp; readonly hasCard: boolean }) {
  const { currency, amount_cents: amount, microcredits, threshold_microcredits: threshold } = rule;
  if (rule.state === 'off' || currency === null || amount === null || microcredits === null || threshold === null) {
    return (
      <Text size="sm" c="dimmed">
        {hasCard ? WORDS.off : `${WORDS.off} ${WORDS.needsCard}`}
      </Text>
    );
  }
  const toCredits = (size: number): string => STRINGS.common.credits(formatCreditsShort(size));
  return (
    <Stack gap="sm">
      <Text size="sm">
        {WORDS.active(formatPrice({ amount, currency }), toCredits(microcredits), toCredits(threshold))}
      </Text>
      {rule.state === 'stopped' && rule.stop_reason !== null && (
        <Text size="sm" c="var(--mantine-color-error)">
          {WORDS.reason[rule.stop_reason]}
        </Text>
      )}
      <Spent rule={rule} currency={currency} />
    </Stack>
  );
}

function Spent({ rule, currency }: { readonly rule: AutoTopUp; readonly currency: string }) {
  const { spent_cents: spent, monthly_limit_cents: limit } = rule;
  if (spent === null || limit === null || limit === 0) return null;
  const words = WORDS.spent(formatMoney({ amount: spent, currency }), formatMoney({ amount: limit, currency }));
  return (
    <Stack gap={6}>
      <Progress value={(spent / limit) * 100} size="sm" aria-label={words} />
      <Text size="xs" c="dimmed">
        {words}
      </Text>
    </Stack>
  );
}

function TurnOff({ rule }: { readonly rule: AutoTopUp }) {
  const { api } = useWorkspace();
  const act = useAct(
    () =>
      api.setAutoTopUp({
        enabled: false,
        consent: false,
        threshold_microcredits: rule.threshold_microcredits ?? 1,
        amount_cents: rule.amount_cents ?? 1,
        currency: rule.currency ?? '',
        microcredits: rule.microcredits ?? 1,
        monthly_limit_cents: rule.monthly_limit_cents ?? 1,
      }),
    { tell: () => WORDS.turnedOff },
  );
  return (
    <Button variant="subtle" color="gray" loading={act.isPending} onClick={() => act.mutate(undefined)}>
      {WORDS.turnOff}
    </Button>
  );
}
