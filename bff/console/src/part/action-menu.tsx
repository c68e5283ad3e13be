// Owns the button at the end of a row that opens what can be done to what stands in it.

import { ActionIcon, Menu } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';

interface Action {
  readonly words: string;
  readonly act: () => void;
  readonly isDestructive?: boolean;
}

/** Shows the button. */
export function ActionMenu({ label, items }: { readonly label: string; readonly items: readonly Action[] }) {
  return (
    <Menu
      position="bottom-end"
      shadow="md"
      // Of the page, and nothing but items: so it is found, and read, by those who hear the page.
      portalProps={{ target: '#content' }}
      withInitialFocusPlaceholder={false}
    >
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={label}>
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {items.map(({ words, act, isDestructive }) => (
          <Menu.Item key={words} onClick={act} {...(isDestructive === true && { c: 'var(--mantine-color-error)' })}>
            {words}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
