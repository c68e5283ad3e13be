// Owns the page of usage and history: the balance as it is now, and below it what happened, by kind.

import { Paper, Stack, Tabs, Text } from '@mantine/core';
import { useSearchParams } from 'react-router';
import type { Balance } from '../../api/type.ts';
import { useLiveBalance } from '../../data/balance-stream.ts';
import { useBalance } from '../../data/billing-query.ts';
import { formatCredits, formatCreditsShort } from '../../format/credit.ts';
import { BUCKETS, remainingIn } from '../../part/bucket.ts';
import { BucketBar } from '../../part/bucket-bar.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { PageFrame } from '../../part/page-frame.tsx';
import { RoleNote } from '../../part/role-note.tsx';
import { TopUpButton } from '../../part/top-up/top-up-button.tsx';
import { useRole } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { CodeTab } from './code-tab.tsx';
import { EventTab } from './event-tab.tsx';
import { PaymentTab } from './payment-tab.tsx';
import { PriceTab } from './price-tab.tsx';
import classes from './usage-page.module.css';

const WORDS = STRINGS.usage;

/** Shows what there is, and what happened. */
export function UsagePage() {
  const maySee = useRole('project_contributor');
  const mayBuy = useRole('tenant_admin');
  return (
    <PageFrame title={WORDS.title} text={WORDS.text} actions={mayBuy && <TopUpButton />}>
      {maySee ? <History /> : <RoleNote text={STRINGS.role.needsContributor} />}
    </PageFrame>
  );
}

const TABS = ['events', 'payments', 'prices', 'codes'] as const;
type Tab = (typeof TABS)[number];

function History() {
  useLiveBalance();
  const balance = useBalance();
  const isAdmin = useRole('tenant_admin');
  const [parameters, setParameters] = useSearchParams();
  const tabs = TABS.filter((tab) => isAdmin || tab === 'events' || tab === 'prices');
  const tab = tabs.find((name) => name === parameters.get('tab')) ?? 'events';
  // What limits the events stays in the address, for the way back to them.
  const choose = (name: string | null): void => {
    const next = new URLSearchParams(parameters);
    if (name === null || name === 'events') next.delete('tab');
    else next.set('tab', name);
    setParameters(next, { replace: true });
  };
  return (
    <Stack gap="lg">
      <Loaded query={balance} what={WORDS.balance.what} height={96}>
        {(known) => <BalanceStrip balance={known} />}
      </Loaded>
      <Tabs value={tab} onChange={choose}>
        <Tabs.List className={classes['tabs'] ?? ''}>
          {tabs.map((name) => (
            <Tabs.Tab key={name} value={name} className={classes['tab'] ?? ''}>
              {WORDS.tabs[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {tabs.map((name) => (
          <Tabs.Panel key={name} value={name} pt="lg">
            <TabContent tab={name} />
          </Tabs.Panel>
        ))}
      </Tabs>
    </Stack>
  );
}

function TabContent({ tab }: { readonly tab: Tab }) {
  switch (tab) {
    case 'events':
      return <EventTab />;
    case 'payments':
      return <PaymentTab />;
    case 'prices':
      return <PriceTab />;
    case 'codes':
      return <CodeTab />;
  }
}

function BalanceStrip({ balance }: { readonly balance: Balance }) {
  return (
    <Paper withBorder className={classes['strip']}>
      <dl className={classes['figures']} aria-live="polite">
        <Figure term={WORDS.balance.available} amount={balance.available} isFirst />
        {BUCKETS.map((bucket) => (
          <Figure key={bucket} term={WORDS.balance[bucket]} amount={remainingIn(balance, bucket)} />
        ))}
      </dl>
      <BucketBar balance={balance} />
    </Paper>
  );
}

interface FigureProps {
  readonly term: string;
  readonly amount: number;
  readonly isFirst?: boolean;
}

function Figure({ term, amount, isFirst }: FigureProps) {
  return (
    <div>
      <Text component="dt" size="sm" c="dimmed">
        {term}
      </Text>
      <Text
        component="dd"
        m={0}
        fz={22}
        fw={600}
        lh={1.3}
        className="figure"
        title={formatCredits(amount)}
        {...(isFirst === true && { 'data-testid': 'available' })}
      >
        {formatCreditsShort(amount)}
      </Text>
    </div>
  );
}
