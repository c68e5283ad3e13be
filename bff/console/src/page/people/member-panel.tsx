// Owns the list of members, and what an administrator can do to each.

import { Avatar, Badge, Group, Stack, Table, Text } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import type { Member } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useMembers } from '../../data/billing-query.ts';
import { formatDate } from '../../format/time.ts';
import { ActionMenu } from '../../part/action-menu.tsx';
import { ConfirmDialog } from '../../part/confirm-dialog.tsx';
import { DataTable } from '../../part/data-table.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { nameOfMember } from '../../part/member-name.ts';
import { useRole, useSession, useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { roleOf } from './member.ts';

const WORDS = STRINGS.people;
const RoleDialog = lazy(async () => ({ default: (await import('./role-dialog.tsx')).RoleDialog }));

/** Shows the list. */
export function MemberPanel() {
  const members = useMembers();
  const mayChange = useRole('tenant_admin');
  const { columns } = WORDS;
  return (
    <Loaded query={members} what={WORDS.members} height={240}>
      {(known) => (
        <DataTable
          label={WORDS.members}
          columns={[
            { words: columns.who },
            { words: columns.role },
            { words: columns.since },
            ...(mayChange ? [{ words: STRINGS.common.actions, isHidden: true }] : []),
          ]}
        >
          {known.map((member) => (
            <MemberRow key={member.user_id} member={member} mayChange={mayChange} />
          ))}
        </DataTable>
      )}
    </Loaded>
  );
}

function MemberRow({ member, mayChange }: { readonly member: Member; readonly mayChange: boolean }) {
  const { user } = useSession();
  const { columns } = WORDS;
  const role = roleOf(member);
  const projects = member.tenant_admin ? 0 : member.project_roles.length;
  return (
    <Table.Tr>
      <Table.Td data-label={columns.who} data-place="title">
        <Group gap="sm" wrap="nowrap">
          <Avatar size={32} radius="xl" color="brand" name={nameOfMember(member)} aria-hidden visibleFrom="sm" />
          <Stack gap={0}>
            <Group gap={6}>
              <Text size="sm" fw={550}>
                {nameOfMember(member)}
              </Text>
              {member.owner && (
                <Badge size="xs" variant="light">
                  {WORDS.owner}
                </Badge>
              )}
              {member.user_id === user.user_id && (
                <Badge size="xs" variant="light" color="gray">
                  {WORDS.you}
                </Badge>
              )}
            </Group>
            {member.display_name !== null && member.email !== null && (
              <Text size="xs" c="dimmed">
                {member.email}
              </Text>
            )}
          </Stack>
        </Group>
      </Table.Td>
      <Table.Td data-label={columns.role}>
        <Text size="sm">{role === null ? STRINGS.role.none : STRINGS.role[role]}</Text>
        {projects > 0 && (
          <Text size="xs" c="dimmed">
            {WORDS.inProjects(projects)}
          </Text>
        )}
      </Table.Td>
      <Table.Td data-label={columns.since} c="dimmed">
        {formatDate(member.create_time)}
      </Table.Td>
      {mayChange && (
        <Table.Td data-label="" data-place="act" ta="right">
          <MemberActions member={member} />
        </Table.Td>
      )}
    </Table.Tr>
  );
}

function MemberActions({ member }: { readonly member: Member }) {
  const { api } = useWorkspace();
  const [shown, setShown] = useState<'role' | 'removal'>();
  const close = (): void => setShown(undefined);
  const remove = useAct(() => api.removeMember(member.user_id), {
    tell: () => WORDS.removed,
    onDone: close,
    showsProblem: true,
  });
  const name = nameOfMember(member);
  return (
    <>
      <ActionMenu
        label={`${STRINGS.common.actions}: ${name}`}
        items={[
          { words: WORDS.edit, act: () => setShown('role') },
          { words: WORDS.remove, act: () => setShown('removal'), isDestructive: true },
        ]}
      />
      <ConfirmDialog
        isOpen={shown === 'removal'}
        onClose={close}
        title={WORDS.removeTitle(name)}
        lines={[WORDS.removeText]}
        action={WORDS.remove}
        keep={STRINGS.common.cancel}
        act={remove}
      />
      {shown === 'role' && (
        <Suspense fallback={null}>
          <RoleDialog member={member} onClose={close} />
        </Suspense>
      )}
    </>
  );
}
