// Owns making a project.

import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import { useAct } from '../../data/act.ts';
import { useFocusBack } from '../../part/focus-back.ts';
import { ProblemNote } from '../../part/problem-note.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.people;
const NAME_LENGTH_MAX = 100;

/** Shows the dialog. */
export function ProjectDialog({ onClose }: { readonly onClose: () => void }) {
  useFocusBack();
  const { api } = useWorkspace();
  const [name, setName] = useState('');
  const act = useAct(() => api.createProject(name.trim()), {
    tell: ({ display_name }) => WORDS.projectCreated(display_name),
    onDone: onClose,
    showsProblem: true,
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (name.trim() !== '') act.mutate(undefined);
  };
  return (
    <Modal opened onClose={onClose} title={WORDS.projectTitle}>
      <form onSubmit={submit}>
        <Stack gap="lg">
          <TextInput
            label={WORDS.projectName}
            value={name}
            maxLength={NAME_LENGTH_MAX}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
            data-autofocus
          />
          {act.error !== null && <ProblemNote error={act.error} />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose}>
              {STRINGS.common.cancel}
            </Button>
            <Button type="submit" loading={act.isPending} disabled={name.trim() === ''}>
              {WORDS.createProject}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
