// Owns the list of the addresses that events are sent to, and how they stand.

import { Badge, Button, Group, Stack, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense } from 'react';
import type { AlertEndpoint } from '../../api/type.ts';
import { useAlertEndpoints } from '../../data/billing-query.ts';
import { formatDateTime } from '../../format/time.ts';
import { DataTable } from '../../part/data-table.tsx';
import { EmptyNote } from '../../part/empty-note.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { SectionHeading } from '../../part/section-heading.tsx';
import { STRINGS } from '../../strings.ts';
import { EndpointActions } from './endpoint-action.tsx';
import { nameEvent } from './event-type.ts';

const WORDS = STRINGS.alerts.endpoints;
const STATE_COLORS = { enabled: 'teal', disabled: 'gray', failing: 'red', gone: 'red' } as const;
const EndpointDialog = lazy(async () => ({ default: (await import('./endpoint-dialog.tsx')).EndpointDialog }));

/** Shows the endpoints. */
export function EndpointPanel() {
  const endpoints = useAlertEndpoints();
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <Stack gap="sm">
      <Group justify="space-between" align="flex-end">
        <SectionHeading title={WORDS.title} text={WORDS.text} />
        <Button variant="default" onClick={open}>
          {WORDS.add}
        </Button>
      </Group>
      <Loaded query={endpoints} what={WORDS.title} height={120}>
        {(known) =>
          known.length === 0 ? (
            <EmptyNote title={WORDS.none} text={WORDS.noneText} />
          ) : (
            <EndpointTable endpoints={known} />
          )
        }
      </Loaded>
      {isOpen && (
        <Suspense fallback={null}>
          <EndpointDialog onClose={close} />
        </Suspense>
      )}
    </Stack>
  );
}

function EndpointTable({ endpoints }: { readonly endpoints: readonly AlertEndpoint[] }) {
  const { columns } = WORDS;
  return (
    <DataTable
      label={WORDS.title}
      columns={[
        { words: columns.address },
        { words: columns.events },
        { words: columns.state },
        { words: STRINGS.common.actions, isHidden: true },
      ]}
    >
      {endpoints.map((endpoint) => (
        <Table.Tr key={endpoint.endpoint_id}>
          <Table.Td data-label={columns.address} data-place="title">
            <Stack gap={0}>
              <Text size="sm" fw={550}>
                {endpoint.url}
              </Text>
              {endpoint.description !== '' && (
                <Text size="xs" c="dimmed">
                  {endpoint.description}
                </Text>
              )}
            </Stack>
          </Table.Td>
          <Table.Td data-label={columns.events}>
            <Text size="sm" title={endpoint.types.map(nameEvent).join('\n')}>
              {endpoint.types.length === 0 ? WORDS.allTypes : WORDS.types(endpoint.types.length)}
            </Text>
          </Table.Td>
          <Table.Td data-label={columns.state}>
            <State endpoint={endpoint} />
          </Table.Td>
          <Table.Td data-label="" data-place="act" ta="right">
            <EndpointActions endpoint={endpoint} />
          </Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}

function State({ endpoint: { state, failing_since_time: since } }: { readonly endpoint: AlertEndpoint }) {
  return (
    <Stack gap={2} align="flex-start">
      <Badge variant="light" color={STATE_COLORS[state]}>
        {WORDS.state[state]}
      </Badge>
      {since !== null && (
        <Text size="xs" c="dimmed">
          {WORDS.failing(formatDateTime(since))}
        </Text>
      )}
    </Stack>
  );
}
