// Owns the list of projects, and what an administrator can do to each.

import { Badge, Group, Stack, Table, Text } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import type { Project } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useProjects } from '../../data/billing-query.ts';
import { formatDate } from '../../format/time.ts';
import { ActionMenu } from '../../part/action-menu.tsx';
import { ConfirmDialog } from '../../part/confirm-dialog.tsx';
import { DataTable } from '../../part/data-table.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { SectionHeading } from '../../part/section-heading.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.people.projectList;
const ProjectDialog = lazy(async () => ({ default: (await import('./project-dialog.tsx')).ProjectDialog }));

/** Shows the list. */
export function ProjectPanel() {
  const projects = useProjects();
  const { columns } = WORDS;
  return (
    <Stack gap="sm">
      <SectionHeading title={WORDS.title} text={WORDS.text} />
      <Loaded query={projects} what={WORDS.title} height={80}>
        {(known) =>
          known.length === 0 ? (
            <Text size="sm" c="dimmed">
              {WORDS.none}
            </Text>
          ) : (
            <DataTable
              label={WORDS.title}
              columns={[
                { words: columns.name },
                { words: columns.since },
                { words: STRINGS.common.actions, isHidden: true },
              ]}
            >
              {known.map((project) => (
                <ProjectRow key={project.project_id} project={project} />
              ))}
            </DataTable>
          )
        }
      </Loaded>
    </Stack>
  );
}

function ProjectRow({ project }: { readonly project: Project }) {
  const { columns } = WORDS;
  return (
    <Table.Tr>
      <Table.Td data-label={columns.name} data-place="title">
        <Group gap="xs">
          <Text size="sm" fw={550}>
            {project.display_name}
          </Text>
          {project.archive_time !== null && (
            <Badge size="xs" variant="light" color="gray">
              {WORDS.archived}
            </Badge>
          )}
        </Group>
      </Table.Td>
      <Table.Td data-label={columns.since} c="dimmed">
        {formatDate(project.create_time)}
      </Table.Td>
      <Table.Td data-label="" data-place="act" ta="right">
        <ProjectActions project={project} />
      </Table.Td>
    </Table.Tr>
  );
}

function ProjectActions({ project }: { readonly project: Project }) {
  const { api } = useWorkspace();
  const [shown, setShown] = useState<'name' | 'archive'>();
  const close = (): void => setShown(undefined);
  const { project_id: id, display_name: name, archive_time: archivedAt } = project;
  const archive = useAct(() => api.updateProject(id, { archived: true }), {
    tell: () => WORDS.archiveDone(name),
    onDone: close,
    showsProblem: true,
  });
  const restore = useAct(() => api.updateProject(id, { archived: false }), { tell: () => WORDS.restoreDone(name) });
  const end =
    archivedAt === null
      ? { words: WORDS.archive, act: () => setShown('archive') }
      : { words: WORDS.restore, act: () => restore.mutate(undefined) };
  return (
    <>
      <ActionMenu
        label={`${STRINGS.common.actions}: ${name}`}
        items={[{ words: WORDS.rename, act: () => setShown('name') }, end]}
      />
      <ConfirmDialog
        isOpen={shown === 'archive'}
        onClose={close}
        title={WORDS.archiveTitle(name)}
        lines={WORDS.archiveLines}
        action={WORDS.archive}
        keep={STRINGS.common.cancel}
        act={archive}
        isHarmless
      />
      {shown === 'name' && (
        <Suspense fallback={null}>
          <ProjectDialog project={project} onClose={close} />
        </Suspense>
      )}
    </>
  );
}
