// Owns the list of what each action costs the workspace.

import { Stack, Table, Text } from '@mantine/core';
import { useActionPrices } from '../../data/billing-query.ts';
import { formatCredits } from '../../format/credit.ts';
import { formatDate } from '../../format/time.ts';
import { DataTable } from '../../part/data-table.tsx';
import { EmptyNote } from '../../part/empty-note.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.usage.prices;

/** Shows the list. */
export function PriceTab() {
  const prices = useActionPrices();
  const { columns } = WORDS;
  return (
    <Loaded query={prices} what={STRINGS.usage.tabs.prices} height={240}>
      {(known) =>
        known.length === 0 ? (
          <EmptyNote title={WORDS.empty} />
        ) : (
          <Stack gap="md">
            <Text size="sm" c="dimmed">
              {WORDS.text}
            </Text>
            <DataTable
              label={STRINGS.usage.tabs.prices}
              columns={[
                { words: columns.action },
                { words: columns.price, isNumber: true },
                { words: columns.rule },
                { words: columns.since },
              ]}
            >
              {known.map(({ action, microcredits_per_unit, unit, rule, effective_time }) => (
                <Table.Tr key={action}>
                  <Table.Td data-label={columns.action} data-place="title" fw={500}>
                    {action}
                  </Table.Td>
                  <Table.Td data-label={columns.price} ta="right" className="figure">
                    {`${STRINGS.common.credits(formatCredits(microcredits_per_unit))} ${columns.unit} ${unit}`}
                  </Table.Td>
                  <Table.Td data-label={columns.rule}>{WORDS.rule[rule]}</Table.Td>
                  <Table.Td data-label={columns.since} c="dimmed">
                    {formatDate(effective_time)}
                  </Table.Td>
                </Table.Tr>
              ))}
            </DataTable>
          </Stack>
        )
      }
    </Loaded>
  );
}
