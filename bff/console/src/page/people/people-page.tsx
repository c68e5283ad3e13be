// Owns the page of the people of a workspace: members, and who is invited.

import { Button, Group, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense } from 'react';
import { PageFrame } from '../../part/page-frame.tsx';
import { RoleNote } from '../../part/role-note.tsx';
import { useRole } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { InvitationPanel } from './invitation-panel.tsx';
import { MemberPanel } from './member-panel.tsx';
import { ProjectPanel } from './project-panel.tsx';

const WORDS = STRINGS.people;
const InviteDialog = lazy(async () => ({ default: (await import('./invite-dialog.tsx')).InviteDialog }));
const ProjectDialog = lazy(async () => ({ default: (await import('./project-dialog.tsx')).ProjectDialog }));

/** Shows the people. */
export function PeoplePage() {
  const maySee = useRole('project_contributor');
  const mayChange = useRole('tenant_admin');
  return (
    <PageFrame title={WORDS.title} text={WORDS.text} actions={mayChange && <Actions />}>
      {maySee ? (
        <Stack gap="xl">
          <MemberPanel />
          {mayChange && <InvitationPanel />}
          {mayChange && <ProjectPanel />}
        </Stack>
      ) : (
        <RoleNote text={WORDS.viewer} />
      )}
    </PageFrame>
  );
}

function Actions() {
  const [isInviting, invitation] = useDisclosure(false);
  const [isMaking, project] = useDisclosure(false);
  return (
    <Group gap="sm">
      <Button variant="default" onClick={project.open}>
        {WORDS.newProject}
      </Button>
      <Button onClick={invitation.open}>{WORDS.invite}</Button>
      <Suspense fallback={null}>
        {isInviting && <InviteDialog onClose={invitation.close} />}
        {isMaking && <ProjectDialog onClose={project.close} />}
      </Suspense>
    </Group>
  );
}
