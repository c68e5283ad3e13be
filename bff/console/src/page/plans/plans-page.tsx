// Owns the page of the plans: the tiers side by side, by the month or by the year, and the one that is sold by contract.

import { Group, SegmentedControl, SimpleGrid, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { Plan, SubscriptionState } from '../../api/type.ts';
import { usePlans, useSubscription } from '../../data/billing-query.ts';
import { useReturn } from '../../data/return-visit.ts';
import { Loaded } from '../../part/loaded.tsx';
import { PageFrame } from '../../part/page-frame.tsx';
import { RoleNote } from '../../part/role-note.tsx';
import { useRole } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { ContractCard } from './contract-card.tsx';
import { PlanCard } from './plan-card.tsx';
import { annualSaving, type Cycle, cycleOf, type Tier, toTiers } from './tier.ts';

const WORDS = STRINGS.plans;

/** Shows what there is to choose from. */
export function PlansPage() {
  const maySee = useRole('project_contributor');
  return (
    <PageFrame title={WORDS.title} text={WORDS.text}>
      {maySee ? <Catalog /> : <RoleNote text={STRINGS.role.needsContributor} />}
    </PageFrame>
  );
}

function Catalog() {
  useReturn();
  const plans = usePlans();
  const subscription = useSubscription();
  return (
    <Loaded query={plans} what={WORDS.title} height={420}>
      {(known) => (
        <Loaded query={subscription} what={WORDS.title} height={420}>
          {(state) => <Tiers plans={known} state={state} />}
        </Loaded>
      )}
    </Loaded>
  );
}

function Tiers({ plans, state }: { readonly plans: readonly Plan[]; readonly state: SubscriptionState }) {
  const tiers = toTiers(plans);
  const mayChange = useRole('tenant_admin');
  const [cycle, setCycle] = useState<Cycle>(cycleOf(state.plan_code));
  const sold = tiers.filter(({ month }) => month.self_serve);
  const contract = tiers.find(({ month }) => !month.self_serve);
  const hasAnnual = tiers.some(({ year }) => year !== undefined);
  return (
    <Stack gap="lg">
      {hasAnnual && <CycleChoice cycle={cycle} tiers={tiers} onChoose={setCycle} />}
      <SimpleGrid cols={{ base: 1, xs: 2, lg: Math.min(sold.length, 4) }} spacing="md" verticalSpacing="md">
        {sold.map((tier) => (
          <PlanCard key={tier.month.plan_code} tier={tier} cycle={cycle} state={state} plans={plans} />
        ))}
      </SimpleGrid>
      {contract !== undefined && <ContractCard plan={contract.month} state={state} />}
      {!mayChange && (
        <Text size="sm" c="dimmed">
          {STRINGS.role.needsAdmin(WORDS.admin)}
        </Text>
      )}
    </Stack>
  );
}

interface CycleChoiceProps {
  readonly cycle: Cycle;
  readonly tiers: readonly Tier[];
  readonly onChoose: (cycle: Cycle) => void;
}

function CycleChoice({ cycle, tiers, onChoose }: CycleChoiceProps) {
  const saving = Math.max(0, ...tiers.map(annualSaving));
  return (
    <Group gap="sm">
      <SegmentedControl
        aria-label={WORDS.interval}
        value={cycle}
        onChange={(value) => onChoose(value === 'year' ? 'year' : 'month')}
        data={[
          { value: 'month', label: WORDS.monthly },
          { value: 'year', label: saving > 0 ? `${WORDS.annual}, ${WORDS.saves(saving)}` : WORDS.annual },
        ]}
      />
    </Group>
  );
}
