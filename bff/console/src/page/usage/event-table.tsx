// Owns the rows of metered events: a table, or a list of cards where the page is narrow.

import { ActionIcon, Badge, Group, Table, Text } from '@mantine/core';
import { IconInfoCircle } from '@tabler/icons-react';
import type { Project, UsageEvent } from '../../api/type.ts';
import { formatCredits } from '../../format/credit.ts';
import { formatDateTime, formatFullTime } from '../../format/time.ts';
import { DataTable } from '../../part/data-table.tsx';
import { nameOfProject } from '../../part/project-name.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.usage;

interface EventTableProps {
  readonly events: readonly UsageEvent[];
  readonly projects: readonly Project[];
  readonly onExplain: (entryId: string) => void;
}

/** Shows the rows. */
export function EventTable({ events, projects, onExplain }: EventTableProps) {
  const { columns } = WORDS;
  return (
    <DataTable
      label={WORDS.tabs.events}
      columns={[
        { words: columns.time },
        { words: columns.action },
        { words: columns.quantity, isNumber: true },
        { words: columns.project },
        { words: columns.cost, isNumber: true },
        { words: columns.explain, isHidden: true },
      ]}
    >
      {events.map((event) => (
        <EventRow key={event.entry_id} event={event} projects={projects} onExplain={onExplain} />
      ))}
    </DataTable>
  );
}

interface EventRowProps {
  readonly event: UsageEvent;
  readonly projects: readonly Project[];
  readonly onExplain: (entryId: string) => void;
}

function EventRow({ event, projects, onExplain }: EventRowProps) {
  const { columns } = WORDS;
  const time = formatDateTime(event.create_time);
  return (
    <Table.Tr>
      <Table.Td data-label={columns.time}>
        <Text component="time" size="sm" dateTime={event.create_time} title={formatFullTime(event.create_time)}>
          {time}
        </Text>
      </Table.Td>
      <Table.Td data-label={columns.action} data-place="title">
        <Group gap={8}>
          <Text size="sm" fw={500}>
            {event.action}
          </Text>
          {event.reversed_by_entry_id !== null && (
            <Badge size="xs" variant="light" color="gray">
              {WORDS.undone}
            </Badge>
          )}
        </Group>
      </Table.Td>
      <Table.Td data-label={columns.quantity} ta="right" className="figure">
        {event.quantity} {event.unit}
      </Table.Td>
      <Table.Td data-label={columns.project}>
        <Text size="sm" c="dimmed">
          {event.project_id === null ? STRINGS.common.none : nameOfProject(projects, event.project_id)}
        </Text>
      </Table.Td>
      <Table.Td data-label={columns.cost} data-place="figure" ta="right" className="figure" fw={550}>
        {formatCredits(event.cost_microcredits)}
      </Table.Td>
      <Table.Td data-label="" data-place="act" ta="right">
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={WORDS.explain(event.action, time)}
          onClick={() => onExplain(event.entry_id)}
        >
          <IconInfoCircle size={18} stroke={1.6} />
        </ActionIcon>
      </Table.Td>
    </Table.Tr>
  );
}
