// Owns the page of a workspace itself: its name, what there is to know of it, and its end.

import { Button, Code, Group, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, type ReactNode, Suspense, type SyntheticEvent, useState } from 'react';
import { useAct } from '../../data/act.ts';
import { formatDate } from '../../format/time.ts';
import { PageFrame } from '../../part/page-frame.tsx';
import { Panel } from '../../part/panel.tsx';
import { ProblemNote } from '../../part/problem-note.tsx';
import { useRole, useSession, useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { OwnerPanel } from './owner-panel.tsx';
import { SlugPanel } from './slug-panel.tsx';
import classes from './workspace-page.module.css';

const WORDS = STRINGS.workspace;
const NAME_LENGTH_MAX = 100;
const CloseDialog = lazy(async () => ({ default: (await import('./close-dialog.tsx')).CloseDialog }));

/** Shows the workspace. */
export function WorkspacePage() {
  const { workspace } = useWorkspace();
  const mayChange = useRole('tenant_admin');
  return (
    <PageFrame title={WORDS.title} text={WORDS.text}>
      <Stack gap="lg">
        {mayChange && <NamePanel key={workspace.workspace_id} />}
        {mayChange && <SlugPanel key={workspace.workspace_id} />}
        {mayChange && <OwnerPanel />}
        <AboutPanel />
        {mayChange ? (
          <ClosePanel />
        ) : (
          <Text size="sm" c="dimmed">
            {STRINGS.role.needsAdmin(WORDS.admin)}
          </Text>
        )}
      </Stack>
    </PageFrame>
  );
}

function NamePanel() {
  const { reload } = useSession();
  const { workspace, api } = useWorkspace();
  const [name, setName] = useState(workspace.display_name);
  const act = useAct(
    async () => {
      await api.renameWorkspace(name.trim());
      await reload();
    },
    { tell: () => WORDS.renamed, showsProblem: true },
  );
  const isReady = name.trim() !== '' && name.trim() !== workspace.display_name;
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (isReady) act.mutate(undefined);
  };
  return (
    <Panel title={WORDS.name} text={WORDS.nameText}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          <Group align="flex-start" gap="sm">
            <TextInput
              aria-label={WORDS.name}
              className={classes['name'] ?? ''}
              value={name}
              maxLength={NAME_LENGTH_MAX}
              onChange={({ currentTarget }) => setName(currentTarget.value)}
            />
            <Button type="submit" variant="default" loading={act.isPending} disabled={!isReady}>
              {STRINGS.common.save}
            </Button>
          </Group>
          {act.error !== null && <ProblemNote error={act.error} />}
        </Stack>
      </form>
    </Panel>
  );
}

function AboutPanel() {
  const { workspace } = useWorkspace();
  const mayChange = useRole('tenant_admin');
  const { about, slug } = WORDS;
  return (
    <Panel title={about.title}>
      <dl className={classes['facts']}>
        <Fact term={about.created}>{formatDate(workspace.create_time)}</Fact>
        <Fact term={about.role}>{workspace.role === null ? STRINGS.role.none : STRINGS.role[workspace.role]}</Fact>
        {!mayChange && <Fact term={slug.title}>{workspace.slug}</Fact>}
        <Fact term={about.id}>
          <Code>{workspace.workspace_id}</Code>
        </Fact>
      </dl>
    </Panel>
  );
}

function Fact({ term, children }: { readonly term: string; readonly children: ReactNode }) {
  return (
    <div>
      <Text component="dt" size="sm" c="dimmed">
        {term}
      </Text>
      <Text component="dd" size="sm" m={0}>
        {children}
      </Text>
    </div>
  );
}

function ClosePanel() {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <Panel title={WORDS.close.title} text={WORDS.close.text}>
      <Group>
        <Button variant="outline" color="red" onClick={open}>
          {WORDS.close.action}
        </Button>
      </Group>
      {isOpen && (
        <Suspense fallback={null}>
          <CloseDialog onClose={close} />
        </Suspense>
      )}
    </Panel>
  );
}
