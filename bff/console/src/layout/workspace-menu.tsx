// Owns choosing the workspace that is shown. Only those of this product are ever listed: the BFF knows no others.

import { Menu, Text } from '@mantine/core';
import { IconCheck, IconPlus } from '@tabler/icons-react';
import { useLocation, useNavigate } from 'react-router';
import { PAGE_PATHS } from '../../page-path.ts';
import { useSession, useWorkspace } from '../session/session.ts';
import { STRINGS } from '../strings.ts';
import type { MenuProps } from './lazy-menu.tsx';
import { MenuFrame, MenuGroup } from './menu-frame.tsx';
import { WorkspaceMark } from './workspace-mark.tsx';

/** Shows the workspaces. */
export function WorkspaceMenu(button: MenuProps) {
  const { workspaces, switchTo } = useSession();
  const { workspace } = useWorkspace();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const shown = workspaces.filter(({ status }) => status !== 'closed');
  const choose = (workspaceId: string): void => {
    switchTo(workspaceId);
    // What an address limits, such as a project, is of the workspace that is left.
    void navigate(pathname, { replace: true });
  };
  const items = (
    <>
      <MenuGroup label={STRINGS.switcher.title}>
        {shown.map(({ workspace_id, display_name }) => (
          <Menu.Item
            key={workspace_id}
            onClick={() => choose(workspace_id)}
            leftSection={<WorkspaceMark name={display_name} />}
            rightSection={
              workspace_id === workspace.workspace_id && <IconCheck size={16} aria-label={STRINGS.switcher.current} />
            }
          >
            <Text size="sm" truncate>
              {display_name}
            </Text>
          </Menu.Item>
        ))}
      </MenuGroup>
      <Menu.Divider />
      <Menu.Item leftSection={<IconPlus size={16} aria-hidden />} onClick={() => void navigate(PAGE_PATHS.welcome)}>
        {STRINGS.switcher.create}
      </Menu.Item>
    </>
  );
  return <MenuFrame button={button} position="bottom-start" items={items} />;
}
