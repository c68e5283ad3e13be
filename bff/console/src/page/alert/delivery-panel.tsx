// Owns the list of what was sent to endpoints, and sending one again.

import { Badge, Button, Group, Stack, Table, Text } from '@mantine/core';
import type { AlertDelivery } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useAlertDeliveries, useAlertEndpoints } from '../../data/billing-query.ts';
import { formatDateTime } from '../../format/time.ts';
import { DataTable } from '../../part/data-table.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { SectionHeading } from '../../part/section-heading.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { nameEvent } from './event-type.ts';

const WORDS = STRINGS.alerts.deliveries;
const STATE_COLORS = { pending: 'gray', delivered: 'teal', failed: 'red' } as const;

/** Shows the deliveries, the newest first. */
export function DeliveryPanel() {
  return (
    <Stack gap="sm">
      <SectionHeading title={WORDS.title} text={WORDS.text} />
      <Deliveries />
    </Stack>
  );
}

function Deliveries() {
  const query = useAlertDeliveries();
  return (
    <Loaded query={query} what={WORDS.title} height={120}>
      {({ pages }) => <DeliveryTable query={query} deliveries={pages.flatMap((page) => page.deliveries)} />}
    </Loaded>
  );
}

interface DeliveryTableProps {
  readonly query: ReturnType<typeof useAlertDeliveries>;
  readonly deliveries: readonly AlertDelivery[];
}

function DeliveryTable({ query: { hasNextPage, fetchNextPage, isFetchingNextPage }, deliveries }: DeliveryTableProps) {
  const endpoints = useAlertEndpoints().data ?? [];
  if (deliveries.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {WORDS.none}
      </Text>
    );
  }
  const { columns } = WORDS;
  return (
    <Stack gap="md">
      <DataTable
        label={WORDS.title}
        columns={[
          { words: columns.event },
          { words: columns.to },
          { words: columns.when },
          { words: columns.state },
          { words: STRINGS.common.actions, isHidden: true },
        ]}
      >
        {deliveries.map((delivery) => (
          <DeliveryRow
            key={delivery.delivery_id}
            delivery={delivery}
            to={endpoints.find(({ endpoint_id }) => endpoint_id === delivery.endpoint_id)?.url}
          />
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

interface DeliveryRowProps {
  readonly delivery: AlertDelivery;
  /** Is the address; undefined where its endpoint is gone. */
  readonly to: string | undefined;
}

function DeliveryRow({ delivery, to }: DeliveryRowProps) {
  const { api } = useWorkspace();
  const resend = useAct(() => api.resendAlertDelivery(delivery.delivery_id), { tell: () => WORDS.resent });
  const { columns } = WORDS;
  const name = nameEvent(delivery.event.type);
  return (
    <Table.Tr>
      <Table.Td data-label={columns.event} data-place="title" fw={500}>
        {name}
      </Table.Td>
      <Table.Td data-label={columns.to}>
        <Text size="sm">{to ?? WORDS.formerEndpoint}</Text>
      </Table.Td>
      <Table.Td data-label={columns.when} c="dimmed">
        <Text size="sm">{formatDateTime(delivery.create_time)}</Text>
      </Table.Td>
      <Table.Td data-label={columns.state}>
        <Group gap="xs">
          <Badge variant="light" color={STATE_COLORS[delivery.state]}>
            {WORDS.state[delivery.state]}
          </Badge>
          <Text size="xs" c="dimmed">
            {describeAttempts(delivery)}
          </Text>
        </Group>
      </Table.Td>
      <Table.Td data-label="" data-place="act" ta="right">
        {delivery.state !== 'pending' && to !== undefined && (
          <Button
            size="compact-sm"
            variant="subtle"
            loading={resend.isPending}
            onClick={() => resend.mutate(undefined)}
            aria-label={WORDS.resendOf(name)}
          >
            {WORDS.resend}
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

/** A failure is in the service's own words. */
function describeAttempts({ attempts, status, failure, state }: AlertDelivery): string {
  const parts = [
    attempts > 1 ? WORDS.attempts(attempts) : undefined,
    status === null ? undefined : WORDS.status(status),
    state === 'delivered' || status !== null ? undefined : (failure ?? undefined),
  ];
  return parts.filter((part) => part !== undefined).join(' · ');
}
