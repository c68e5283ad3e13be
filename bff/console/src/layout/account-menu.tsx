// Owns what is in the menu of whoever is signed in: how the Console looks for them, and signing out.

import { Menu, useMantineColorScheme } from '@mantine/core';
import { IconCheck, IconDeviceDesktop, IconLogout, IconMoon, IconSun } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { PAGE_PATHS } from '../../page-path.ts';
import { tellProblem } from '../data/act.ts';
import { useSession } from '../session/session.ts';
import { STRINGS } from '../strings.ts';
import type { MenuProps } from './lazy-menu.tsx';
import { MenuFrame, MenuGroup } from './menu-frame.tsx';

const SCHEMES = [
  { value: 'light', icon: IconSun },
  { value: 'dark', icon: IconMoon },
  { value: 'auto', icon: IconDeviceDesktop },
] as const;

/** Shows the menu. */
export function AccountMenu(button: MenuProps) {
  const { api } = useSession();
  const signOut = useMutation({
    mutationFn: () => api.signOut(),
    onSuccess: () => location.assign(PAGE_PATHS.home),
    onError: tellProblem,
  });
  const items = (
    <>
      <SchemeItems />
      <Menu.Divider />
      <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => signOut.mutate()}>
        {STRINGS.account.signOut}
      </Menu.Item>
    </>
  );
  return <MenuFrame button={button} position="top-start" items={items} />;
}

function SchemeItems() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <MenuGroup label={STRINGS.account.scheme}>
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
    </MenuGroup>
  );
}
