// Owns closing a workspace for ever: what will happen, and that whoever does it types its name.

import { Button, Group, List, Modal, Stack, TextInput } from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import { useNavigate } from 'react-router';
import { PAGE_PATHS } from '../../../page-path.ts';
import { tell } from '../../data/act.ts';
import { useBalance } from '../../data/billing-query.ts';
import { useWrite } from '../../data/write.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { useFocusBack } from '../../part/focus-back.ts';
import { ProblemNote } from '../../part/problem-note.tsx';
import { useSession, useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.workspace.close;

/** Shows the dialog. */
export function CloseDialog({ onClose }: { readonly onClose: () => void }) {
  useFocusBack();
  const { reload } = useSession();
  const { workspace, api } = useWorkspace();
  const navigate = useNavigate();
  const available = useBalance().data?.available ?? 0;
  const [typed, setTyped] = useState('');
  // What is known of it is not read again: it is left, for another one or for the page that makes one.
  const act = useWrite({
    mutationFn: () => api.closeWorkspace(),
    async onSuccess() {
      await navigate(PAGE_PATHS.billing);
      await reload();
      tell(WORDS.done(workspace.display_name));
    },
  });
  const isReady = typed.trim() === workspace.display_name.trim();
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (isReady) act.mutate();
  };
  return (
    <Modal opened onClose={onClose} title={WORDS.dialogTitle(workspace.display_name)}>
      <form onSubmit={submit}>
        <Stack gap="lg">
          <List size="sm" spacing={6}>
            {WORDS.lines(STRINGS.common.credits(formatCreditsShort(available))).map((line) => (
              <List.Item key={line}>{line}</List.Item>
            ))}
          </List>
          <TextInput
            label={WORDS.type(workspace.display_name)}
            value={typed}
            autoComplete="off"
            onChange={({ currentTarget }) => setTyped(currentTarget.value)}
            data-autofocus
          />
          {act.error !== null && <ProblemNote error={act.error} />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose}>
              {WORDS.keep}
            </Button>
            <Button type="submit" color="red" loading={act.isPending} disabled={!isReady}>
              {WORDS.action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
