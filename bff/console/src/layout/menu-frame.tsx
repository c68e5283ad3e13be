// Owns what the menus of the frame have in common: the button that opens one, and where it appears.
// Does not own when their code is loaded (lazy-menu.tsx).

import { Menu, UnstyledButton } from '@mantine/core';
import { type PropsWithChildren, type ReactNode, useEffect, useState } from 'react';
import type { MenuProps } from './lazy-menu.tsx';
import classes from './menu-button.module.css';

interface MenuFrameProps {
  readonly button: MenuProps;
  readonly position: 'top-start' | 'bottom-start';
  readonly items: ReactNode;
}

/** Shows a menu that opens by itself the first time. */
export function MenuFrame({ button, position, items }: MenuFrameProps) {
  const [isOpen, setIsOpen] = useState(false);
  // Not from the beginning: a menu gives the focus back to what had it when it opened.
  useEffect(() => setIsOpen(true), []);
  return (
    <Menu
      opened={isOpen}
      onChange={setIsOpen}
      width="target"
      position={position}
      shadow="md"
      radius="md"
      // Of the navigation, and nothing but items: so it is found, and read, by those who hear the page.
      withinPortal={false}
      withInitialFocusPlaceholder={false}
    >
      <Menu.Target>
        <UnstyledButton className={button.className} ref={takeFocus}>
          {button.children}
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown className={classes['dropdown']}>{items}</Menu.Dropdown>
    </Menu>
  );
}

/** Shows items that belong together, under what they have in common. */
export function MenuGroup({ label, children }: PropsWithChildren<{ readonly label: string }>) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is none of a menu.
    <div role="group" aria-label={label}>
      <Menu.Label aria-hidden>{label}</Menu.Label>
      {children}
    </div>
  );
}

/** It stands in the place of the button that was pressed, and the menu gives the focus back to what had it. */
function takeFocus(button: HTMLElement | null): void {
  button?.focus();
}
