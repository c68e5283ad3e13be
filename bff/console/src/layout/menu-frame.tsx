// Owns what the menus of the frame have in common: the button that opens one, and where it appears.
// Does not own when their code is loaded (lazy-menu.tsx).

import { Menu, UnstyledButton } from '@mantine/core';
import type { ReactNode } from 'react';
import type { MenuProps } from './lazy-menu.tsx';
import classes from './menu-button.module.css';

interface MenuFrameProps {
  readonly button: MenuProps;
  readonly position: 'top-start' | 'bottom-start';
  readonly items: ReactNode;
}

/** Shows a menu that is open from the beginning. */
export function MenuFrame({ button, position, items }: MenuFrameProps) {
  return (
    <Menu width="target" position={position} shadow="md" radius="md" defaultOpened>
      <Menu.Target>
        <UnstyledButton className={button.className} ref={takeFocus}>
          {button.children}
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown className={classes['dropdown']}>{items}</Menu.Dropdown>
    </Menu>
  );
}

/** It stands in the place of the button that was pressed, and the menu gives the focus back to what had it. */
function takeFocus(button: HTMLElement | null): void {
  button?.focus();
}
