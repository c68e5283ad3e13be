// Owns how it is shown which workspace this is. Does not own what that opens (workspace-menu.tsx).

import { Text } from '@mantine/core';
import { IconSelector } from '@tabler/icons-react';
import { lazy } from 'react';
import { useWorkspace } from '../session/session.ts';
import { STRINGS } from '../strings.ts';
import { LazyMenu } from './lazy-menu.tsx';
import classes from './menu-button.module.css';
import { WorkspaceMark } from './workspace-mark.tsx';

const loadMenu = async () => ({ default: (await import('./workspace-menu.tsx')).WorkspaceMenu });
const WorkspaceMenu = lazy(loadMenu);

/** Shows the workspace. */
export function WorkspaceButton() {
  const { workspace } = useWorkspace();
  return (
    <LazyMenu className={classes['button']} menu={WorkspaceMenu} load={loadMenu}>
      <span className="hidden">{STRINGS.switcher.label}</span>
      <WorkspaceMark name={workspace.display_name} />
      <Text className={classes['name']} fw={550} size="sm" truncate>
        {workspace.display_name}
      </Text>
      <IconSelector size={16} stroke={1.6} aria-hidden />
    </LazyMenu>
  );
}
