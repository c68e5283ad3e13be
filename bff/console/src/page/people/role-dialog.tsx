// Owns changing the role of a member.

import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { Member } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useProjects } from '../../data/billing-query.ts';
import { useFocusBack } from '../../part/focus-back.ts';
import { nameOfMember } from '../../part/member-name.ts';
import { ProblemNote } from '../../part/problem-note.tsx';
import { isArchived } from '../../part/project-name.ts';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { roleOf } from './member.ts';
import { isComplete, type RoleChoice, toMemberRoles } from './role-choice.ts';
import { RoleField } from './role-field.tsx';

const WORDS = STRINGS.people;

/** Shows the dialog. */
export function RoleDialog({ member, onClose }: { readonly member: Member; readonly onClose: () => void }) {
  useFocusBack();
  const { api } = useWorkspace();
  const gone = (useProjects().data ?? []).filter(isArchived).map(({ project_id }) => project_id);
  const own = member.project_roles.map(({ project_id }) => project_id);
  const [chosen, setChoice] = useState<RoleChoice>({ role: roleOf(member) ?? 'project_viewer', projectIds: own });
  // A project that is archived takes no role, also not the one that somebody has there.
  const choice = { ...chosen, projectIds: chosen.projectIds.filter((id) => !gone.includes(id)) };
  const act = useAct(() => api.updateMember(member.user_id, toMemberRoles(choice)), {
    tell: () => WORDS.saved,
    onDone: onClose,
    showsProblem: true,
  });
  return (
    <Modal opened onClose={onClose} title={WORDS.editOf(nameOfMember(member))}>
      <Stack gap="lg">
        <RoleField choice={choice} onChange={setChoice} />
        {own.some((id) => gone.includes(id)) && (
          <Text size="sm" c="dimmed">
            {WORDS.projectList.rolesEnd}
          </Text>
        )}
        {act.error !== null && <ProblemNote error={act.error} />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose}>
            {STRINGS.common.cancel}
          </Button>
          <Button loading={act.isPending} disabled={!isComplete(choice)} onClick={() => act.mutate(undefined)}>
            {STRINGS.common.save}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
