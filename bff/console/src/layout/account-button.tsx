// Owns how it is shown who is signed in. Does not own what that opens (account-menu.tsx).

import { Avatar, Text } from '@mantine/core';
import { lazy } from 'react';
import { useSession } from '../session/session.ts';
import { STRINGS } from '../strings.ts';
import { LazyMenu } from './lazy-menu.tsx';
import classes from './menu-button.module.css';

const loadMenu = async () => ({ default: (await import('./account-menu.tsx')).AccountMenu });
const AccountMenu = lazy(loadMenu);

/** Shows who is signed in. */
export function AccountButton() {
  const { user } = useSession();
  const name = user.display_name ?? user.email ?? STRINGS.account.anonymous;
  return (
    <LazyMenu className={classes['plain']} menu={AccountMenu} load={loadMenu}>
      <span className="hidden">{STRINGS.account.label}</span>
      <Avatar size={28} radius="xl" color="brand" name={name} aria-hidden />
      <span className={classes['name']}>
        <Text size="sm" fw={550} truncate>
          {name}
        </Text>
        {user.email !== null && user.email !== name && (
          <Text size="xs" c="dimmed" truncate>
            {user.email}
          </Text>
        )}
      </span>
    </LazyMenu>
  );
}
