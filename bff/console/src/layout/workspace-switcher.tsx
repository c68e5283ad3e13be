// Owns choosing the workspace that is shown. Only those of this product are ever listed: the BFF knows no others.

import { Avatar, Menu, Text, UnstyledButton } from '@mantine/core';
import { IconCheck, IconPlus, IconSelector } from '@tabler/icons-react';
import { useNavigate } from 'react-router';
import { PAGE_PATHS } from '../../page-path.ts';
import { useSession, useWorkspace } from '../session/session.ts';
import { STRINGS } from '../strings.ts';
import classes from './menu-button.module.css';

/** Shows which workspace this is, and the others. */
export function WorkspaceSwitcher() {
  const { workspaces, switchTo } = useSession();
  const { workspace } = useWorkspace();
  const navigate = useNavigate();
  const shown = workspaces.filter(({ status }) => status !== 'closed');
  return (
    <Menu width="target" position="bottom-start" shadow="md" radius="md">
      <Menu.Target>
        <UnstyledButton className={classes['button']}>
          <span className="hidden">{STRINGS.switcher.label}</span>
          <WorkspaceMark name={workspace.display_name} />
          <Text className={classes['name']} fw={550} size="sm" truncate>
            {workspace.display_name}
          </Text>
          <IconSelector size={16} stroke={1.6} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown className={classes['dropdown']}>
        <Menu.Label>{STRINGS.switcher.title}</Menu.Label>
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
        <Menu.Divider />
        <Menu.Item leftSection={<IconPlus size={16} aria-hidden />} onClick={() => void navigate(PAGE_PATHS.welcome)}>
          {STRINGS.switcher.create}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function WorkspaceMark({ name }: { readonly name: string }) {
  return (
    <Avatar size={24} radius="sm" color="brand" variant="filled" aria-hidden>
      {name.trim().charAt(0).toUpperCase()}
    </Avatar>
  );
}
