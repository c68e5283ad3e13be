// Owns choosing the workspace that is shown. Only those of this product are ever listed: the BFF knows no others.

import { Menu } from '@mantine/core';
import { IconCheck, IconPlus } from '@tabler/icons-react';
import { useNavigate } from 'react-router';
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
  const shown = workspaces.filter(({ status }) => status !== 'closed');
  const items = (
    <>
      <MenuGroup label={STRINGS.switcher.title}>
        {shown.map(({ workspace_id, display_name }) => (
          <Menu.Item
            key={workspace_id}
            onClick={() => switchTo(workspace_id)}
            leftSection={<WorkspaceMark name={display_name} />}
            rightSection={
              workspace_id === workspace.workspace_id && <IconCheck size={16} aria-label={STRINGS.switcher.current} />
            }
          >
            {display_name}
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
