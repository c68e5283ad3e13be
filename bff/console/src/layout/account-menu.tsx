// Owns what belongs to whoever is signed in: how the Console looks for them, and signing out.

import { Avatar, Menu, Text, UnstyledButton, useMantineColorScheme } from '@mantine/core';
import { IconCheck, IconDeviceDesktop, IconLogout, IconMoon, IconSun } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { PAGE_PATHS } from '../../page-path.ts';
import { tellProblem } from '../data/act.ts';
import { useSession } from '../session/session.ts';
import { STRINGS } from '../strings.ts';
import classes from './menu-button.module.css';

const SCHEMES = [
  { value: 'light', icon: IconSun },
  { value: 'dark', icon: IconMoon },
  { value: 'auto', icon: IconDeviceDesktop },
] as const;

/** Shows who is signed in. */
export function AccountMenu() {
  const { user, api } = useSession();
  const name = user.display_name ?? user.email ?? STRINGS.account.anonymous;
  const signOut = useMutation({
    mutationFn: () => api.signOut(),
    onSuccess: () => location.assign(PAGE_PATHS.home),
    onError: tellProblem,
  });
  return (
    <Menu width="target" position="top-start" shadow="md" radius="md">
      <Menu.Target>
        <UnstyledButton className={classes['plain']}>
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
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <SchemeItems />
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => signOut.mutate()}>
          {STRINGS.account.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function SchemeItems() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <>
      <Menu.Label>{STRINGS.account.scheme}</Menu.Label>
      {SCHEMES.map(({ value, icon: Icon }) => (
        <Menu.Item
          key={value}
          closeMenuOnClick={false}
          leftSection={<Icon size={16} aria-hidden />}
          rightSection={colorScheme === value && <IconCheck size={16} aria-label={STRINGS.switcher.current} />}
          onClick={() => setColorScheme(value)}
        >
          {STRINGS.account.schemes[value]}
        </Menu.Item>
      ))}
    </>
  );
}
