// Owns what the overview shows of the credits: what is available, and the buckets in the order in which they are used.

import { Anchor, Badge, Group, Stack, Text } from '@mantine/core';
import { Link } from 'react-router';
import { PAGE_PATHS } from '../../../page-path.ts';
import type { Balance, SubscriptionState } from '../../api/type.ts';
import { findRenewalTime } from '../../data/plan-status.ts';
import { formatCredits, formatCreditsShort } from '../../format/credit.ts';
import { formatDate } from '../../format/time.ts';
import type { Bucket } from '../../part/bucket.ts';
import { BucketBar, BucketFigures } from '../../part/bucket-bar.tsx';
import { Panel } from '../../part/panel.tsx';
import { TopUpButton } from '../../part/top-up/top-up-button.tsx';
import { useRole } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.billing.credits;

interface CreditsPanelProps {
  readonly balance: Balance;
  readonly state: SubscriptionState | undefined;
  readonly isLive: boolean;
}

/** Shows the credits. */
export function CreditsPanel({ balance, state, isLive }: CreditsPanelProps) {
  const mayBuy = useRole('tenant_admin');
  return (
    <Panel
      title={WORDS.title}
      text={WORDS.burnOrder}
      aside={
        isLive && (
          <Badge variant="dot" color="teal">
            {WORDS.live}
          </Badge>
        )
      }
      actions={
        <>
          {mayBuy && <TopUpButton />}
          <Anchor component={Link} to={PAGE_PATHS.usage} size="sm" px="xs">
            {WORDS.seeUsage}
          </Anchor>
        </>
      }
    >
      <Group align="baseline" gap={8}>
        <Text
          className="figure"
          fz={40}
          fw={600}
          lh={1.1}
          title={formatCredits(balance.available)}
          data-testid="available"
        >
          {formatCreditsShort(balance.available)}
        </Text>
        <Text c="dimmed">{WORDS.available.toLowerCase()}</Text>
      </Group>
      <BucketBar balance={balance} />
      <BucketFigures balance={balance} notes={toNotes(state)} />
      <Asides balance={balance} />
    </Panel>
  );
}

function Asides({ balance: { held, deficit } }: { readonly balance: Balance }) {
  if (held === 0 && deficit === 0) return null;
  const toCredits = (amount: number): string => STRINGS.common.credits(formatCreditsShort(amount));
  return (
    <Stack gap={2}>
      {held > 0 && (
        <Text size="sm" c="dimmed">
          {WORDS.held(toCredits(held))}
        </Text>
      )}
      {deficit > 0 && (
        <Text size="sm" c="var(--mantine-color-error)">
          {WORDS.deficit(toCredits(deficit))}
        </Text>
      )}
    </Stack>
  );
}

function toNotes(state: SubscriptionState | undefined): Readonly<Record<Bucket, string | undefined>> {
  const trial = state?.trial;
  const renewal = state === undefined ? undefined : findRenewalTime(state);
  return {
    trial:
      trial && trial.status !== 'ended' && trial.revokes_unused
        ? WORDS.note.trial(formatDate(trial.end_time))
        : undefined,
    included: renewal === undefined ? undefined : WORDS.note.included(formatDate(renewal)),
    payg: WORDS.note.payg,
  };
}
