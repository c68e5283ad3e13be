// Owns the list of payments: what was paid, what went back, and the documents of each.

import { Anchor, Badge, Button, Group, Stack, Table, Text } from '@mantine/core';
import type { Payment } from '../../api/type.ts';
import { usePayments } from '../../data/billing-query.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { formatMoney } from '../../format/money.ts';
import { formatDate, formatFullTime } from '../../format/time.ts';
import { DataTable } from '../../part/data-table.tsx';
import { EmptyNote } from '../../part/empty-note.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.usage.payments;

/** Shows the list. */
export function PaymentTab() {
  const payments = usePayments();
  const { columns } = WORDS;
  return (
    <Stack gap="md">
      <Loaded query={payments} what={STRINGS.usage.tabs.payments} height={320}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.payments);
          if (rows.length === 0) return <EmptyNote title={WORDS.empty} text={WORDS.emptyText} />;
          return (
            <DataTable
              label={STRINGS.usage.tabs.payments}
              columns={[
                { words: columns.time },
                { words: columns.what },
                { words: columns.status },
                { words: columns.amount, isNumber: true },
                { words: columns.documents, isHidden: true },
              ]}
            >
              {rows.map((payment) => (
                <PaymentRow key={payment.payment_id} payment={payment} />
              ))}
            </DataTable>
          );
        }}
      </Loaded>
      {payments.hasNextPage && (
        <Group justify="center">
          <Button variant="default" loading={payments.isFetchingNextPage} onClick={() => void payments.fetchNextPage()}>
            {STRINGS.common.loadMore}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

const STATUS_COLORS: Readonly<Record<Payment['status'], string>> = {
  pending: 'gray',
  succeeded: 'teal',
  failed: 'red',
  canceled: 'gray',
};

function PaymentRow({ payment }: { readonly payment: Payment }) {
  const { columns, kind, status, returned } = WORDS;
  const wentBack = payment.kind === 'refund' || payment.kind === 'dispute';
  const title =
    payment.microcredits === null
      ? kind[payment.kind]
      : STRINGS.common.credits(formatCreditsShort(payment.microcredits));
  return (
    <Table.Tr>
      <Table.Td data-label={columns.time}>
        <Text component="time" size="sm" dateTime={payment.create_time} title={formatFullTime(payment.create_time)}>
          {formatDate(payment.create_time)}
        </Text>
      </Table.Td>
      <Table.Td data-label={columns.what} data-place="title">
        <Stack gap={0}>
          <Text size="sm" fw={500}>
            {title}
          </Text>
          {payment.description !== '' && payment.description !== title && (
            <Text size="xs" c="dimmed">
              {payment.description}
            </Text>
          )}
        </Stack>
      </Table.Td>
      <Table.Td data-label={columns.status}>
        <Badge variant="light" radius="sm" color={wentBack ? 'gray' : STATUS_COLORS[payment.status]}>
          {(wentBack ? returned : status)[payment.status]}
        </Badge>
      </Table.Td>
      <Table.Td data-label={columns.amount} data-place="figure" ta="right" className="figure" fw={550}>
        {wentBack ? `−${formatMoney(payment)}` : formatMoney(payment)}
      </Table.Td>
      <Table.Td data-label="" data-place="act" ta="right">
        <Documents payment={payment} />
      </Table.Td>
    </Table.Tr>
  );
}

function Documents({ payment: { invoice_url, receipt_url, create_time } }: { readonly payment: Payment }) {
  const date = formatDate(create_time);
  return (
    <Group gap="md" justify="flex-end" wrap="nowrap">
      {invoice_url !== null && <DocumentLink url={invoice_url} words={WORDS.invoice} label={WORDS.invoiceOf(date)} />}
      {receipt_url !== null && <DocumentLink url={receipt_url} words={WORDS.receipt} label={WORDS.receiptOf(date)} />}
    </Group>
  );
}

function DocumentLink(props: { readonly url: string; readonly words: string; readonly label: string }) {
  return (
    <Anchor
      href={props.url}
      target="_blank"
      rel="noreferrer"
      size="sm"
      aria-label={`${props.label} ${STRINGS.common.opensNewTab}`}
    >
      {props.words}
    </Anchor>
  );
}
