// Owns a button with a menu whose code is loaded when somebody is about to open it: what menus stand on weighs as much as a page.
// Does not own what is in the menus.

import { UnstyledButton } from '@mantine/core';
import { type ComponentType, type PropsWithChildren, Suspense, useState } from 'react';

/** Is what a menu is told: how its button looks, and, as its children, what is in that. */
export type MenuProps = PropsWithChildren<{ readonly className: string | undefined }>;

interface LazyMenuProps extends MenuProps {
  /** Is the menu with its button, open from the beginning; a component that is loaded when it is first shown. */
  readonly menu: ComponentType<MenuProps>;
  /** Begins to load it. */
  readonly load: () => Promise<unknown>;
}

/** Shows the button, and from the first press on the menu with it. */
export function LazyMenu({ className, menu: Menu, load, children }: LazyMenuProps) {
  const [isWanted, setIsWanted] = useState(false);
  const button = (
    <UnstyledButton
      className={className}
      aria-haspopup="menu"
      aria-expanded={false}
      onPointerEnter={() => void load()}
      onFocus={() => void load()}
      onClick={() => setIsWanted(true)}
    >
      {children}
    </UnstyledButton>
  );
  if (!isWanted) return button;
  return (
    <Suspense fallback={button}>
      <Menu className={className}>{children}</Menu>
    </Suspense>
  );
}
