// Owns making a project, and giving one another name.

import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import type { Project } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useFocusBack } from '../../part/focus-back.ts';
import { ProblemNote } from '../../part/problem-note.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.people;
const NAME_LENGTH_MAX = 100;

interface ProjectDialogProps {
  /** Is the one to rename; absent where one is made. */
  readonly project?: Project;
  readonly onClose: () => void;
}

/** Shows the dialog. */
export function ProjectDialog({ project, onClose }: ProjectDialogProps) {
  useFocusBack();
  const { api } = useWorkspace();
  const before = project?.display_name ?? '';
  const [name, setName] = useState(before);
  const save = (): Promise<Project> =>
    project === undefined
      ? api.createProject(name.trim())
      : api.updateProject(project.project_id, { display_name: name.trim() });
  const act = useAct(save, {
    tell: ({ display_name }) =>
      project === undefined ? WORDS.projectCreated(display_name) : WORDS.projectList.renameDone,
    onDone: onClose,
    showsProblem: true,
  });
  const isReady = name.trim() !== '' && name.trim() !== before;
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (isReady) act.mutate(undefined);
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={project === undefined ? WORDS.projectTitle : WORDS.projectList.renameTitle(before)}
    >
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
            <Button type="submit" loading={act.isPending} disabled={!isReady}>
              {project === undefined ? WORDS.createProject : STRINGS.common.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
