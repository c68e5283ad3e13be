// Owns inviting somebody.

import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import { useAct } from '../../data/act.ts';
import { useFocusBack } from '../../part/focus-back.ts';
import { ProblemNote } from '../../part/problem-note.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { isComplete, type RoleChoice, toMemberRoles } from './role-choice.ts';
import { RoleField } from './role-field.tsx';

const WORDS = STRINGS.people;

/** Shows the dialog. */
export function InviteDialog({ onClose }: { readonly onClose: () => void }) {
  useFocusBack();
  const { api } = useWorkspace();
  const [email, setEmail] = useState('');
  const [choice, setChoice] = useState<RoleChoice>({ role: 'project_contributor', projectIds: [] });
  const act = useAct(() => api.invite({ email: email.trim(), ...toMemberRoles(choice) }), {
    tell: () => WORDS.sent(email.trim()),
    onDone: onClose,
    showsProblem: true,
  });
  const isReady = email.includes('@') && isComplete(choice);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (isReady) act.mutate(undefined);
  };
  return (
    <Modal opened onClose={onClose} title={WORDS.inviteTitle} closeOnClickOutside={email === ''}>
      <form onSubmit={submit}>
        <Stack gap="lg">
          <Text size="sm" c="dimmed">
            {WORDS.inviteText}
          </Text>
          <TextInput
            type="email"
            label={WORDS.email}
            placeholder={WORDS.emailPlaceholder}
            value={email}
            onChange={({ currentTarget }) => setEmail(currentTarget.value)}
            data-autofocus
          />
          <RoleField choice={choice} onChange={setChoice} />
          {act.error !== null && <ProblemNote error={act.error} />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose}>
              {STRINGS.common.cancel}
            </Button>
            <Button type="submit" loading={act.isPending} disabled={!isReady}>
              {WORDS.send}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
