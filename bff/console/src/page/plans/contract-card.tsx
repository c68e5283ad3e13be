// Owns the card of the plan that is sold by contract: it leads to people, not to a checkout.

import { Badge, Button, Group, Paper, Stack, Text, Title } from '@mantine/core';
import type { Plan, SubscriptionState } from '../../api/type.ts';
import { formatTier } from '../../part/plan-name.ts';
import { CONTACT_SALES } from '../../session/product.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.plans.contract;

/** Shows the plan. */
export function ContractCard({ plan, state }: { readonly plan: Plan; readonly state: SubscriptionState }) {
  const isCurrent = state.plan_code === plan.plan_code;
  return (
    <Paper component="article" withBorder radius="lg" p="lg" bg="var(--wh-ground)">
      <Group justify="space-between" gap="md">
        <Stack gap={4}>
          <Group gap="sm">
            <Title order={2} size="h4">
              {formatTier(plan.plan_code)}
            </Title>
            {isCurrent && (
              <Badge variant="light" radius="sm">
                {STRINGS.plans.current}
              </Badge>
            )}
          </Group>
          <Text size="sm" c="dimmed">
            {WORDS.text}
          </Text>
        </Stack>
        {CONTACT_SALES === '' ? (
          <Text size="sm">{WORDS.ask}</Text>
        ) : (
          <Button component="a" href={CONTACT_SALES} variant="default">
            {WORDS.action}
          </Button>
        )}
      </Group>
    </Paper>
  );
}
