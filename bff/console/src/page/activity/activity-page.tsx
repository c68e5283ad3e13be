// Owns the page of who did what to a workspace.

import { Button, Group, Stack, Table, Text } from '@mantine/core';
import type { Member, Project, WorkspaceRecord } from '../../api/type.ts';
import { useActivity, useMembers, useProjects } from '../../data/billing-query.ts';
import { formatDateTime, formatFullTime } from '../../format/time.ts';
import { DataTable } from '../../part/data-table.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { PageFrame } from '../../part/page-frame.tsx';
import { RoleNote } from '../../part/role-note.tsx';
import { useRole } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { describeAct, describeActor, describeChanges } from './act-name.ts';

const WORDS = STRINGS.activity;

/** Shows the acts, the newest first. */
export function ActivityPage() {
  const maySee = useRole('tenant_admin');
  return (
    <PageFrame title={WORDS.title} text={WORDS.text}>
      {maySee ? <Activity /> : <RoleNote text={STRINGS.role.needsAdmin(WORDS.admin)} />}
    </PageFrame>
  );
}

function Activity() {
  const query = useActivity();
  return (
    <Loaded query={query} what={WORDS.title} height={320}>
      {({ pages }) => <ActivityTable query={query} records={pages.flatMap((page) => page.records)} />}
    </Loaded>
  );
}

interface ActivityTableProps {
  readonly query: ReturnType<typeof useActivity>;
  readonly records: readonly WorkspaceRecord[];
}

function ActivityTable({ query: { hasNextPage, fetchNextPage, isFetchingNextPage }, records }: ActivityTableProps) {
  const members = useMembers().data ?? [];
  const projects = useProjects().data ?? [];
  const { columns } = WORDS;
  return (
    <Stack gap="md">
      <DataTable
        label={WORDS.title}
        columns={[{ words: columns.what }, { words: columns.who }, { words: columns.when }]}
      >
        {records.map((record) => (
          <ActivityRow key={record.record_id} {...{ record, members, projects }} />
        ))}
      </DataTable>
      {hasNextPage && (
        <Group justify="center">
          <Button variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {STRINGS.common.loadMore}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

interface ActivityRowProps {
  readonly record: WorkspaceRecord;
  readonly members: readonly Member[];
  readonly projects: readonly Project[];
}

function ActivityRow({ record, members, projects }: ActivityRowProps) {
  const { columns } = WORDS;
  const details = describeChanges(record, { members, projects });
  return (
    <Table.Tr>
      <Table.Td data-label={columns.what} data-place="title">
        <Stack gap={0}>
          <Text size="sm" fw={500}>
            {describeAct(record, { members, projects })}
          </Text>
          {details.map((detail) => (
            <Text key={detail} size="xs" c="dimmed">
              {detail}
            </Text>
          ))}
        </Stack>
      </Table.Td>
      <Table.Td data-label={columns.who}>
        <Stack gap={0}>
          <Text size="sm">{describeActor(record, members)}</Text>
          {record.remote_address !== null && (
            <Text size="xs" c="dimmed">
              {WORDS.from(record.remote_address)}
            </Text>
          )}
        </Stack>
      </Table.Td>
      <Table.Td data-label={columns.when} c="dimmed">
        <Text size="sm" title={formatFullTime(record.create_time)}>
          {formatDateTime(record.create_time)}
        </Text>
      </Table.Td>
    </Table.Tr>
  );
}
