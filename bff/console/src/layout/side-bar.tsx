// Owns the navigation: in which workspace, which pages there are for somebody's role, and who is signed in.

import { NavLink, Stack, Text } from '@mantine/core';
import {
  IconBell,
  IconChartHistogram,
  IconCreditCard,
  IconHistory,
  IconKey,
  IconReceipt2,
  IconSettings,
  IconStack2,
  IconUsers,
} from '@tabler/icons-react';
import type { ComponentType } from 'react';
import { Link, useLocation } from 'react-router';
import { PAGE_PATHS } from '../../page-path.ts';
import { Brand } from '../part/brand.tsx';
import { STRINGS } from '../strings.ts';
import { AccountButton } from './account-button.tsx';
import classes from './side-bar.module.css';
import { WorkspaceButton } from './workspace-button.tsx';

interface Entry {
  readonly path: string;
  readonly words: string;
  readonly icon: ComponentType<{ size?: number; stroke?: number }>;
}

const SETTINGS: readonly Entry[] = [
  { path: PAGE_PATHS.billing, words: STRINGS.nav.billing, icon: IconCreditCard },
  { path: PAGE_PATHS.plans, words: STRINGS.nav.plans, icon: IconStack2 },
  { path: PAGE_PATHS.usage, words: STRINGS.nav.usage, icon: IconReceipt2 },
  { path: PAGE_PATHS.people, words: STRINGS.nav.people, icon: IconUsers },
  { path: PAGE_PATHS.tokens, words: STRINGS.nav.tokens, icon: IconKey },
  { path: PAGE_PATHS.alerts, words: STRINGS.nav.alerts, icon: IconBell },
  { path: PAGE_PATHS.workspace, words: STRINGS.nav.workspace, icon: IconSettings },
  { path: PAGE_PATHS.activity, words: STRINGS.nav.activity, icon: IconHistory },
];
const INSIGHTS: readonly Entry[] = [
  { path: PAGE_PATHS.analytics, words: STRINGS.nav.analytics, icon: IconChartHistogram },
];

/** Shows the navigation. */
export function SideBar() {
  return (
    <div className={classes['bar']}>
      <div className={classes['brand']}>
        <Brand />
      </div>
      <WorkspaceButton />
      <Stack gap="lg" className={classes['entries']}>
        <Entries title={STRINGS.nav.insights} entries={INSIGHTS} />
        <Entries title={STRINGS.nav.settings} entries={SETTINGS} />
      </Stack>
      <AccountButton />
    </div>
  );
}

function Entries({ title, entries }: { readonly title: string; readonly entries: readonly Entry[] }) {
  const { pathname } = useLocation();
  return (
    <div>
      <Text size="xs" fw={550} c="dimmed" px="sm" mb={6}>
        {title}
      </Text>
      <ul className={classes['list']}>
        {entries.map(({ path, words, icon: Icon }) => (
          <li key={path}>
            <NavLink
              component={Link}
              to={path}
              active={pathname === path}
              aria-current={pathname === path ? 'page' : undefined}
              label={words}
              leftSection={<Icon size={18} stroke={1.6} />}
              classNames={{ root: classes['link'] ?? '' }}
              variant="subtle"
              color="gray"
            />
          </li>
        ))}
      </ul>
    </div>
  );
}
