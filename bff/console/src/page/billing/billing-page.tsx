// Owns the overview of billing: what stands where on the page. Does not own what its parts do.

import { SimpleGrid, Stack } from '@mantine/core';
import { useLiveBalance } from '../../data/balance-stream.ts';
import { useBalance, usePlans, useSubscription } from '../../data/billing-query.ts';
import { useReturn } from '../../data/return-visit.ts';
import { Loaded } from '../../part/loaded.tsx';
import { PageFrame } from '../../part/page-frame.tsx';
import { RoleNote } from '../../part/role-note.tsx';
import { useRole } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { AutoTopUpPanel } from './auto-top-up-panel.tsx';
import { CreditsPanel } from './credits-panel.tsx';
import { Notices } from './notices.tsx';
import { PaymentPanel } from './payment-panel.tsx';
import { PlanPanel } from './plan-panel.tsx';

/** Shows plan, credits and payment. */
export function BillingPage() {
  const maySee = useRole('project_contributor');
  return (
    <PageFrame title={STRINGS.billing.title} text={STRINGS.billing.text}>
      {maySee ? <Overview /> : <RoleNote text={STRINGS.role.needsContributor} />}
    </PageFrame>
  );
}

function Overview() {
  const isLive = useLiveBalance();
  const isReturning = useReturn();
  const mayPay = useRole('tenant_admin');
  const subscription = useSubscription();
  const balance = useBalance();
  const plans = usePlans();
  return (
    <Stack gap="lg">
      <Notices balance={balance.data} state={subscription.data} isReturning={isReturning} />
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg" verticalSpacing="lg">
        <Loaded query={subscription} what={STRINGS.billing.plan.title} height={260}>
          {(state) => <PlanPanel state={state} plans={plans.data ?? []} balance={balance.data} />}
        </Loaded>
        <Loaded query={balance} what={STRINGS.billing.credits.title} height={260}>
          {(known) => <CreditsPanel balance={known} state={subscription.data} isLive={isLive} />}
        </Loaded>
        {mayPay && <PaymentPanel />}
        {mayPay && <AutoTopUpPanel />}
      </SimpleGrid>
    </Stack>
  );
}
