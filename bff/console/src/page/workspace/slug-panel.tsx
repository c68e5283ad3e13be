// Owns the short name of a workspace, and changing it.

import { Button, Group, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type SyntheticEvent, useState } from 'react';
import { useAct } from '../../data/act.ts';
import { ConfirmDialog } from '../../part/confirm-dialog.tsx';
import { Panel } from '../../part/panel.tsx';
import { useSession, useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import classes from './workspace-page.module.css';

const WORDS = STRINGS.workspace.slug;
const SLUG = /^[a-z0-9-]{3,48}$/;

/** Shows the short name. */
export function SlugPanel() {
  const { reload } = useSession();
  const { workspace, api } = useWorkspace();
  const [typed, setTyped] = useState(workspace.slug);
  const [isAsking, { open, close }] = useDisclosure(false);
  const act = useAct(
    async () => {
      await api.changeSlug(typed);
      await reload();
    },
    { tell: () => WORDS.done, onDone: close, showsProblem: true },
  );
  const isNew = typed !== workspace.slug;
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (isNew && SLUG.test(typed)) open();
  };
  return (
    <Panel title={WORDS.title} text={WORDS.text}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          <Group align="flex-start" gap="sm">
            <TextInput
              aria-label={WORDS.title}
              className={classes['name'] ?? ''}
              value={typed}
              autoComplete="off"
              spellCheck={false}
              onChange={({ currentTarget }) => setTyped(currentTarget.value.trim().toLowerCase())}
              error={SLUG.test(typed) ? undefined : WORDS.invalid}
            />
            <Button type="submit" variant="default" disabled={!isNew || !SLUG.test(typed)}>
              {WORDS.change}
            </Button>
          </Group>
        </Stack>
      </form>
      <ConfirmDialog
        isOpen={isAsking}
        onClose={close}
        title={WORDS.dialogTitle(typed)}
        lines={WORDS.lines(workspace.slug, typed)}
        action={WORDS.change}
        keep={STRINGS.common.cancel}
        act={act}
      />
    </Panel>
  );
}
