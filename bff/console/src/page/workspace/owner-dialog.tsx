// Owns handing a workspace to another of its administrators: to whom, and what that means.

import { Button, Group, List, Modal, NativeSelect, Stack } from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import type { Member } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useFocusBack } from '../../part/focus-back.ts';
import { nameOfMember } from '../../part/member-name.ts';
import { ProblemNote } from '../../part/problem-note.tsx';
import { useSession, useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.workspace.owner;

interface OwnerDialogProps {
  readonly owner: Member | undefined;
  /** Are the administrators that it can go to. */
  readonly heirs: readonly Member[];
  readonly onClose: () => void;
}

/** Shows the dialog. */
export function OwnerDialog({ owner, heirs, onClose }: OwnerDialogProps) {
  useFocusBack();
  const { reload } = useSession();
  const { api } = useWorkspace();
  const [chosen, setChosen] = useState(heirs[0]?.user_id ?? '');
  const heir = heirs.find(({ user_id }) => user_id === chosen);
  const act = useAct(
    async (userId: string) => {
      await api.transferWorkspace(userId);
      await reload();
    },
    {
      tell: () => heir && WORDS.done(nameOfMember(heir)),
      onDone: onClose,
      showsProblem: true,
    },
  );
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (heir !== undefined) act.mutate(heir.user_id);
  };
  return (
    <Modal opened onClose={onClose} title={WORDS.dialogTitle}>
      <form onSubmit={submit}>
        <Stack gap="lg">
          <NativeSelect
            label={WORDS.heir}
            value={chosen}
            onChange={({ currentTarget }) => setChosen(currentTarget.value)}
            data={heirs.map((member) => ({ value: member.user_id, label: toLabel(member) }))}
            data-autofocus
          />
          <List size="sm" spacing={6}>
            {WORDS.lines(owner && nameOfMember(owner)).map((line) => (
              <List.Item key={line}>{line}</List.Item>
            ))}
          </List>
          {act.error !== null && <ProblemNote error={act.error} />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose}>
              {STRINGS.common.cancel}
            </Button>
            <Button type="submit" loading={act.isPending} disabled={heir === undefined}>
              {WORDS.transfer}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Two people may have one name. */
function toLabel(member: Member): string {
  const name = nameOfMember(member);
  return member.email === null || member.email === name ? name : `${name} (${member.email})`;
}
